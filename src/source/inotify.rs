//! The one inotify instance of the agent: who watches what is a table, and a thread passes events on.
//!
//! Root may have 128 instances on a host (fs.inotify.max_user_instances), so everything that the agent watches shares one.
//! The mask has no access events: what containers and the agent itself read wakes nobody.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// A watched folder.
pub type Watched = i32;

/// Every change of what is in a folder, and of the folder itself.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// What the kernel hands over at once.
const BUFFER: usize = 16 * 1024;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// In a folder, to what has this name; without one, to the folder itself. `only_attributes`: nothing but owner, mode,
    /// access control list or times.
    Changed { folder: Watched, name: Option<OsString>, is_folder: bool, only_attributes: bool },
    /// It is watched no more: it was deleted, or its file system unmounted.
    Ended { folder: Watched },
    /// The queue was too long: anything may have happened.
    Overflow,
}

/// Somebody who watches folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener(u8);

type Hear = Box<dyn Fn(&Event) + Send>;

#[derive(Default)]
struct Table {
    listeners: Vec<Hear>,
    /// A bit for each listener.
    folders: HashMap<Watched, u8>,
}

/// The instance.
#[derive(Clone)]
pub struct Inotify {
    instance: Arc<OwnedFd>,
    table: Arc<Mutex<Table>>,
}

impl Inotify {
    /// Makes the instance, and the thread that reads it for as long as the process lives.
    pub fn start() -> io::Result<Self> {
        let instance = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let all = Self { instance, table: Arc::default() };
        let own = all.clone();
        std::thread::Builder::new().name("inotify".into()).spawn(move || own.read())?;
        Ok(all)
    }

    /// `hear` is called, by the reading thread, with what happens in folders that are added for it. There can be eight.
    pub fn listen(&self, hear: impl Fn(&Event) + Send + 'static) -> Listener {
        let mut table = self.lock();
        table.listeners.push(Box::new(hear));
        Listener(1 << (table.listeners.len() - 1))
    }

    /// Watches a folder. One that is watched already keeps its number.
    pub fn add(&self, path: &Path, listener: Listener, also_attributes: bool) -> io::Result<Watched> {
        let attributes = if also_attributes { WatchFlags::ATTRIB } else { WatchFlags::empty() };
        let flags = CHANGES | attributes | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD;
        // Held over the call: an event finds the table in step.
        let mut table = self.lock();
        let folder = inotify::add_watch(&*self.instance, path, flags)?;
        *table.folders.entry(folder).or_default() |= listener.0;
        Ok(folder)
    }

    /// This listener watches the folder no more.
    pub fn remove(&self, folder: Watched, listener: Listener) {
        let mut table = self.lock();
        let Some(listeners) = table.folders.get_mut(&folder) else { return };
        *listeners &= !listener.0;
        if *listeners == 0 {
            table.folders.remove(&folder);
            // The kernel has already dropped the watch of a folder that is gone.
            let _ = inotify::remove_watch(&*self.instance, folder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(&*self.instance, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(error) => {
                    tracing::error!("inotify cannot be read: {error}; changes are only seen at the next full pass");
                    return;
                }
            };
            let (folder, flags) = (event.wd(), event.events());
            let event = if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                Event::Overflow
            } else if flags.contains(ReadFlags::IGNORED) {
                Event::Ended { folder }
            } else {
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
                let only_attributes = flags.difference(ReadFlags::ISDIR) == ReadFlags::ATTRIB;
                Event::Changed { folder, name, is_folder: flags.contains(ReadFlags::ISDIR), only_attributes }
            };
            let mut table = self.lock();
            let listeners = match event {
                Event::Overflow => u8::MAX,
                Event::Ended { .. } => table.folders.remove(&folder).unwrap_or_default(),
                Event::Changed { .. } => table.folders.get(&folder).copied().unwrap_or_default(),
            };
            for (index, hear) in table.listeners.iter().enumerate() {
                if listeners & (1 << index) != 0 {
                    hear(&event);
                }
            }
        }
    }
}

/// What there is to say of a folder that cannot be watched, and what follows from it.
pub fn unwatched(path: &Path, error: &io::Error, so: &str) -> String {
    let path = path.display();
    match error.raw_os_error() {
        Some(libc::ENOSPC) => format!(
            "{path} cannot be watched (fs.inotify.max_user_watches is reached), so {so}; raise the limit with 'sysctl \
             fs.inotify.max_user_watches=1048576', and in /etc/sysctl.d"
        ),
        _ => format!("{path} cannot be watched ({error}), so {so}"),
    }
}
