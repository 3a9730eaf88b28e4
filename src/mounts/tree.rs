//! A mount of something that is nowhere yet: whoever drops it has left nothing behind.

#![allow(unsafe_code)]

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::OpenTreeFlags;

use super::idmap::Map;
use crate::quadlet::id_map::Range;

/// A mount of what `source` is, which shares nothing with the host's. With a map, what is mounted inside keeps its owners.
///
/// It needs CAP_SYS_ADMIN, and for a map CAP_SETUID, CAP_SETGID and CAP_SETFCAP.
pub fn detached(source: &OwnedFd, read_only: bool, map: Option<&Map>) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = rustix::mount::open_tree(source, "", flags)?;
    // Without MS_PRIVATE what the container mounts in it would appear on the host.
    let private = libc::mount_attr {
        attr_set: if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 },
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    set(&tree, libc::AT_EMPTY_PATH | libc::AT_RECURSIVE, &private)?;
    if let Some(map) = map {
        let namespace = namespace_of_users(map)?;
        let mapped = libc::mount_attr {
            attr_set: libc::MOUNT_ATTR_IDMAP,
            attr_clr: 0,
            propagation: 0,
            userns_fd: u64::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?,
        };
        set(&tree, libc::AT_EMPTY_PATH, &mapped)?;
    }
    Ok(tree)
}

fn set(tree: &OwnedFd, flags: i32, attributes: &libc::mount_attr) -> io::Result<()> {
    // SAFETY: the path is a C string and the attributes are of the size that is given; the kernel only reads both.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attributes),
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A namespace of users with that map, which lives as long as its descriptor.
fn namespace_of_users(map: &Map) -> io::Result<OwnedFd> {
    let (reader, writer) = rustix::pipe::pipe()?;
    // SAFETY: as fork(2), with a namespace of users for the child. The child calls nothing but read(2), close(2) and
    // _exit(2), which are safe in the copy of a process with several threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        // It ends with its parent, whose end of the pipe is the only one then.
        unsafe {
            libc::close(writer.as_raw_fd());
            let mut byte = 0_u8;
            libc::read(reader.as_raw_fd(), (&raw mut byte).cast(), 1);
            libc::_exit(0);
        }
    }
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    let namespace = (|| {
        let process = PathBuf::from(format!("/proc/{pid}"));
        write_map(&process.join("uid_map"), &map.uids)?;
        write_map(&process.join("gid_map"), &map.gids)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(CWD, process.join("ns/user"), flags, Mode::empty())?)
    })();
    drop(writer);
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
    }
    namespace
}

/// The kernel takes the whole of it in one write.
fn write_map(path: &Path, ranges: &[Range]) -> io::Result<()> {
    let lines: String = ranges.iter().map(|Range { from, to, length }| format!("{from} {to} {length}\n")).collect();
    fs::OpenOptions::new().write(true).open(path)?.write_all(lines.as_bytes())
}
