//! Desired × observed × remembered → ordered actions. Pure.
//!
//! Applying a plan starts jobs and returns; a job in flight is part of what the next pass observes, so that a slow
//! stop holds up only its own unit. A unit that is installed and was started as wanted needs nothing: that it is down
//! is then somebody's will, or systemd's to mend.

mod action;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use action::{Action, Cause};

use crate::observe::{Observed, Query};
use crate::render::{Resolution, TargetState};
use crate::status::Memory;
use crate::systemd::JobKind;
use crate::unit::UnitName;

/// Everything that a plan depends on.
pub struct Situation<'a> {
    /// What the unit directory means here.
    pub resolution: &'a Resolution,
    /// What is installed and recorded.
    pub memory: &'a Memory,
    /// systemd's answers about the units in question.
    pub observed: &'a Observed,
    /// Jobs that this agent started and that are not over.
    pub jobs: &'a BTreeMap<UnitName, JobKind>,
    /// Units that wait for their next try.
    pub backing_off: &'a BTreeSet<UnitName>,
    /// Units that the stop of another took down: to be started with it.
    pub bring_back: &'a BTreeMap<UnitName, Vec<String>>,
    /// Whether what was installed from a path has to stay, because the path says nothing now.
    pub holds: &'a dyn Fn(&Path) -> bool,
    /// Whether anything may be removed: not while the unit directory is another one than before.
    pub may_remove: bool,
}

/// What a pass does.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub actions: Vec<Action>,
    /// Units for which nothing can be done now, and why.
    pub blocked: BTreeMap<UnitName, Blocked>,
    /// Whether something would have been removed if it had been allowed.
    pub wants_removal: bool,
}

/// Why nothing is done for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked {
    /// The file is invalid on this host: a name that is taken, or a text that systemd refuses.
    Invalid(String),
    /// Somebody wanted it so: masked or disabled by hand.
    ByHand(String),
}

/// The units about which systemd must be asked before a plan can be made.
pub fn in_question(situation_of: &Inputs<'_>) -> Query {
    let Inputs { resolution, memory, jobs, holds } = situation_of;
    let mut query = Query::default();
    for (name, desired) in &resolution.desired {
        let installed = memory.installed.get(name);
        let started = memory.started.get(name);
        let is_new = installed.is_none();
        let is_changed = installed.is_some_and(|installed| installed.digest != desired.digest);
        let is_unsettled = !name.is_template()
            && match started {
                None => desired.is_launched(),
                Some(started) => !started.is_done() || started.run != desired.facts.run,
            };
        if is_new {
            query.new.insert(name.clone(), desired.clone());
        }
        if is_changed {
            query.changed.insert(name.clone(), desired.clone());
        }
        if is_new || is_changed || is_unsettled && !jobs.contains_key(name) {
            query.units.insert(name.clone());
        }
    }
    query.units.extend(surplus(resolution, memory, *holds).cloned());
    query
}

/// What [`in_question`] reads.
pub struct Inputs<'a> {
    /// What the unit directory means here.
    pub resolution: &'a Resolution,
    /// What is installed and recorded.
    pub memory: &'a Memory,
    /// Jobs that this agent started and that are not over.
    pub jobs: &'a BTreeMap<UnitName, JobKind>,
    /// See [`Situation::holds`].
    pub holds: &'a dyn Fn(&Path) -> bool,
}

/// Installed units that no file asks for any more.
fn surplus<'a>(
    resolution: &'a Resolution,
    memory: &'a Memory,
    holds: &'a dyn Fn(&Path) -> bool,
) -> impl Iterator<Item = &'a UnitName> {
    memory
        .installed
        .iter()
        .filter(|(name, installed)| {
            !resolution.desired.contains_key(*name) && !resolution.kept.contains(*name) && !holds(&installed.source)
        })
        .map(|(name, _)| name)
}

/// The actions from what is to what should be.
pub fn plan(situation: &Situation<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut needs_reload = BTreeSet::new();
    for name in surplus(situation.resolution, situation.memory, situation.holds) {
        if !situation.may_remove {
            plan.wants_removal = true;
        } else if !situation.backing_off.contains(name) {
            plan.actions.extend(unit::remove(situation, name));
        }
    }
    for (name, desired) in &situation.resolution.desired {
        if situation.backing_off.contains(name) {
            continue;
        }
        let decision = unit::decide(situation, desired);
        if decision.needs_reload {
            needs_reload.insert(name.clone());
        }
        plan.actions.extend(decision.actions);
        if let Some(blocked) = decision.blocked {
            plan.blocked.insert(name.clone(), blocked);
        }
    }
    for name in situation.memory.units.keys().chain(situation.memory.started.keys()) {
        let is_known = situation.memory.installed.contains_key(name)
            || situation.resolution.desired.contains_key(name)
            || situation.resolution.kept.contains(name);
        if !is_known && situation.may_remove {
            plan.actions.push(Action::Forget { unit: name.clone() });
        }
    }
    if !needs_reload.is_empty() {
        plan.actions.push(Action::Reload { units: needs_reload });
    }
    // The one barrier: stops, removals and writes, then the reload, then starts.
    plan.actions.sort_by_key(Action::phase);
    plan.actions.dedup();
    plan
}

/// What can wait until the host is quiet: boot links, whose D-Bus calls make every unit look outdated on systemd 257.
pub fn housekeeping(resolution: &Resolution, memory: &Memory, backing_off: &BTreeSet<UnitName>) -> Vec<Action> {
    let mut link = Vec::new();
    let mut actions = Vec::new();
    for (name, desired) in &resolution.desired {
        let Some(installed) = memory.installed.get(name) else { continue };
        // Nothing below /run outlives the boot that links are for.
        let is_volatile = installed.folder.starts_with("/run");
        if installed.digest != desired.digest || is_volatile || backing_off.contains(name) {
            continue;
        }
        let linked = memory.units.get(name).and_then(|record| record.linked);
        match desired.target {
            TargetState::Launched if linked != Some(desired.digest) => link.push(desired.clone()),
            TargetState::Loaded if linked.is_some() => actions.push(Action::Unlink { unit: name.clone() }),
            _ => {}
        }
    }
    if !link.is_empty() {
        actions.push(Action::Link { units: link });
    }
    actions
}
