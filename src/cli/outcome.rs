//! What really happened to units after an order.

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::agent::{UnitAnswer, Wish};
use crate::systemd::{ActiveState, Systemd};
use crate::unit::UnitName;

/// How long a unit has to stay up before its start counts: what cannot run at all ends within this.
const STAY_UP: Duration = Duration::from_millis(500);

/// How often to look meanwhile.
const POLL: Duration = Duration::from_millis(50);

/// How many of its last lines tell why a unit is down.
const LINES: &str = "10";

/// Whether the agent could do what was asked; the reason if not.
pub fn check(wish: Wish, answer: &UnitAnswer) -> Result<(), String> {
    if let Some(problem) = &answer.problem {
        // A unit of another host's is as it should be if nothing was to be started.
        if !(answer.is_elsewhere && wish == Wish::Keep) {
            return Err(problem.clone());
        }
    }
    match (wish, answer.result.as_deref()) {
        (Wish::Unload | Wish::Forget, _) if answer.is_installed => Err("it is still installed".to_owned()),
        (Wish::Start | Wish::Force | Wish::Restart, _) if !answer.is_installed => {
            Err("it is not loaded; run 'sculler start'".to_owned())
        }
        (Wish::Start | Wish::Force | Wish::Restart | Wish::Rollback | Wish::Stop, Some(result)) if result != "done" => {
            Err(format!("its job ended with '{result}'"))
        }
        _ => Ok(()),
    }
}

/// Looks whether units stay up for a moment; the reasons of those that do not. One that has done its work and ended
/// well is fine.
///
/// `since`: when the order was given, in seconds since 1970.
pub async fn watch(units: &[&UnitName], since: f64) -> anyhow::Result<BTreeMap<UnitName, String>> {
    let mut failures = BTreeMap::new();
    if units.is_empty() {
        return Ok(failures);
    }
    let systemd = Systemd::connect().await?;
    let mut invocations = HashMap::new();
    for unit in units {
        let details = systemd.details(unit.as_str()).await?;
        invocations.insert(unit.as_str(), details.invocation_id);
    }
    let names: Vec<&str> = units.iter().map(|unit| unit.as_str()).collect();
    let end = Instant::now() + STAY_UP;
    while Instant::now() < end && failures.len() < units.len() {
        let states = systemd.states(&names).await?;
        for unit in units {
            let Some(state) = states.get(unit.as_str()) else { continue };
            let reason = match state.active {
                ActiveState::Failed => "it has failed",
                ActiveState::Activating if state.sub.starts_with("auto-restart") => "it ended, and is started again",
                _ => continue,
            };
            failures.entry((*unit).clone()).or_insert_with(|| reason.to_owned());
        }
        tokio::time::sleep(POLL).await;
    }
    let states = systemd.states(&names).await?;
    for unit in units {
        let is_down = states.get(unit.as_str()).is_some_and(|state| state.active == ActiveState::Inactive);
        if let Some(reason) = is_down.then(|| skipped(unit, since)).flatten() {
            failures.entry((*unit).clone()).or_insert(reason);
        }
        let now = systemd.details(unit.as_str()).await?.invocation_id;
        let before = &invocations[unit.as_str()];
        if now != *before && !before.is_empty() && !now.is_empty() {
            failures.entry((*unit).clone()).or_insert_with(|| "it ended, and was started again".to_owned());
        }
    }
    Ok(failures)
}

/// systemd's sentence if it skipped a unit for a condition. It is asked of the journal: a unit that is down is soon out of
/// PID 1's memory, and its `ConditionResult` with it.
fn skipped(unit: &UnitName, since: f64) -> Option<String> {
    // systemd: SD_MESSAGE_UNIT_STARTED in sd-messages.h, which such a start ends with too (src/core/job.c)
    const STARTED: &str = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf";
    let _ = Command::new("journalctl").arg("--sync").output();
    let lines = Command::new("journalctl")
        .args(["--no-pager", "--quiet", "--output", "cat", "--lines", "1", STARTED])
        .args([format!("UNIT={unit}"), format!("--since=@{}", since.floor())])
        .output()
        .ok()?;
    let line = String::from_utf8_lossy(&lines.stdout).trim().to_owned();
    line.contains(" skipped").then_some(line)
}

/// Says that a unit is not as it was asked for, and what it said itself.
pub fn tell_failure(unit: &UnitName, verb: &str, reason: &str) {
    eprintln!("sculler: {verb} {unit}: {reason}");
    let _ = Command::new("journalctl").arg("--sync").output();
    let lines = Command::new("journalctl")
        .args(["--no-pager", "--quiet", "--output", "short", "--lines", LINES, "--unit", unit.as_str()])
        .output();
    if let Ok(lines) = lines {
        eprint!("{}", String::from_utf8_lossy(&lines.stdout));
    }
}
