//! "Look again", nothing more: inotify on every folder that matters, and the mount table.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Identity;
use super::inotify::{self, Event, Inotify, Listener, Watched};

/// A set of watched folders.
pub struct Watch {
    inotify: Inotify,
    listener: Listener,
    watched: BTreeMap<PathBuf, (Identity, Watched)>,
    seen: Arc<Mutex<Seen>>,
    /// The folder that could not be watched, and why, since the last [`Watch::update`].
    pub failure: Option<String>,
}

/// What decides whether an event matters.
#[derive(Default)]
struct Seen {
    folders: HashMap<Watched, PathBuf>,
    /// The steps down to roots, and the folders that they are in.
    ways: BTreeMap<PathBuf, PathBuf>,
}

impl Watch {
    /// `changed` is called at every change in the folders given to [`Watch::update`].
    pub fn new(inotify: Inotify, changed: impl Fn() + Send + 'static) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let heard = seen.clone();
        let listener = inotify.listen(move |event| {
            let Event::Changed { folder, name, .. } = event else { return changed() };
            let seen = heard.lock().unwrap_or_else(PoisonError::into_inner);
            // One that is being added matters, whatever happened in it.
            let matters = seen.folders.get(folder).is_none_or(|folder| {
                let path = name.as_ref().map_or_else(|| folder.clone(), |name| folder.join(name));
                matters(&seen.ways, &path)
            });
            if matters {
                changed();
            }
        });
        Self { inotify, listener, watched: BTreeMap::new(), seen, failure: None }
    }

    /// Watches exactly `folders`, and of each folder above one of `roots` only the way down. True if anything was
    /// added: what happened there before must be looked at.
    pub fn update(&mut self, folders: &BTreeMap<PathBuf, Identity>, roots: &[PathBuf]) -> bool {
        self.failure = None;
        let mut wanted = folders.clone();
        let mut ways = BTreeMap::new();
        for root in roots {
            for (step, above) in root.ancestors().zip(root.ancestors().skip(1)) {
                let Ok(identity) = Identity::of_directory(above) else { continue };
                if !folders.contains_key(above) {
                    ways.insert(step.to_owned(), above.to_owned());
                }
                wanted.entry(above.to_owned()).or_insert(identity);
            }
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ways = ways;
        let (inotify, listener, seen) = (&self.inotify, self.listener, &self.seen);
        self.watched.retain(|path, (identity, folder)| {
            let stays = wanted.get(path) == Some(identity);
            if !stays {
                inotify.remove(*folder, listener);
                seen.lock().unwrap_or_else(PoisonError::into_inner).folders.remove(folder);
            }
            stays
        });
        let mut added = false;
        for (path, identity) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match self.inotify.add(&path, self.listener, true) {
                Ok(folder) => {
                    let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.folders.insert(folder, path.clone());
                    self.watched.insert(path, (identity, folder));
                    added = true;
                }
                Err(error) => self.failure = Some(failure(&path, &error)),
            }
        }
        added
    }
}

/// In a folder above a root only the next step of the way counts; everywhere else everything does.
fn matters(ways: &BTreeMap<PathBuf, PathBuf>, path: &Path) -> bool {
    ways.contains_key(path) || !path.parent().is_some_and(|folder| ways.values().any(|above| above == folder))
}

fn failure(path: &Path, error: &io::Error) -> String {
    inotify::unwatched(path, error, "its changes are only seen at the next full pass")
}

/// The mount table of this process: poll(2) reports changes, which inotify does not.
pub struct Mounts(AsyncFd<std::fs::File>);

impl Mounts {
    /// Opens /proc/self/mountinfo.
    #[expect(deprecated, reason = "its successor is unsafe for descriptors that may close early; a File keeps its own")]
    pub fn open() -> io::Result<Self> {
        let file = std::fs::File::open("/proc/self/mountinfo")?;
        Ok(Self(AsyncFd::with_interest(file, Interest::PRIORITY | Interest::ERROR)?))
    }

    /// Waits until something is mounted or unmounted.
    pub async fn changed(&self) -> io::Result<()> {
        self.0.ready(Interest::PRIORITY | Interest::ERROR).await?.clear_ready();
        Ok(())
    }
}
