//! What comes before an edit stops anything: everything that can fail without.

use super::unit::{self, Decision};
use super::{Action, Situation};
use crate::render::Desired;
use crate::systemd::{ActiveState, UnitState};
use std::sync::Arc;

/// Whether there is something that an edit would take away.
fn serves(state: Option<&UnitState>) -> bool {
    state.is_some_and(|state| {
        matches!(state.active, ActiveState::Active | ActiveState::Reloading | ActiveState::Refreshing)
    })
}

/// What has to happen before what runs may be stopped for `desired`; `None`: nothing any more.
pub fn before_a_stop(situation: &Situation<'_>, desired: &Arc<Desired>, state: Option<&UnitState>) -> Option<Decision> {
    if !desired.is_prepared() || !serves(state) || unit::masked(state).is_some() {
        return None;
    }
    let waits = Decision { waits: true, ..Decision::default() };
    match situation.preparations.get(&desired.name) {
        Some(known) if known.version == desired.digest => (!known.is_done).then_some(waits),
        _ => Some(Decision { actions: vec![Action::Prepare { desired: desired.clone() }], ..waits }),
    }
}

/// Preparations under way for versions that are not wanted any more.
pub fn abandoned(situation: &Situation<'_>) -> impl Iterator<Item = Action> {
    let is_wanted = |(unit, preparation): &(&_, &super::Preparation)| {
        let desired = situation.resolution.desired.get(*unit);
        preparation.is_done || desired.is_some_and(|desired| desired.digest == preparation.version)
    };
    let unwanted = situation.preparations.iter().filter(move |preparation| !is_wanted(preparation));
    unwanted.map(|(unit, preparation)| Action::Abandon { unit: unit.clone(), version: preparation.version })
}
