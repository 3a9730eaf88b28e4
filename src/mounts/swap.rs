//! A bind source that was replaced on the host is replaced in the running container.
//!
//! A bind mount holds the file or folder that its source's path led to when it was made. After `mv new conf` the path
//! leads elsewhere, and the container stays with what is gone. Here the mount in the container is exchanged for one of what
//! the path leads to now: under the old one, which is then taken off, so that no process ever sees neither.

#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use super::idmap::{self, Map};
use super::tree::detached;

/// As many symlinks as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// One mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// On the host.
    pub source: PathBuf,
    /// In the container, absolute.
    pub target: String,
    pub read_only: bool,
    /// Who is shown as whom.
    pub map: Option<Map>,
    /// Why it can be compared alone, and not replaced.
    pub refused: Option<String>,
}

/// Whose mounts they are.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its first process.
    pub pid: u32,
    /// Part of that process's cgroup: a number may belong to somebody else by now.
    pub id: String,
}

/// How to replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The new one below the old one (Linux 6.5): nobody sees a gap.
    Beneath,
    /// The old one first. The container has to be frozen meanwhile.
    Over,
}

/// What became of one mount.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It shows what its source's path leads to.
    Same,
    /// It shows that from now on.
    Replaced,
    /// Nothing is at the source's path: the container keeps what it has.
    Missing,
}

/// Why a mount cannot be replaced.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It can be by [`Way::Over`].
    #[error("this kernel cannot put a mount below another (Linux 6.5 can)")]
    NeedsFreeze,
    /// Only a container that starts anew sees the new source.
    #[error("{0}")]
    Impossible(String),
}

/// Replaces those of `mounts` whose source was replaced; what became of each.
///
/// It needs CAP_SYS_ADMIN, CAP_SYS_CHROOT and CAP_SYS_PTRACE. A thread of its own does it, since whoever enters the
/// container's mount namespace stays there.
pub fn replace(container: &Container, mounts: &[Mounted], way: Way) -> io::Result<Vec<Result<Outcome, Failure>>> {
    std::thread::scope(|scope| {
        let work = std::thread::Builder::new().name("swap".into()).spawn_scoped(scope, || {
            let mut inside = Inside::open(container)?;
            let found: Vec<_> = mounts.iter().map(|mount| inside.find(mount)).collect();
            if found.iter().any(|found| matches!(found, Ok(Found::Other(_)))) {
                inside.enter()?;
            }
            let outcomes = found.into_iter().zip(mounts).map(|(found, mount)| match found? {
                Found::Same => Ok(Outcome::Same),
                Found::Missing => Ok(Outcome::Missing),
                Found::Other(change) => inside.exchange(mount, &change, way).map(|()| Outcome::Replaced),
            });
            Ok(outcomes.collect())
        })?;
        work.join().unwrap_or_else(|_| Err(io::Error::other("the thread that replaces mounts ended early")))
    })
}

enum Found {
    Same,
    Missing,
    Other(Change),
}

/// What is to be exchanged for what.
struct Change {
    /// What the container has: the root of a mount.
    old: OwnedFd,
    /// What it is to have: a mount that is nowhere yet.
    new: OwnedFd,
    /// The device and inode of that.
    identity: (u32, u32, u64),
}

/// Where a mount is in the container.
struct Target {
    place: OwnedFd,
    is_over_link: bool,
}

/// A container's mounts, seen from outside.
struct Inside {
    root: OwnedFd,
    namespace: File,
    mountinfo: File,
    /// This thread's descriptors as a folder: by it umount2(2) finds a mount by its descriptor, whatever its path.
    descriptors: OwnedFd,
}

impl Inside {
    fn open(container: &Container) -> io::Result<Self> {
        let process = open(CWD, Path::new(&format!("/proc/{}", container.pid)), OFlags::PATH | OFlags::DIRECTORY)?;
        // Everything is opened by this one descriptor: the process cannot become another one in between.
        let read = |name: &str| open(process.as_fd(), Path::new(name), OFlags::RDONLY).map(File::from);
        let mut cgroup = String::new();
        read("cgroup")?.read_to_string(&mut cgroup)?;
        if !cgroup.contains(&container.id) {
            return Err(io::Error::other(format!("process {} is not in the container any more", container.pid)));
        }
        Ok(Self {
            root: open(process.as_fd(), Path::new("root"), OFlags::PATH | OFlags::DIRECTORY)?,
            namespace: read("ns/mnt")?,
            mountinfo: read("mountinfo")?,
            descriptors: open(CWD, Path::new("/proc/thread-self/fd"), OFlags::PATH | OFlags::DIRECTORY)?,
        })
    }

    /// Compares what the container has with what is at the source's path, and prepares the exchange.
    fn find(&mut self, mount: &Mounted) -> Result<Found, Failure> {
        let source = mount.source.display();
        let new = match open(CWD, &mount.source, OFlags::PATH) {
            Ok(new) => new,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(Failure::Impossible(format!("{source}: {error}"))),
        };
        let Target { place: old, is_over_link } = self.target(mount)?;
        let (old_stat, new_stat) = (stat(old.as_fd(), mount)?, stat(new.as_fd(), mount)?);
        if identity(&old_stat) == identity(&new_stat) {
            return Ok(Found::Same);
        }
        if let Some(reason) = &mount.refused {
            return Err(Failure::Impossible(reason.clone()));
        }
        let target = &mount.target;
        if is_over_link {
            return Err(Failure::Impossible(format!("{target} leads over a symbolic link in the container")));
        }
        if old_stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            self.check(old_stat.stx_mnt_id, mount)?;
        } else {
            return Err(Failure::Impossible(format!("{target} is no mount in the container any more")));
        }
        let are_folders = [old_stat, new_stat].map(|stat| kind(&stat) == libc::S_IFDIR);
        if are_folders[0] != are_folders[1] {
            let kind = if are_folders[1] { "folder now, and was a file" } else { "file now, and was a folder" };
            return Err(Failure::Impossible(format!("{source} is a {kind}")));
        }
        let new = detached(&new, mount.read_only, mount.map.as_ref()).map_err(|error| {
            let error = if mount.map.is_some() { idmap::refusal(&mount.source, error) } else { error };
            Failure::Impossible(format!("{source} cannot be mounted: {error}"))
        })?;
        Ok(Found::Other(Change { old, new, identity: identity(&new_stat) }))
    }

    /// What is at the target, on top. Symbolic links lead where they lead in the container, which may have planted them.
    /// Step by step, since RestrictSUIDSGID= takes openat2(2) away.
    fn target(&self, mount: &Mounted) -> Result<Target, Failure> {
        let target = &mount.target;
        let failed = |error: io::Error| Failure::Impossible(format!("{target} in the container: {error}"));
        // The folders above it: '..' of the container's root would lead out of it.
        let mut places = vec![self.root.try_clone().map_err(failed)?];
        let mut steps = steps(Path::new(target));
        let mut links = 0;
        while let Some(step) = steps.pop() {
            if step == ".." {
                places.truncate(places.len().max(2) - 1);
                continue;
            }
            let above = places.last().unwrap_or(&self.root).as_fd();
            let place = open(above, Path::new(&step), OFlags::PATH | OFlags::NOFOLLOW).map_err(failed)?;
            if kind(&stat(place.as_fd(), mount)?) != libc::S_IFLNK {
                places.push(place);
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(failed(Errno::LOOP.into()));
            }
            let leads = rustix::fs::readlinkat(&place, "", Vec::new()).map_err(|error| failed(error.into()))?;
            if leads.as_bytes().starts_with(b"/") {
                places.truncate(1);
            }
            steps.extend(self::steps(Path::new(OsStr::from_bytes(leads.as_bytes()))));
        }
        let place = places.pop().ok_or_else(|| failed(Errno::NOENT.into()))?;
        Ok(Target { place, is_over_link: links > 0 })
    }

    /// Whether the mount with this ID is the one at the target, with nothing mounted in it.
    fn check(&mut self, id: u64, mount: &Mounted) -> Result<(), Failure> {
        let mut text = String::new();
        let read = self.mountinfo.rewind().and_then(|()| self.mountinfo.read_to_string(&mut text));
        read.map_err(|error| Failure::Impossible(format!("the container's mounts cannot be read: {error}")))?;
        let target = &mount.target;
        let rows: Vec<Row<'_>> = text.lines().filter_map(Row::read).collect();
        let own = rows.iter().any(|row| row.id == id && same_path(&unescaped(row.point), target));
        if !own {
            return Err(Failure::Impossible(format!("{target} was mounted over in the container")));
        }
        match rows.iter().find(|row| row.parent == id) {
            Some(nested) => Err(Failure::Impossible(format!(
                "{} is mounted in {target}, and would be lost",
                unescaped(nested.point)
            ))),
            None => Ok(()),
        }
    }

    /// Moves this thread into the container's mount namespace, for good.
    fn enter(&self) -> io::Result<()> {
        // SAFETY: descriptors stay shared. This thread alone gets a root and a working directory of its own, without which
        // it could not change its mount namespace.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::FS) }?;
        rustix::thread::move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
        rustix::process::fchdir(&self.descriptors)?;
        Ok(())
    }

    fn exchange(&self, mount: &Mounted, change: &Change, way: Way) -> Result<(), Failure> {
        let target = &mount.target;
        let failed = |what: &str, error: Errno| {
            Failure::Impossible(format!("{what} {target} in the container: {}", io::Error::from(error)))
        };
        let place = |at: BorrowedFd<'_>, flags: MoveMountFlags| {
            let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            rustix::mount::move_mount(&change.new, "", at, "", flags | both)
        };
        match way {
            Way::Beneath if !has_beneath() => return Err(Failure::NeedsFreeze),
            Way::Beneath => {
                place(change.old.as_fd(), MoveMountFlags::MOVE_MOUNT_BENEATH)
                    .map_err(|error| failed("nothing can be mounted below", error))?;
                self.take_off(change).map_err(|error| failed("the old mount cannot be taken off", error))?;
            }
            Way::Over => {
                self.take_off(change).map_err(|error| failed("the old mount cannot be taken off", error))?;
                let below = self.target(mount)?.place;
                place(below.as_fd(), MoveMountFlags::empty())
                    .map_err(|error| failed("the new source cannot be mounted at", error))?;
            }
        }
        let now = self.target(mount)?.place;
        match identity(&stat(now.as_fd(), mount)?) == change.identity {
            true => Ok(()),
            false => Err(Failure::Impossible(format!("{target} in the container still shows another file"))),
        }
    }

    /// Takes off exactly the old mount; who has something of it open keeps that.
    fn take_off(&self, change: &Change) -> Result<(), Errno> {
        rustix::mount::unmount(change.old.as_raw_fd().to_string(), UnmountFlags::DETACH)
    }
}

/// Linux 6.5 and later.
fn has_beneath() -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 5)
}

fn open(at: BorrowedFd<'_>, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(at, path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

fn stat(file: BorrowedFd<'_>, mount: &Mounted) -> Result<Statx, Failure> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, wanted)
        .map_err(|error| Failure::Impossible(format!("{}: {}", mount.target, io::Error::from(error))))
}

/// File, folder, link…
fn kind(stat: &Statx) -> u32 {
    u32::from(stat.stx_mode) & libc::S_IFMT
}

fn identity(stat: &Statx) -> (u32, u32, u64) {
    (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino)
}

/// A line of mountinfo (proc_pid_mountinfo(5)).
struct Row<'a> {
    id: u64,
    parent: u64,
    point: &'a str,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split(' ');
        let (id, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { id, parent, point: fields.nth(2)? })
    }
}

/// Blanks and the like are written in octal.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = (byte == b'\\').then(|| after.get(..3)).flatten();
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The steps of a way, the last one first.
fn steps(path: &Path) -> Vec<OsString> {
    let steps = path.components().rev().filter_map(|step| match step {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    steps.collect()
}

fn same_path(one: &str, other: &str) -> bool {
    Path::new(one).components().eq(Path::new(other).components())
}

#[cfg(test)]
#[path = "swap_tests.rs"]
mod tests;
