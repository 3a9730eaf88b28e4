//! What comes before an edit stops anything: everything that can fail without.

use super::unit::{self, Decision};
use super::{Action, Ask, Blocked, Situation, trial};
use crate::render::Desired;
use crate::status::{Progress, Trial};
use crate::systemd::{ActiveState, UnitState};
use crate::unit::{Digest, UnitName};
use std::sync::Arc;

/// Whether there is something that an edit would take away.
fn serves(state: Option<&UnitState>) -> bool {
    state.is_some_and(|state| {
        matches!(state.active, ActiveState::Active | ActiveState::Reloading | ActiveState::Refreshing)
    })
}

/// Whether an edit takes effect by a reload. A restart of a volume, network, image or build would stop every container that
/// requires it, also where nothing comes of it.
pub fn is_in_place(desired: &Desired, state: Option<&UnitState>) -> bool {
    desired.is_made_in_place() && state.is_some_and(|state| state.active == ActiveState::Active)
}

/// What is kept of a version that gives way, and what the new one has to show.
pub struct Succession {
    pub keeps: bool,
    pub trial: Option<Trial>,
}

/// `running`: [`crate::unit::Facts::run`] of the version that gives way.
pub fn succession(
    situation: &Situation<'_>,
    desired: &Desired,
    running: Digest,
    state: Option<&UnitState>,
) -> Succession {
    let name = &desired.name;
    let record = situation.memory.units.get(name);
    // Of what is made in place, the version before is in use until the new one is there.
    if desired.is_last_good || desired.is_made_in_place() {
        return Succession { keeps: false, trial: None };
    }
    let before = record.and_then(|record| record.trial).filter(|trial| trial.run == running);
    let good = record.and_then(|record| record.good);
    // Of what is down, a copy that was made while it was up says more.
    let is_up = state.is_some_and(UnitState::is_up);
    let is_kept = good == Some(running) && (!is_up || record.is_some_and(|record| record.rejected.is_some()));
    let conduct = situation.observed.conduct.get(name);
    // An agent that was killed may have written what it did not start.
    let is_here = situation.memory.installed.get(name).is_some_and(|installed| installed.facts.run == running);
    let keeps = is_here && before.is_none() && !is_kept && trial::is_fit(state, conduct, desired.update.trial);
    let goes_back = keeps || good.is_some() && (before.is_some() || good == Some(running));
    let is_tried =
        goes_back && desired.update.rolls_back && record.is_none_or(|record| record.accepted != Some(desired.run));
    // What sculler itself stopped for this edit was up before.
    let is_stopped_for_it =
        situation.memory.started.get(name).is_some_and(|started| started.progress == Progress::Pending);
    let was_up = match before {
        Some(trial) => trial.was_up,
        None => is_up || is_stopped_for_it,
    };
    Succession { keeps, trial: is_tried.then_some(Trial { run: desired.run, was_up, since: 0 }) }
}

/// Whether the last good version of a unit has to be brought up.
pub fn comes_back(situation: &Situation<'_>, desired: &Desired) -> bool {
    let record = situation.memory.units.get(&desired.name);
    let rejected = record.and_then(|record| record.rejected.as_ref());
    desired.is_last_good && rejected.is_some_and(|rejected| rejected.was_up)
}

/// Whether an edit waits for somebody to ask for it.
pub fn is_held(situation: &Situation<'_>, desired: &Desired) -> bool {
    let record = situation.memory.units.get(&desired.name);
    let is_accepted = record.is_some_and(|record| record.accepted == Some(desired.run));
    let is_asked = matches!(situation.asked.get(&desired.name), Some(Ask::Start | Ask::Restart));
    desired.update.holds && !desired.is_last_good && !is_accepted && !is_asked
}

/// Why it waits.
pub fn held(name: &UnitName) -> Blocked {
    Blocked::Held(format!(
        "its edit is held (OnUpdate=hold), and the version before goes on; run 'sculler restart {name}' to apply it"
    ))
}

/// What has to happen before what runs may be stopped for `desired`; `None`: nothing any more.
pub fn before_a_stop(situation: &Situation<'_>, desired: &Arc<Desired>, state: Option<&UnitState>) -> Option<Decision> {
    // The last good version has shown that it can start.
    if desired.is_last_good || !desired.is_prepared() || !serves(state) || unit::masked(state).is_some() {
        return None;
    }
    let waits = Decision { waits: true, ..Decision::default() };
    match situation.preparations.get(&desired.name) {
        Some(known) if known.version == desired.digest() => (!known.is_done).then_some(waits),
        _ => Some(Decision { actions: vec![Action::Prepare { desired: desired.clone() }], ..waits }),
    }
}

/// Preparations under way for versions that are not wanted any more.
pub fn abandoned(situation: &Situation<'_>) -> impl Iterator<Item = Action> {
    let is_wanted = |(unit, preparation): &(&_, &super::Preparation)| {
        let desired = situation.resolution.desired.get(*unit);
        preparation.is_done || desired.is_some_and(|desired| desired.digest() == preparation.version)
    };
    let unwanted = situation.preparations.iter().filter(move |preparation| !is_wanted(preparation));
    unwanted.map(|(unit, preparation)| Action::Abandon { unit: unit.clone(), version: preparation.version })
}
