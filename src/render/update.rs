//! `[X-Sculler]`: what an edit of the unit's own files may do.

use std::sync::Arc;
use std::time::Duration;

use crate::quadlet::quantities;
use crate::unit::values::parse_boolean;
use crate::unit::{TextFile, syntax};

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
        Self { holds: false, rolls_back: true, trial: Duration::from_secs(30) }
    }
}

impl UpdatePolicy {
    /// Reads a unit file and its drop-ins, in systemd's order.
    pub fn of<'a>(files: impl Iterator<Item = &'a Arc<TextFile>>) -> Self {
        let mut policy = Self::default();
        for file in files.filter(|file| file.text.windows(11).any(|part| part == b"[X-Sculler]")) {
            for entry in syntax::parse(&file.text).0.section_entries("X-Sculler") {
                match entry.key.as_str() {
                    "OnUpdate" => policy.holds = entry.value == "hold",
                    "Rollback" => policy.rolls_back = parse_boolean(&entry.value).unwrap_or(true),
                    "RollbackSec" => {
                        let nanoseconds = quantities::duration(&entry.value).and_then(|time| u64::try_from(time).ok());
                        policy.trial = nanoseconds.map_or(policy.trial, Duration::from_nanos);
                    }
                    _ => {}
                }
            }
        }
        policy
    }
}
