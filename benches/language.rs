//! `make bench BENCH=language`: reading unit files, and selection between many of them. Needs root, for the booted host.
//!
//!     QUICK=1 make bench BENCH=language      a tenth of the files: whether it works, no figures to quote

// Each bench uses its part of it
#[allow(dead_code)]
#[path = "../tests/e2e/host.rs"]
mod host;

#[path = "language/render.rs"]
mod render;
#[path = "language/select.rs"]
mod select;
#[allow(dead_code)]
#[path = "main_job/table.rs"]
mod table;

use host::Host;
use table::Table;

fn main() {
    assert!(std::env::var_os("SCULLER_BIN").is_some(), "run 'make bench', which sets SCULLER_BIN to the release build");
    let is_quick = std::env::var_os("QUICK").is_some_and(|value| !value.is_empty());
    let units = if is_quick { 1000 } else { 10_000 };
    let samples = if is_quick { 3 } else { 15 };
    let mut table = Table::default();

    select::measure(units, samples, &mut table);
    let host = Host::boot("bench-language").up();
    host.install_sculler();
    host.sh("systemctl stop sculler");
    render::measure(&host, units, samples.div_ceil(3), &mut table);

    println!("\n{table}");
    println!(
        "systemd-analyze verify does more for a file: it loads the units that it refers to, and looks for its commands."
    );
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim_end());
}
