//! One edit among many files that are not for this host, until the plan is ready.
//!
//! The edit names this host, so the plan is to install and start the unit. The first file that is written for it, the
//! mark, tells by its time stamp when the plan was ready; nothing is asked of sculler itself. Time stamps of files are
//! cut to ticks of the kernel's clock, so a tick is added.

use std::time::{Duration, SystemTime};

use crate::Scale;
use crate::clock;
use crate::host::Host;
use crate::table::{Row, Samples, Table};
use crate::unit_dir::{ATTACHED, UnitDir, sleeper};

/// Of kernels with HZ=250, as Debian's.
const TICK: Duration = Duration::from_millis(4);

pub fn measure(host: &Host, scale: &Scale, table: &mut Table) {
    let units = UnitDir::new(host);
    let elsewhere = sleeper().replace("Global=true", "MachineID=ffffffffffffffffffffffffffffffff");
    let names: Vec<String> = (0..scale.files).map(|index| format!("file-{index:05}.service")).collect();
    units.drop_folder("fleet", &names, &elsewhere);
    host.wait_until("the files are read", Duration::from_secs(60), || {
        host.read("/run/sculler/status.json").contains(&format!("\"files\":{}", scale.files))
    });
    std::thread::sleep(Duration::from_secs(2));
    let (mut planned, mut begun) = (Vec::new(), Vec::new());
    // The first warms up
    for name in names.iter().step_by(scale.files / (scale.samples + 1)).take(scale.samples + 1) {
        let reloads = units.reloads();
        let ahead =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970") - clock::now();
        let since = units.drop_file(&format!("fleet/{name}"), &sleeper());
        units.wait_active(name);
        planned.push(mark_written(host, name) + TICK - (since + ahead));
        begun.push(clock::stamps(host, name, "InactiveExitTimestampMonotonic")[0] - since);
        units.wait_for_quiet(name, reloads);
    }
    let [planned, begun] = [planned, begun].map(|samples| Samples::of(samples[1..].to_vec()));
    eprintln!("one edit among {}, planned: {planned}\n  start begun: {begun}", scale.files);
    for (of, value) in [("median", planned.median()), ("p95", planned.p95())] {
        let figure = format!("one edit among {} foreign files -> plan ready, {of}", scale.files);
        table.add(Row::limit(4, &figure, value.as_secs_f64() * 1e3, "ms", 50.0));
    }
}

/// When sculler wrote the first of a unit's files, since 1970.
fn mark_written(host: &Host, unit: &str) -> Duration {
    let mark = host.path(&format!("{ATTACHED}/{unit}.d/10-sculler.conf"));
    let modified = mark.metadata().and_then(|metadata| metadata.modified());
    let modified = modified.unwrap_or_else(|error| host.fail(&format!("{}: {error}", mark.display())));
    modified.duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}
