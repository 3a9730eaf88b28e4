//! How a unit has behaved since its start: whether its version can stay, or go back to.

use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::docker::{Engine, Error as EngineError, SERVICE};
use crate::status::Installed;
use crate::systemd::{ActiveState, Details, Error, LoadState, Process, Systemd, UnitState};
use crate::unit::{UnitName, UnitType};

/// How long an Engine that is busy keeps the others waiting.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can be seen of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conduct {
    /// For how long it has been active; `None` if it is not.
    pub up_for: Option<Duration>,
    /// The run that this is about; empty if systemd knows of none.
    pub invocation_id: String,
    /// How often systemd has started it again by itself.
    pub restarts: u32,
    /// Whether its end is what it is for (`Type=oneshot`).
    pub is_oneshot: bool,
    /// Whether it was active since its last start.
    pub came_up: bool,
    /// Whether somebody wanted its end: it was being stopped before its process ended.
    pub was_stopped: bool,
    /// What it said last, or how it ended; empty if there is nothing to tell.
    pub end: String,
    /// Of a container: since when the Engine runs, in seconds since 1970. What ended with the Engine did not end by itself.
    pub engine_since: Option<u64>,
    /// What the health checks of its container say; `None` if it has none.
    pub health: Option<Health>,
}

/// Docker's verdict on a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not known yet.
    Starting,
    /// The last check succeeded.
    Healthy,
    /// So many in a row did not.
    Unhealthy,
}

/// Asks systemd, and the Engine at `socket` if it runs.
pub async fn of(
    systemd: &Systemd,
    name: &UnitName,
    state: &UnitState,
    installed: Option<&Installed>,
    socket: &Path,
) -> Result<Conduct, Error> {
    let details = systemd.details(name.as_str()).await?;
    let process = match name.unit_type() {
        UnitType::Service => systemd.process(name.as_str()).await?,
        _ => Process::default(),
    };
    let is_container = installed.is_some_and(|installed| {
        installed.source.extension().and_then(|suffix| suffix.to_str()) == Some(UnitType::Container.suffix())
    });
    let conduct = judged(state, details, process);
    if !is_container {
        return Ok(conduct);
    }
    let engine_since = match conduct.restarts {
        0 => None,
        _ => systemd.details(SERVICE).await.ok().map(|details| details.active_at / 1_000_000),
    };
    let health = if state.is_up() { health(systemd, name, socket).await } else { None };
    Ok(Conduct { health, engine_since, ..conduct })
}

fn judged(state: &UnitState, details: Details, process: Process) -> Conduct {
    let is_active = matches!(state.active, ActiveState::Active | ActiveState::Reloading | ActiveState::Refreshing);
    let since = Duration::from_micros(details.active_since);
    Conduct {
        up_for: is_active.then(|| now().saturating_sub(since)),
        restarts: process.restarts,
        is_oneshot: process.kind == "oneshot",
        came_up: came_up(&details),
        was_stopped: was_stopped(&details, &process),
        end: end(&process),
        engine_since: None,
        health: None,
        invocation_id: details.invocation_id,
    }
}

fn came_up(details: &Details) -> bool {
    details.active_since != 0 && details.active_since >= details.started_at
}

/// What is stopped ceases to be active first, and its process ends then; what ends by itself, the other way round.
fn was_stopped(details: &Details, process: &Process) -> bool {
    let by_systemd_itself = ["watchdog", "oom-kill", "resources", "start-limit-hit"];
    came_up(details)
        && details.active_until >= details.active_since
        && details.active_until < process.ended_at
        && !by_systemd_itself.contains(&process.result.as_str())
}

/// How a service ended, in words.
fn end(process: &Process) -> String {
    if let Some(said) = process.said() {
        return said.to_owned();
    }
    match (process.result.as_str(), process.ended) {
        ("timeout", _) => "it took too long".to_owned(),
        ("watchdog", _) => "it gave no sign of life (WatchdogSec=)".to_owned(),
        ("oom-kill", _) => "it was out of memory".to_owned(),
        ("start-limit-hit", _) => "it was started too often".to_owned(),
        (_, Some((1, code))) => format!("its process ended with exit code {code}"),
        (_, Some((_, signal))) => format!("its process was killed by signal {signal}"),
        ("success" | "", None) => String::new(),
        (result, None) => format!("systemd's result is '{result}'"),
    }
}

async fn health(systemd: &Systemd, name: &UnitName, socket: &Path) -> Option<Health> {
    let states = systemd.states(&[SERVICE]).await.ok()?;
    let is_up = states
        .get(SERVICE)
        .is_none_or(|state| state.load == LoadState::NotFound || state.active == ActiveState::Active);
    if !is_up || !socket.exists() {
        return None;
    }
    let asked = async {
        let engine = Engine::connect(socket).await?;
        let container = engine.containers_of(name.as_str()).await?.into_iter().next();
        Ok::<_, EngineError>(container.and_then(|container| container.state.health).map(|health| health.status))
    };
    let health = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(health)) => health?,
        Ok(Err(error)) => {
            tracing::debug!("{error}");
            return Some(Health::Starting);
        }
        Err(_) => return Some(Health::Starting),
    };
    match health.as_str() {
        "healthy" => Some(Health::Healthy),
        "unhealthy" => Some(Health::Unhealthy),
        "starting" => Some(Health::Starting),
        _ => None,
    }
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(started_at: u64, active_since: u64, active_until: u64) -> Details {
        Details { started_at, active_since, active_until, ..Details::default() }
    }

    #[test]
    fn a_stop_is_told_from_an_end() {
        let ended = |ended_at: u64, result: &str| Process { ended_at, result: result.into(), ..Process::default() };
        for (details, process, expected) in [
            (details(9, 10, 20), ended(25, "success"), true),
            (details(9, 10, 20), ended(25, "exit-code"), true),
            (details(9, 10, 20), ended(19, "success"), false),
            (details(9, 10, 20), ended(25, "watchdog"), false),
            // It never came up, or has come up since.
            (details(21, 10, 20), ended(25, "exit-code"), false),
            (details(1, 0, 0), ended(25, "exit-code"), false),
            (details(29, 30, 20), ended(25, "success"), false),
        ] {
            assert_eq!(was_stopped(&details, &process), expected, "{details:?} {process:?}");
        }
    }

    #[test]
    fn an_end_is_told_in_words() {
        let process = |result: &str, ended| Process { result: result.into(), ended, ..Process::default() };
        assert_eq!(end(&process("exit-code", Some((1, 3)))), "its process ended with exit code 3");
        assert_eq!(end(&process("signal", Some((2, 9)))), "its process was killed by signal 9");
        assert_eq!(end(&process("timeout", Some((2, 9)))), "it took too long");
        assert_eq!(end(&process("success", None)), "");
        let said = Process { status_text: "Container web ended".into(), ..process("exit-code", Some((1, 3))) };
        assert_eq!(end(&said), "Container web ended");
    }
}
