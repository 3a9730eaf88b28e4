//! Writing and removing files so that a reader, or a crash, sees the old state or the new one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Puts `bytes` at `path` by renaming a temporary file beside it, readable by everybody.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_for(path, bytes, false)
}

/// Like [`replace`]; a private file can be read by root alone.
pub fn replace_for(path: &Path, bytes: &[u8], is_private: bool) -> io::Result<()> {
    let mode = if is_private { 0o600 } else { 0o644 };
    let temporary = temporary_beside(path);
    let result = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        // Whatever the umask of a command says.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        fs::rename(&temporary, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Whether not everybody may read a file.
pub fn is_private(metadata: &fs::Metadata) -> bool {
    metadata.mode() & 0o004 == 0
}

/// Makes a symlink at `path`, in the place of what is there.
pub fn link(path: &Path, target: &Path) -> io::Result<()> {
    let temporary = temporary_beside(path);
    remove(&temporary)?;
    std::os::unix::fs::symlink(target, &temporary)?;
    fs::rename(&temporary, path)
}

/// Removes what a [`replace`] left that a crash cut off.
pub fn remove_unfinished(path: &Path) -> io::Result<()> {
    remove(&temporary_beside(path))
}

/// Removes a file; one that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    ignore_missing(fs::remove_file(path))
}

/// Removes a file or a folder; one that is not there is fine.
pub fn remove_any(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => remove_folder(path),
        _ => remove(path),
    }
}

/// Removes a folder and what is in it; one that is not there is fine.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    ignore_missing(fs::remove_dir_all(path))
}

/// `foo.service` → `.foo.service.new`: systemd and sculler both skip names that begin with a dot. Long names are cut.
fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut end = name.len().min(240);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    path.with_file_name(format!(".{}.new", &name[..end]))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
