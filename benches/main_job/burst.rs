//! Many units at once, until all are active.

use std::time::Duration;

use crate::clock;
use crate::host::Host;
use crate::shell::Shell;
use crate::table::Row;
use crate::unit_dir::{ATTACHED, UnitDir, sleeper, wait_invoked};

/// What sculler may take, in times of what one `systemctl start` takes.
const ALLOWANCE: f64 = 1.1;

/// One `systemctl start` of `count` units, on a host without sculler.
pub fn by_hand(host: &Host, count: usize) -> Duration {
    let names = names(count);
    host.make_dir(ATTACHED);
    for name in &names {
        std::fs::write(host.path(ATTACHED).join(name), sleeper()).expect("the disk can be written");
    }
    // A command line of its own, since a shell's may not be that long
    host.write("/run/start", &format!("systemctl start {}\n", names.join(" ")));
    let since = Shell::new(host).run("sh /run/start");
    let took = last_active(host, &names) - since;
    eprintln!("systemctl start of {count} units: {took:?}");
    took
}

/// `count` files dropped at once; returns when sculler is at rest again.
pub fn by_sculler(units: &UnitDir<'_>, count: usize) -> Duration {
    let names = names(count);
    let reloads = units.reloads();
    let since = units.drop_files(&names, &sleeper());
    wait_invoked(units.host, &names);
    let took = last_active(units.host, &names) - since;
    eprintln!("{count} files dropped: {took:?}");
    units.wait_for_quiet(&names[count - 1], reloads);
    took
}

pub fn row(count: usize, took: Duration, by_hand: Duration) -> Row {
    let figure = format!("{count} files at once -> all active; peer: one systemctl start");
    Row::beside(3, figure, took, by_hand, Some((by_hand.mul_f64(ALLOWANCE), "1.1 times")))
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("burst-{index:04}.service")).collect()
}

fn last_active(host: &Host, names: &[String]) -> Duration {
    let mut stamps = Vec::new();
    host.wait_until("all are active", Duration::from_secs(30), || {
        stamps = clock::stamps(host, "burst-*", "ActiveEnterTimestampMonotonic");
        stamps.len() == names.len()
    });
    stamps.into_iter().max().expect("there are some")
}
