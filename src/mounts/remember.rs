//! That a large tree was in order, remembered by its folders.
//!
//! What is added, removed, renamed or replaced changes its folder, and so does another owner or mode of a folder itself:
//! as long as all folders are as they were, a start looks at them alone. What that cannot see is another mode or owner given
//! to a file in its place. So small trees are always looked at as a whole; nothing outlives a reboot; whoever
//! remembers has to forget when the container fails; and the agent has it forgotten where it watches.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::check::{self, Report, Stamp, Wish};
use crate::files;
use crate::unit::Digest;

/// Trees with fewer entries than this are looked at anew in a few milliseconds.
pub const SMALL: u64 = 1000;

/// A folder that changed so shortly before it was read may have changed again without another time to show for it.
const GRAIN: Duration = Duration::from_secs(1);

/// Where it is remembered that `source` was in order for a wish, below `directory`.
pub fn path(directory: &Path, source: &Path, wish: &Wish) -> PathBuf {
    let wish = format!("{wish:?}");
    let name = Digest::of([source.as_os_str().as_bytes(), wish.as_bytes()]).to_string();
    directory.join(&name[..16])
}

/// Remembers a check that began at `then` and found nothing, if that is worth it.
pub fn keep(path: &Path, report: &Report, then: SystemTime) -> io::Result<()> {
    let then = then.duration_since(UNIX_EPOCH).unwrap_or_default();
    let settled = then.saturating_sub(GRAIN).as_secs() as i64;
    let is_settled = report.folders.iter().all(|(_, stamp)| stamp.changed.0 < settled);
    if report.entries < SMALL || !report.is_fine() || !is_settled {
        return files::remove(path);
    }
    let mut text = Vec::new();
    for (folder, stamp) in &report.folders {
        text.extend_from_slice(folder.as_os_str().as_bytes());
        write!(text, "\0{}\0", written(stamp))?;
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    files::replace_for(path, &text, true)
}

/// Whether nothing changed since it was remembered.
pub fn is_unchanged(path: &Path) -> bool {
    let Ok(text) = fs::read(path) else { return false };
    let mut fields = text.split(|byte| *byte == 0);
    let mut is_any = false;
    while let (Some(folder), Some(known)) = (fields.next(), fields.next()) {
        let now = check::stamp(Path::new(std::ffi::OsStr::from_bytes(folder)));
        if !now.is_ok_and(|now| written(&now).as_bytes() == known) {
            return false;
        }
        is_any = true;
    }
    is_any
}

fn written(stamp: &Stamp) -> String {
    let Stamp { device: (major, minor), inode, changed: (seconds, nanoseconds) } = stamp;
    format!("{major}:{minor} {inode} {seconds}.{nanoseconds}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::super::access::Who;
    use super::*;

    #[test]
    fn another_entry_anywhere_is_seen() {
        let folder = std::env::temp_dir().join(format!("sculler-remember-{}", std::process::id()));
        let tree = folder.join("tree");
        fs::create_dir_all(tree.join("in")).unwrap();
        let tree = check::canonical(&tree).unwrap();
        let who = Who { uid: rustix::process::getuid().as_raw(), gid: 0, groups: Vec::new() };
        let wish = Wish { who, is_writable: true, is_root: false, map: None };
        let path = path(&folder, &tree, &wish);
        let look = || check::check(&tree, &wish, &AtomicU64::new(0)).unwrap();

        let now = SystemTime::now();
        let later = now + 10 * GRAIN;
        keep(&path, &look(), later).unwrap();
        assert!(!is_unchanged(&path), "it is small");
        let large = || Report { entries: SMALL, ..look() };
        keep(&path, &large(), now).unwrap();
        assert!(!is_unchanged(&path), "it changed just now");
        keep(&path, &large(), later).unwrap();
        assert!(is_unchanged(&path));
        fs::write(tree.join("in/new"), "").unwrap();
        assert!(!is_unchanged(&path));
        fs::remove_dir_all(&folder).unwrap();
    }
}
