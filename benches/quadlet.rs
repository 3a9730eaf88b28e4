//! `make bench BENCH=quadlet`: rendering `.container` files, beside Podman's own generator. Needs root, for the booted host.
//!
//!     QUICK=1 make bench BENCH=quadlet      a tenth of the files: whether it works, no figures to quote

// Each bench uses its part of it
#[allow(dead_code)]
#[path = "../tests/e2e/host.rs"]
mod host;

#[path = "quadlet/files.rs"]
mod files;
#[allow(dead_code)]
#[path = "main_job/table.rs"]
mod table;

use std::time::Duration;

use host::Host;
use table::{Row, Samples, Table};

const FOLDER: &str = "/root/quadlets";

/// What sculler may take, in times of what Podman's generator takes.
const ALLOWANCE: f64 = 0.5;

/// Both print what they make.
const SCULLER: &str = "sculler render /root/quadlets";
const PODMAN: &str = "QUADLET_UNIT_DIRS=/root/quadlets /usr/libexec/podman/quadlet -dryrun";

fn main() {
    assert!(std::env::var_os("SCULLER_BIN").is_some(), "run 'make bench', which sets SCULLER_BIN to the release build");
    let is_quick = std::env::var_os("QUICK").is_some_and(|value| !value.is_empty());
    let (count, turns) = if is_quick { (100, 3) } else { (1000, 15) };
    let host = Host::boot("bench-quadlet").up();
    host.install_sculler();
    host.sh("systemctl stop sculler");
    host.make_dir(FOLDER);
    for (name, text) in files::files(count) {
        std::fs::write(host.path(FOLDER).join(name), text).expect("the disk can be written");
    }
    check(&host, count);

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does falls on both; the first warms up
    for turn in 0..=turns {
        let (sculler, podman) = (time(&host, SCULLER), time(&host, PODMAN));
        if turn > 0 {
            ours.push(sculler);
            theirs.push(podman);
        }
    }
    let (ours, theirs) = (Samples::of(ours), Samples::of(theirs));
    eprintln!("sculler: {ours}\npodman: {theirs}");
    let mut table = Table::default();
    let limit = theirs.median().mul_f64(ALLOWANCE);
    let figure = format!("render of {count} .container files; peer: Podman's generator");
    table.add(Row::beside(1, figure, ours.median(), theirs.median(), Some((limit, "half"))));
    println!("\n{table}");
    println!("Both print the text of each unit; sculler also what Docker is asked for.");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim_end());
}

/// Both take every file, without a complaint, and make a unit of each.
fn check(host: &Host, count: usize) {
    let said = host.sh(&format!("{SCULLER} 2>&1 | grep -E ': (invalid|not for this host|error)' | head; true"));
    assert_eq!(said, "", "sculler does not take the files of this bench");
    let units = host.sh(&format!("set -o pipefail; {SCULLER} | grep -c '^\\[Service\\]$'"));
    assert_eq!(units.trim(), count.to_string(), "sculler's units");
    let said = host.sh(&format!(
        "{PODMAN} 2>&1 >/dev/null | grep -vE 'Loading source unit file|^quadlet-generator\\[[0-9]*\\]: *$' | head; true"
    ));
    assert_eq!(said, "", "Podman's generator does not take the files of this bench");
    let units = host.sh(&format!("set -o pipefail; {PODMAN} 2>/dev/null | grep -cE '^---.*\\.service---$'"));
    assert_eq!(units.trim(), count.to_string(), "Podman's units");
}

/// Measured in the host, where entering it does not count.
fn time(host: &Host, command: &str) -> Duration {
    let line =
        format!("since=$(date +%s%N); {command} >/run/out 2>/run/said || exit 1; echo $(($(date +%s%N) - since))");
    Duration::from_nanos(host.sh(&line).trim().parse().expect("date prints a number"))
}
