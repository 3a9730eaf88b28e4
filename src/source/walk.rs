//! One walk through the unit directory.

use std::collections::HashSet;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::lease;
use super::route::route;
use super::scan::{Read, Scan, Scanner, Silence};
use super::stamp::{Identity, Stamp};
use super::trust::Trust;
use crate::unit::TextFile;
use crate::unit::file_kind::{FileKind, drop_in_folder, file_kind, is_litter};
use crate::{files, parallel};

/// So many files in a folder are looked at by one thread.
const MANY_FILES: usize = 1000;

/// Folders nested deeper than this are not entered; a loop of symlinks ends here.
const MAX_DEPTH: usize = 32;

/// A file larger than this is no unit file.
const MAX_FILE_SIZE: u64 = 4 << 20;

/// What lies in a folder; for the type of an entry, a stat is needed on few file systems only.
fn list(folder: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
    std::fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.path(), entry.file_type()?))
        })
        .collect()
}

/// One walk.
pub(super) struct Walk<'a> {
    pub trust: &'a Trust,
    pub impatient: &'a HashSet<PathBuf>,
    pub memory: &'a mut Scanner,
    /// Whether the last walk trusted the same users.
    pub is_trust_known: bool,
    /// How many files could be read.
    pub seen: usize,
    pub scan: Scan,
    pub trusted_folders: HashSet<PathBuf>,
    pub entered: HashSet<Identity>,
}

impl Walk<'_> {
    /// `drop_ins_of`: the unit name or prefix when this is a folder of drop-ins.
    pub fn folder(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        drop_ins_of: Option<&str>,
        depth: usize,
    ) -> io::Result<()> {
        let identity = Identity::of_directory(path)?;
        if identity.device != self.scan.identity.root.device {
            self.scan.identity.mounts.insert(path.to_owned(), identity);
        }
        self.scan.folders.insert(path.to_owned(), identity);
        self.entered.insert(Identity::of(metadata));
        let mut linked = Vec::new();
        let entries = list(path)?;
        let unchanged = self.unchanged(path, &entries);
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
            (None, FileKind::Refused(reason)) => {
                self.scan.silent.insert(path, Silence::Refused(reason));
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
    fn unchanged(&self, folder: &Path, entries: &[(PathBuf, FileType)]) -> Vec<bool> {
        // From the folder itself: the way to it is not walked once per file.
        let opened = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let Some(opened) = opened.ok().filter(|_| self.is_trust_known) else { return vec![false; entries.len()] };
        let cache = &self.memory.cache;
        let is_unchanged = |(path, kind): &(PathBuf, FileType)| {
            let known = cache.get(path.as_os_str()).filter(|read| read.is_settled && kind.is_file());
            // The same stamp has the same owner and mode.
            known.zip(path.file_name()).is_some_and(|(read, name)| {
                rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| Stamp::of_stat(&stat) == read.stamp)
            })
        };
        parallel::map(entries, MANY_FILES, is_unchanged)
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
