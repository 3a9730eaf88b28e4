//! What a look at the unit directory finds, read as far as it changed since the last one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::route::route;
use super::stamp::{DirectoryIdentity, Identity, Stamp};
use super::trust::Trust;
use super::walk::Walk;
use crate::unit::TextFile;

/// Why the unit directory as a whole says nothing.
#[derive(Debug, Error)]
pub enum ScanError {
    /// It is not there.
    #[error("the unit directory {0} does not exist, so nothing is changed; run 'mkdir -p {0}'")]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("the unit directory {path} cannot be read ({error}), so nothing is changed")]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else than root can write there.
    #[error("{0}; until then nothing is changed")]
    Untrusted(String),
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The directory itself.
    pub identity: DirectoryIdentity,
    /// Unit files and drop-ins that could be read.
    pub files: BTreeMap<PathBuf, Arc<TextFile>>,
    /// Those of them that are new or have changed.
    pub changed: Vec<PathBuf>,
    /// Files and folders that are there but say nothing, and why.
    pub silent: BTreeMap<PathBuf, Silence>,
    /// Names that are no unit files, and why.
    pub others: BTreeMap<PathBuf, String>,
    /// Every folder whose changes matter, with its identity.
    pub folders: BTreeMap<PathBuf, Identity>,
    /// Symlinks outside of them on the way to what counts.
    pub links: BTreeSet<PathBuf>,
    /// The lock of a Git operation that is under way in or above the directory.
    pub git_lock: Option<PathBuf>,
}

/// Why a file or folder that is there says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Somebody has it open for writing.
    BeingWritten,
    /// It cannot be read; the reason.
    Unreadable(String),
    /// It is refused; the reason and what to do.
    Refused(String),
}

/// A file as it was last read.
#[derive(Debug)]
pub(super) struct Read {
    pub stamp: Stamp,
    /// Whether another change after the reading must show in the stamp.
    pub is_settled: bool,
    pub file: Arc<TextFile>,
    /// The number of the walk that saw it last.
    pub seen: u64,
}

/// Walks the unit directory, remembering what it read: a walk that finds nothing new costs little more than its stats.
#[derive(Debug, Default)]
pub struct Scanner {
    /// By path; its bytes are hashed and compared in a fraction of the time that its components take.
    pub(super) cache: HashMap<OsString, Read>,
    /// The same files in their order.
    pub(super) files: BTreeMap<PathBuf, Arc<TextFile>>,
    /// Who was trusted at the last walk: what was refused or accepted then may be judged otherwise now.
    trust: Trust,
    /// What is new in the cache since a walk succeeded.
    pub(super) changed: Vec<PathBuf>,
    pub(super) walks: u64,
}

impl Scanner {
    /// Walks `directory`. Files in `impatient` are read although somebody is writing them.
    pub fn scan(&mut self, directory: &Path, trust: &Trust, impatient: &HashSet<PathBuf>) -> Result<Scan, ScanError> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => ScanError::Missing(directory.to_owned()),
            _ => ScanError::Unreadable { path: directory.to_owned(), error },
        };
        let metadata = std::fs::metadata(directory).map_err(unreadable)?;
        let real = std::fs::canonicalize(directory).map_err(unreadable)?;
        trust.check(&real, &metadata).map_err(ScanError::Untrusted)?;
        for step in route(directory) {
            trust.check_way(&step).map_err(unreadable)?.map_err(ScanError::Untrusted)?;
        }
        self.walks += 1;
        let is_trust_known = self.trust == *trust;
        self.trust = trust.clone();
        let mut walk = Walk {
            trust,
            impatient,
            memory: self,
            is_trust_known,
            seen: 0,
            scan: Scan { identity: Identity::of_directory(directory).map_err(unreadable)?.into(), ..Scan::default() },
            trusted_folders: HashSet::new(),
            entered: HashSet::new(),
        };
        walk.scan.git_lock = real.ancestors().map(|folder| folder.join(".git/index.lock")).find(|lock| lock.exists());
        let result = walk.folder(directory, &metadata, None, 0);
        let Walk { mut scan, seen, .. } = walk;
        result.map_err(unreadable)?;
        if seen < self.cache.len() {
            self.forget_unseen();
        }
        scan.files = self.files.clone();
        scan.changed = std::mem::take(&mut self.changed);
        Ok(scan)
    }

    /// Whether the last walk could read `path`.
    pub fn knows(&self, path: &Path) -> bool {
        self.cache.contains_key(path.as_os_str())
    }

    fn forget_unseen(&mut self) {
        let Self { cache, files, walks, .. } = self;
        cache.retain(|path, read| {
            let is_seen = read.seen == *walks;
            if !is_seen {
                files.remove(Path::new(path));
            }
            is_seen
        });
    }
}
