//! Fragments merged and validated: what the rest of the program reads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::fragment::{Error, Fragment, Metadata};
use crate::select::Unplaced;
use crate::source::trust::Trust;

/// All settings, with their defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder of unit files.
    pub unit_dir: PathBuf,
    /// What `MachineMetadata=` is compared with.
    pub metadata: BTreeMap<String, String>,
    /// What becomes of units that select no host.
    pub unplaced: Unplaced,
    /// Folders below which sculler may change owners.
    pub chown_roots: Vec<PathBuf>,
    /// Who may write unit files.
    pub trust: Trust,
    /// Time between full passes without a cause.
    pub resync: Duration,
    /// The socket of the Docker Engine.
    pub docker_socket: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            unit_dir: "/etc/sculler/units".into(),
            metadata: BTreeMap::new(),
            unplaced: Unplaced::Skip,
            chown_roots: Vec::new(),
            trust: Trust::default(),
            resync: Duration::from_secs(300),
            docker_socket: "/run/docker.sock".into(),
        }
    }
}

/// Full passes more often than every five seconds, or less often than once a week, are a mistake in the file.
const RESYNC_SEC: std::ops::RangeInclusive<u64> = 5..=604_800;

impl Settings {
    /// Merges fragments, the later ones winning.
    pub fn merge(fragments: impl IntoIterator<Item = Fragment>) -> Result<Self, Error> {
        let mut settings = Self::default();
        for fragment in fragments {
            settings.apply(fragment)?;
        }
        Ok(settings)
    }

    fn apply(&mut self, fragment: Fragment) -> Result<(), Error> {
        let origin = fragment.origin;
        let wrong = |message: String| Error::Value { origin: origin.clone(), message };
        let absolute = |setting: &str, path: PathBuf| {
            if path.is_absolute() {
                Ok(path)
            } else {
                Err(wrong(format!("{setting} = '{}' must be an absolute path", path.display())))
            }
        };
        if let Some(path) = fragment.unit_dir {
            self.unit_dir = absolute("unit_dir", path)?;
        }
        if let Some(path) = fragment.docker_socket {
            self.docker_socket = absolute("docker_socket", path)?;
        }
        if let Some(paths) = fragment.chown_roots {
            self.chown_roots = paths.into_iter().map(|path| absolute("chown_roots", path)).collect::<Result<_, _>>()?;
        }
        match fragment.metadata {
            Some(Metadata::Table(table)) => self.metadata.extend(table),
            Some(Metadata::List(list)) => self.metadata.extend(metadata_list(&list).map_err(wrong)?),
            None => {}
        }
        if let Some(word) = fragment.unplaced {
            self.unplaced = match word.as_str() {
                "skip" => Unplaced::Skip,
                "run" => Unplaced::Run,
                _ => return Err(wrong(format!("unplaced = '{word}' must be 'skip' or 'run'"))),
            };
        }
        if let Some(uids) = fragment.trusted_uids {
            self.trust.uids = uids;
        }
        if let Some(seconds) = fragment.resync_sec {
            if !RESYNC_SEC.contains(&seconds) {
                let (least, most) = (RESYNC_SEC.start(), RESYNC_SEC.end());
                return Err(wrong(format!("resync_sec = {seconds} must be at least {least} and at most {most}")));
            }
            self.resync = Duration::from_secs(seconds);
        }
        Ok(())
    }
}

/// `a=b,c=d`: blanks around names and values do not count, values may hold `=`, the last of a name wins
/// (`fleet: config/config.go`).
fn metadata_list(list: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = list.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
                Ok((key.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(format!("metadata '{pair}' must be key=value")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn merged(texts: &[&str]) -> Result<Settings, String> {
        let fragments: Result<Vec<_>, _> =
            texts.iter().map(|text| Fragment::parse(Path::new("/etc/sculler/sculler.toml"), text)).collect();
        fragments.and_then(Settings::merge).map_err(|error| error.to_string())
    }

    #[test]
    fn later_files_win_and_metadata_is_merged() {
        let settings = merged(&[
            "unit_dir = \"/srv/units\"\nmetadata = \"role=web, zone=a=b\"",
            "resync_sec = 60\n[metadata]\nzone = \"c\"",
        ])
        .unwrap();
        assert_eq!(settings.unit_dir, Path::new("/srv/units"));
        assert_eq!(settings.resync, Duration::from_secs(60));
        let metadata: Vec<_> = settings.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(metadata, ["role=web", "zone=c"]);
    }

    #[test]
    fn the_environment_wins() {
        let variables = [("SCULLER_UNPLACED", "run"), ("SCULLER_TRUSTED_UIDS", "1000, 1001"), ("HOME", "/root")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let settings = Settings::merge([Fragment::from_environment(variables).unwrap()]).unwrap();
        assert_eq!(settings.unplaced, Unplaced::Run);
        assert_eq!(settings.trust.uids, [1000, 1001]);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let message = merged(&["\nunitdir = \"/x\""]).unwrap_err();
        assert!(message.starts_with("/etc/sculler/sculler.toml:2:1: unknown field `unitdir`"), "{message}");
        let message = merged(&["metadata = 3"]).unwrap_err();
        assert!(message.contains("table of strings"), "{message}");
        assert!(merged(&["unplaced = \"maybe\""]).unwrap_err().contains("'skip' or 'run'"));
        assert!(merged(&["unit_dir = \"units\""]).unwrap_err().contains("absolute"));
        assert!(merged(&["metadata = \"role\""]).unwrap_err().contains("key=value"));
        assert!(merged(&["resync_sec = 0"]).unwrap_err().contains("at least 5"));
    }
}
