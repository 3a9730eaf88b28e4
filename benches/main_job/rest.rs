//! The agent at rest: its memory, and how often it wakes.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Duration;

use crate::host::Host;
use crate::table::{Row, Table};
use crate::unit_dir::UnitDir;

/// The watchdog's ping included.
const SWITCHES: f64 = 10.0;

pub fn measure(units: &UnitDir<'_>, count: usize, megabytes: f64, time: Duration, table: &mut Table) {
    let host = units.host;
    // The last pass, and what the measurement before it asked of the host
    sleep(Duration::from_secs(3));
    let pid = host.property("sculler.service", "MainPID");
    let before = switches(host, &pid);
    sleep(time);
    // A thread that has ended since is not there to be asked.
    let woke: u64 = switches(host, &pid).iter().map(|(thread, now)| now - before.get(thread).unwrap_or(&0)).sum();
    let pss = proportional_set_size(host, &pid);
    let name = |what: &str| format!("at rest with {count} units: {what}");
    table.add(Row::limit(6, &name("PSS"), pss, "MB", megabytes));
    let figure = name(&format!("voluntary context switches in {} s", time.as_secs()));
    table.add(Row::limit(6, &figure, woke as f64, "", SWITCHES));
}

/// Of each of its threads.
fn switches(host: &Host, pid: &str) -> HashMap<String, u64> {
    let printed = host.sh(&format!("grep -H ^voluntary_ctxt_switches: /proc/{pid}/task/*/status"));
    let number = |line: &str| {
        let (thread, number) = line.split_once(":voluntary_ctxt_switches:")?;
        Some((thread.to_owned(), number.trim().parse().ok()?))
    };
    printed.lines().filter_map(number).collect()
}

/// In MB of 1024 * 1024 bytes.
fn proportional_set_size(host: &Host, pid: &str) -> f64 {
    let printed = host.sh(&format!("cat /proc/{pid}/smaps_rollup"));
    let line = printed.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_else(|| host.fail(&printed)) / 1024.0
}
