//! Installing and removing the files of a unit: the mark is written before the unit file and removed after it, so that
//! whatever a crash leaves is known for ours.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::files;
use crate::observe;
use crate::quadlet::slice;
use crate::render::Desired;
use crate::unit::{MARK_FILE_NAME, UnitName};

/// Where unit files are installed, in the order of preference: systemd reads both below /etc/systemd/system and above
/// /usr (systemd.unit(5), portablectl(1)).
pub const FOLDERS: [&str; 2] = ["/etc/systemd/system.attached", "/run/systemd/system.attached"];

/// The first of [`FOLDERS`] in which files can be made.
pub fn choose_folder() -> std::io::Result<PathBuf> {
    let mut result = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    for folder in FOLDERS.map(PathBuf::from) {
        let probe = folder.join(".sculler-probe");
        result = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&probe, ""))
            .and_then(|()| files::remove(&probe))
            .map(|()| folder);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Installs `desired` in `folder`. Files that are the same already are left alone. `was_quadlet`: whether what is installed
/// comes from a Quadlet file.
pub fn write(folder: &Path, desired: &Desired, was_quadlet: bool) -> Result<(), Failure> {
    let drop_ins = drop_in_folder(folder, &desired.name);
    at(&drop_ins, std::fs::create_dir_all(&drop_ins))?;
    let wanted: HashSet<&str> =
        desired.files.iter().filter_map(|file| file.path.split_once('/')).map(|(_, name)| name).collect();
    for entry in at(&drop_ins, std::fs::read_dir(&drop_ins))? {
        let path = at(&drop_ins, entry)?.path();
        if !path.file_name().and_then(|name| name.to_str()).is_some_and(|name| wanted.contains(name)) {
            at(&path, files::remove_any(&path))?;
        }
    }
    if was_quadlet {
        let slice = slice::name(&desired.name);
        if !desired.files.iter().any(|file| file.path == slice) {
            let path = folder.join(slice);
            at(&path, files::remove(&path))?;
        }
    }
    for file in &desired.files {
        let path = folder.join(&file.path);
        let is_private = std::fs::metadata(&path).is_ok_and(|metadata| files::is_private(&metadata));
        if is_private == file.is_private && std::fs::read(&path).is_ok_and(|text| *text == *file.text) {
            continue;
        }
        at(&path, files::replace_for(&path, &file.text, file.is_private))?;
    }
    Ok(())
}

/// Lets the disk have what was installed, in the background: a power cut would otherwise leave empty files for the next
/// boot. It is done once for many files, when their units run already.
pub fn save(folder: &Path) {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = std::fs::File::open(&folder).and_then(|folder| Ok(nix::unistd::syncfs(folder)?)) {
            tracing::warn!("{} cannot be saved to disk: {error}", folder.display());
        }
    });
}

/// Removes what [`write`] installed; the mark goes last.
pub fn remove(folder: &Path, name: &UnitName, is_quadlet: bool) -> Result<(), Failure> {
    let unit_file = folder.join(name.as_str());
    at(&unit_file, files::remove(&unit_file))?;
    if is_quadlet {
        let slice = folder.join(slice::name(name));
        at(&slice, files::remove(&slice))?;
    }
    let drop_ins = drop_in_folder(folder, name);
    let mark = drop_ins.join(MARK_FILE_NAME);
    if let Ok(entries) = std::fs::read_dir(&drop_ins) {
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| *path != mark) {
            at(&path, files::remove_any(&path))?;
        }
    }
    at(&mark, files::remove(&mark))?;
    at(&drop_ins, files::remove_folder(&drop_ins))
}

/// Removes what a crash left of units that had no mark yet, or none any more.
pub fn sweep() {
    for folder in FOLDERS.map(PathBuf::from) {
        if let Err(error) = sweep_folder(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{}: what a crash may have left there stays: {error}", folder.display());
        }
    }
}

fn sweep_folder(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let drop_ins = entry?.path();
        let unit = drop_ins.file_name().and_then(|name| name.to_str()?.strip_suffix(".d"));
        let mark = drop_ins.join(MARK_FILE_NAME);
        if unit.is_some_and(|unit| UnitName::parse(unit).is_ok()) && mark.symlink_metadata().is_err() {
            let _ = files::remove_unfinished(&mark);
            // One with drop-ins in it is somebody else's, and stays for that.
            let _ = std::fs::remove_dir(&drop_ins);
        }
    }
    Ok(())
}

/// Puts an empty file in the place of a unit file that is not there any more.
pub fn restore(folder: &Path, name: &UnitName) -> Result<(), Failure> {
    let unit_file = folder.join(name.as_str());
    at(&unit_file, files::replace(&unit_file, b"[Unit]\n"))
}

/// Whether `sculler.target` does not want the unit.
pub fn link_is_missing(name: &UnitName) -> bool {
    observe::boot_link(name).symlink_metadata().is_err()
}

fn drop_in_folder(folder: &Path, name: &UnitName) -> PathBuf {
    folder.join(format!("{name}.d"))
}

pub fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, Failure> {
    result.map_err(|error| Failure::File { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_crash_left_is_swept() {
        let folder = std::env::temp_dir().join(format!("sculler-sweep-{}", std::process::id()));
        for file in
            ["unfinished.service.d/.10-sculler.conf.new", "ours.service.d/10-sculler.conf", "other.service.d/a.conf"]
        {
            std::fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.join(file), "").unwrap();
        }
        for empty in ["empty.service.d", "no-unit.d", "empty"] {
            std::fs::create_dir(folder.join(empty)).unwrap();
        }
        std::fs::write(folder.join("file.service.d"), "").unwrap();
        sweep_folder(&folder).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["empty", "file.service.d", "no-unit.d", "other.service.d", "ours.service.d"]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
