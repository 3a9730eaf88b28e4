//! The installed units: what lies in the folders of unit files under sculler's mark.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::memory::RecordFiles;
use crate::files;
use crate::quadlet::{Spec, slice};
use crate::render::{self, Desired};
use crate::unit::{Digest, Facts, MARK_FILE_NAME, UnitName, UnitType, syntax};

/// A unit as it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The folder of unit files.
    pub folder: PathBuf,
    /// The file that the mark names.
    pub source: PathBuf,
    /// Of everything installed; differs from the desired one also when a file is missing.
    pub digest: Digest,
    /// Of that, what systemd reads.
    pub text_digest: Digest,
    /// Whether it comes from a Quadlet file: then there is a spec, and maybe a slice of its own.
    pub is_quadlet: bool,
    /// Whether that spec is lost, and with it what is known of the version.
    pub lacks_spec: bool,
    /// What planning compares.
    pub facts: Arc<Facts>,
}

impl Installed {
    /// What there is once `desired` has been written into `folder`.
    pub fn of(desired: &Desired, folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            source: desired.source.clone(),
            digest: desired.digest(),
            text_digest: desired.text_digest(),
            is_quadlet: desired.spec.is_some(),
            lacks_spec: false,
            facts: desired.facts().clone(),
        }
    }
}

/// Finds the installed units in `folders`; of a name in several, the first folder's counts. `records` has their specs.
pub fn scan(folders: &[PathBuf], records: &RecordFiles) -> io::Result<BTreeMap<UnitName, Installed>> {
    let mut found = BTreeMap::new();
    for folder in folders {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".d")) else { continue };
            let Ok(name) = UnitName::parse(name) else { continue };
            if let Some(installed) = read(folder, &name, records)? {
                found.entry(name).or_insert(installed);
            }
        }
    }
    Ok(found)
}

/// Reads one unit; `None` without a mark: then it is somebody else's.
pub fn read(folder: &Path, name: &UnitName, records: &RecordFiles) -> io::Result<Option<Installed>> {
    let drop_ins = folder.join(format!("{name}.d"));
    let mark = match std::fs::read(drop_ins.join(MARK_FILE_NAME)) {
        Ok(mark) => mark,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // An empty mark is one that a power cut took the text of.
    let source = render::marked_source(&mark).or_else(|| mark.is_empty().then(PathBuf::new));
    let Some(source) = source else { return Ok(None) };
    let is_quadlet = source.extension().and_then(|suffix| suffix.to_str()).is_some_and(is_quadlet);
    let Files { files, spec } = files_of(folder, name, is_quadlet, records)?;
    let mut facts = facts(name, &files);
    let run = spec.as_deref().and_then(spec_run);
    let lacks_spec = is_quadlet && run.is_none();
    if is_quadlet {
        facts.run = run.unwrap_or(facts.run);
    }
    let parts = files.iter().map(|(path, (text, is_private))| (path.as_str(), text.as_slice(), *is_private));
    let text_digest = render::digest_of(parts);
    let digest = render::digest_with_spec(text_digest, spec.as_deref());
    Ok(Some(Installed {
        folder: folder.to_owned(),
        source,
        digest,
        text_digest,
        is_quadlet,
        lacks_spec,
        facts: facts.into(),
    }))
}

/// What is installed of a unit.
pub struct Files {
    /// By their paths below the folder of unit files.
    pub files: BTreeMap<String, InstalledFile>,
    /// What the supervisor works from.
    pub spec: Option<Vec<u8>>,
}

/// Reads everything that is installed of a unit.
pub fn files_of(folder: &Path, name: &UnitName, is_quadlet: bool, records: &RecordFiles) -> io::Result<Files> {
    let drop_ins = folder.join(format!("{name}.d"));
    let mut files = BTreeMap::new();
    // The agent may be removing it while a command reads.
    let entries = std::fs::read_dir(&drop_ins).map(Some).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(error),
    })?;
    for entry in entries.into_iter().flatten() {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        files.extend(read_file(&entry.path(), format!("{name}.d/{file_name}"))?);
    }
    files.extend(read_file(&folder.join(name.as_str()), name.to_string())?);
    let mut spec = None;
    if is_quadlet {
        let slice = slice::name(name);
        files.extend(read_file(&folder.join(&slice), slice)?);
        spec = read_file(&records.spec(name), String::new())?.map(|(_, (text, _))| text);
    }
    Ok(Files { files, spec })
}

fn is_quadlet(suffix: &str) -> bool {
    UnitType::from_suffix(suffix).is_some_and(UnitType::is_quadlet)
}

fn spec_run(spec: &[u8]) -> Option<Digest> {
    serde_json::from_slice::<Spec>(spec).ok().map(|spec| spec.run)
}

/// Its bytes, and whether it is private.
pub type InstalledFile = (Vec<u8>, bool);

/// A file that is missing, no file at all, or private when a command is run by somebody else than root, is left out.
fn read_file(path: &Path, name: String) -> io::Result<Option<(String, InstalledFile)>> {
    let read = std::fs::metadata(path).and_then(|metadata| Ok((std::fs::read(path)?, files::is_private(&metadata))));
    match read {
        Ok(file) => Ok(Some((name, file))),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The facts without the mark, in systemd's order: the unit file, then the drop-ins by name.
pub fn facts(name: &UnitName, files: &BTreeMap<String, InstalledFile>) -> Facts {
    let mark = format!("{name}.d/{MARK_FILE_NAME}");
    let main = files.get(name.as_str()).into_iter();
    let drop_ins = files.iter().filter(|(path, _)| path.contains('/') && **path != mark);
    let parsed: Vec<_> = main.chain(drop_ins.map(|(_, file)| file)).map(|(text, _)| syntax::parse(text).0).collect();
    Facts::of(name, &parsed.iter().collect::<Vec<_>>())
}
