//! When a unit was started, without a call.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// systemd makes a link here for each run of a unit, and takes it away when the unit is down.
const FOLDER: &str = "/run/systemd/units";

/// When what runs of a unit was started, in seconds since 1970; `None` if nothing runs.
pub fn started_at(unit: &str) -> Option<f64> {
    let link = Path::new(FOLDER).join(format!("invocation:{unit}"));
    let made = link.symlink_metadata().and_then(|metadata| metadata.modified()).ok()?;
    Some(seconds(made))
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
