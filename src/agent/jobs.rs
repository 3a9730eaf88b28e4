//! The jobs in flight.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::{Action, Cause};
use crate::systemd::JobKind;
use crate::unit::UnitName;

/// A job that this agent queued.
#[derive(Debug)]
pub struct Job {
    /// The unit it is for.
    pub unit: UnitName,
    /// What it does.
    pub kind: JobKind,
    /// Why it was queued.
    pub cause: Option<Cause>,
    /// What the unit starts, a timer for instance, if that was not installed then.
    pub missing_triggered: Option<String>,
    since: Instant,
}

impl Job {
    /// A job that `action` has just queued.
    pub fn new(unit: UnitName, kind: JobKind, action: &Action, missing_triggered: Option<String>) -> Self {
        let cause = match action {
            Action::Stop { cause, .. } | Action::Start { cause, .. } => Some(*cause),
            _ => None,
        };
        Self { unit, kind, cause, missing_triggered, since: Instant::now() }
    }

    /// Whether it brings a version of the unit up.
    pub fn is_start(&self) -> bool {
        matches!(self.kind, JobKind::Start | JobKind::Restart | JobKind::Reload)
    }

    /// How long ago it was queued.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

/// All jobs in flight, by number.
#[derive(Debug, Default)]
pub struct Jobs(HashMap<u32, Job>);

impl Jobs {
    /// Adds a job; systemd has cancelled or merged what was queued for the unit before.
    pub fn add(&mut self, id: u32, job: Job) {
        self.0.retain(|_, other| other.unit != job.unit);
        self.0.insert(id, job);
    }

    /// Takes a job that is over.
    pub fn remove(&mut self, id: u32) -> Option<Job> {
        self.0.remove(&id)
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is in flight.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What each unit's job does.
    pub fn by_unit(&self) -> BTreeMap<UnitName, JobKind> {
        self.0.values().map(|job| (job.unit.clone(), job.kind)).collect()
    }
}

/// What the result of a job that should have brought a version up means for its user.
pub fn explain_start(job: &Job, result: &str) -> String {
    let unit = &job.unit;
    match job.kind {
        JobKind::Reload => {
            format!("{unit} is not as its file says now (result '{result}'); see 'journalctl -u {unit}'")
        }
        _ => explain(unit, result),
    }
}

/// What the result of a start means for its user.
pub fn explain(unit: &UnitName, result: &str) -> String {
    match result {
        "dependency" => format!(
            "{unit} was not started, since a unit that it requires did not start; 'systemctl list-dependencies {unit}' \
             shows which"
        ),
        "timeout" => format!("{unit} did not start in time; see 'journalctl -u {unit}'"),
        _ => format!("{unit} did not start (result '{result}'); see 'journalctl -u {unit}'"),
    }
}

/// What to do about a timer, socket or path that has nothing to start.
pub fn explain_missing(job: &Job, triggered: &str) -> String {
    let unit = &job.unit;
    format!("{unit} did not start, since it starts {triggered}, which sculler does not run here; add its file")
}
