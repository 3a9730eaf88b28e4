//! From the rename of one file into the unit directory to its unit active, beside what one does by hand.

use std::thread::sleep;
use std::time::Duration;

use crate::host::Host;
use crate::shell::Shell;
use crate::table::{Row, Samples, Table};
use crate::unit_dir::{ATTACHED, UnitDir, active_since, sleeper};

/// What sculler may take more than `systemctl start` of a unit that needs no reload.
const ALLOWANCE: Duration = Duration::from_millis(40);

/// With no other units than those of the earlier samples.
pub fn alone(units: &UnitDir<'_>, samples: usize, table: &mut Table) {
    let mut shell = Shell::new(units.host);
    let (mut dropped, mut started, mut reloaded) = (Vec::new(), Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does falls on all; the first turn warms up
    for index in 0..=samples {
        let unit = format!("alone-{index:02}.service");
        let reloads = units.reloads();
        let since = units.drop_file(&unit, &sleeper());
        dropped.push(units.wait_active(&unit) - since);
        units.wait_for_quiet(&unit, reloads);
        started.push(by_hand(units.host, &mut shell, &format!("hand-{index}.service"), ""));
        reloaded.push(by_hand(
            units.host,
            &mut shell,
            &format!("reload-{index}.service"),
            "systemctl daemon-reload && ",
        ));
    }
    report("drop -> active, 0 others", dropped, started, reloaded, table, 1);
}

/// With `others` running. A daemon-reload takes seconds then, and sculler spends 1 in 10 of its time on them at most: all
/// samples fall in the time after one in which it does none.
pub fn beside(units: &UnitDir<'_>, others: usize, samples: usize, table: &mut Table) {
    let mut shell = Shell::new(units.host);
    let (mut dropped, mut started, mut reloaded) = (Vec::new(), Vec::new(), Vec::new());
    let mut unit = String::new();
    let mut reloads = units.reloads();
    for index in 0..=samples {
        unit = format!("beside-{index:02}.service");
        let since = units.drop_file(&unit, &sleeper());
        dropped.push(units.wait_active(&unit) - since);
        // What comes after the start: the job's end, the journal, the status
        sleep(Duration::from_millis(300));
        started.push(by_hand(units.host, &mut shell, &format!("hand-beside-{index}.service"), ""));
    }
    let during = units.reloads() - reloads;
    if during > 0 {
        eprintln!("{during} daemon-reloads of sculler fell into the samples beside {others} units");
    }
    reloads += during;
    units.wait_for_quiet(&unit, reloads);
    for index in 0..=samples {
        let unit = format!("reload-beside-{index}.service");
        reloaded.push(by_hand(units.host, &mut shell, &unit, "systemctl daemon-reload && "));
    }
    report(&format!("drop -> active, {others} others"), dropped, started, reloaded, table, 2);
}

fn by_hand(host: &Host, shell: &mut Shell, unit: &str, first: &str) -> Duration {
    let path = format!("{ATTACHED}/{unit}");
    host.write(&path, &sleeper());
    let since = shell.run(&format!("{first}systemctl start {unit}"));
    let took = active_since(host, unit) - since;
    // Its file stays, as sculler's do: PID 1 looks through the folder again after each change in it
    shell.run(&format!("systemctl stop {unit}"));
    sleep(Duration::from_millis(100));
    took
}

fn report(
    label: &str,
    dropped: Vec<Duration>,
    started: Vec<Duration>,
    reloaded: Vec<Duration>,
    table: &mut Table,
    part: u8,
) {
    let [dropped, started, reloaded] = [dropped, started, reloaded].map(|samples| Samples::of(samples[1..].to_vec()));
    eprintln!("{label}: {dropped}\n  systemctl start: {started}\n  daemon-reload && start: {reloaded}");
    let limit = |peer: Duration| Some((peer + ALLOWANCE, "start + 40 ms"));
    let figure = |of: &str, peer: &str| format!("{label}, {of}; peer: {peer}");
    let (start, reload) = ("systemctl start", "daemon-reload && start");
    let (median, p95) = (dropped.median(), dropped.p95());
    table.add(Row::beside(part, figure("median", start), median, started.median(), limit(started.median())));
    table.add(Row::beside(part, figure("p95", start), p95, started.p95(), limit(started.p95())));
    table.add(Row::beside(part, figure("median", reload), median, reloaded.median(), None));
    table.add(Row::beside(part, figure("p95", reload), p95, reloaded.p95(), None));
}
