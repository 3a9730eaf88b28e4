//! A folder in the place of another, at once.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

use super::{Error, io_error};
use crate::files;

/// Puts `stage` where `live` is. What was there is kept beside it, at the path that is returned.
pub fn swap(stage: &Path, live: &Path) -> Result<Option<PathBuf>, Error> {
    let parent = live.parent().unwrap_or(Path::new("/"));
    // What a power cut leaves must be a whole folder.
    sync_file_system(stage)?;
    if !live.exists() {
        std::fs::rename(stage, live).map_err(|error| io_error(live, &error))?;
        sync_file_system(parent)?;
        return Ok(None);
    }
    match rustix::fs::renameat_with(CWD, stage, CWD, live, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        Err(rustix::io::Errno::BUSY) => return Err(Error::MountPoint(live.to_owned())),
        Err(error) => return Err(io_error(live, &error.into())),
    }
    let previous = beside(live, "previous");
    files::remove_folder(&previous).map_err(|error| io_error(&previous, &error))?;
    std::fs::rename(stage, &previous).map_err(|error| io_error(&previous, &error))?;
    sync_file_system(parent)?;
    Ok(Some(previous))
}

/// `/etc/sculler/units` → `/etc/sculler/.units.sync`: on the same file system, which an exchange needs.
pub fn beside(live: &Path, word: &str) -> PathBuf {
    let name = live.file_name().unwrap_or_default().to_string_lossy();
    live.with_file_name(format!(".{name}.{word}"))
}

fn sync_file_system(path: &Path) -> Result<(), Error> {
    let synced = std::fs::File::open(path).and_then(|folder| Ok(nix::unistd::syncfs(folder)?));
    synced.map_err(|error| io_error(path, &error))
}
