//! The clock that PID 1 stamps its units with, and what it wrote there.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::host::Host;

/// CLOCK_MONOTONIC, which a host shares with the machine it runs on.
pub fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock").into()
}

/// A time stamp of each unit that matches `pattern`, such as `ActiveEnterTimestampMonotonic`; those that are not set
/// are left out.
pub fn stamps(host: &Host, pattern: &str, property: &str) -> Vec<Duration> {
    let printed = host.run(&["systemctl", "show", "--value", "-p", property, pattern]).stdout;
    let stamps = printed.lines().filter_map(|line| line.parse().ok()).filter(|micros| *micros != 0);
    stamps.map(Duration::from_micros).collect()
}
