//! What commands asked for, until it has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Agent;
use super::request::{Answer, Request, UnitAnswer, UnitOrder, Wish};
use super::world::World;
use crate::observe::Observed;
use crate::plan::{Ask, Blocked};
use crate::render::{Desired, Ruling, TargetState};
use crate::source::Identity;
use crate::systemd::{JobKind, UnitState};
use crate::unit::UnitName;

/// How long a target state waits for the file that a command is about to write.
const FILE_TO_COME: Duration = Duration::from_secs(10);

/// Requests under way, and what they left to do.
#[derive(Debug, Default)]
pub struct Orders {
    waiting: Vec<Request>,
    /// Jobs that the next pass queues.
    pub asked: BTreeMap<UnitName, Ask>,
    /// Units without a file yet.
    expected: BTreeMap<UnitName, Instant>,
    /// Units whose files' versions run whatever becomes of them, from the next pass on.
    pub forced: BTreeSet<UnitName>,
    /// Units whose last good versions come back in the next pass.
    pub going_back: BTreeSet<UnitName>,
    /// What of that cannot be, and why.
    pub refused: BTreeMap<UnitName, String>,
    /// How the jobs since the order ended.
    results: BTreeMap<UnitName, String>,
}

impl Orders {
    /// Whether a command waits for an answer.
    pub fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Units whose files are about to be written.
    pub fn expected(&self) -> BTreeSet<UnitName> {
        self.expected.keys().cloned().collect()
    }

    /// A job is over.
    pub fn job_over(&mut self, unit: &UnitName, result: &str) {
        if !self.waiting.is_empty() {
            self.results.insert(unit.clone(), result.to_owned());
        }
    }
}

impl<W: World> Agent<W> {
    /// Takes a request in, for the pass that follows.
    pub(super) fn take(&mut self, request: Request) {
        if request.order.accept_removal
            && let Ok(identity) = Identity::of_directory(&self.settings.unit_dir)
        {
            self.guard.accept(identity);
        }
        for (unit, order) in &request.order.units {
            if let Ok(unit) = UnitName::parse(unit) {
                self.take_order(unit, order);
            }
        }
        self.reporter.keep_log();
        self.orders.waiting.push(request);
    }

    fn take_order(&mut self, unit: UnitName, order: &UnitOrder) {
        self.troubles.clear(&unit);
        self.orders.results.remove(&unit);
        self.orders.asked.remove(&unit);
        self.orders.refused.remove(&unit);
        match order.wish {
            Wish::Force => _ = self.orders.forced.insert(unit.clone()),
            Wish::Rollback => _ = self.orders.going_back.insert(unit.clone()),
            _ => {}
        }
        let desired = self.resolution.desired.get(&unit);
        let was_launched = desired.is_some_and(|desired| desired.is_launched()) || self.resolution.kept.contains(&unit);
        let ask = match order.wish {
            Wish::Start | Wish::Force => Some(Ask::Start),
            Wish::Restart => Some(Ask::Restart),
            Wish::Stop => Some(Ask::Stop),
            Wish::Load if was_launched => Some(Ask::Stop),
            Wish::Keep | Wish::Load | Wish::Unload | Wish::Forget | Wish::Rollback => None,
        };
        self.orders.asked.extend(ask.map(|ask| (unit.clone(), ask)));
        let is_loaded = desired.is_some_and(|desired| desired.target == TargetState::Loaded);
        let target = match order.wish {
            Wish::Restart if is_loaded => Some(TargetState::Launched),
            wish => wish.target(),
        };
        let mut recorded = Ok(());
        if order.wish == Wish::Forget || order.is_replaced {
            self.world.forget_file(&order.source);
        }
        if order.wish == Wish::Forget {
            if self.world.memory().units.contains_key(&unit) {
                recorded = self.world.set_target(&unit, None, &order.source);
            }
        } else if target.is_some() {
            recorded = self.world.set_target(&unit, target, &order.source);
            if !self.has_file(&unit) {
                self.orders.expected.insert(unit.clone(), Instant::now() + FILE_TO_COME);
            }
        }
        if let Err(failure) = recorded {
            let version = self.resolution.desired.get(&unit).map(|desired| desired.digest());
            self.troubles.give_up(&unit, version, format!("its target state cannot be recorded: {failure}"));
        }
    }

    fn has_file(&self, unit: &UnitName) -> bool {
        self.resolution.verdicts.iter().any(|verdict| verdict.runs_as == *unit)
    }

    /// What a pass leaves to the next one: starts wait for the end of a stop, everything else is done or cannot be.
    pub(super) fn orders_after_pass(&mut self, observed: &Observed, put_off: &BTreeSet<UnitName>) {
        self.pass_is_complete = self.reporter.is_connected();
        if !self.pass_is_complete {
            return;
        }
        let jobs = self.jobs.by_unit();
        self.orders.asked.retain(|unit, ask| {
            let state = observed.states.get(unit);
            *ask != Ask::Stop
                && (put_off.contains(unit)
                    || jobs.get(unit) == Some(&JobKind::Stop)
                    || !jobs.contains_key(unit) && state.is_some_and(UnitState::is_stopping))
        });
        let now = Instant::now();
        let seen: Vec<UnitName> = self.orders.expected.keys().filter(|unit| self.has_file(unit)).cloned().collect();
        self.orders.expected.retain(|unit, until| *until > now && !seen.contains(unit));
        self.look_again_at(self.orders.expected.values().min().copied());
    }

    /// A directory that cannot be read is no reason to do later what was asked for now.
    pub(super) fn orders_without_directory(&mut self) {
        self.pass_is_complete = true;
        self.orders.asked.clear();
        self.orders.expected.clear();
    }

    /// Answers the requests whose pass, or whose jobs, are over.
    pub(super) fn answer(&mut self) {
        let waiting = std::mem::take(&mut self.orders.waiting);
        let (ready, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|request| self.is_ready(request));
        self.orders.waiting = waiting;
        if ready.is_empty() {
            return;
        }
        let done = self.reporter.log();
        let mut problems = self.reporter.problems(&self.resolution, &self.blocked, &self.troubles);
        problems.extend(self.all_rolled_back());
        for request in ready {
            let units = request.order.units.iter().filter_map(|(text, order)| {
                let unit = UnitName::parse(text).ok()?;
                Some((text.clone(), self.unit_answer(&unit, order.wish)))
            });
            let answer = Answer { problems: problems.clone(), done: done.clone(), units: units.collect() };
            // The command may have gone away.
            let _ = request.reply.send(answer);
        }
        if self.orders.waiting.is_empty() {
            self.reporter.drop_log();
            self.orders.results.clear();
            self.orders.refused.clear();
        }
    }

    fn is_ready(&self, request: &Request) -> bool {
        let units = &request.order.units;
        if !request.order.wait {
            return true;
        }
        if units.is_empty() {
            return self.jobs.is_empty() && self.preparations.under_way().next().is_none() && self.look.again.is_none();
        }
        self.pass_is_complete
            && units.keys().filter_map(|unit| UnitName::parse(unit).ok()).all(|unit| self.is_settled(&unit))
    }

    /// Whether everything was done that can be done for a unit now.
    fn is_settled(&self, unit: &UnitName) -> bool {
        let orders = &self.orders;
        // It is about to come back.
        let is_going_back =
            |desired: &std::sync::Arc<Desired>| !desired.is_last_good && self.rolled_back(unit).is_some();
        if self.resolution.desired.get(unit).is_some_and(is_going_back) {
            return false;
        }
        if self.jobs.by_unit().contains_key(unit)
            || orders.asked.contains_key(unit)
            || orders.expected.contains_key(unit)
        {
            return false;
        }
        if self.troubles.message(unit).is_some() || self.blocked.contains_key(unit) {
            return true;
        }
        let installed = self.world.memory().installed.get(unit);
        match self.resolution.desired.get(unit) {
            Some(desired) => installed.is_some_and(|installed| installed.digest == desired.digest()),
            None => {
                installed
                    .is_none_or(|installed| self.resolution.kept.contains(unit) || self.look.holds(&installed.source))
                    || self.reporter.removal().is_some()
            }
        }
    }

    fn unit_answer(&self, unit: &UnitName, wish: Wish) -> UnitAnswer {
        let is_installed = self.world.memory().installed.contains_key(unit);
        let desired = self.resolution.desired.get(unit);
        let rulings: Vec<&Ruling> =
            self.resolution.verdicts.iter().filter(|verdict| verdict.runs_as == *unit).map(|v| &v.ruling).collect();
        let is_taken = rulings.iter().any(|ruling| matches!(ruling, Ruling::Taken { .. }));
        let is_elsewhere = !is_taken && rulings.iter().any(|ruling| matches!(ruling, Ruling::NotTaken { .. }));
        let mut problems: Vec<String> = Vec::new();
        if !self.pass_is_complete {
            problems.extend(self.reporter.host_problems());
        }
        match wish {
            Wish::Unload | Wish::Forget if is_installed => problems.extend(self.reporter.removal().map(str::to_owned)),
            Wish::Keep | Wish::Load | Wish::Start | Wish::Force | Wish::Restart if !is_taken => {
                for ruling in &rulings {
                    match ruling {
                        Ruling::Invalid { errors } => problems.extend(errors.iter().map(ToString::to_string)),
                        ruling => problems.push(ruling.reason()),
                    }
                }
            }
            _ => {}
        }
        problems.extend(self.orders.refused.get(unit).cloned());
        if matches!(wish, Wish::Keep | Wish::Start | Wish::Force | Wish::Restart)
            && let Some((_, text)) = self.rolled_back(unit).filter(|(rejected, _)| !rejected.by_hand)
        {
            problems.push(text);
        }
        problems.extend(self.blocked.get(unit).and_then(|blocked| match blocked {
            Blocked::Invalid(reason) | Blocked::ByHand(reason) => Some(reason.clone()),
            Blocked::Held(_) => None,
        }));
        problems.extend(self.troubles.message(unit).map(str::to_owned));
        UnitAnswer {
            target: desired.map_or(TargetState::Inactive, |desired: &std::sync::Arc<Desired>| desired.target),
            is_installed,
            is_elsewhere,
            problem: (!problems.is_empty()).then(|| problems.join("\n")),
            result: self.orders.results.get(unit).cloned(),
        }
    }
}
