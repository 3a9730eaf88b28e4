//! New versions that are prepared while the old ones run. It lives in memory: a preparation that is lost is done again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::Preparation;
use crate::unit::{Digest, UnitName};

/// The preparations of all units, one for each.
#[derive(Debug, Default)]
pub struct Preparations(BTreeMap<UnitName, State>);

#[derive(Debug)]
struct State {
    version: Digest,
    /// `None`: it is over, and was good.
    job: Option<u32>,
    since: Instant,
}

/// A preparation that has just ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What was prepared.
    pub unit: UnitName,
    /// Which version of it.
    pub version: Digest,
    /// How long it took.
    pub took: Duration,
}

impl Preparations {
    /// A job was queued for it.
    pub fn begin(&mut self, unit: UnitName, version: Digest, job: u32) {
        self.0.insert(unit, State { version, job: Some(job), since: Instant::now() });
    }

    /// A job is over; which preparation it was, if it was one.
    pub fn end(&mut self, job: u32, is_good: bool) -> Option<Ended> {
        let (unit, state) = self.0.iter_mut().find(|(_, state)| state.job == Some(job))?;
        let ended = Ended { unit: unit.clone(), version: state.version, took: state.since.elapsed() };
        state.job = None;
        if !is_good {
            self.0.remove(&ended.unit);
        }
        Some(ended)
    }

    /// It was given up.
    pub fn abandon(&mut self, unit: &UnitName) {
        self.0.remove(unit);
    }

    /// What was prepared is installed, or not wanted any more: next time it has to be prepared anew.
    pub fn keep_current(&mut self, is_wanted: impl Fn(&UnitName, Digest) -> bool) {
        self.0.retain(|unit, state| state.job.is_some() || is_wanted(unit, state.version));
    }

    /// The ends of jobs may have been missed.
    pub fn forget_jobs(&mut self) {
        self.0.retain(|_, state| state.job.is_none());
    }

    /// What is under way.
    pub fn under_way(&self) -> impl Iterator<Item = (&UnitName, Digest)> {
        self.0.iter().filter(|(_, state)| state.job.is_some()).map(|(unit, state)| (unit, state.version))
    }

    /// For planning.
    pub fn by_unit(&self) -> BTreeMap<UnitName, Preparation> {
        let of = |state: &State| Preparation { version: state.version, is_done: state.job.is_none() };
        self.0.iter().map(|(unit, state)| (unit.clone(), of(state))).collect()
    }
}
