//! Everything that wakes the loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::request::Request;
use crate::systemd::Event;

/// How long a burst of changes must pause before it is looked at.
const SETTLE: Duration = Duration::from_millis(1);

/// How long a burst can put a look off.
const SETTLE_AT_MOST: Duration = Duration::from_millis(100);

/// Why the loop woke up.
#[derive(Debug)]
pub enum Wake {
    /// Something changed on disk.
    Changed,
    /// systemd said something.
    Event(Event),
    /// A command asked for something.
    Request(Request),
    /// A signal, or the mount table.
    Signal(Signal),
    /// It was time.
    Due,
}

/// What the outside says without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Read the settings again (SIGHUP).
    Hangup,
    /// Something was mounted or unmounted.
    Mounts,
    /// End (SIGTERM, SIGINT).
    Shutdown,
}

/// The channels that lead to the loop.
pub struct Inbox {
    /// Notified when something changes on disk.
    pub changed: Arc<Notify>,
    /// From systemd.
    pub events: mpsc::UnboundedReceiver<Event>,
    /// From commands.
    pub requests: mpsc::Receiver<Request>,
    /// From the outside.
    pub signals: mpsc::UnboundedReceiver<Signal>,
}

impl Inbox {
    /// Waits for the first of everything; `due` is when the loop wants to run by itself.
    pub async fn wait(&mut self, due: Instant) -> Wake {
        tokio::select! {
            biased;
            Some(signal) = self.signals.recv() => Wake::Signal(signal),
            Some(event) = self.events.recv() => Wake::Event(event),
            Some(request) = self.requests.recv() => Wake::Request(request),
            () = self.changed.notified() => {
                self.settle().await;
                Wake::Changed
            }
            () = tokio::time::sleep_until(due) => Wake::Due,
        }
    }

    /// An event that is here already.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Files that belong together rarely come in one step: wait while more is coming, but not for ever.
    async fn settle(&mut self) {
        let end = Instant::now() + SETTLE_AT_MOST;
        while Instant::now() < end {
            if tokio::time::timeout(SETTLE, self.changed.notified()).await.is_err() {
                break;
            }
        }
    }
}
