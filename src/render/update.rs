//! What an edit of the unit's own files may do.

use std::time::Duration;

use crate::unit::{OnUpdate, Policy};

/// What an edit may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdatePolicy {
    /// `OnUpdate=hold`: it waits until somebody asks for a start.
    pub holds: bool,
    /// `Rollback=`: back to the last good version if the new one does not stay up.
    pub rolls_back: bool,
    /// `RollbackSec=`: for how long it has to stay up.
    pub trial: Duration,
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

impl UpdatePolicy {
    /// What `[X-Sculler]` says of edits.
    pub fn of(policy: &Policy) -> Self {
        Self { holds: policy.on_update == OnUpdate::Hold, rolls_back: policy.rollback, trial: policy.rollback_time }
    }
}
