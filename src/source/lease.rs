//! Whether somebody is writing a file right now.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

/// linux/fcntl.h; the libc crate has no name for it.
const F_SETSIG: libc::c_int = 10;

/// Whether another process has `file` open for writing, by asking for a read lease and giving it back
/// (fcntl(2), `F_SETLEASE`). File systems without leases answer no.
///
/// While the lease is held a writer's open(2) waits for the holder, and the holder gets a signal: SIGURG, which is ignored
/// by default, instead of SIGIO, which kills.
pub fn is_being_written(file: &File) -> bool {
    // SAFETY: fcntl with F_SETSIG or F_SETLEASE takes a descriptor, which `file` keeps open, and an integer; it touches no memory.
    let control = |command, argument: libc::c_int| unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if control(F_SETSIG, libc::SIGURG) != 0 {
        return false;
    }
    if control(libc::F_SETLEASE, libc::F_RDLCK) == 0 {
        control(libc::F_SETLEASE, libc::F_UNLCK);
        return false;
    }
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_noticed_and_a_reader_is_not() {
        let path = std::env::temp_dir().join(format!("sculler-lease-{}", std::process::id()));
        let writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert!(is_being_written(&reader));
        drop(writer);
        let _other_reader = File::open(&path).unwrap();
        assert!(!is_being_written(&reader));
        std::fs::remove_file(&path).unwrap();
    }
}
