//! The unit directory from a Git repository: fetched beside, verified, swapped in at once. Whatever fails on the way, the
//! directory stays as it is.

mod git;
mod record;
mod settings;
mod swap;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::time::Instant;

use crate::config::STATE_DIRECTORY;
use crate::files;
use crate::quadlet;
use crate::source::trust::Trust;
use crate::source::units::Library;
use crate::source::{Problem, ScanError, Source};
use crate::unit::Unit;
use git::Repository;
pub use record::{Last, Marker};
pub use settings::Settings;

/// Why the unit directory stays as it is.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such program.
    #[error("'{program}' cannot be run ({error}); install it")]
    NoProgram {
        /// Its name.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// A program failed.
    #[error("{program}: {message}")]
    Failed {
        /// Its name.
        program: String,
        /// What it said.
        message: String,
    },
    /// The commit is not signed by a key that counts.
    #[error("commit {commit} is not signed by a key that counts: {reason}")]
    Unsigned {
        /// The commit.
        commit: String,
        /// What git said.
        reason: String,
    },
    /// The branch went back, and signatures are required: an old commit, signed as well, could be somebody else's choice.
    #[error(
        "{new} does not follow {old}, which is live; run 'sculler sync --accept-rewind' if the branch was rewritten"
    )]
    Rewind {
        /// What is live.
        old: String,
        /// What was fetched.
        new: String,
    },
    /// What is in the unit directory is not from a repository.
    #[error(
        "{path} holds files that are not from a repository ({files}); put them there, then run 'sculler sync --take-over'"
    )]
    Foreign {
        /// The unit directory.
        path: PathBuf,
        /// Some of them.
        files: String,
    },
    /// There is nothing to run in the commit.
    #[error("commit {commit} has no unit file in {folder}; an empty unit directory would stop everything")]
    Empty {
        /// The commit.
        commit: String,
        /// The folder of the repository.
        folder: String,
    },
    /// Files that are fine now would not be any more.
    #[error("commit {commit} breaks files that are fine now:\n{}", problems.join("\n"))]
    Broken {
        /// The commit.
        commit: String,
        /// A line each.
        problems: Vec<String>,
    },
    /// A mount cannot be swapped.
    #[error(
        "{0} is a mount point, which cannot be replaced at once; mount the folder above it, or set unit_dir to a folder in it"
    )]
    MountPoint(PathBuf),
    /// A directory cannot be looked at.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A file or folder.
    #[error("{path}: {message}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

/// What may be done although it is dangerous.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permissions {
    /// Replace files that are not from a repository.
    pub take_over: bool,
    /// Go back in the history of a signed branch.
    pub accept_rewind: bool,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The commit that is live.
    pub commit: String,
    /// Whether another directory stands there now.
    pub is_swapped: bool,
    /// Files that are new, changed or gone, each with its sign.
    pub changes: Vec<String>,
    /// Files that had been changed here by hand.
    pub by_hand: Vec<String>,
    /// What was there, if something was.
    pub previous: Option<PathBuf>,
}

/// Where the copy of the repository lies.
pub fn state_directory() -> PathBuf {
    Path::new(STATE_DIRECTORY).join("sync")
}

/// Brings the unit directory to the branch's last commit.
pub fn sync(
    settings: &Settings,
    unit_dir: &Path,
    trust: &Trust,
    state: &Path,
    permissions: Permissions,
) -> Result<Outcome, Error> {
    std::fs::create_dir_all(state).map_err(|error| io_error(state, &error))?;
    let _lock = lock(state)?;
    let repository = Repository::open(settings, state)?;
    let commit = repository.fetch()?;
    // A symlink stays, and its folder is replaced.
    let live = std::fs::canonicalize(unit_dir).unwrap_or_else(|_| unit_dir.to_owned());
    let marker = Marker::read(&live);
    if settings.require_signed {
        repository.check_signature(&commit)?;
        let old = marker.as_ref().map(|marker| marker.commit.as_str());
        if let Some(old) = old.filter(|old| !permissions.accept_rewind && !repository.follows(old, &commit)) {
            return Err(Error::Rewind { old: old.to_owned(), new: commit });
        }
    }
    let stage = swap::beside(&live, "sync");
    files::remove_folder(&stage).map_err(|error| io_error(&stage, &error))?;
    let result = staged(&repository, &commit, &stage, &live, trust, marker, (settings, permissions));
    // After a success it is gone; what failed must not be taken for something.
    let _ = files::remove_folder(&stage);
    result
}

fn staged(
    repository: &Repository<'_>,
    commit: &str,
    stage: &Path,
    live: &Path,
    trust: &Trust,
    marker: Option<Marker>,
    (settings, permissions): (&Settings, Permissions),
) -> Result<Outcome, Error> {
    make_folder(stage)?;
    repository.check_out(commit, stage)?;
    let old = match units(live, trust) {
        Err(Error::Scan(ScanError::Missing(_))) => Units::default(),
        old => old?,
    };
    let new = units(stage, trust)?;
    if new.units.is_empty() {
        let folder = settings.folder.clone().unwrap_or_else(|| "its root".to_owned());
        return Err(Error::Empty { commit: commit.to_owned(), folder });
    }
    let broken = broken(&old, &new);
    if !broken.is_empty() {
        return Err(Error::Broken { commit: commit.to_owned(), problems: broken });
    }
    let (old_files, new_files) = (tree::digests(live)?, tree::digests(stage)?);
    if marker.is_none() && !permissions.take_over {
        let foreign: Vec<&str> =
            old_files.iter().filter(|file| new_files.get(file.0) != Some(file.1)).map(|file| file.0.as_str()).collect();
        if !foreign.is_empty() {
            let files = tree::some(&foreign);
            return Err(Error::Foreign { path: live.to_owned(), files });
        }
    }
    let by_hand = match &marker {
        Some(marker) => tree::changes(&marker.files, &old_files),
        None => Vec::new(),
    };
    let changes = tree::changes(&old_files, &new_files);
    let next = Marker { commit: commit.to_owned(), files: new_files };
    let mut outcome = Outcome { commit: commit.to_owned(), changes, by_hand, ..Outcome::default() };
    if outcome.changes.is_empty() && live.exists() {
        if marker.as_ref() != Some(&next) {
            next.write(live)?;
        }
        return Ok(outcome);
    }
    next.write(stage)?;
    outcome.previous = swap::swap(stage, live)?;
    outcome.is_swapped = true;
    Ok(outcome)
}

/// The units of a directory by their paths in it, and what is silent there.
#[derive(Default)]
struct Units {
    units: BTreeMap<String, Arc<Unit>>,
    refused: BTreeMap<String, String>,
    folder: PathBuf,
}

fn units(folder: &Path, trust: &Trust) -> Result<Units, Error> {
    let mut look = Source::default().look(folder, trust, Instant::now())?;
    let units = Library::default().read(&mut look).into_iter().map(|unit| match unit.name.unit_type().is_quadlet() {
        true => Arc::new(quadlet::verified(Arc::unwrap_or_clone(unit))),
        false => unit,
    });
    let below = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let refused = look.problems.iter().filter_map(|(path, problem)| match problem {
        Problem::Refused(reason) => Some((below(path), reason.clone())),
        _ => None,
    });
    Ok(Units {
        refused: refused.collect(),
        units: units.map(|unit| (format!("{} {}", below(&unit.file.path), unit.name), unit)).collect(),
        folder: folder.to_owned(),
    })
}

/// What is wrong with files that are fine now. Wrong in a new file is no reason to hold back the others.
fn broken(old: &Units, new: &Units) -> Vec<String> {
    let is_fine = |unit: &&Arc<Unit>| unit.errors().next().is_none();
    let fine: BTreeSet<&str> = old.units.values().filter(is_fine).map(|unit| unit.name.as_str()).collect();
    let folder = format!("{}/", new.folder.display());
    let units = new.units.values().filter(|unit| fine.contains(unit.name.as_str()));
    let errors = units.flat_map(|unit| unit.errors()).map(|finding| finding.to_string().replace(&folder, ""));
    let silent = new.refused.iter().filter(|(path, _)| {
        let name = Path::new(path).file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| fine.contains(name))
    });
    errors.chain(silent.map(|(path, reason)| format!("{path}: {}", reason.replace(&folder, "")))).collect()
}

fn make_folder(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let made = std::fs::create_dir_all(path)
        // Whatever the umask of a command says.
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)));
    made.map_err(|error| io_error(path, &error))
}

/// One at a time: the timer's, and one by hand.
fn lock(state: &Path) -> Result<std::fs::File, Error> {
    let path = state.join("lock");
    let file = std::fs::File::create(&path).and_then(|file| file.lock().map(|()| file));
    file.map_err(|error| io_error(&path, &error))
}

fn io_error(path: &Path, error: &io::Error) -> Error {
    Error::Io { path: path.to_owned(), message: error.to_string() }
}
