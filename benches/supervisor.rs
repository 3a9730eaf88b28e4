//! `make bench BENCH=supervisor`: what it costs that a container is a service, beside Docker alone, a raw service with
//! `docker run`, and Podman's Quadlet. Needs root.
//!
//! A start ends when the Engine (or Podman) says that the container was started, by the host's own clock, and begins just
//! before the file is renamed into place, the request is sent, or the command is written to a shell that waits in the host.
//!
//!     QUICK=1 make bench BENCH=supervisor              few samples, containers and units: whether it works
//!     ONLY=start,rest make bench BENCH=supervisor      some parts: start, beside, change, rest

#[allow(dead_code)]
#[path = "main_job/clock.rs"]
mod clock;
#[allow(dead_code)]
#[path = "../tests/e2e/host.rs"]
mod host;
#[path = "main_job/shell.rs"]
mod shell;
#[allow(dead_code)]
#[path = "main_job/table.rs"]
mod table;
#[allow(dead_code)]
#[path = "main_job/unit_dir.rs"]
mod unit_dir;

#[path = "supervisor/change.rs"]
mod change;
#[path = "supervisor/engine.rs"]
mod engine;
#[path = "supervisor/podman.rs"]
mod podman;
#[path = "supervisor/rest.rs"]
mod rest;
#[path = "supervisor/start.rs"]
mod start;

use std::time::{Duration, Instant};

use host::Host;
use table::Table;
use unit_dir::UnitDir;

/// How much is measured.
struct Scale {
    /// Samples of each latency.
    samples: usize,
    /// Containers at rest.
    containers: usize,
    /// Other units that run beside one that is started.
    others: usize,
    /// How long supervisors are watched at rest.
    rest: Duration,
}

fn main() {
    assert!(std::env::var_os("SCULLER_BIN").is_some(), "run 'make bench', which sets SCULLER_BIN to the release build");
    let scale = match std::env::var_os("QUICK").is_some_and(|value| !value.is_empty()) {
        true => Scale { samples: 5, containers: 10, others: 100, rest: Duration::from_secs(10) },
        false => Scale { samples: 15, containers: 50, others: 1000, rest: Duration::from_secs(60) },
    };
    let only = std::env::var("ONLY").unwrap_or_default();
    let wants = |part: &str| only.is_empty() || only.split(',').any(|word| word == part);
    let began = Instant::now();
    let mut table = Table::default();
    let host = boot();
    let units = UnitDir::new(&host);
    if wants("start") {
        start::measure(&units, "none", scale.samples, None, &mut table);
        start::measure(&units, "bridge", scale.samples, None, &mut table);
    }
    if wants("change") {
        change::measure(&units, scale.samples, &mut table);
    }
    if wants("rest") {
        rest::measure(&units, scale.containers, scale.rest, &mut table);
    }
    if wants("beside") {
        start::others(&units, scale.others);
        start::measure(&units, "none", scale.samples, Some(scale.others), &mut table);
    }
    table.sort();
    println!("\n{table}");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{:.0} s in all, load average {}", began.elapsed().as_secs_f64(), load.trim_end());
}

fn boot() -> Host {
    eprintln!("booting a host");
    let host = Host::boot("bench-supervisor").docker().up();
    host.make_dir(unit_dir::ATTACHED);
    host.sh("docker pull -q busybox && docker tag busybox bench");
    podman::set_up(&host);
    host.install_sculler();
    std::thread::sleep(Duration::from_secs(3));
    host
}
