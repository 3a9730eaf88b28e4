//! What tells whether a file or folder is still the same, without reading it.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, StatxFlags};

/// A file whose last change is younger than this when it is read may change again without a new time stamp, since
/// kernels before 6.13 stamp in clock ticks of up to 10 ms.
const STAMP_GRANULARITY: Duration = Duration::from_millis(20);

/// What makes a folder the same one: device and inode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// `st_dev`
    pub device: u64,
    /// `st_ino`
    pub inode: u64,
    /// `stx_btime` in nanoseconds: a folder that is removed and made again may get the same inode. 0 where the file
    /// system has none, and for files.
    #[serde(default)]
    pub born: i64,
}

impl Identity {
    /// The identity of what `metadata` was read from.
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), born: 0 }
    }

    /// The identity of a folder.
    pub fn of_directory(path: &Path) -> io::Result<Self> {
        let identity = Self::of(&std::fs::metadata(path)?);
        let statx = rustix::fs::statx(rustix::fs::CWD, path, AtFlags::empty(), StatxFlags::BTIME)?;
        let is_known = statx.stx_mask & StatxFlags::BTIME.bits() != 0;
        let born = statx.stx_btime.tv_sec.saturating_mul(1_000_000_000).saturating_add(statx.stx_btime.tv_nsec.into());
        Ok(Self { born: if is_known { born } else { 0 }, ..identity })
    }
}

/// What makes the unit directory the same one: itself, and what is mounted below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DirectoryIdentity {
    /// Of the directory itself.
    #[serde(flatten)]
    pub root: Identity,
    /// Of the folders below it that lie on another file system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mounts: BTreeMap<PathBuf, Identity>,
}

impl DirectoryIdentity {
    /// The folders on which something else is mounted `now`, or nothing any more.
    pub fn other_mounts<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = &'a Path> {
        let differs = |path: &&PathBuf| self.mounts.get(*path) != now.mounts.get(*path);
        self.mounts.keys().chain(now.mounts.keys()).filter(differs).map(PathBuf::as_path)
    }
}

impl From<Identity> for DirectoryIdentity {
    fn from(root: Identity) -> Self {
        Self { root, mounts: BTreeMap::new() }
    }
}

/// What tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    identity: Identity,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of what `metadata` was read from.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            identity: Identity::of(metadata),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The stamp of what was looked at from its folder.
    pub fn of_stat(stat: &rustix::fs::Stat) -> Self {
        Self {
            identity: Identity { device: stat.st_dev, inode: stat.st_ino, born: 0 },
            size: stat.st_size as u64,
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether a change from now on must show in the stamp.
    pub fn is_older_than_granularity(&self) -> bool {
        let changed = Duration::new(self.changed.0.max(0) as u64, self.changed.1 as u32);
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed).is_ok_and(|age| age > STAMP_GRANULARITY)
    }
}
