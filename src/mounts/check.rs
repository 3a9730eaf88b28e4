//! Whether somebody can read, or write, everything below a path: the way down from `/`, and all that is in it.
//!
//! Symbolic links are not followed (they lead elsewhere in the container), mounts in it are not entered, and what is
//! neither file nor folder is left out. Who owns a file or folder counts as able to write it: it can make it writable.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx, StatxFlags};
use rustix::io::Errno;

use super::access::{self, AccessList, ENTER, Owned, READ, WRITE, Who};
use super::idmap::Map;
use super::views;
use crate::unit::host_folders;

/// How many paths are named.
pub const NAMED: usize = 10;

/// What is asked of a source.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Whose access is in question.
    pub who: Who,
    pub is_writable: bool,
    /// Nobody refuses anything to them.
    pub is_root: bool,
    /// Who is shown as whom, if that is mapped.
    pub map: Option<Map>,
}

/// A path at which access ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    pub path: PathBuf,
    pub file: Owned,
}

/// A folder as it was: while it is so, nothing was added to it, taken from it or replaced in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub device: (u32, u32),
    pub inode: u64,
    /// Seconds and nanoseconds.
    pub changed: (i64, u32),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Folders above the source that cannot be entered.
    pub way: Vec<Failing>,
    /// The first of those in the source, by path.
    pub first: Vec<Failing>,
    /// All of them.
    pub failing: u64,
    /// Those of them that could not be read, either.
    pub unreadable: u64,
    /// Everything that was looked at.
    pub entries: u64,
    /// Whether something of them belongs to somebody else.
    pub is_foreign: bool,
    /// Whether something of them belongs to the one whose access is in question.
    pub is_own: bool,
    /// Whether something of them would be refused to its owner as well.
    pub is_shut: bool,
    /// The group that could use the source, which is a socket or a device.
    pub group: Option<u32>,
    /// The folders, from the source on.
    pub folders: Vec<(PathBuf, Stamp)>,
    /// Users and groups to whom something belongs: how many paths, and the first that was found.
    pub owners: BTreeMap<(u32, u32), (u64, PathBuf)>,
}

impl Report {
    /// Owners that a map does not have.
    pub fn outside<'a>(&'a self, map: &'a Map) -> impl Iterator<Item = (&'a (u32, u32), &'a (u64, PathBuf))> {
        self.owners.iter().filter(|((uid, gid), _)| !map.has(*uid, *gid))
    }

    /// Whether nothing is in the way.
    pub fn is_fine(&self) -> bool {
        self.way.is_empty() && self.failing == 0
    }
}

/// The path without symbolic links, as the Engine mounts it.
pub fn canonical(source: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(source).map_err(|error| about(source, error))
}

/// Checks `source`, which is canonical. `progress` counts.
pub fn check(source: &Path, wish: &Wish, progress: &AtomicU64) -> io::Result<Report> {
    let mut walk = Walk { wish, report: Report::default(), named: BTreeMap::new(), progress };
    // Whoever is shown as another one is not to be the host's user of the same number.
    let way = if wish.map.is_none() { source.parent() } else { None };
    for folder in way.into_iter().flat_map(Path::ancestors) {
        let file = owned(&stat(CWD, folder).map_err(|error| about(folder, error.into()))?);
        if !walk.allows(&file, folder, ENTER) {
            walk.report.way.insert(0, Failing { path: folder.to_owned(), file });
        }
    }
    let found = stat(CWD, source).map_err(|error| about(source, error.into()))?;
    walk.judge(source, &found, true);
    if kind(&found) == FileType::Directory && !is_the_hosts(source)? {
        walk.below(source, &found)?;
    }
    walk.report.first = walk.named.into_iter().map(|(path, file)| Failing { path, file }).collect();
    Ok(walk.report)
}

/// The stamp of a folder now.
pub fn stamp(folder: &Path) -> io::Result<Stamp> {
    Ok(stamp_of(&stat(CWD, folder).map_err(|error| about(folder, error.into()))?))
}

struct Walk<'a> {
    wish: &'a Wish,
    report: Report,
    named: BTreeMap<PathBuf, Owned>,
    progress: &'a AtomicU64,
}

impl Walk<'_> {
    fn allows(&self, file: &Owned, path: &Path, wanted: u32) -> bool {
        if self.wish.is_root {
            return true;
        }
        // The owner's rights are all in the mode: most trees cost no further call.
        let list = if access::is_owner(file, &self.wish.who) { None } else { list_of(path) };
        access::allows(file, list.as_ref(), &self.wish.who, wanted)
    }

    fn judge(&mut self, path: &Path, found: &Statx, is_source: bool) {
        self.report.entries += 1;
        let file = owned(found);
        self.report.owners.entry((file.uid, file.gid)).or_insert_with(|| (0, path.to_owned())).0 += 1;
        let is_owner = access::is_owner(&file, &self.wish.who);
        let write = if self.wish.is_writable && !is_owner { WRITE } else { 0 };
        let wanted = match kind(found) {
            FileType::Directory => READ | ENTER | write,
            FileType::RegularFile => READ | write,
            // Whoever connects to a socket writes to it, however it is mounted.
            FileType::Socket if is_source => WRITE,
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo if is_source => READ | write,
            _ => return,
        };
        if self.allows(&file, path, wanted) {
            return;
        }
        let is_plain = matches!(kind(found), FileType::Directory | FileType::RegularFile);
        if !is_plain && (file.mode >> 3) & wanted == wanted {
            self.report.group = Some(file.gid);
        }
        self.report.failing += 1;
        self.report.unreadable += u64::from(!is_plain || !self.allows(&file, path, wanted & !WRITE));
        self.report.is_foreign |= !is_owner;
        self.report.is_own |= is_owner;
        self.report.is_shut |= (file.mode >> 6) & wanted != wanted;
        self.named.insert(path.to_owned(), file);
        if self.named.len() > NAMED {
            self.named.pop_last();
        }
    }

    /// Everything in a folder, without what is mounted in it.
    fn below(&mut self, source: &Path, found: &Statx) -> io::Result<()> {
        let mount = mount_of(found);
        let mut waiting = vec![source.to_owned()];
        let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
        while let Some(folder) = waiting.pop() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let open = match rustix::fs::openat(CWD, &folder, flags, Mode::empty()) {
                Ok(open) => open,
                // It went meanwhile.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(error) => return Err(about(&folder, error.into())),
            };
            let before = stat(open.as_fd(), Path::new("")).map_err(|error| about(&folder, error.into()))?;
            self.report.folders.push((folder.clone(), stamp_of(&before)));
            let mut entries = RawDir::new(&open, &mut buffer);
            while let Some(entry) = entries.next() {
                let entry = entry.map_err(|error| about(&folder, error.into()))?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b".." | b"lost+found") {
                    continue;
                }
                let found = match stat_at(open.as_fd(), name) {
                    Ok(found) => found,
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(about(&joined(&folder, name), error.into())),
                };
                let is_folder = kind(&found) == FileType::Directory;
                if is_folder && mount_of(&found) != mount {
                    continue;
                }
                let path = joined(&folder, name);
                self.judge(&path, &found, false);
                if is_folder {
                    waiting.push(path);
                }
            }
            self.progress.store(self.report.entries, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Folders of the host's own, and views of the kernel: a container that sees them is to look at the host, and what
/// is in them is meant to be as it is.
fn is_the_hosts(source: &Path) -> io::Result<bool> {
    if host_folders::is_own(source) {
        return Ok(true);
    }
    views::is_kernels(source).map_err(|error| about(source, error))
}

fn stat(at: BorrowedFd<'_>, path: &Path) -> Result<Statx, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::EMPTY_PATH;
    rustix::fs::statx(at, path, flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)
}

fn stat_at(at: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID | StatxFlags::GID | StatxFlags::MNT_ID;
    rustix::fs::statx(at, name, flags, wanted)
}

fn kind(found: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(found.stx_mode))
}

fn owned(found: &Statx) -> Owned {
    Owned { uid: found.stx_uid, gid: found.stx_gid, mode: u32::from(found.stx_mode) & 0o7777 }
}

/// What tells one mount from another; before Linux 5.8 the device alone.
fn mount_of(found: &Statx) -> (u32, u32, u64) {
    let has_id = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID);
    (found.stx_dev_major, found.stx_dev_minor, if has_id { found.stx_mnt_id } else { 0 })
}

fn stamp_of(found: &Statx) -> Stamp {
    Stamp {
        device: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
    }
}

/// A file's access control list; `None` if it has none that is more than its mode.
fn list_of(path: &Path) -> Option<AccessList> {
    let mut value = [0_u8; 4096];
    let length = rustix::fs::lgetxattr(path, access::ATTRIBUTE, &mut value[..]).ok()?;
    AccessList::read(value.get(..length)?)
}

fn joined(folder: &Path, name: &CStr) -> PathBuf {
    let mut bytes = folder.as_os_str().as_bytes().to_vec();
    if bytes.last() != Some(&b'/') {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name.to_bytes());
    std::ffi::OsString::from_vec(bytes).into()
}

fn about(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
