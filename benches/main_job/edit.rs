//! One edit among many files that are not for this host, until the plan is ready.
//!
//! The edit names this host, so the plan is to install and start the unit. When PID 1 begins the start
//! (`InactiveExitTimestampMonotonic`) the plan has been ready for a while: the files are written and the start is queued
//! by then. That is an upper limit, and seen without any help from sculler.

use std::time::Duration;

use crate::Scale;
use crate::clock;
use crate::host::Host;
use crate::table::{Row, Samples, Table};
use crate::unit_dir::{UnitDir, sleeper};

pub fn measure(host: &Host, scale: &Scale, table: &mut Table) {
    let units = UnitDir::new(host);
    let elsewhere = sleeper().replace("Global=true", "MachineID=ffffffffffffffffffffffffffffffff");
    let names: Vec<String> = (0..scale.files).map(|index| format!("file-{index:05}.service")).collect();
    units.drop_folder("fleet", &names, &elsewhere);
    host.wait_until("the files are read", Duration::from_secs(60), || {
        host.read("/run/sculler/status.json").contains(&format!("\"files\":{}", scale.files))
    });
    std::thread::sleep(Duration::from_secs(2));
    let mut samples = Vec::new();
    // The first warms up
    for name in names.iter().step_by(scale.files / (scale.samples + 1)).take(scale.samples + 1) {
        let reloads = units.reloads();
        let since = units.drop_file(&format!("fleet/{name}"), &sleeper());
        units.wait_active(name);
        let begun = clock::stamps(host, name, "InactiveExitTimestampMonotonic");
        samples.push(begun[0] - since);
        units.wait_for_quiet(name, reloads);
    }
    let samples = Samples::of(samples[1..].to_vec());
    eprintln!("one edit among {}: {samples}", scale.files);
    for (of, value) in [("median", samples.median()), ("p95", samples.p95())] {
        let figure = format!("one edit among {} foreign files -> planned and queued, {of}", scale.files);
        table.add(Row::limit(4, &figure, value.as_secs_f64() * 1e3, "ms", 50.0));
    }
}
