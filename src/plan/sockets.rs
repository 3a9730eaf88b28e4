//! systemd refuses to start a socket while the service that it starts is up (systemd: src/core/socket.c), so the service
//! makes room for it: it is stopped first, and comes back after it.

use std::collections::{BTreeMap, BTreeSet};

use super::unit::{self, Decision};
use super::{Action, Cause, Situation};
use crate::systemd::UnitState;
use crate::unit::{Facts, UnitName, UnitType};

/// The service that a socket starts, if it starts no instances of a template.
pub fn service_of(socket: &UnitName, facts: &Facts) -> Option<UnitName> {
    let triggered = facts.triggers.as_deref().filter(|_| socket.unit_type() == UnitType::Socket)?;
    UnitName::parse(triggered).ok().filter(|service| !service.is_template())
}

/// Puts off what is decided for sockets whose services are up, and stops these; the sockets.
pub fn make_room(situation: &Situation<'_>, decisions: &mut BTreeMap<UnitName, Decision>) -> BTreeSet<UnitName> {
    let mut put_off = BTreeSet::new();
    let in_the_way: Vec<(UnitName, UnitName)> = decisions
        .iter()
        .filter(|(_, decision)| decision.actions.iter().any(|action| matches!(action, Action::Start { .. })))
        .filter_map(|(socket, _)| {
            let service = service_of(socket, situation.resolution.desired.get(socket)?.facts())?;
            let is_ours = situation.memory.installed.contains_key(&service);
            let state = situation.observed.states.get(&service);
            let is_there = state.is_some_and(UnitState::is_up) || situation.jobs.contains_key(&service);
            (is_ours && is_there).then(|| (socket.clone(), service))
        })
        .collect();
    for (socket, service) in in_the_way {
        decisions.remove(&socket);
        put_off.insert(socket.clone());
        let is_wanted = situation.resolution.desired.contains_key(&service);
        let is_stopping = unit::is_stopping(situation, &service, situation.observed.states.get(&service));
        let decision = decisions.entry(service.clone()).or_default();
        decision.needs_reload = false;
        decision.actions.retain(|action| matches!(action, Action::Keep { .. } | Action::Stop { .. }));
        let has_stop = decision.actions.iter().any(|action| matches!(action, Action::Stop { .. }));
        if is_wanted && !is_stopping && !has_stop && !situation.backing_off.contains(&service) {
            let dependents = situation.observed.details.get(&service).map(|details| details.dependents.clone());
            let bring_back = std::iter::once(service.to_string()).chain(dependents.unwrap_or_default()).collect();
            let stop = Action::Stop { unit: service, cause: Cause::MakesRoom, bring_back, back_with: Some(socket) };
            decision.actions.push(stop);
        }
    }
    put_off
}
