//! The unit directory → files.
//!
//! [`Source::look`] answers what the directory says *now*, with what a single walk cannot know added: a file that is
//! being written, cannot be read or has just gone keeps its previous version for a while. Watching only says "look
//! again"; nothing here depends on an event having come.

pub mod inotify;
pub mod lease;
pub mod route;
pub mod scan;
mod stamp;
#[cfg(test)]
mod tests;
pub mod trust;
pub mod units;
mod walk;
pub mod watch;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::unit::TextFile;
use crate::unit::file_kind::drop_in_folder;
use scan::Scanner;
pub use scan::{Scan, ScanError, Silence};
pub use stamp::{DirectoryIdentity, Identity};
use trust::Trust;

/// How long a file's absence must last before it counts: an editor's save looks like a deletion for a moment.
pub const ABSENCE: Duration = Duration::from_secs(2);

/// How long a file that somebody has open for writing keeps its previous version.
pub const WRITING: Duration = Duration::from_secs(10);

/// How often to look whether Git is done.
const GIT_POLL: Duration = Duration::from_millis(500);

/// A lock of Git's that holds up removals for longer was probably left by a Git that was killed.
const GIT_PATIENCE: Duration = Duration::from_secs(60);

/// What the unit directory says.
#[derive(Debug, Default)]
pub struct Look {
    /// The directory's identity.
    pub identity: DirectoryIdentity,
    /// The files that count, previous versions included.
    pub files: BTreeMap<PathBuf, Arc<TextFile>>,
    /// Paths that say nothing now and have no previous version here: what was installed from them stays.
    pub held: BTreeSet<PathBuf>,
    /// What keeps paths from saying anything, and names that are no unit files.
    pub problems: BTreeMap<PathBuf, Problem>,
    /// When to look again although nothing happened.
    pub again: Option<Instant>,
    /// The folders whose changes matter.
    pub folders: BTreeMap<PathBuf, Identity>,
    /// Symlinks outside of them on the way to files and folders that count.
    pub links: BTreeSet<PathBuf>,
    /// The same for the same files with the same bytes.
    pub fingerprint: u64,
}

/// Something about a path that its owner may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A passing state; the previous version counts meanwhile.
    Waiting(String),
    /// It will not count until somebody does what the message says.
    Refused(String),
    /// It is no unit file.
    NoUnit(String),
}

impl Problem {
    /// What it is, and what to do.
    pub fn reason(&self) -> &str {
        let (Self::Waiting(reason) | Self::Refused(reason) | Self::NoUnit(reason)) = self;
        reason
    }
}

impl Look {
    /// Whether what was installed from `path` must stay because `path`, or a folder above it, says nothing now.
    pub fn holds(&self, path: &Path) -> bool {
        path.ancestors().any(|step| self.held.contains(step))
    }
}

/// The unit directory, remembered.
#[derive(Debug, Default)]
pub struct Source {
    scanner: Scanner,
    known: HashMap<PathBuf, Known>,
}

/// A file that was there at some earlier look.
#[derive(Debug, Default)]
struct Known {
    /// What it said; `None` for a file that only its installed unit tells of.
    file: Option<Arc<TextFile>>,
    absent_since: Option<Instant>,
    writing_since: Option<Instant>,
}

impl Source {
    /// A source that has to account for `installed` paths too: units were installed from them by an earlier agent.
    pub fn new(installed: impl IntoIterator<Item = PathBuf>) -> Self {
        let known = installed.into_iter().map(|path| (path, Known::default())).collect();
        Self { scanner: Scanner::default(), known }
    }

    /// The file at `path` was removed on purpose, with its drop-ins beside it: nobody waits for them.
    pub fn forget(&mut self, path: &Path) {
        let mut drop_ins = path.as_os_str().to_owned();
        drop_ins.push(".d");
        self.known.retain(|known, _| known != path && !known.starts_with(&drop_ins));
    }

    /// Looks at the unit directory.
    pub fn look(&mut self, directory: &Path, trust: &Trust, now: Instant) -> Result<Look, ScanError> {
        let impatient: HashSet<PathBuf> = self
            .known
            .iter()
            .filter(|(_, known)| known.writing_since.is_some_and(|since| now >= since + WRITING))
            .map(|(path, _)| path.clone())
            .collect();
        let scan = self.scanner.scan(directory, trust, &impatient)?;
        let mut look = Look { identity: scan.identity, folders: scan.folders, ..Look::default() };
        for (path, reason) in scan.others {
            look.problems.insert(path, Problem::NoUnit(reason));
        }
        for (path, silence) in &scan.silent {
            self.keep_silent(path, silence, now, &mut look);
        }
        for path in scan.changed {
            let file = scan.files.get(&path).cloned();
            self.known.insert(path, Known { file, ..Known::default() });
        }
        self.keep_absent(&scan.files, &scan.silent, scan.git_lock.as_deref(), now, &mut look);
        match look.files.is_empty() {
            true => look.files = scan.files,
            false => look.files.extend(scan.files),
        }
        look.fingerprint = fingerprint(&look);
        Ok(look)
    }

    fn keep_silent(&mut self, path: &Path, silence: &Silence, now: Instant, look: &mut Look) {
        let problem = match silence {
            Silence::BeingWritten => {
                let known = self.known.entry(path.to_owned()).or_default();
                let since = *known.writing_since.get_or_insert(now);
                look_again(look, since + WRITING);
                Problem::Waiting("somebody has it open for writing; its previous version counts meanwhile".to_owned())
            }
            Silence::Unreadable(reason) => {
                Problem::Refused(format!("it cannot be read ({reason}), so what it said before stays in force"))
            }
            Silence::Refused(reason) => Problem::Refused(reason.clone()),
        };
        look.problems.insert(path.to_owned(), problem);
        self.keep_previous(path, look);
    }

    /// What lies at or below `path` keeps its previous version, or its installed unit.
    fn keep_previous(&self, path: &Path, look: &mut Look) {
        look.held.insert(path.to_owned());
        if let Some(Known { file: Some(file), .. }) = self.known.get(path) {
            look.files.insert(path.to_owned(), file.clone());
            return;
        }
        for (known_path, known) in &self.known {
            if let Some(file) = &known.file
                && known_path.starts_with(path)
            {
                look.files.insert(known_path.clone(), file.clone());
            }
        }
    }

    fn keep_absent(
        &mut self,
        present: &BTreeMap<PathBuf, Arc<TextFile>>,
        silent: &BTreeMap<PathBuf, Silence>,
        git_lock: Option<&Path>,
        now: Instant,
        look: &mut Look,
    ) {
        let present_names = OnceCell::new();
        let present_names =
            || present_names.get_or_init(|| present.values().map(|file| file.file_name()).collect::<HashSet<&str>>());
        let Self { scanner, known } = self;
        known.retain(|path, known| {
            if scanner.knows(path) {
                known.absent_since = None;
                known.writing_since = None;
                return true;
            }
            if path.ancestors().any(|step| silent.contains_key(step)) {
                known.absent_since = None;
                return true;
            }
            let since = *known.absent_since.get_or_insert(now);
            // The same name elsewhere in the directory: it was moved, not deleted.
            let is_moved = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| present_names().contains(name) && drop_in_owner(path).is_none());
            if is_moved || now >= since + ABSENCE && git_lock.is_none() {
                return false;
            }
            let until = if now >= since + ABSENCE { now + GIT_POLL } else { since + ABSENCE };
            look_again(look, until);
            let problem = match git_lock {
                Some(lock) if now >= since + GIT_PATIENCE => Problem::Refused(format!(
                    "it is gone, but its previous version counts as long as Git is at work; if no Git is, run 'rm {}'",
                    lock.display()
                )),
                Some(lock) => Problem::Waiting(format!(
                    "it is gone, and Git is at work ({}); its previous version counts meanwhile",
                    lock.display()
                )),
                None => Problem::Waiting("it is gone; its previous version counts for 2 s".to_owned()),
            };
            look.problems.insert(path.clone(), problem);
            match &known.file {
                Some(file) => {
                    look.files.insert(path.clone(), file.clone());
                }
                None => {
                    look.held.insert(path.clone());
                }
            }
            true
        });
    }
}

/// The unit whose drop-in a path is, by the `NAME.d` folder that it lies in.
pub fn drop_in_owner(path: &Path) -> Option<&str> {
    drop_in_folder(path.parent()?.file_name()?.to_str()?)
}

fn look_again(look: &mut Look, at: Instant) {
    look.again = Some(look.again.map_or(at, |again| again.min(at)));
}

fn fingerprint(look: &Look) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, file) in &look.files {
        path.as_os_str().hash(&mut hasher);
        file.text.len().hash(&mut hasher);
        // Unchanged files keep their allocation from look to look.
        Arc::as_ptr(&file.text).hash(&mut hasher);
    }
    hasher.finish()
}
