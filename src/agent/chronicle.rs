//! What happened to units, for `sculler history`: the starts, edits, stops and rollbacks that this agent did.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::jobs::{Job, explain_start};
use crate::apply::Outcome;
use crate::plan::{Action, Cause};
use crate::render::{Desired, Resolution};
use crate::status::history::{Event, Outcome as Ending, UNTOUCHED, What};
use crate::systemd::JobKind;
use crate::unit::UnitName;

/// What has to be remembered between a change and its end.
#[derive(Debug, Default)]
pub struct Chronicle {
    /// The files of a unit that have changed since its last installation.
    edited: BTreeMap<UnitName, Vec<PathBuf>>,
    /// The rollbacks under way: since when, and why.
    going_back: BTreeMap<UnitName, (Instant, String)>,
    /// What preparations failed of, so that each reason is told once.
    refused: BTreeMap<UnitName, String>,
}

impl Chronicle {
    /// Notes which files are others than at the last pass.
    pub fn compare(&mut self, before: &Resolution, now: &Resolution) {
        for (name, desired) in &now.desired {
            let desired = now.of_file(name).unwrap_or(desired);
            let Some(known) = before.of_file(name).filter(|known| !Arc::ptr_eq(known, desired)) else { continue };
            let changed = changed(known, desired);
            if !changed.is_empty() {
                let edited = self.edited.entry(name.clone()).or_default();
                edited.extend(changed);
                edited.sort();
                edited.dedup();
            }
        }
        self.edited.retain(|name, _| now.desired.contains_key(name));
    }

    /// What an action that is over means, if it means anything; `desired`: what the unit's file says.
    pub fn outcome(&mut self, outcome: &Outcome) -> Option<(UnitName, Event)> {
        match &outcome.action {
            Action::Write { desired, cause: Cause::ChangedHarmlessly, .. } if outcome.result.is_ok() => {
                let files = self.edited.remove(&desired.name).filter(|_| !desired.is_last_good)?;
                let event = Event::now(What::Edit, UNTOUCHED, outcome.took, Ending::Done).because_of(files);
                Some((desired.name.clone(), event))
            }
            Action::Reject { unit, reason, .. } if outcome.result.is_ok() => {
                self.begin_rollback(unit, reason);
                None
            }
            _ => None,
        }
    }

    /// The last good version of a unit comes back.
    pub fn begin_rollback(&mut self, unit: &UnitName, reason: &str) {
        self.going_back.insert(unit.clone(), (Instant::now(), reason.to_owned()));
    }

    /// What a job that is over means; `desired`: what is wanted, `source`: the unit's file.
    pub fn job_over(&mut self, job: &Job, result: &str, source: Option<PathBuf>) -> Option<Event> {
        let unit = &job.unit;
        let ending = if result == "done" { Ending::Done } else { Ending::Failed };
        let reason = match result {
            "done" => String::new(),
            "skipped" => "a condition of it does not hold".to_owned(),
            "canceled" => return None,
            _ if job.is_start() => explain_start(job, result),
            _ => format!("its job ended with '{result}'"),
        };
        let what_was_done = match job.kind {
            JobKind::Stop => "stopped",
            JobKind::Restart => "restarted",
            JobKind::Reload => "reloaded",
            _ => "started",
        };
        let cause = job.cause?;
        let event = match cause {
            Cause::Gone | Cause::StopsDifferently => return None,
            Cause::RolledBack => {
                let (since, why) = self.going_back.remove(unit).unwrap_or((Instant::now(), String::new()));
                let took = since.elapsed().max(job.age());
                let done = format!("{what_was_done} as its last good version says");
                let reason = [why, reason].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
                Event::now(What::Rollback, done, took, ending).because_of(source).since(reason)
            }
            Cause::Changed | Cause::Unfinished if self.edited.contains_key(unit) || cause == Cause::Changed => {
                self.refused.remove(unit);
                let files = self.edited.remove(unit).or(source.map(|source| vec![source])).unwrap_or_default();
                Event::now(What::Edit, what_was_done, job.age(), ending).because_of(files).since(reason)
            }
            _ if job.kind == JobKind::Stop => {
                Event::now(What::Stop, what_was_done, job.age(), ending).since(joined(cause.as_str(), &reason))
            }
            _ => {
                let files = (cause == Cause::New).then_some(source).flatten();
                let event = Event::now(What::Start, what_was_done, job.age(), ending).because_of(files);
                event.since(joined(cause.as_str(), &reason))
            }
        };
        Some(event)
    }

    /// A new version cannot be started, and nothing is stopped for it; `None` if that is known.
    pub fn refused(&mut self, unit: &UnitName, reason: &str, took: Duration, source: Option<PathBuf>) -> Option<Event> {
        if self.refused.insert(unit.clone(), reason.to_owned()).as_deref() == Some(reason) {
            return None;
        }
        let files = self.edited.get(unit).cloned().or(source.map(|source| vec![source])).unwrap_or_default();
        let event = Event::now(What::Edit, "prepared; the version before runs on", took, Ending::Refused);
        Some(event.because_of(files).since(reason))
    }
}

fn joined(cause: &str, reason: &str) -> String {
    if reason.is_empty() { cause.to_owned() } else { format!("{cause}; {reason}") }
}

/// The files that differ, or are there no more.
fn changed(known: &Desired, now: &Desired) -> Vec<PathBuf> {
    let differs = |own: &Desired, other: &Desired| {
        let is_new = |file: &&Arc<crate::unit::TextFile>| {
            !other.texts.iter().any(|known| Arc::ptr_eq(known, file) || known == *file)
        };
        own.texts.iter().filter(is_new).map(|file| file.path.clone()).collect::<Vec<_>>()
    };
    let mut changed = differs(now, known);
    changed.extend(differs(known, now));
    changed.sort();
    changed.dedup();
    changed
}
