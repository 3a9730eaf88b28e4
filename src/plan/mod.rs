//! Desired × observed × remembered → ordered actions. Pure.
//!
//! Applying a plan starts jobs and returns; a job in flight is part of what the next pass observes, so that a slow
//! stop holds up only its own unit. A unit that is installed and was started as wanted needs nothing: that it is down
//! is then somebody's will, or systemd's to mend.

mod action;
mod edit;
mod sockets;
mod trial;
mod unit;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use action::{Action, Cause};
pub use trial::{go_back, is_rejected, under_way};

use crate::observe::{Observed, Query};
use crate::render::{Desired, Resolution, TargetState};
use crate::status::{Memory, UnitRecord};
use crate::systemd::JobKind;
use crate::unit::{Digest, UnitName};

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
    /// What is being prepared, or has been.
    pub preparations: &'a BTreeMap<UnitName, Preparation>,
    /// Units whose last start was not even tried, and why.
    pub unstarted: &'a BTreeMap<UnitName, String>,
    /// Units that wait for their next try.
    pub backing_off: &'a BTreeSet<UnitName>,
    /// Units that the stop of another took down: to be started with it.
    pub bring_back: &'a BTreeMap<UnitName, Vec<String>>,
    /// Whether what was installed from a path has to stay, because the path says nothing now.
    pub holds: &'a dyn Fn(&Path) -> bool,
    /// What somebody asked for.
    pub asked: &'a BTreeMap<UnitName, Ask>,
    /// Units whose files are about to be written: their records stay.
    pub expected: &'a BTreeSet<UnitName>,
    /// Whether anything may be removed: not while the unit directory is another one than before.
    pub may_remove: bool,
}

/// A job that somebody asked for, whatever was done for the unit before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Be up.
    Start,
    /// Be down.
    Stop,
    /// Be started anew.
    Restart,
}

/// A version of a unit that is prepared while the old one runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preparation {
    /// [`Desired::digest`]
    pub version: Digest,
    /// Whether it can be started.
    pub is_done: bool,
}

/// What a pass does.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub actions: Vec<Action>,
    /// Units for which nothing can be done now, and why.
    pub blocked: BTreeMap<UnitName, Blocked>,
    /// Units whose turn comes when a stop among the actions, or a preparation, is over.
    pub put_off: BTreeSet<UnitName>,
    /// When a version on trial has to be looked at again.
    pub look_again: Option<Duration>,
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
    /// Its file says that its edits wait (`OnUpdate=hold`).
    Held(String),
}

/// The units about which systemd must be asked before a plan can be made.
pub fn in_question(situation_of: &Inputs<'_>) -> Query {
    let Inputs { resolution, memory, jobs, asked, holds } = situation_of;
    let mut query = Query::default();
    for (name, desired) in &resolution.desired {
        let installed = memory.installed.get(name);
        let started = memory.started.get(name);
        let is_new = installed.is_none();
        let is_changed = installed.is_some_and(|installed| installed.digest != desired.digest());
        let is_unsettled = !name.is_template()
            && match started {
                None => desired.is_launched(),
                Some(started) => !started.is_done() || started.run != desired.run,
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
    let on_trial = memory.units.iter().filter(|(name, record)| under_way(resolution, memory, name, record).is_some());
    query.conduct = on_trial.map(|(name, _)| name.clone()).collect();
    // What is replaced may have to be kept.
    let replaced = query.changed.iter().filter(|(_, desired)| !desired.is_last_good);
    query.conduct.extend(replaced.map(|(name, _)| name.clone()).filter(|name| !name.is_template()));
    query.units.extend(query.conduct.iter().cloned());
    query.units.extend(surplus(resolution, memory, *holds).cloned());
    let is_here = |name: &&UnitName| resolution.desired.contains_key(*name) || memory.installed.contains_key(*name);
    query.asked = asked.keys().filter(is_here).cloned().collect();
    query.units.extend(query.asked.iter().cloned());
    let service = |name: &UnitName| sockets::service_of(name, resolution.desired.get(name)?.facts());
    let services = query.units.iter().filter_map(service);
    query.beside = services.filter(|service| memory.installed.contains_key(service)).collect();
    query.units.extend(query.beside.iter().cloned());
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
    /// What somebody asked for.
    pub asked: &'a BTreeMap<UnitName, Ask>,
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
    let remembered = remembered(situation);
    let mut gone = BTreeSet::new();
    for name in surplus(situation.resolution, situation.memory, situation.holds) {
        gone.insert(name);
        // What the operator unloads is not what another directory takes away.
        if !situation.may_remove && !is_unloaded(situation.memory, name) {
            plan.wants_removal = true;
        } else if !situation.backing_off.contains(name) {
            let action = unit::remove(situation, name);
            if matches!(action, Some(Action::Remove { .. })) && !remembered.contains(name) {
                plan.actions.push(Action::Forget { unit: name.clone() });
            }
            plan.actions.extend(action);
        }
    }
    for (name, ask) in situation.asked {
        let installed = situation.memory.installed.get(name);
        if let Some(installed) = installed.filter(|_| !gone.contains(name))
            && !situation.resolution.desired.contains_key(name)
        {
            let action = unit::kept(situation, name, installed, *ask);
            let is_outdated = situation.observed.details.get(name).is_some_and(|details| details.needs_reload);
            if is_outdated && matches!(action, Some(Action::Start { .. })) {
                needs_reload.insert(name.clone());
            }
            plan.actions.extend(action);
        }
    }
    let decide = |(name, desired): (&UnitName, &Arc<Desired>)| {
        let decision = unit::decide(situation, desired);
        (!decision.is_empty()).then(|| (name.clone(), decision))
    };
    let due = situation.resolution.desired.iter().filter(|(name, _)| !situation.backing_off.contains(*name));
    let mut decisions: BTreeMap<UnitName, unit::Decision> = due.filter_map(decide).collect();
    plan.put_off = sockets::make_room(situation, &mut decisions);
    plan.actions.extend(edit::abandoned(situation));
    let (verdicts, look_again) = trial::judge(situation);
    plan.actions.extend(verdicts);
    plan.look_again = look_again;
    for (name, decision) in decisions {
        if decision.needs_reload {
            needs_reload.insert(name.clone());
        }
        plan.actions.extend(decision.actions);
        if decision.waits {
            plan.put_off.insert(name.clone());
        }
        if let Some(blocked) = decision.blocked {
            plan.blocked.insert(name, blocked);
        }
    }
    for name in situation.memory.units.keys().chain(situation.memory.started.keys()) {
        let is_known = situation.memory.installed.contains_key(name)
            || situation.resolution.desired.contains_key(name)
            || situation.resolution.kept.contains(name)
            || remembered.contains(name);
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

fn is_unloaded(memory: &Memory, name: &UnitName) -> bool {
    memory.units.get(name).is_some_and(|record| record.target == Some(TargetState::Inactive))
}

/// Units that nothing asks for here and whose target state stays: their files are there, or about to come.
fn remembered<'a>(situation: &Situation<'a>) -> BTreeSet<&'a UnitName> {
    let with_target: Vec<_> = situation
        .memory
        .units
        .iter()
        .filter(|(name, record)| record.target.is_some() && !situation.resolution.desired.contains_key(*name))
        .collect();
    if with_target.is_empty() {
        return BTreeSet::new();
    }
    let files: HashSet<&UnitName> = situation.resolution.verdicts.iter().map(|verdict| &verdict.runs_as).collect();
    let stays = |(name, record): &(&UnitName, &UnitRecord)| {
        files.contains(name) || situation.expected.contains(*name) || (situation.holds)(&record.source)
    };
    with_target.into_iter().filter(stays).map(|(name, _)| name).collect()
}

/// What can wait until the host is quiet: boot links, whose D-Bus calls make every unit look outdated on systemd 257.
pub fn housekeeping(resolution: &Resolution, memory: &Memory, backing_off: &BTreeSet<UnitName>) -> Vec<Action> {
    let mut link = Vec::new();
    let mut actions = Vec::new();
    for (name, desired) in &resolution.desired {
        let Some(installed) = memory.installed.get(name) else { continue };
        // Nothing below /run outlives the boot that links are for.
        let is_volatile = installed.folder.starts_with("/run");
        if installed.digest != desired.digest() || is_volatile || backing_off.contains(name) {
            continue;
        }
        let linked = memory.units.get(name).and_then(|record| record.linked);
        match desired.target {
            TargetState::Launched if linked != Some(desired.digest()) => link.push(desired.clone()),
            TargetState::Loaded if linked.is_some() => actions.push(Action::Unlink { unit: name.clone() }),
            _ => {}
        }
    }
    for name in &resolution.kept {
        let record = memory.units.get(name).filter(|record| record.target == Some(TargetState::Loaded));
        if record.is_some_and(|record| record.linked.is_some()) && memory.installed.contains_key(name) {
            actions.push(Action::Unlink { unit: name.clone() });
        }
    }
    if !link.is_empty() {
        actions.push(Action::Link { units: link });
    }
    actions
}
