//! New versions on trial: does one stay up, so that it is good, or does the last good one have to come back?
//!
//! A verdict needs no memory of what was seen before, so that it does not matter which agent reaches it, or after which
//! boot. The plan then goes on as it does for any other change: the last good version is what is wanted.

use std::time::Duration;

use super::{Action, Situation};
use crate::observe::{Conduct, Health};
use crate::render::{Desired, Resolution};
use crate::status::{Memory, Rejected, Started, Trial, UnitRecord};
use crate::systemd::{ActiveState, UnitState};
use crate::unit::{UnitName, UnitType};

/// How often to look: at first each time when it has been up for a quarter longer, later at these times.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(2);

/// Many on trial at once are looked at less often.
const FOR_EACH: Duration = Duration::from_millis(5);

/// What can be said of a version now.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing before something happens, or this time has passed.
    Open(Option<Duration>),
    Good,
    /// It has to go, for this reason.
    Bad(String),
}

/// Puts the last good versions in the place of those that were rejected.
pub fn go_back(resolution: &mut Resolution, memory: &Memory) {
    for (name, record) in &memory.units {
        let Some(rejected) = &record.rejected else { continue };
        let (Some(good), Some(own)) = (memory.good.get(name), resolution.of_file(name)) else { continue };
        if is_rejected(own, rejected) {
            let good = good.desired(name, own.target);
            resolution.go_back(good);
        }
    }
}

/// Whether a rejection is about this version, and holds.
pub fn is_rejected(own: &Desired, rejected: &Rejected) -> bool {
    own.run == rejected.run && (rejected.by_hand || own.update.rolls_back)
}

/// The trial of a unit, if it is about what is installed and wanted.
pub fn under_way(resolution: &Resolution, memory: &Memory, name: &UnitName, record: &UnitRecord) -> Option<Trial> {
    let trial = record.trial?;
    let is_wanted = resolution.desired.get(name).is_some_and(|desired| desired.run == trial.run);
    let is_installed = memory.installed.get(name).is_some_and(|installed| installed.facts.run == trial.run);
    (is_wanted && is_installed).then_some(trial)
}

/// The verdicts, and when to look again.
pub fn judge(situation: &Situation<'_>) -> (Vec<Action>, Option<Duration>) {
    let Situation { resolution, memory, .. } = situation;
    let mut actions = Vec::new();
    let mut next: Option<Duration> = None;
    let mut count = 0;
    for (name, record) in &memory.units {
        if let (Some(rejected), Some(own)) = (&record.rejected, resolution.of_file(name))
            && own.run != rejected.run
        {
            actions.push(Action::Forgive { unit: name.clone() });
        }
        let Some(trial) = under_way(resolution, memory, name, record) else { continue };
        let Some(desired) = resolution.desired.get(name) else { continue };
        count += 1;
        let is_let_off = !desired.update.rolls_back || record.accepted == Some(trial.run) || record.good.is_none();
        let verdict = if is_let_off { Verdict::Good } else { of_unit(situation, desired, trial) };
        match verdict {
            Verdict::Open(again) => next = [next, again].into_iter().flatten().min(),
            Verdict::Good => actions.push(Action::Trust { unit: name.clone() }),
            Verdict::Bad(reason) => {
                let unit = name.clone();
                actions.push(Action::Reject { unit, run: trial.run, was_up: trial.was_up, reason });
            }
        }
    }
    (actions, next.map(|next| next.max(FOR_EACH * count)))
}

fn of_unit(situation: &Situation<'_>, desired: &Desired, trial: Trial) -> Verdict {
    let name = &desired.name;
    let (Some(state), Some(conduct)) = (situation.observed.states.get(name), situation.observed.conduct.get(name))
    else {
        return Verdict::Open(None);
    };
    if situation.asked.contains_key(name) {
        // What is asked for comes first: a start after a stop has not been tried yet.
        return Verdict::Open(None);
    }
    if let Some(reason) = situation.unstarted.get(name).filter(|_| trial.was_up) {
        return Verdict::Bad(reason.clone());
    }
    let started = situation.memory.started.get(name);
    if started.is_some_and(|started| started.run != trial.run) {
        return Verdict::Open(None);
    }
    let has_job = situation.jobs.contains_key(name) || state.job.is_some();
    let is_of_before = |started: &Started| started.is_done() && started.before == conduct.invocation_id;
    if !has_job && !state.is_up() && !conduct.invocation_id.is_empty() && started.is_some_and(is_of_before) {
        // All that can be seen is of the run before: a condition kept it from starting, or nobody wanted it up.
        let is_skipped = trial.was_up && desired.is_launched() && state.active == ActiveState::Inactive;
        return match is_skipped {
            true => Verdict::Bad("a condition of it does not hold, so systemd skipped it".to_owned()),
            false => Verdict::Open(None),
        };
    }
    of_run(name, state, conduct, started, has_job, trial, desired.update.trial)
}

fn of_run(
    name: &UnitName,
    state: &UnitState,
    conduct: &Conduct,
    started: Option<&Started>,
    has_job: bool,
    trial: Trial,
    lasts: Duration,
) -> Verdict {
    let is_service = name.unit_type() == UnitType::Service;
    if conduct.health == Some(Health::Unhealthy) {
        return Verdict::Bad("its container is unhealthy".to_owned());
    }
    if has_job {
        return Verdict::Open(conduct.health.map(|_| LONGEST));
    }
    if started.is_some_and(|started| !started.is_done()) {
        return Verdict::Open(None);
    }
    // A supervisor whose Engine went down is waiting for the Engine.
    let is_restarting =
        state.sub.starts_with("auto-restart") && conduct.engine_since.is_none_or(|since| since < trial.since);
    let is_restarted = conduct.restarts > 0 && conduct.engine_since.is_none_or(|since| since < trial.since);
    if is_restarted || is_restarting {
        let end = if conduct.up_for.is_none() { conduct.end.as_str() } else { "" };
        return Verdict::Bad(sentence(end, "it ended, and systemd started it again"));
    }
    match state.active {
        ActiveState::Active | ActiveState::Reloading | ActiveState::Refreshing => {
            let up_for = conduct.up_for.unwrap_or_default();
            let is_checked = !matches!(conduct.health, Some(Health::Starting));
            if !is_service || conduct.is_oneshot || up_for >= lasts && is_checked {
                return Verdict::Good;
            }
            let left = if up_for < lasts { lasts - up_for } else { LONGEST };
            Verdict::Open(Some((up_for / 4).clamp(SHORTEST, LONGEST).min(left)))
        }
        ActiveState::Failed if conduct.was_stopped => Verdict::Open(None),
        ActiveState::Failed => Verdict::Bad(sentence(&conduct.end, "it failed")),
        ActiveState::Inactive if !is_service => Verdict::Open(None),
        ActiveState::Inactive if conduct.was_stopped => Verdict::Open(None),
        ActiveState::Inactive if conduct.is_oneshot && !conduct.invocation_id.is_empty() => Verdict::Good,
        ActiveState::Inactive if !conduct.came_up => Verdict::Open(None),
        ActiveState::Inactive if trial.was_up => Verdict::Bad(sentence(&conduct.end, "it ended by itself")),
        ActiveState::Inactive => Verdict::Good,
        _ => Verdict::Open(Some(LONGEST)),
    }
}

fn sentence(end: &str, otherwise: &str) -> String {
    if end.is_empty() { otherwise.to_owned() } else { end.to_owned() }
}

/// Whether what runs is worth going back to, now that it is about to be replaced.
pub fn is_fit(state: Option<&UnitState>, conduct: Option<&Conduct>, lasts: Duration) -> bool {
    let (Some(state), Some(conduct)) = (state, conduct) else { return false };
    let is_stable = conduct.restarts == 0 || conduct.up_for.is_some_and(|up_for| up_for >= lasts);
    match conduct.up_for {
        Some(_) => is_stable && conduct.health != Some(Health::Unhealthy),
        // It has done its work, or somebody stopped it.
        None => state.active == ActiveState::Inactive && state.job.is_none() && !conduct.invocation_id.is_empty(),
    }
}
