//! Units that run as their files were rendered once, and are rendered to something else now: by another version of
//! sculler, or for another Engine or systemd. Nothing restarts for that; the next start takes it up.
//!
//! `/run/sculler/outdated/NAME` has the digest of what was started. The agent writes it, and the supervisor that makes
//! a new container removes it; one that takes over a container leaves it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::installed::{self, Files};
use super::memory::RecordFiles;
use crate::files;
use crate::render::Desired;
use crate::unit::{Digest, UnitName};

/// Before `desired` is written in the place of what is installed, which goes on running: keeps in mind what was started.
pub fn note(records: &RecordFiles, folder: &Path, desired: &Desired) -> io::Result<()> {
    let name = &desired.name;
    let path = records.outdated(name);
    let before = match std::fs::read_to_string(&path) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            rendering(name, &installed::files_of(folder, name, true, records)?).map(|digest| digest.to_string())
        }
        Err(error) => return Err(error),
    };
    let now = rendering(name, &files_of(desired)).map(|digest| digest.to_string());
    match before.filter(|_| now.is_some()) {
        Some(before) if Some(&before) != now.as_ref() => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            files::replace(&path, before.as_bytes())
        }
        _ => files::remove(&path),
    }
}

/// A unit was made anew.
pub fn clear(records: &RecordFiles, name: &UnitName) -> io::Result<()> {
    files::remove(&records.outdated(name))
}

/// The units that were outdated when they were last written, whether they are still up or not.
pub fn all(records: &RecordFiles) -> BTreeSet<UnitName> {
    let entries = std::fs::read_dir(records.all_outdated()).into_iter().flatten().flatten();
    entries.filter_map(|entry| UnitName::parse(entry.file_name().to_str()?).ok()).collect()
}

fn files_of(desired: &Desired) -> Files {
    let file = |file: &crate::render::RenderedFile| (file.path.clone(), (file.text.to_vec(), file.is_private));
    Files { files: desired.files.iter().map(file).collect::<BTreeMap<_, _>>(), spec: desired.spec_text() }
}

/// Of what only a start takes up. `None`: that cannot be told.
fn rendering(name: &UnitName, files: &Files) -> Option<Digest> {
    let mut spec: serde_json::Value = serde_json::from_slice(files.spec.as_ref()?).ok()?;
    let fields = spec.as_object_mut()?;
    // Where it comes from, and what is compared elsewhere.
    for field in ["source", "run", "version"] {
        fields.remove(field);
    }
    // Read anew at each reload.
    fields.get_mut("container").and_then(|container| container.as_object_mut()?.remove("follow"));
    let text = installed::facts(name, &files.files).run.to_string();
    Some(Digest::of([text.as_bytes(), spec.to_string().as_bytes()]))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn files(text: &str, spec: &str) -> Files {
        let files = [("web.service".to_owned(), (text.as_bytes().to_vec(), false))].into();
        Files { files, spec: Some(spec.as_bytes().to_vec()) }
    }

    const TEXT: &str = "[Unit]\nDescription=Web\n[Service]\nExecStart=/bin/x\n";
    const SPEC: &str = r#"{"version":1,"source":"/a","run":"r","container":{"name":"web","follow":{"check":[]}}}"#;

    #[test]
    fn what_only_a_start_takes_up_counts() {
        let name = UnitName::parse("web.service").unwrap();
        let of = |text: &str, spec: &str| rendering(&name, &files(text, spec)).unwrap();
        let before = of(TEXT, SPEC);
        for (text, spec) in [
            (TEXT.replace("=Web", "=Other"), SPEC.to_owned()),
            (format!("# a comment\n{TEXT}"), SPEC.to_owned()),
            (TEXT.to_owned(), SPEC.replace("[]", "[\"true\"]")),
            (TEXT.to_owned(), SPEC.replace("/a", "/b")),
        ] {
            assert_eq!(of(&text, &spec), before, "{text}{spec}");
        }
        for (text, spec) in [
            (TEXT.replace("/bin/x", "/bin/y"), SPEC.to_owned()),
            (TEXT.to_owned(), SPEC.replace("\"web\"", "\"other\"")),
            (TEXT.to_owned(), SPEC.replace("\"follow\"", "\"new_field\"")),
        ] {
            assert_ne!(of(&text, &spec), before, "{text}{spec}");
        }
        assert_eq!(rendering(&name, &files(TEXT, "not JSON")), None);
    }

    #[test]
    fn the_folder_lists_them_until_they_are_made_anew() {
        let folder = std::env::temp_dir().join(format!("sculler-outdated-{}", std::process::id()));
        let records = RecordFiles::new(&folder, &PathBuf::from("/nonexistent"));
        let name = UnitName::parse("web.service").unwrap();
        assert_eq!(all(&records), BTreeSet::new());
        std::fs::create_dir_all(records.all_outdated()).unwrap();
        std::fs::write(records.outdated(&name), "digest").unwrap();
        assert_eq!(all(&records), BTreeSet::from([name.clone()]));
        clear(&records, &name).unwrap();
        clear(&records, &name).unwrap();
        assert_eq!(all(&records), BTreeSet::new());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
