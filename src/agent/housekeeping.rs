//! What waits for a quiet host: boot links, and a daemon-reload for tidiness.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Agent;
use super::world::World;
use crate::plan::{self, Action};
use crate::unit::UnitName;

/// How long the host must be quiet before boot links are made and a daemon-reload is spent on them.
const QUIET: Duration = Duration::from_secs(1);

/// How long a host that is never quiet can put that off.
const QUIET_AT_MOST: Duration = Duration::from_secs(10);

/// A daemon-reload for tidiness may take this share of the time at most: 1 in 10.
const RELOAD_SHARE: u32 = 10;

/// What is put off.
#[derive(Debug, Default)]
pub struct Housekeeping {
    pub pending_since: Option<Instant>,
    pub due: Option<Instant>,
    /// Units for which PID 1 holds something older than the disk.
    pub outdated: BTreeSet<UnitName>,
    not_before: Option<Instant>,
}

impl<W: World> Agent<W> {
    pub(super) fn pending_links(&self) -> Vec<Action> {
        let backing_off = self.troubles.backing_off(Instant::now());
        plan::housekeeping(&self.resolution, self.world.memory(), &backing_off)
    }

    /// Every sign of activity puts housekeeping off, within limits.
    pub(super) fn schedule_housekeeping(&mut self, is_pending: bool) {
        let now = Instant::now();
        let housekeeping = &mut self.housekeeping;
        if !is_pending {
            housekeeping.pending_since = None;
            housekeeping.due = None;
            return;
        }
        let since = *housekeeping.pending_since.get_or_insert(now);
        let due = (now + QUIET).min(since + QUIET_AT_MOST);
        housekeeping.due = Some(housekeeping.not_before.map_or(due, |earliest| due.max(earliest)));
    }

    pub(super) async fn keep_house(&mut self) {
        let links = self.pending_links();
        let mut outcomes = self.world.apply(links).await;
        // One unit that cannot be enabled must not keep the others from it.
        let failed = outcomes.iter().position(|outcome| {
            outcome.result.is_err() && matches!(&outcome.action, Action::Link { units } if units.len() > 1)
        });
        if let Some(index) = failed
            && let Action::Link { units } = outcomes.swap_remove(index).action
        {
            let one_by_one = units.into_iter().map(|unit| Action::Link { units: vec![unit] }).collect();
            outcomes.extend(self.world.apply(one_by_one).await);
        }
        self.record(outcomes, false);
        if !self.housekeeping.outdated.is_empty() {
            let since = Instant::now();
            let units = self.housekeeping.outdated.clone();
            let outcomes = self.world.apply(vec![Action::Reload { units }]).await;
            self.record(outcomes, false);
            self.housekeeping.not_before = Some(Instant::now() + since.elapsed() * RELOAD_SHARE);
        }
        self.housekeeping.pending_since = None;
        let is_pending = !self.housekeeping.outdated.is_empty() || !self.pending_links().is_empty();
        self.schedule_housekeeping(is_pending);
    }
}
