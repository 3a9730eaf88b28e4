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

/// How often to look whether broken settings were mended at start.
const SETTINGS_POLL: Duration = Duration::from_secs(1);

/// How long to wait before asking for the bus again at start.
const RECONNECT: Duration = Duration::from_millis(500);

/// Runs the agent until SIGTERM or SIGINT.
pub async fn run() -> anyhow::Result<()> {
    let (signals, mut signals_in) = mpsc::unbounded_channel();
    forward_signals(&signals)?;
    let Some(settings) = first_settings(&mut signals_in).await else { return Ok(()) };
    let host = Host::read(settings.metadata.clone())?;
    let changed = Arc::new(Notify::new());
    let (events, events_in) = mpsc::unbounded_channel();
    let (requests, requests_in) = mpsc::channel(REQUESTS);
    std::fs::create_dir_all(run_directory()).context("cannot make /run/sculler")?;
    request::listen(&run_directory(), requests).context("cannot listen for commands")?;
    let mut world = RealHost::new(&settings, changed.clone(), events)?;
    while let Err(error) = world.systemd().await {
        tracing::warn!("{error}; trying again");
        if let Ok(Some(Signal::Shutdown)) = tokio::time::timeout(RECONNECT, signals_in.recv()).await {
            return Ok(());
        }
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

/// Waits for settings that can be read: an agent without them changes nothing, and one that ended would have to be
/// started again by hand. `None` if it was told to end meanwhile.
async fn first_settings(signals: &mut mpsc::UnboundedReceiver<Signal>) -> Option<Settings> {
    let mut told = None;
    loop {
        let problem = match read_settings() {
            Ok(settings) => return Some(settings),
            Err(problem) => problem,
        };
        if told.as_ref() != Some(&problem) {
            tracing::warn!(sculler_action = "settings", "{problem}; waiting for settings that can be read");
            let status = format!("waiting for settings that can be read: {problem}");
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status(&status)]);
            told = Some(problem);
        }
        let signal = tokio::time::timeout(SETTINGS_POLL, signals.recv()).await;
        if signal == Ok(Some(Signal::Shutdown)) {
            return None;
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
    }
}

fn read_settings() -> Result<Settings, String> {
    config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os()).map_err(|error| error.to_string())
}

fn forward_signals(signals: &mpsc::UnboundedSender<Signal>) -> anyhow::Result<()> {
    let kinds = [
        (SignalKind::terminate(), Signal::Shutdown),
        (SignalKind::interrupt(), Signal::Shutdown),
        (SignalKind::hangup(), Signal::Hangup),
    ];
    for (kind, meaning) in kinds {
        let mut stream = signal(kind).context("cannot handle signals")?;
        let signals = signals.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                let _ = signals.send(meaning);
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
