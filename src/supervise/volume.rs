//! Volumes: never made anew while they hold data, unless the operator says so.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::docker::{Engine, VolumeInfo};
use crate::quadlet::spec::Volume;

use super::resource::{Made, Occasion, file_name};
use super::{Failure, Job, difference, label, remembered};

/// Makes the volume, or finds out in what the one that is there differs from the file.
pub async fn make(job: &Job, engine: &Engine, spec: &Volume, occasion: Occasion) -> Result<Made, Failure> {
    let name = &spec.create.name;
    let allowed = (occasion == Occasion::Start).then(|| remembered::take_recreation(&job.spec)).flatten();
    if let Some(found) = engine.volume(name).await? {
        let users = engine.containers_of_volume(name, label::UNIT).await?;
        let holds = holds(&found, users.is_empty());
        if let Some(allowed) = allowed {
            if holds != Holds::Nothing && !allowed.delete_data {
                return Err(Failure(format!(
                    "The volume {name} holds data; 'sculler recreate --delete-data {}' deletes them",
                    file_name(job)
                )));
            }
        } else {
            let is_ours = label::is_ours(found.labels.as_ref(), &job.spec);
            let differences = match label::is_of_this_version(found.labels.as_ref(), &job.spec) {
                true => Vec::new(),
                false => differences(spec, &found),
            };
            if differences.is_empty() {
                let whose = if is_ours { "" } else { "; sculler did not make it" };
                return Ok(Made::as_wanted(format!("Volume {name} is there{whose}")));
            }
            if !is_ours || !users.is_empty() || holds != Holds::Nothing {
                let user = users.first().map(|(container, _)| container.as_str());
                return Ok(Made::otherwise(kept(job, name, is_ours, user, holds, &differences)));
            }
            tracing::info!("making volume {name} anew, which holds nothing ({})", differences.join("; "));
        }
        if let Some((user, _)) = users.first() {
            return Err(Failure(format!(
                "The volume {name} cannot be made anew, since container {user} has it; remove that first, as by 'docker \
                 rm -f {user}'"
            )));
        }
        engine.remove_volume(name).await?;
    }
    let mut body = spec.create.clone();
    body.labels.extend(label::of(&job.spec));
    let made = engine.create_volume(&body).await?;
    if spec.uid.is_some() || spec.gid.is_some() {
        if made.mountpoint.is_empty() {
            return Err(Failure(format!(
                "UID= and GID=: the driver of volume {name} does not tell where its files are"
            )));
        }
        std::os::unix::fs::lchown(&made.mountpoint, spec.uid, spec.gid)
            .map_err(|error| Failure(format!("the owner of {} cannot be set: {error}", made.mountpoint)))?;
    }
    Ok(Made::as_wanted(format!("Volume {name} was made")))
}

/// What would be lost with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It is empty, or what it shows lies elsewhere.
    Nothing,
    /// So much, at least.
    Data {
        /// Files and folders.
        files: u64,
        /// Of the files.
        bytes: u64,
    },
    /// Its driver alone knows.
    Unknown,
}

/// As many files are counted; who has more knows that it is much.
const COUNTED: u64 = 100_000;

/// What would be lost with a volume. `is_unused`: whether no container has it, so that nothing is mounted on it.
pub fn holds(volume: &VolumeInfo, is_unused: bool) -> Holds {
    let options = volume.options.as_ref();
    let option = |name: &str| options.and_then(|options| options.get(name)).map(String::as_str);
    // moby: volume/local mounts it while it is used; the device keeps what is on it.
    if volume.driver == "local" && option("device").is_some() && (is_unused || option("type") != Some("tmpfs")) {
        return Holds::Nothing;
    }
    if volume.driver != "local" || volume.mountpoint.is_empty() {
        return Holds::Unknown;
    }
    let (mut files, mut bytes) = (0, 0);
    match count(Path::new(&volume.mountpoint), &mut files, &mut bytes) {
        Err(_) => Holds::Unknown,
        Ok(()) if files == 0 => Holds::Nothing,
        Ok(()) => Holds::Data { files, bytes },
    }
}

fn count(folder: &Path, files: &mut u64, bytes: &mut u64) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        *files += 1;
        if *files >= COUNTED {
            return Ok(());
        }
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            let _ = count(&entry.path(), files, bytes);
        } else {
            *bytes += metadata.len();
        }
    }
    Ok(())
}

fn differences(spec: &Volume, found: &VolumeInfo) -> Vec<String> {
    let mut differences = difference::of_volume(&spec.create, found);
    if (spec.uid.is_some() || spec.gid.is_some())
        && let Ok(metadata) = fs::metadata(&found.mountpoint)
    {
        differences.extend(difference::of_owner(spec.uid, spec.gid, (metadata.uid(), metadata.gid())));
    }
    differences
}

fn kept(job: &Job, name: &str, is_ours: bool, user: Option<&str>, holds: Holds, differences: &[String]) -> String {
    let differences = differences.join("; ");
    let why = match (is_ours, holds, user) {
        (false, ..) => "is used as it is, since sculler did not make it".to_owned(),
        (true, Holds::Nothing, Some(user)) => format!("is kept as it was, since {user} has it"),
        (true, ..) => "is kept as it was, with its data".to_owned(),
    };
    let (option, loss) = match holds {
        Holds::Nothing => ("", "stops what has it, makes it as the file says, and starts it again"),
        _ => (" --delete-data", "stops what has it, deletes it with its data, and makes it as the file says"),
    };
    format!("The volume {name} {why} ({differences}); 'sculler recreate{option} {}' {loss}", file_name(job))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_what_would_be_lost_is_data() {
        let folder = std::env::temp_dir().join(format!("sculler-volume-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/file"), "12345").unwrap();
        let options = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<BTreeMap<_, _>>())
        };
        let volume =
            VolumeInfo { driver: "local".into(), mountpoint: folder.display().to_string(), ..VolumeInfo::default() };
        assert_eq!(holds(&volume, true), Holds::Data { files: 2, bytes: 5 });
        let bind =
            VolumeInfo { options: options(&[("device", "/srv"), ("o", "bind"), ("type", "none")]), ..volume.clone() };
        assert_eq!((holds(&bind, true), holds(&bind, false)), (Holds::Nothing, Holds::Nothing));
        let memory = VolumeInfo { options: options(&[("device", "tmpfs"), ("type", "tmpfs")]), ..volume.clone() };
        assert_eq!((holds(&memory, true), holds(&memory, false)), (Holds::Nothing, Holds::Data { files: 2, bytes: 5 }));
        assert_eq!(holds(&VolumeInfo { driver: "nfs".into(), ..volume.clone() }, true), Holds::Unknown);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(holds(&volume, true), Holds::Unknown);
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(holds(&volume, true), Holds::Nothing);
        fs::remove_dir_all(&folder).unwrap();
    }
}
