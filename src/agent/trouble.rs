//! What went wrong with units, and when each is tried again: backoff is per unit, never global.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::status;
use crate::unit::{Digest, UnitName};

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// The troubles of all units.
#[derive(Debug, Default)]
pub struct Troubles(BTreeMap<UnitName, Trouble>);

#[derive(Debug)]
struct Trouble {
    message: String,
    since: f64,
    /// The version that had it; another version is another matter.
    version: Option<Digest>,
    attempts: u32,
    retry: Option<Instant>,
    /// Whether the next try waits for somebody to start the Engine.
    waits_for_docker: bool,
}

impl Troubles {
    /// Records that `version` of a unit failed; it is tried again later, each time after twice as long.
    pub fn retry(&mut self, unit: &UnitName, version: Option<Digest>, message: String, now: Instant) {
        let attempts = self.0.get(unit).map_or(0, |trouble| trouble.attempts);
        let delay = FIRST_RETRY.saturating_mul(1 << attempts.min(6)).min(LAST_RETRY);
        self.set(unit, version, message, attempts + 1, Some(now + delay));
    }

    /// What was to be tried again later is tried at the next pass: something changed that may have been the cause.
    pub fn hurry(&mut self, now: Instant) {
        self.0.values_mut().filter_map(|trouble| trouble.retry.as_mut()).for_each(|retry| *retry = now);
    }

    /// Records that `version` of a unit failed, and that trying again would change nothing.
    pub fn give_up(&mut self, unit: &UnitName, version: Option<Digest>, message: String) {
        self.set(unit, version, message, 0, None);
    }

    fn set(
        &mut self,
        unit: &UnitName,
        version: Option<Digest>,
        message: String,
        attempts: u32,
        retry: Option<Instant>,
    ) {
        let since = self.0.get(unit).map_or_else(status::seconds_now, |trouble| trouble.since);
        self.0.insert(unit.clone(), Trouble { message, since, version, attempts, retry, waits_for_docker: false });
    }

    /// How often something was tried in vain for a unit.
    pub fn attempts(&self, unit: &UnitName) -> u32 {
        self.0.get(unit).map_or(0, |trouble| trouble.attempts)
    }

    /// What went wrong with a unit.
    pub fn message(&self, unit: &UnitName) -> Option<&str> {
        self.0.get(unit).map(|trouble| trouble.message.as_str())
    }

    /// Forgets the trouble of a unit that was to be tried again.
    pub fn clear_retried(&mut self, unit: &UnitName) {
        if self.0.get(unit).is_some_and(|trouble| trouble.retry.is_some()) {
            self.clear(unit);
        }
    }

    /// Forgets the trouble of a unit.
    pub fn clear(&mut self, unit: &UnitName) {
        self.0.remove(unit);
    }

    /// Forgets the troubles of versions that are not wanted any more.
    pub fn keep_current(&mut self, current: impl Fn(&UnitName) -> Option<Digest>) {
        self.0.retain(|unit, trouble| trouble.version == current(unit));
    }

    /// Of these units, and of no others, the next try waits for somebody to start the Engine.
    pub fn wait_for_docker(&mut self, units: &BTreeSet<UnitName>) {
        self.0.iter_mut().for_each(|(unit, trouble)| trouble.waits_for_docker = units.contains(unit));
    }

    /// The units whose next try is not due yet.
    pub fn backing_off(&self, now: Instant) -> BTreeSet<UnitName> {
        let is_waiting = |trouble: &Trouble| trouble.waits_for_docker || trouble.retry.is_some_and(|retry| retry > now);
        let waiting = self.0.iter().filter(|(_, trouble)| is_waiting(trouble));
        waiting.map(|(unit, _)| unit.clone()).collect()
    }

    /// The units that are tried again.
    pub fn retried(&self) -> impl Iterator<Item = &UnitName> {
        self.0.iter().filter(|(_, trouble)| trouble.retry.is_some()).map(|(unit, _)| unit)
    }

    /// When the next try is due.
    pub fn next_retry(&self, now: Instant) -> Option<Instant> {
        self.0.values().filter_map(|trouble| trouble.retry).filter(|retry| *retry > now).min()
    }

    /// For the published status.
    pub fn publish(&self) -> impl Iterator<Item = (&UnitName, status::Trouble)> {
        let now = Instant::now();
        self.0.iter().map(move |(unit, trouble)| {
            let retry_at =
                trouble.retry.map(|retry| status::seconds_now() + retry.saturating_duration_since(now).as_secs_f64());
            let Trouble { message, since, waits_for_docker, .. } = trouble;
            let (message, since, waits_for_docker) = (message.clone(), *since, *waits_for_docker);
            (unit, status::Trouble { message, since, retry_at, waits_for_docker })
        })
    }
}
