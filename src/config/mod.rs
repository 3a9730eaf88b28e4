//! Fragments: TOML files and environment variables, all of them optional. Settings: fragments merged and validated.
//!
//! `/etc/sculler/sculler.toml`, then `/etc/sculler/sculler.toml.d/*.toml` by file name, then `SCULLER_*` variables;
//! what comes later wins, and `metadata` is merged by key.

mod fragment;
mod settings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

pub use fragment::{Error, Fragment};
pub use settings::Settings;

/// The folder that holds sculler.toml and sculler.toml.d/.
pub const CONFIG_DIRECTORY: &str = "/etc/sculler";

/// Where the agent publishes what it knows; emptied at reboot.
pub const RUN_DIRECTORY: &str = "/run/sculler";

/// Below [`RUN_DIRECTORY`]: the files because of which the agent asks for a reload, for the one who does it.
pub const CHANGES: &str = "changes";

/// Below [`RUN_DIRECTORY`]: what supervisors found in order, a folder for each unit. Whoever removes it has everything looked
/// at again.
pub const CHECKED: &str = "checked";

/// Where the agent keeps what must outlive a reboot.
pub const STATE_DIRECTORY: &str = "/var/lib/sculler";

/// The target that wants everything launched.
pub const TARGET: &str = "sculler.target";

/// The main file below `directory`.
pub fn main_file(directory: &Path) -> PathBuf {
    directory.join("sculler.toml")
}

/// The folder of further files below `directory`.
pub fn drop_in_directory(directory: &Path) -> PathBuf {
    directory.join("sculler.toml.d")
}

/// Reads all fragments below `directory` and from `environment`. Missing files are no error.
pub fn load(directory: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Settings, Error> {
    let mut fragments = Vec::new();
    for path in files(directory)? {
        match std::fs::read_to_string(&path) {
            Ok(text) => fragments.push(Fragment::parse(&path, &text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::Unreadable { path, error }),
        }
    }
    fragments.push(Fragment::from_environment(environment)?);
    Settings::merge(fragments)
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut drop_ins = BTreeMap::new();
    let folder = drop_in_directory(directory);
    match std::fs::read_dir(&folder) {
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(|error| Error::Unreadable { path: folder.clone(), error })?.path();
                let name = path.file_name().unwrap_or_default().to_owned();
                let is_hidden = name.as_encoded_bytes().starts_with(b".");
                if path.extension().is_some_and(|extension| extension == "toml") && !is_hidden {
                    drop_ins.insert(name, path);
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::Unreadable { path: folder, error }),
    }
    Ok(std::iter::once(main_file(directory)).chain(drop_ins.into_values()).collect())
}
