//! Whether docker.service is up. A connection to docker.sock starts an Engine that somebody stopped, so systemd is asked
//! before one is made.

use crate::systemd::{ActiveState, LoadState, Systemd, UnitState};

/// What systemd says of docker.service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    /// It runs, or systemd does not know: the Engine came to this host in another way.
    Up,
    /// It starts.
    Starting,
    /// It stops.
    Stopping,
    /// It is down.
    Down,
}

/// The Engine's unit.
pub const SERVICE: &str = "docker.service";

/// Where dockerd writes its process ID, unless it is told otherwise.
const PID_FILE: &str = "/run/docker.pid";

/// Whether the Engine's process is there, as a look says that costs next to nothing; false also if that cannot be told so.
/// It may be about to end.
pub fn service_has_process() -> bool {
    let Ok(process) = std::fs::read_to_string(PID_FILE) else { return false };
    let cgroups = std::fs::read_to_string(format!("/proc/{}/cgroup", process.trim())).unwrap_or_default();
    cgroups.lines().any(|line| line.ends_with("/docker.service"))
}

/// Asks systemd over a connection of its own.
pub async fn service_state() -> ServiceState {
    match Systemd::connect().await {
        Ok(systemd) => service_state_by(&systemd).await,
        Err(error) => {
            tracing::debug!("docker.service is taken to be up: {error}");
            ServiceState::Up
        }
    }
}

/// Whether somebody has just asked for the Engine's end: what requires it is stopped before it.
pub async fn service_is_to_stop() -> bool {
    match Systemd::connect().await {
        Ok(systemd) => service_is_to_stop_by(&systemd).await,
        Err(_) => false,
    }
}

/// The same, over a connection that is there.
pub async fn service_is_to_stop_by(systemd: &Systemd) -> bool {
    let states = systemd.states(&[SERVICE]).await.unwrap_or_default();
    states.get(SERVICE).is_some_and(UnitState::is_stopping)
}

/// Whether the Engine was up and is stopped, or is about to be. One that failed, or was not started since boot, is not: then a
/// start may bring it up.
pub async fn service_is_stopped_by(systemd: &Systemd) -> bool {
    let states = systemd.states(&[SERVICE]).await.unwrap_or_default();
    let Some(state) = states.get(SERVICE) else { return false };
    let is_down = matches!(state.active, ActiveState::Inactive | ActiveState::Deactivating) && state.job.is_none();
    state.is_stopping()
        || is_down
            && state.load == LoadState::Loaded
            && systemd.details(SERVICE).await.is_ok_and(|details| details.has_run)
}

/// Asks systemd.
pub async fn service_state_by(systemd: &Systemd) -> ServiceState {
    let states = match systemd.states(&[SERVICE]).await {
        Ok(states) => states,
        Err(error) => {
            tracing::debug!("docker.service is taken to be up: {error}");
            return ServiceState::Up;
        }
    };
    match states.get(SERVICE) {
        Some(state) if state.load == LoadState::NotFound => ServiceState::Up,
        Some(state) => match state.active {
            ActiveState::Activating => ServiceState::Starting,
            ActiveState::Deactivating => ServiceState::Stopping,
            ActiveState::Inactive | ActiveState::Failed => ServiceState::Down,
            _ => ServiceState::Up,
        },
        None => ServiceState::Up,
    }
}
