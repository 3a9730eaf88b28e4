//! Mounts that show other owners than the disk has (the mount option `idmap`; mount_setattr(2), "ID-mapped mounts").
//!
//! Such a mount stands below /run/sculler/mounts only until the Engine has made the container's own of it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MoveMountFlags, UnmountFlags};

use super::access::Who;
use super::identity::Identity;
use super::tree::detached;
use crate::quadlet::id_map::{self, Range};

/// Who is shown as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    pub uids: Vec<Range>,
    pub gids: Vec<Range>,
}

/// Who appears as an owner that the map does not have.
pub const NOBODY: u32 = 65534;

impl Map {
    /// The map of a mount: the one that is written, or the owner of the source as the container's user.
    pub fn of(uids: &str, gids: &str, owner: (u32, u32), identity: &Identity) -> Result<Self, String> {
        if uids.is_empty() && gids.is_empty() {
            let one = |from, to| vec![Range { from, to, length: 1 }];
            return Ok(Self { uids: one(owner.0, identity.uid), gids: one(owner.1, identity.gid) });
        }
        Ok(Self { uids: id_map::parse(uids)?, gids: id_map::parse(gids)? })
    }

    /// Whether an owner on disk is shown as somebody.
    pub fn has(&self, uid: u32, gid: u32) -> bool {
        let has = |ranges: &[Range], owner| ranges.iter().any(|range| range.shown(owner).is_some());
        has(&self.uids, uid) && has(&self.gids, gid)
    }

    /// Whom on disk the container's user is.
    pub fn on_disk(&self, identity: &Identity) -> Who {
        let of = |ranges: &[Range], shown| ranges.iter().find_map(|range| range.on_disk(shown));
        Who {
            // -1 owns nothing.
            uid: of(&self.uids, identity.uid).unwrap_or(u32::MAX),
            gid: of(&self.gids, identity.gid).unwrap_or(u32::MAX),
            groups: identity.groups.iter().filter_map(|gid| of(&self.gids, *gid)).collect(),
        }
    }
}

/// A mount with mapped owners that is nowhere yet: whoever drops it has left nothing behind.
#[derive(Debug)]
pub struct Mapped {
    tree: OwnedFd,
    is_folder: bool,
}

/// Makes a mount of `source` with mapped owners, with the rights that [`detached`] needs.
pub fn make(source: &Path, map: &Map) -> io::Result<Mapped> {
    let opened = rustix::fs::openat(CWD, source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let is_folder = fs::metadata(source)?.is_dir();
    let tree = detached(&opened, false, Some(map)).map_err(|error| refusal(source, error))?;
    Ok(Mapped { tree, is_folder })
}

/// What a refusal of the kernel means.
pub fn refusal(source: &Path, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EINVAL) => io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "{} lies on {}, which cannot show other owners; put it on ext4, xfs, btrfs or tmpfs, or match the owner by \
                 the option U or by chown",
                source.display(),
                file_system(source)
            ),
        ),
        Some(libc::ENOSYS) => io::Error::new(
            io::ErrorKind::Unsupported,
            "this kernel has no mounts with mapped owners (Linux 5.12 has); match the owner by the option U or by chown",
        ),
        _ => error,
    }
}

/// The name of the file system that a path lies on.
fn file_system(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let (place, rest) = line.split_once(" - ")?;
        Some((place.split(' ').nth(4)?, rest.split(' ').next()?))
    });
    // The last of the deepest is on top.
    let found = rows.filter(|(point, _)| path.starts_with(point)).max_by_key(|(point, _)| point.len());
    found.map_or_else(|| "a file system".to_owned(), |(_, kind)| kind.to_owned())
}

/// Mounts that stand for the Engine; dropping them takes them away. Containers keep what they have of them.
#[derive(Debug, Default)]
pub struct Staged {
    paths: Vec<PathBuf>,
}

impl Staged {
    /// Puts a mount to `path`, which is made.
    pub fn put(&mut self, mapped: &Mapped, path: PathBuf) -> io::Result<()> {
        match mapped.is_folder {
            true => fs::create_dir(&path)?,
            false => drop(fs::File::create_new(&path)?),
        }
        self.paths.push(path.clone());
        rustix::mount::move_mount(&mapped.tree, "", CWD, &path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.paths.iter().for_each(|path| take_away(path));
    }
}

fn take_away(path: &Path) {
    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
    while rustix::mount::unmount(path, flags).is_ok() {}
    let _ = fs::remove_dir(path).or_else(|_| fs::remove_file(path));
}

/// Takes away what is in `folder` of processes that ended before they could: names begin with the process.
pub fn tidy(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let maker = name.split('-').next().unwrap_or_default();
        let is_at_work = fs::read_to_string(format!("/proc/{maker}/comm")).is_ok_and(|name| name.trim() == "sculler");
        if !is_at_work {
            take_away(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps() {
        let identity = Identity { uid: 33, gid: 34, groups: vec![7, 100], ..Identity::default() };
        let map = Map::of("", "", (5000, 5001), &identity).unwrap();
        assert_eq!(map.on_disk(&identity), Who { uid: 5000, gid: 5001, groups: Vec::new() });
        assert!(map.has(5000, 5001) && !map.has(5000, 0) && !map.has(33, 34));
        let map = Map::of("0-1000-10", "0-0-5#34-34-1#200-100-1", (0, 0), &identity).unwrap();
        assert_eq!(map.on_disk(&identity), Who { uid: u32::MAX, gid: 34, groups: vec![200] });
        assert!(Map::of("x", "", (0, 0), &identity).is_err());
    }

    #[test]
    fn the_name_of_a_file_system() {
        assert_eq!(file_system(Path::new("/proc/self")), "proc");
    }
}
