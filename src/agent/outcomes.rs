//! What became of actions and jobs: what is tried again, and when; what calls for another pass.

use tokio::time::Instant;

use super::Agent;
use super::jobs::{self, Job};
use super::preparations::Ended;
use super::world::World;
use crate::apply::{Done, Failure, Outcome};
use crate::docker;
use crate::plan::Action;
use crate::render::Desired;
use crate::systemd::{Error, Event};
use crate::unit::UnitName;

/// How often systemd may refuse to start a version for which another one could go on.
const ATTEMPTS: u32 = 4;

impl<W: World> Agent<W> {
    /// `reloads`: whether a daemon-reload was among the actions, after the writes.
    pub(super) fn record(&mut self, outcomes: Vec<Outcome>, reloads: bool) {
        let now = Instant::now();
        let mut needs_pass = false;
        for outcome in outcomes {
            self.reporter.outcome(&outcome);
            if let Some((unit, event)) = self.chronicle.outcome(&outcome) {
                self.world.record_event(&unit, &event);
            }
            let unit = outcome.action.unit().cloned();
            match (&outcome.action, &outcome.result) {
                (Action::Stop { unit, bring_back, back_with, .. }, Ok(_)) if !bring_back.is_empty() => {
                    self.bring_back.insert(back_with.as_ref().unwrap_or(unit).clone(), bring_back.clone());
                }
                (Action::Start { unit, .. }, Ok(_)) => {
                    self.unstarted.remove(unit);
                    self.bring_back.remove(unit);
                }
                (Action::Abandon { unit, .. }, _) => self.preparations.abandon(unit),
                (Action::Reload { .. }, Ok(_)) => self.housekeeping.outdated.clear(),
                _ => {}
            }
            match outcome.result {
                Ok(Done::Job(id, kind)) => {
                    if let Action::Prepare { desired } = &outcome.action {
                        self.preparations.begin(desired.name.clone(), desired.digest(), id);
                    } else if let Some(unit) = unit {
                        let missing = self.missing_triggered(&unit);
                        self.jobs.add(id, Job::new(unit, kind, &outcome.action, missing));
                    }
                }
                Ok(done) => {
                    if done == Done::Outdated && !(reloads && outcome.action.phase() < 3) {
                        self.outdate(&outcome.action);
                    }
                    // What was tried again has worked; a start that was given up is another matter.
                    outcome.action.units().iter().for_each(|unit| self.troubles.clear_retried(unit));
                    // A stop that found nothing to stop, or a removal: the next step can come at once.
                    needs_pass |= matches!(outcome.action, Action::Stop { .. } | Action::Reject { .. });
                }
                Err(Failure::Systemd(error)) if error.is_unknown() => self.lost_systemd(&error),
                Err(failure) => {
                    let message = format!("{} failed: {failure}", outcome.action.word());
                    for unit in outcome.action.units() {
                        let version = self.resolution.desired.get(&unit).map(|desired| desired.digest());
                        self.troubles.retry(&unit, version, message.clone(), now);
                        // What it needs may be about to come, but not for ever: at the next boot it could not start.
                        if matches!(outcome.action, Action::Start { .. })
                            && self.troubles.attempts(&unit) >= ATTEMPTS
                            && self.is_on_trial(unit.as_str())
                        {
                            self.unstarted.insert(unit, message.clone());
                        }
                    }
                }
            }
        }
        if needs_pass {
            self.look_again_at(Some(now));
        }
        self.look_again_at(self.troubles.next_retry(now));
    }

    fn outdate(&mut self, action: &Action) {
        self.housekeeping.outdated.extend(action.units());
    }

    /// True if the event calls for a pass.
    pub(super) fn event(&mut self, event: Event) -> bool {
        match event {
            // Another version, or live-restore switched: that is asked anew after a start, restart or reload.
            Event::JobRemoved { unit, .. } if unit == docker::SERVICE => {
                self.world.forget_platform();
                self.orphans_due = None;
                self.troubles.hurry(Instant::now());
                true
            }
            Event::JobRemoved { id, unit, result } => {
                let needs_pass = self.note_end_of_start(&unit, &result);
                if let Some(ended) = self.preparations.end(id, result == "done") {
                    self.preparation_over(&ended, &result);
                    return true;
                }
                let Some(job) = self.jobs.remove(id) else {
                    if result == "dependency" {
                        self.start_was_kept_back(&unit);
                    }
                    // Somebody else's, or systemd's own restart: it may tell of a version on trial.
                    return needs_pass || self.is_on_trial(&unit);
                };
                self.schedule_housekeeping(self.housekeeping.pending_since.is_some());
                self.job_over(job, &result) || needs_pass
            }
            // Jobs survive a daemon-reexec, and so do the signals of their ends.
            Event::ManagerChanged => {
                self.world.forget_platform();
                true
            }
            Event::Disconnected => {
                self.lost_systemd(&Error::Unknown("the connection was closed".to_owned()));
                false
            }
        }
    }

    /// What was stopped because the Engine was is due now that it is back.
    pub(super) async fn bring_back_with_docker(&mut self) {
        for unit in self.world.stopped_with_docker().await {
            if let Err(failure) = self.world.start_is_due(&unit) {
                tracing::warn!("{failure}");
            }
        }
    }

    /// systemd's own start of a unit, at boot or with the Engine, that something it requires kept back. Nobody stopped it:
    /// it is due.
    fn start_was_kept_back(&mut self, unit: &str) {
        let Ok(unit) = UnitName::parse(unit) else { return };
        let Some(desired) = self.resolution.desired.get(&unit).filter(|desired| desired.is_launched()) else { return };
        let version = Some(desired.digest());
        if let Err(failure) = self.world.start_is_due(&unit) {
            tracing::warn!("{failure}");
        }
        self.troubles.retry(&unit, version, jobs::explain(&unit, "dependency"), Instant::now());
        self.look_again_at(self.troubles.next_retry(Instant::now()));
    }

    fn job_over(&mut self, job: Job, result: &str) -> bool {
        self.reporter.job_over(&job, result);
        let source = self.resolution.of_file(&job.unit).map(|desired| desired.source.clone());
        if let Some(event) = self.chronicle.job_over(&job, result, source) {
            self.world.record_event(&job.unit, &event);
        }
        self.orders.job_over(&job.unit, result);
        if !job.is_start() {
            return self.stop_over(&job, result);
        }
        let version = self.resolution.desired.get(&job.unit).map(|desired| desired.digest());
        // What it depends on did not come up, or what it triggers is not there yet: the unit itself has not been tried.
        let untried = match (result, &job.missing_triggered) {
            ("dependency", _) => Some(jobs::explain(&job.unit, result)),
            ("failed", Some(triggered)) => Some(jobs::explain_missing(&job, triggered)),
            _ => None,
        };
        let is_on_trial = self.is_on_trial(job.unit.as_str());
        if is_on_trial && matches!(result, "dependency" | "skipped") {
            self.unstarted.insert(job.unit.clone(), untold(result));
        }
        if let Some(message) = untried {
            self.troubles.retry(&job.unit, version, message, Instant::now());
            self.look_again_at(self.troubles.next_retry(Instant::now()));
            return is_on_trial;
        }
        if let Err(failure) = self.world.finish_start(&job.unit) {
            tracing::warn!("{failure}");
        }
        match result {
            "done" | "skipped" | "canceled" => self.troubles.clear(&job.unit),
            _ => self.troubles.give_up(&job.unit, version, jobs::explain_start(&job, result)),
        }
        is_on_trial
    }

    /// Docker's stop cancels starts of containers, and one that failed may have left something; true if that calls for a pass.
    fn note_end_of_start(&mut self, unit: &str, result: &str) -> bool {
        let Ok(unit) = UnitName::parse(unit) else { return false };
        let is_container = |desired: &Desired| desired.spec.is_some() && !desired.is_made_in_place();
        if !self.resolution.desired.get(&unit).is_some_and(|desired| is_container(desired)) {
            return false;
        }
        match result {
            "canceled" => self.canceled.insert(unit),
            "failed" | "timeout" => {
                self.orphans_due = None;
                true
            }
            _ => false,
        }
    }

    /// Whether a new version of a unit has yet to show that it stays up.
    fn is_on_trial(&self, unit: &str) -> bool {
        let Ok(unit) = UnitName::parse(unit) else { return false };
        self.world.memory().units.get(&unit).is_some_and(|record| record.trial.is_some())
    }

    fn preparation_over(&mut self, ended: &Ended, result: &str) {
        let unit = &ended.unit;
        let reason = self.world.preparation_over(unit, ended.version);
        let is_wanted = self.resolution.desired.get(unit).is_some_and(|desired| desired.digest() == ended.version);
        if !is_wanted || result == "done" && reason.is_none() {
            self.reporter.prepared(ended);
            return;
        }
        self.preparations.abandon(unit);
        let reason = reason.unwrap_or_else(|| match result {
            "timeout" => "it took too long; see TimeoutStartSec=".to_owned(),
            _ => format!("its preparation ended with '{result}'; see 'journalctl -u {unit}'"),
        });
        let message = format!("the edit of {unit} waits, and the old version runs on: {reason}");
        // It is tried again and again.
        if self.troubles.message(unit) != Some(message.as_str()) {
            self.reporter.not_prepared(unit, &reason);
            let source = self.resolution.of_file(unit).map(|desired| desired.source.clone());
            if let Some(event) = self.chronicle.refused(unit, &reason, ended.took, source) {
                self.world.record_event(unit, &event);
            }
        }
        self.troubles.retry(unit, Some(ended.version), message, Instant::now());
    }

    /// True if the next step can come at once.
    fn stop_over(&mut self, job: &Job, result: &str) -> bool {
        if matches!(result, "done" | "canceled" | "skipped") {
            self.troubles.clear_retried(&job.unit);
            return true;
        }
        // Such as a mount that is busy.
        let version = self.resolution.desired.get(&job.unit).map(|desired| desired.digest());
        let message = format!("{} did not stop (result '{result}'); see 'journalctl -u {}'", job.unit, job.unit);
        self.troubles.retry(&job.unit, version, message, Instant::now());
        self.look_again_at(self.troubles.next_retry(Instant::now()));
        false
    }

    /// What a timer, socket or path starts, if that is not installed.
    fn missing_triggered(&self, unit: &UnitName) -> Option<String> {
        let triggered = self.resolution.desired.get(unit)?.facts().triggers.as_deref()?;
        let is_installed = self.world.memory().installed.keys().any(|name| name.as_str() == triggered);
        (!is_installed).then(|| triggered.to_owned())
    }
}

/// Why a version was not even tried.
fn untold(result: &str) -> String {
    match result {
        "dependency" => "a unit that it requires did not start",
        _ => "a condition of it does not hold, so systemd skipped it",
    }
    .to_owned()
}
