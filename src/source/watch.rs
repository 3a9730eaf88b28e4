//! "Look again", nothing more: inotify on every folder that matters, and the mount table.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use notify::{Config, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::Identity;

/// Everything but reading: what containers and the scan itself read must wake nobody.
const EVENTS: EventKindMask = EventKindMask::CREATE
    .union(EventKindMask::REMOVE)
    .union(EventKindMask::MODIFY_DATA)
    .union(EventKindMask::MODIFY_META)
    .union(EventKindMask::MODIFY_NAME)
    .union(EventKindMask::ACCESS_CLOSE);

/// A set of watched folders.
pub struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, Identity>,
    ways: Arc<Mutex<BTreeMap<PathBuf, PathBuf>>>,
    /// The folder that could not be watched, and why, since the last [`Watch::update`].
    pub failure: Option<String>,
}

impl Watch {
    /// `changed` is notified of every change in the folders given to [`Watch::update`].
    pub fn new(changed: Arc<Notify>) -> notify::Result<Self> {
        let ways: Arc<Mutex<BTreeMap<PathBuf, PathBuf>>> = Arc::default();
        let seen = ways.clone();
        let handler = move |event: notify::Result<notify::Event>| {
            // An error (such as an overflow of the queue) means that something was missed: look again.
            let matters = event.map_or(true, |event| {
                event.need_rescan() || event.paths.is_empty() || {
                    let ways = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    event.paths.iter().any(|path| matters(&ways, path))
                }
            });
            if matters {
                changed.notify_one();
            }
        };
        let config = Config::default().with_event_kinds(EVENTS);
        let watcher = RecommendedWatcher::new(handler, config)?;
        Ok(Self { watcher, watched: BTreeMap::new(), ways, failure: None })
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
        *self.ways.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = ways;
        let gone: Vec<PathBuf> = self
            .watched
            .iter()
            .filter(|(path, was)| wanted.get(*path) != Some(was))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.watched.remove(&path);
            // The kernel has already dropped the watch of a folder that is gone.
            let _ = self.watcher.unwatch(&path);
        }
        let mut added = false;
        for (path, identity) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match self.watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, identity);
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

fn failure(path: &Path, error: &notify::Error) -> String {
    let hint = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "; raise it with 'sysctl fs.inotify.max_user_watches=1048576' and in /etc/sysctl.d"
        }
        _ => "",
    };
    format!("{} cannot be watched ({error}), so its changes are only seen at the next full pass{hint}", path.display())
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
