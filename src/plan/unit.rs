//! One unit: what is the next step?

use std::sync::Arc;

use super::{Action, Ask, Blocked, Cause, Situation, edit};
use crate::render::Desired;
use crate::status::{Installed, Progress, Started, Trial};
use crate::systemd::{JobKind, LoadState, UnitState};
use crate::unit::{Digest, UnitName};

/// The steps for one unit in this pass.
#[derive(Debug, Default)]
pub struct Decision {
    pub actions: Vec<Action>,
    pub needs_reload: bool,
    pub blocked: Option<Blocked>,
    /// Whether something that goes on already has to be over first.
    pub waits: bool,
}

impl Decision {
    /// Whether there is nothing to do and nothing to say.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && !self.needs_reload && self.blocked.is_none() && !self.waits
    }

    fn blocked(blocked: Blocked) -> Self {
        Self { blocked: Some(blocked), ..Self::default() }
    }
}

/// Steps to the removal of an installed unit.
pub fn remove(situation: &Situation<'_>, name: &UnitName) -> Option<Action> {
    let state = situation.observed.states.get(name);
    if is_stopping(situation, name, state) {
        return None;
    }
    // A start in flight is cancelled by the stop.
    if state.is_some_and(UnitState::is_up) || situation.jobs.contains_key(name) {
        return Some(Action::Stop { unit: name.clone(), cause: Cause::Gone, bring_back: Vec::new(), back_with: None });
    }
    Some(Action::Remove { unit: name.clone() })
}

/// Steps towards a desired unit.
pub fn decide(situation: &Situation<'_>, desired: &Arc<Desired>) -> Decision {
    let name = &desired.name;
    if let Some(reason) = situation.observed.collisions.get(name).or_else(|| situation.observed.refusals.get(name)) {
        return Decision::blocked(Blocked::Invalid(reason.clone()));
    }
    let state = situation.observed.states.get(name);
    let ask = situation.asked.get(name).copied();
    if ask == Some(Ask::Stop) && (situation.jobs.contains_key(name) || state.is_some_and(UnitState::is_up)) {
        let stop = Action::Stop { unit: name.clone(), cause: Cause::Asked, bring_back: Vec::new(), back_with: None };
        let is_stopping = is_stopping(situation, name, state);
        return Decision { actions: (!is_stopping).then_some(stop).into_iter().collect(), ..Decision::default() };
    }
    match situation.memory.installed.get(name) {
        None => install(situation, desired, state),
        Some(installed) if installed.digest != desired.digest() => change(situation, desired, installed, state),
        Some(_) => settle(situation, desired, state),
    }
}

/// A unit that is not installed yet.
fn install(situation: &Situation<'_>, desired: &Arc<Desired>, state: Option<&UnitState>) -> Decision {
    let outdates = state.is_some_and(UnitState::is_in_memory);
    let name = &desired.name;
    let write = Action::Write { desired: desired.clone(), cause: Cause::New, outdates, runs: None, trial: None };
    if !desired.is_launched() && !is_asked_for(situation, name, state) {
        return Decision { actions: vec![write], ..Decision::default() };
    }
    let start = start(situation, desired, state, Cause::New);
    Decision { actions: vec![write, start], needs_reload: outdates, ..Decision::default() }
}

/// An installed unit whose file changed.
fn change(
    situation: &Situation<'_>,
    desired: &Arc<Desired>,
    installed: &Installed,
    state: Option<&UnitState>,
) -> Decision {
    let name = &desired.name;
    if is_stopping(situation, name, state) {
        return Decision::default();
    }
    let started = situation.memory.started.get(name);
    let running = match started {
        Some(started) => started.run,
        // All records are lost, such as by a purge: what runs is adopted.
        None if installed.lacks_spec => desired.run,
        None => installed.facts.run,
    };
    let matters = running != desired.run;
    let is_up = state.is_some_and(UnitState::is_up);
    let has_run = is_up || situation.observed.details.get(name).is_some_and(|details| details.has_run);
    // A container whose text is the same needs no daemon-reload.
    let outdates = state.is_some_and(UnitState::is_in_memory) && installed.text_digest != desired.text_digest();
    if matters && let Some(decision) = edit::before_a_stop(situation, desired, state) {
        return decision;
    }
    if matters && edit::is_held(situation, desired) {
        return Decision::blocked(edit::held(name));
    }
    let succession = edit::succession(situation, desired, running, state);
    let mut actions = Vec::new();
    if matters && succession.keeps {
        actions.push(Action::Keep { desired: desired.clone(), run: running });
    }
    if matters && is_up && !edit::is_in_place(desired, state) && installed.facts.stop != desired.facts().stop {
        let dependents = situation.observed.details.get(name).map(|details| details.dependents.clone());
        actions.push(Action::Stop {
            unit: name.clone(),
            cause: Cause::StopsDifferently,
            bring_back: dependents.unwrap_or_default(),
            back_with: None,
        });
        return Decision { actions, ..Decision::default() };
    }
    let cause = match matters {
        true if desired.is_last_good => Cause::RolledBack,
        true => Cause::Changed,
        false => Cause::ChangedHarmlessly,
    };
    let runs = has_run.then_some(running);
    let write = |trial: Option<Trial>| Action::Write { desired: desired.clone(), cause, outdates, runs, trial };
    // On a copied disk all that changed is the mark, whose condition kept the unit from starting at boot. A start that
    // was announced and has not happened is due whatever changed since.
    let is_due = matters || !is_up && started.map_or(!has_run, |started| !started.is_done());
    let is_wanted = is_up || desired.is_launched() || edit::comes_back(situation, desired);
    let is_started = is_due && is_wanted || is_asked_for(situation, name, state);
    if !is_started {
        return Decision { actions: vec![write(None)], ..Decision::default() };
    }
    if let Some(blocked) = masked(state) {
        return Decision { actions: vec![write(None)], blocked: Some(blocked), ..Decision::default() };
    }
    actions.push(write(succession.trial.filter(|_| matters)));
    let cause = if matters { cause } else { Cause::NotStarted };
    actions.push(start(situation, desired, state, cause));
    Decision { actions, needs_reload: outdates, ..Decision::default() }
}

/// An installed unit whose file is as installed: was that version started?
fn settle(situation: &Situation<'_>, desired: &Arc<Desired>, state: Option<&UnitState>) -> Decision {
    let name = &desired.name;
    let Some(state) = state else { return Decision::default() };
    let is_restarted = situation.asked.get(name) == Some(&Ask::Restart) && !is_stopping(situation, name, Some(state));
    if !is_restarted && (situation.jobs.contains_key(name) || state.is_stopping()) {
        return Decision::default();
    }
    let details = situation.observed.details.get(name);
    let adopt_after = |before: String| Decision {
        actions: vec![Action::Adopt { unit: name.clone(), run: desired.run, before }],
        ..Decision::default()
    };
    let adopt = || adopt_after(String::new());
    let started = situation.memory.started.get(name);
    let is_asked_for = is_asked_for(situation, name, Some(state));
    let cause = match started {
        _ if is_asked_for => Cause::Asked,
        None if state.is_up() => return adopt(),
        None if !desired.is_launched() => return Decision::default(),
        // It ran since boot and ended, or was stopped by hand.
        None if details.is_some_and(|details| details.has_run) => return adopt(),
        None => Cause::NotStarted,
        Some(started) if started.run != desired.run => Cause::Unfinished,
        Some(started) if started.is_done() => return Decision::default(),
        Some(started) if started.progress == Progress::Pending && state.is_up() => return adopt(),
        Some(started) if started.progress == Progress::Pending => Cause::Back,
        // Queued by an agent that did not live to see it run.
        Some(_) if matches!(state.job, Some(JobKind::Start | JobKind::Restart)) => return adopt(),
        Some(started) if ran_meanwhile(started, details.map(|details| details.invocation_id.as_str())) => {
            return adopt();
        }
        Some(_) => Cause::Unfinished,
    };
    let is_wanted = desired.is_launched() || edit::comes_back(situation, desired);
    if !state.is_up() && !is_wanted && !is_asked_for {
        return adopt_after(details.map(|details| details.invocation_id.clone()).unwrap_or_default());
    }
    if let Some(blocked) = masked(Some(state)) {
        return Decision::blocked(blocked);
    }
    if cause == Cause::NotStarted && situation.observed.unlinked.contains(name) {
        let reason = "it was disabled by hand; change its file or run 'systemctl start' and 'systemctl enable'";
        return Decision::blocked(Blocked::ByHand(reason.to_owned()));
    }
    let start = start(situation, desired, Some(state), cause);
    let was_changed = started.is_some_and(|started| started.run != desired.run);
    // What was written while it was down and nobody wanted it up, or by an agent that was killed then, may not have
    // reached PID 1 yet.
    let is_unread = is_asked_for || started.is_none_or(|started| !started.is_done());
    let is_outdated = is_unread && details.is_some_and(|details| details.needs_reload);
    let needs_reload = is_outdated || was_changed && state.is_in_memory();
    Decision { actions: vec![start], needs_reload, ..Decision::default() }
}

/// What somebody asked for of a unit whose file says nothing valid now: the installed version takes its place.
pub fn kept(situation: &Situation<'_>, name: &UnitName, installed: &Installed, ask: Ask) -> Option<Action> {
    let state = situation.observed.states.get(name);
    if is_stopping(situation, name, state) || name.is_template() {
        return None;
    }
    let is_up = state.is_some_and(UnitState::is_up) || situation.jobs.contains_key(name);
    match ask {
        Ask::Stop if is_up => {
            Some(Action::Stop { unit: name.clone(), cause: Cause::Asked, bring_back: Vec::new(), back_with: None })
        }
        Ask::Stop => None,
        Ask::Start if is_up => None,
        Ask::Start | Ask::Restart => Some(start_version(situation, name, installed.facts.run, state, Cause::Asked)),
    }
}

/// Whether somebody asked for a start that is not there yet.
fn is_asked_for(situation: &Situation<'_>, name: &UnitName, state: Option<&UnitState>) -> bool {
    match situation.asked.get(name) {
        _ if name.is_template() => false,
        Some(Ask::Restart) => true,
        Some(Ask::Start) => !state.is_some_and(UnitState::is_up),
        Some(Ask::Stop) | None => false,
    }
}

/// Whether the start that a record announces took place after all.
fn ran_meanwhile(started: &Started, invocation: Option<&str>) -> bool {
    invocation.is_some_and(|invocation| !invocation.is_empty() && invocation != started.before)
}

fn start(situation: &Situation<'_>, desired: &Arc<Desired>, state: Option<&UnitState>, cause: Cause) -> Action {
    let mut action = start_version(situation, &desired.name, desired.run, state, cause);
    if let Action::Start { is_reload, .. } = &mut action {
        *is_reload = cause != Cause::Asked && edit::is_in_place(desired, state);
    }
    action
}

fn start_version(
    situation: &Situation<'_>,
    name: &UnitName,
    run: Digest,
    state: Option<&UnitState>,
    cause: Cause,
) -> Action {
    Action::Start {
        unit: name.clone(),
        is_restart: state.is_some_and(UnitState::is_up),
        is_reload: false,
        has_history: state.is_some_and(UnitState::is_in_memory),
        run,
        before: situation.observed.details.get(name).map(|details| details.invocation_id.clone()).unwrap_or_default(),
        cause,
        bring_back: situation.bring_back.get(name).cloned().unwrap_or_default(),
    }
}

/// Whether a stop is under way.
pub fn is_stopping(situation: &Situation<'_>, name: &UnitName, state: Option<&UnitState>) -> bool {
    situation.jobs.get(name) == Some(&JobKind::Stop) || state.is_some_and(UnitState::is_stopping)
}

pub fn masked(state: Option<&UnitState>) -> Option<Blocked> {
    let is_masked = state.is_some_and(|state| state.load == LoadState::Masked);
    is_masked.then(|| Blocked::ByHand("it is masked by hand; run 'systemctl unmask' to let it start".to_owned()))
}
