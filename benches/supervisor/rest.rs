//! Supervisors at rest: their memory, and whether they wake.

use std::thread::sleep;
use std::time::Duration;

use crate::engine::Engine;
use crate::host::Host;
use crate::podman;
use crate::start::container;
use crate::table::{Row, Table};
use crate::unit_dir::UnitDir;

/// For services to come up.
const LONG: Duration = Duration::from_secs(300);

pub fn measure(units: &UnitDir<'_>, count: usize, time: Duration, table: &mut Table) {
    let host = units.host;
    let mut engine = Engine::of(host);
    let name = |kind: &str, index: usize| format!("{kind}{index:02}");
    for index in 0..count {
        let name = name("rest", index);
        units.drop_file(&format!("{name}.container"), &container(&name, "none", ""));
    }
    let pids = wait_pids(host, "rest*.service", count);
    host.sh("sculler reconcile --wait");
    sleep(Duration::from_secs(5));
    let before = busy(host, &pids);
    sleep(time);
    let woke = busy(host, &pids).1 - before.1;
    let used = busy(host, &pids).0 - before.0;
    let ours = Memory::of(host, &pids);
    for index in 0..count {
        host.remove(&format!("/etc/sculler/units/{}.container", name("rest", index)));
    }
    host.wait_until("they are gone", LONG, || !host.exists("/var/lib/sculler/units/rest00.service"));
    host.sh("sculler reconcile --wait");

    // As sculler runs raw services, which is what a unit file with 'docker run' does anywhere.
    for index in 0..count {
        let name = name("client", index);
        units.drop_file(
            &format!("{name}.service"),
            &format!(
                "[Service]\nExecStart=/usr/bin/docker run --rm --name {name} --network none --stop-signal KILL bench \
                 sleep 1000000\nExecStop=/usr/bin/docker stop {name}\n[X-Fleet]\nGlobal=true\n"
            ),
        );
    }
    host.wait_until("the clients' containers run", LONG, || {
        (0..count).all(|index| engine.started(&name("client", index)).is_some())
    });
    let clients = Memory::of(host, &wait_pids(host, "client*.service", count));
    for index in 0..count {
        host.remove(&format!("/etc/sculler/units/{}.service", name("client", index)));
    }
    for index in 0..count {
        podman::run(host, &name("conmon", index));
    }
    let pids = host.sh("pgrep -x conmon");
    let conmons = Memory::of(host, &pids.lines().map(str::to_owned).collect::<Vec<_>>());
    host.sh("podman rm -aft0 > /dev/null");

    let label = |what: &str, peer: &str| format!("{what} of a supervisor, {count} of them; peer: {peer}");
    let conmon = |ours: f64, peer: f64, what: &str, limit: bool| {
        Row::figure(4, label(what, "conmon"), (ours, peer), "kB", limit)
    };
    table.add(conmon(ours.shared, conmons.shared, "PSS", true));
    table.add(conmon(ours.private, conmons.private, "private dirty memory", false));
    table.add(Row::figure(4, label("PSS", "docker run"), (ours.shared, clients.shared), "kB", false));
    let figure = label("private dirty memory", "docker run");
    table.add(Row::figure(4, figure, (ours.private, clients.private), "kB", false));
    let figure = format!("CPU time of {count} supervisors in {} s", time.as_secs());
    table.add(Row::limit(5, &figure, used as f64 / 1e6, "ms", 0.0));
    let figure = format!("context switches of {count} supervisors in {} s", time.as_secs());
    table.add(Row::limit(5, &figure, woke as f64, "", 0.0));
}

/// In kB, each in the mean.
struct Memory {
    shared: f64,
    private: f64,
}

impl Memory {
    fn of(host: &Host, pids: &[String]) -> Self {
        let text: String = pids.iter().map(|pid| host.read(&format!("/proc/{pid}/smaps_rollup"))).collect();
        let sum = |key: &str| -> f64 {
            let values =
                text.lines().filter_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<f64>().ok());
            values.sum::<f64>() / pids.len() as f64
        };
        Self { shared: sum("Pss:"), private: sum("Private_Dirty:") }
    }
}

/// The main processes of services, once all are up.
fn wait_pids(host: &Host, pattern: &str, count: usize) -> Vec<String> {
    let mut pids = Vec::new();
    host.wait_until(&format!("{count} of {pattern} are up"), LONG, || {
        let shown = host.sh(&format!("systemctl show --value -p MainPID --state=active '{pattern}'"));
        pids = shown.lines().filter(|line| !line.is_empty() && *line != "0").map(str::to_owned).collect();
        pids.len() == count
    });
    pids
}

/// Nanoseconds on a processor, and context switches of their own will.
fn busy(host: &Host, pids: &[String]) -> (u64, u64) {
    let mut sum = (0, 0);
    for pid in pids {
        let time = host.read(&format!("/proc/{pid}/schedstat"));
        sum.0 += time.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_else(|| host.fail(&time));
        let status = host.read(&format!("/proc/{pid}/status"));
        let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum.1 += switches.and_then(|word| word.trim().parse::<u64>().ok()).unwrap_or_else(|| host.fail(&status));
    }
    sum
}
