//! One walk through the unit directory: what lies there now, read as far as it changed since the last walk.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::lease;
use super::route::route;
use super::stamp::{Identity, Stamp};
use super::trust::Trust;
use crate::files;
use crate::unit::TextFile;
use crate::unit::file_kind::{FileKind, drop_in_folder, file_kind, is_litter};

/// A file larger than this is no unit file.
const MAX_FILE_SIZE: u64 = 4 << 20;

/// Folders nested deeper than this are not entered; a loop of symlinks ends here.
const MAX_DEPTH: usize = 32;

/// From this number of files in a folder on, several threads look at them.
const MANY_FILES: usize = 1000;

/// How many threads at most.
const MAX_THREADS: usize = 4;

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
    pub identity: Identity,
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
    /// Whether a Git operation is under way in or above the directory.
    pub git_is_busy: bool,
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
struct Read {
    stamp: Stamp,
    /// Whether another change after the reading must show in the stamp.
    is_settled: bool,
    file: Arc<TextFile>,
    /// The number of the walk that saw it last.
    seen: u64,
}

/// Walks the unit directory, remembering what it read: a walk that finds nothing new costs little more than its stats.
#[derive(Debug, Default)]
pub struct Scanner {
    /// By path; its bytes are hashed and compared in a fraction of the time that its components take.
    cache: HashMap<OsString, Read>,
    /// The same files in their order.
    files: BTreeMap<PathBuf, Arc<TextFile>>,
    /// What is new in the cache since a walk succeeded.
    changed: Vec<PathBuf>,
    walks: u64,
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
        let mut walk = Walk {
            trust,
            impatient,
            memory: self,
            seen: 0,
            scan: Scan { identity: Identity::of_directory(directory).map_err(unreadable)?, ..Scan::default() },
            trusted_folders: HashSet::new(),
            entered: HashSet::new(),
        };
        walk.scan.git_is_busy = real.ancestors().any(|folder| folder.join(".git/index.lock").exists());
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

/// What lies in a folder; for the type of an entry, a stat is needed on few file systems only.
fn list(folder: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
    std::fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.path(), entry.file_type()?))
        })
        .collect()
}

struct Walk<'a> {
    trust: &'a Trust,
    impatient: &'a HashSet<PathBuf>,
    memory: &'a mut Scanner,
    /// How many files could be read.
    seen: usize,
    scan: Scan,
    trusted_folders: HashSet<PathBuf>,
    entered: HashSet<Identity>,
}

impl Walk<'_> {
    /// `drop_ins_of`: the unit name or prefix when this is a folder of drop-ins.
    fn folder(&mut self, path: &Path, metadata: &Metadata, drop_ins_of: Option<&str>, depth: usize) -> io::Result<()> {
        self.scan.folders.insert(path.to_owned(), Identity::of_directory(path)?);
        self.entered.insert(Identity::of(metadata));
        let mut linked = Vec::new();
        let entries = list(path)?;
        let unchanged = self.unchanged(&entries);
        for ((path, kind), is_unchanged) in entries.into_iter().zip(unchanged) {
            if is_unchanged {
                self.see(&path);
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                self.scan.others.insert(path, "its name is not UTF-8".to_owned());
                continue;
            };
            if name.chars().any(char::is_control) {
                self.scan.others.insert(path, "its name holds control characters".to_owned());
                continue;
            }
            // What a symlink means is decided by what it points to; only that costs a stat.
            let target = if kind.is_symlink() {
                self.watch_target_of(&path);
                match std::fs::metadata(&path) {
                    Ok(metadata) => Some(metadata),
                    Err(error) => {
                        if !is_litter(&name) {
                            let reason = format!("the symlink leads nowhere ({error})");
                            self.scan.silent.insert(path, Silence::Refused(reason));
                        }
                        continue;
                    }
                }
            } else {
                None
            };
            match target {
                Some(metadata) if metadata.is_dir() => linked.push((path, name, metadata)),
                None if kind.is_dir() => self.subfolder(path, &name, None, drop_ins_of, depth),
                target => self.file(path, &name, target, drop_ins_of),
            }
        }
        // After the real folders and in a fixed order, so that of several ways to a folder it is always the same that
        // counts.
        linked.sort_by(|(left, ..), (right, ..)| left.cmp(right));
        for (path, name, metadata) in linked {
            if self.entered.contains(&Identity::of(&metadata)) {
                self.scan.others.insert(path, "the symlink leads to a folder that is read already".to_owned());
            } else {
                self.subfolder(path, &name, Some(metadata), drop_ins_of, depth);
            }
        }
        Ok(())
    }

    fn subfolder(
        &mut self,
        path: PathBuf,
        name: &str,
        target: Option<Metadata>,
        drop_ins_of: Option<&str>,
        depth: usize,
    ) {
        if is_litter(name) || drop_ins_of.is_some() || depth >= MAX_DEPTH {
            return;
        }
        if target.is_some()
            && let Err(silence) = self.check_target_of(&path)
        {
            self.scan.silent.insert(path, silence);
            return;
        }
        let silence = match target.map_or_else(|| std::fs::symlink_metadata(&path), Ok) {
            Err(error) => Silence::Unreadable(error.to_string()),
            Ok(metadata) => match self.trust.check(&path, &metadata) {
                Err(message) => Silence::Refused(message),
                Ok(()) => match self.folder(&path, &metadata, drop_in_folder(name), depth + 1) {
                    Ok(()) => return,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                    Err(error) => Silence::Unreadable(error.to_string()),
                },
            },
        };
        self.scan.silent.insert(path, silence);
    }

    fn file(&mut self, path: PathBuf, name: &str, target: Option<Metadata>, drop_ins_of: Option<&str>) {
        let is_symlink = target.is_some();
        match (drop_ins_of, file_kind(name)) {
            (_, FileKind::Litter) => return,
            (Some(_), _) if name.ends_with(".conf") => {}
            (Some(_), _) => {
                self.scan.others.insert(path, "a drop-in ends in .conf".to_owned());
                return;
            }
            (None, FileKind::Other(reason)) => {
                self.scan.others.insert(path, reason);
                return;
            }
            (None, FileKind::Invalid(error)) => {
                self.scan.silent.insert(path, Silence::Refused(error.to_string()));
                return;
            }
            (None, FileKind::Unit(_)) => {}
        }
        let metadata = match target.map_or_else(|| std::fs::symlink_metadata(&path), Ok) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                self.scan.silent.insert(path, Silence::Unreadable(error.to_string()));
                return;
            }
        };
        match self.read(&path, &metadata, is_symlink) {
            Ok(read) => self.keep(path, read),
            Err(silence) => {
                self.scan.silent.insert(path, silence);
            }
        }
    }

    /// Which of `entries` are files that were read before and can be left at that. Many are looked at by several threads:
    /// their stats are most of what a walk costs.
    fn unchanged(&self, entries: &[(PathBuf, FileType)]) -> Vec<bool> {
        let (cache, trust) = (&self.memory.cache, self.trust);
        let is_unchanged = |(path, kind): &(PathBuf, FileType)| {
            let known = cache.get(path.as_os_str()).filter(|read| read.is_settled && kind.is_file());
            known.is_some_and(|read| {
                // The same stamp has the same owner and mode, but others may have become trusted.
                std::fs::symlink_metadata(path)
                    .is_ok_and(|metadata| Stamp::of(&metadata) == read.stamp && trust.check(path, &metadata).is_ok())
            })
        };
        let look = |part: &[(PathBuf, FileType)]| part.iter().map(is_unchanged).collect::<Vec<_>>();
        let threads = match entries.len() {
            0..MANY_FILES => 1,
            _ => std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS),
        };
        let (own, others) = entries.split_at(entries.len() / threads);
        std::thread::scope(|scope| {
            let parts = others.chunks(own.len().max(1) + 1);
            let workers: Vec<_> =
                parts.map(|part| (part, std::thread::Builder::new().spawn_scoped(scope, move || look(part)))).collect();
            let mut unchanged = look(own);
            for (part, worker) in workers {
                // Where no thread can be had, or one failed, this one does its part.
                let answer = worker.ok().and_then(|worker| worker.join().ok());
                unchanged.extend(answer.unwrap_or_else(|| look(part)));
            }
            unchanged
        })
    }

    fn see(&mut self, path: &Path) {
        if let Some(read) = self.memory.cache.get_mut(path.as_os_str())
            && read.seen != self.memory.walks
        {
            read.seen = self.memory.walks;
            self.seen += 1;
        }
    }

    fn keep(&mut self, path: PathBuf, read: Read) {
        let known = self.memory.cache.get(path.as_os_str());
        if known.is_none_or(|known| known.seen != read.seen) {
            self.seen += 1;
        }
        if !known.is_some_and(|known| Arc::ptr_eq(&known.file, &read.file)) {
            self.memory.files.insert(path.clone(), read.file.clone());
            self.memory.changed.push(path.clone());
        }
        self.memory.cache.insert(path.into_os_string(), read);
    }

    fn read(&mut self, path: &Path, metadata: &Metadata, is_symlink: bool) -> Result<Read, Silence> {
        if !metadata.is_file() {
            return Err(Silence::Refused("it is not a regular file".to_owned()));
        }
        if metadata.size() > MAX_FILE_SIZE {
            let size = metadata.size() >> 20;
            return Err(Silence::Refused(format!("it has {size} MiB, which no unit file has")));
        }
        self.trust.check(path, metadata).map_err(Silence::Refused)?;
        if is_symlink {
            self.check_target_of(path)?;
        }
        let stamp = Stamp::of(metadata);
        let seen = self.memory.walks;
        let known = self.memory.cache.get(path.as_os_str());
        if let Some(Read { stamp: known, is_settled: true, file, .. }) = known
            && *known == stamp
        {
            return Ok(Read { stamp, is_settled: true, file: file.clone(), seen });
        }
        let unreadable = |error: io::Error| Silence::Unreadable(error.to_string());
        let mut opened = File::open(path).map_err(unreadable)?;
        // The bytes belong to the file that was opened, which may be newer than the one that was looked at.
        let metadata = opened.metadata().map_err(unreadable)?;
        self.trust.check(path, &metadata).map_err(Silence::Refused)?;
        if lease::is_being_written(&opened) && !self.impatient.contains(path) {
            return Err(Silence::BeingWritten);
        }
        let is_settled = Stamp::of(&metadata).is_older_than_granularity();
        let mut text = Vec::with_capacity(metadata.size() as usize);
        opened.by_ref().take(MAX_FILE_SIZE).read_to_end(&mut text).map_err(unreadable)?;
        if Stamp::of(&opened.metadata().map_err(unreadable)?) != Stamp::of(&metadata) && !self.impatient.contains(path)
        {
            return Err(Silence::BeingWritten);
        }
        let is_private = files::is_private(&metadata);
        // The same bytes under a new stamp are the same file to whoever compares.
        let file = match known {
            Some(read) if *read.file.text == *text && read.file.is_private == is_private => read.file.clone(),
            _ => Arc::new(TextFile { path: path.to_owned(), text: text.into(), is_private }),
        };
        let stamp = Stamp::of(&metadata);
        Ok(Read { stamp, is_settled, file, seen })
    }

    /// Whoever can replace the target of a symlink can write the unit.
    fn check_target_of(&mut self, path: &Path) -> Result<(), Silence> {
        let unreadable = |error: io::Error| Silence::Unreadable(error.to_string());
        // Whoever can replace a symlink on the way decides what is read.
        for step in route(path) {
            let folder = step.parent().unwrap_or(&step).to_owned();
            if !self.trusted_folders.contains(&folder) {
                self.trust.check_way(&step).map_err(unreadable)?.map_err(Silence::Refused)?;
                self.trusted_folders.insert(folder);
            }
        }
        Ok(())
    }

    fn watch_target_of(&mut self, path: &Path) {
        let mut steps = route(path);
        let Some(real) = steps.pop() else { return };
        // The first is the symlink itself, in a folder that is watched anyway.
        self.scan.links.extend(steps.into_iter().skip(1));
        let Some(folder) = real.parent() else { return };
        if let Ok(identity) = Identity::of_directory(folder) {
            self.scan.folders.insert(folder.to_owned(), identity);
        }
    }
}
