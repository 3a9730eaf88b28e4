//! The daemon: connects, says that it is ready, and runs the loop on the real host.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use super::inbox::{Inbox, Signal};
use super::world::Host as RealHost;
use super::{Agent, request, run_directory};
use crate::config::{self, Settings};
use crate::host::Host;
use crate::source::watch::Mounts;

/// Requests that may wait for the loop.
const REQUESTS: usize = 16;

/// How long to wait before asking for the bus again at start.
const RECONNECT: Duration = Duration::from_millis(500);

/// Runs the agent until SIGTERM or SIGINT.
pub async fn run() -> anyhow::Result<()> {
    let settings = config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())?;
    let host = Host::read(settings.metadata.clone())?;
    let (signals, signals_in) = mpsc::unbounded_channel();
    forward_signals(&signals)?;
    let changed = Arc::new(Notify::new());
    let (events, events_in) = mpsc::unbounded_channel();
    let (requests, requests_in) = mpsc::channel(REQUESTS);
    std::fs::create_dir_all(run_directory()).context("cannot make /run/sculler")?;
    request::listen(&run_directory(), requests).context("cannot listen for commands")?;
    let mut world = RealHost::new(&settings, changed.clone(), events)?;
    while let Err(error) = world.systemd().await {
        tracing::warn!("{error}; trying again");
        tokio::time::sleep(RECONNECT).await;
    }
    forward_mounts(signals);
    // Ready when connected: the first pass may have much to do, and nothing at boot has to wait for it.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!(
        sculler_action = "agent",
        "watching {} as {} ({})",
        settings.unit_dir.display(),
        host.machine_id,
        host.hostname
    );
    let mut agent = Agent::new(world, host, settings, Box::new(read_settings));
    agent.start_watchdog();
    let inbox = Inbox { changed, events: events_in, requests: requests_in, signals: signals_in };
    agent.run(inbox).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    Ok(())
}

fn read_settings() -> Result<Settings, String> {
    config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os()).map_err(|error| error.to_string())
}

fn forward_signals(signals: &mpsc::UnboundedSender<Signal>) -> anyhow::Result<()> {
    // The kernel sends SIGIO to the holder of a lease that somebody wants to break; its default is to kill.
    let kinds = [
        (SignalKind::terminate(), Some(Signal::Shutdown)),
        (SignalKind::interrupt(), Some(Signal::Shutdown)),
        (SignalKind::hangup(), Some(Signal::Hangup)),
        (SignalKind::io(), None),
    ];
    for (kind, meaning) in kinds {
        let mut stream = signal(kind).context("cannot handle signals")?;
        let signals = signals.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if let Some(meaning) = meaning {
                    let _ = signals.send(meaning);
                }
            }
        });
    }
    Ok(())
}

fn forward_mounts(signals: mpsc::UnboundedSender<Signal>) {
    match Mounts::open() {
        Err(error) => tracing::warn!("the mount table cannot be watched ({error})"),
        Ok(mounts) => {
            tokio::spawn(
                async move { while mounts.changed().await.is_ok() && signals.send(Signal::Mounts).is_ok() {} },
            );
        }
    }
}
