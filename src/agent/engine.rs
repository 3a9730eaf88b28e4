//! What the Docker Engine said of itself, and whether that still holds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::docker::{self, Engine, Facts};
use crate::systemd::Systemd;

/// What rendering knows of the Engine.
pub(super) struct KnownEngine {
    said: Option<Facts>,
    /// Whether the Engine that runs now said it, and has not read its configuration since.
    holds: Arc<AtomicBool>,
    follower: Option<AbortHandle>,
    changed: Arc<Notify>,
}

impl KnownEngine {
    /// Begins with what was said last; `changed` is notified when something else has to be asked for.
    pub(super) fn new(said: Option<Facts>, changed: Arc<Notify>) -> Self {
        Self { said, holds: Arc::default(), follower: None, changed }
    }

    /// What was said last, by whatever Engine: one that is down says nothing, and the text of every container would change
    /// with its stop or late start.
    pub(super) fn said(&self) -> Option<Facts> {
        self.said
    }

    /// Whether that holds for the Engine that runs now.
    pub(super) fn is_current(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }

    /// Another Engine may run now.
    pub(super) fn forget(&mut self) {
        if let Some(follower) = self.follower.take() {
            follower.abort();
        }
        self.holds = Arc::default();
    }

    /// Asks it again if need be; what it says now, if that is something else.
    pub(super) async fn ask(&mut self, systemd: &Systemd, socket: &Path) -> Option<Facts> {
        if self.is_current() {
            return None;
        }
        self.forget();
        let asked_at = SystemTime::now();
        let (engine, facts) = docker::engine_facts(systemd, socket).await?;
        self.holds.store(true, Ordering::Release);
        let (holds, changed) = (self.holds.clone(), self.changed.clone());
        self.follower = Some(tokio::spawn(follow(engine, asked_at, holds, changed)).abort_handle());
        let before = self.said.replace(facts);
        (before != Some(facts)).then_some(facts)
    }
}

/// Waits for the Engine to read its configuration. A reload by systemd is no sign of that: it sends a signal and is over before
/// the Engine has done anything.
async fn follow(engine: Engine, since: SystemTime, holds: Arc<AtomicBool>, changed: Arc<Notify>) {
    let is_reloaded = engine.reloaded(since).await.unwrap_or_else(|error| {
        tracing::debug!("{error}");
        false
    });
    holds.store(false, Ordering::Release);
    if is_reloaded {
        changed.notify_one();
    }
}
