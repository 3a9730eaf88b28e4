//! `make bench`: what the main job costs, beside what systemd itself takes for the same. Needs root.
//!
//! Times are PID 1's own: a unit's `ActiveEnterTimestampMonotonic` (or another of its time stamps) less the reading of the
//! same clock just before the file was renamed into place or the command was written to a shell that waits in the host.
//! So every contender is measured in the same way, and neither looking for the end nor entering the host counts.
//!
//!     QUICK=1 make bench            a tenth of the units and files, and few samples: whether it works, no figures to quote
//!     ONLY=edit,rest make bench     some parts: burst, edit, latency, rest, security

// Each bench uses its part of it
#[allow(dead_code)]
#[path = "../tests/e2e/host.rs"]
mod host;

#[path = "main_job/burst.rs"]
mod burst;
#[path = "main_job/clock.rs"]
mod clock;
#[path = "main_job/edit.rs"]
mod edit;
#[path = "main_job/latency.rs"]
mod latency;
#[path = "main_job/rest.rs"]
mod rest;
#[path = "main_job/shell.rs"]
mod shell;
#[allow(dead_code)]
#[path = "main_job/table.rs"]
mod table;
#[path = "main_job/unit_dir.rs"]
mod unit_dir;

use std::time::{Duration, Instant};

use host::Host;
use table::{Row, Table};
use unit_dir::UnitDir;

/// How much is measured.
struct Scale {
    /// Units in the burst and beside the single ones.
    units: usize,
    /// Files that are not for this host.
    files: usize,
    /// Samples of each latency.
    samples: usize,
    /// How long the agent is watched at rest.
    rest: Duration,
}

impl Scale {
    fn chosen() -> Self {
        match std::env::var_os("QUICK").is_some_and(|value| !value.is_empty()) {
            true => Self { units: 100, files: 1000, samples: 5, rest: Duration::from_secs(10) },
            false => Self { units: 1000, files: 10_000, samples: 15, rest: Duration::from_secs(60) },
        }
    }
}

fn main() {
    // The binary that cargo builds beside this bench is not the one that is installed
    assert!(std::env::var_os("SCULLER_BIN").is_some(), "run 'make bench', which sets SCULLER_BIN to the release build");
    let only = std::env::var("ONLY").unwrap_or_default();
    let wants = |part: &str| only.is_empty() || only.split(',').any(|word| word == part);
    let scale = Scale::chosen();
    let began = Instant::now();
    let mut table = Table::default();

    // A host for each, so that none inherits what another left in PID 1, the journal or the agent
    let by_hand = wants("burst").then(|| {
        let host = boot("bench-peer");
        burst::by_hand(&host, scale.units)
    });
    if wants("edit") {
        let host = boot_with_sculler("bench-files");
        edit::measure(&host, &scale, &mut table);
    }
    if wants("burst") || wants("latency") || wants("rest") || wants("security") {
        let host = boot_with_sculler("bench-units");
        measure_units(&host, &scale, &wants, by_hand, &mut table);
    }
    table.sort();
    println!("\n{table}");
    println!("\n{:.0} s in all, load average {}", began.elapsed().as_secs_f64(), load_average());
}

fn measure_units(
    host: &Host,
    scale: &Scale,
    wants: &dyn Fn(&str) -> bool,
    by_hand: Option<Duration>,
    table: &mut Table,
) {
    let units = UnitDir::new(host);
    if wants("security") {
        table.add(security(host));
    }
    if wants("latency") {
        latency::alone(&units, scale.samples, table);
    }
    if wants("rest") {
        units.keep_first(10);
        rest::measure(&units, 10, 6.0, scale.rest, table);
    }
    if wants("burst") || wants("latency") || wants("rest") {
        let took = burst::by_sculler(&units, scale.units);
        if let Some(by_hand) = by_hand {
            table.add(burst::row(scale.units, took, by_hand));
        }
    }
    if wants("latency") {
        latency::beside(&units, scale.units, scale.samples, table);
    }
    if wants("rest") {
        rest::measure(&units, scale.units, 10.0, scale.rest, table);
    }
}

fn boot(label: &str) -> Host {
    eprintln!("booting {label}");
    let host = Host::boot(label).up();
    // Boot has an aftermath, such as the journal's
    std::thread::sleep(Duration::from_secs(2));
    host
}

fn boot_with_sculler(label: &str) -> Host {
    let host = boot(label);
    // As tmpfiles.d makes it at boot
    host.make_dir(unit_dir::ATTACHED);
    host.install_sculler();
    std::thread::sleep(Duration::from_secs(1));
    host
}

/// `systemd-analyze security` of the agent, 0 (tight) to 10.
fn security(host: &Host) -> Row {
    let report = host.sh("systemd-analyze security --no-pager sculler.service");
    let overall = report.lines().rev().find(|line| line.contains("Overall exposure level"));
    let exposure = overall
        .and_then(|line| line.rsplit_once(": "))
        .and_then(|(_, level)| level.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| host.fail(&format!("no exposure level in {report}")));
    Row::limit(5, "systemd-analyze security sculler", exposure, "", 2.5)
}

fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim_end().to_owned()
}
