//! `make bench BENCH=reload`: what it takes until a changed file is taken up, and what is lost meanwhile. Needs root.
//!
//! Times are the host's own clock: from just after the file was closed or renamed until what the container printed, or
//! showed, less SettleSec.
//!
//!     QUICK=1 make bench BENCH=reload      few samples and folders: whether it works, no figures to quote

#[allow(dead_code)]
#[path = "../tests/e2e/host.rs"]
mod host;

#[allow(dead_code)]
#[path = "main_job/table.rs"]
mod table;

use std::ops::Range;
use std::time::{Duration, Instant};

use host::Host;
use table::{Row, Samples, Table};

const SETTLE: Duration = Duration::from_millis(100);
const GOAL: Duration = Duration::from_millis(20);
/// For 50,000 folders, with a file in each.
const MANY: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(60);

/// It prints the time as soon as the signal is there: bash waits in read, whose end a trap does not wait for.
const SIGNALLED: &str = "[Container]\nImage=nginx:latest\nContainerName=signalled\nVolume=/srv/s:/s:ro\nReloadSignal=USR1\nStopSignal=KILL\n\
    Exec=/bin/busybox sh -c \"trap 'echo GOT $(/bin/busybox date +%%s)' USR1; while :; do /bin/busybox sleep 100000 & wait; done\"\n\
    [X-Fleet]\nGlobal=true\n";

const SINGLE: &str = "[Container]\nImage=nginx:latest\nContainerName=single\nVolume=/srv/single:/single:ro\nStopSignal=KILL\n\
    Exec=/bin/busybox sleep 100000\n[X-Fleet]\nGlobal=true\n";

const WEB: &str = "[Container]\nImage=nginx:latest\nContainerName=web\nPublishPort=8080:8080\nVolume=/srv/conf:/etc/nginx/live:ro\n\
    Exec=/usr/sbin/nginx -c /etc/nginx/live/nginx.conf -g \"daemon off;\"\nReloadSignal=HUP\n\
    [X-Sculler]\nCheckCmd=/usr/sbin/nginx -t -c /etc/nginx/live/nginx.conf\n[X-Fleet]\nGlobal=true\n";

fn main() {
    assert!(std::env::var_os("SCULLER_BIN").is_some(), "run 'make bench', which sets SCULLER_BIN to the release build");
    let is_quick = std::env::var_os("QUICK").is_some_and(|value| !value.is_empty());
    let (samples, reloads, folders) = if is_quick { (5, 10, 2000) } else { (30, 100, 50_000) };
    let host = Host::boot("bench-reload").docker().up();
    host.sh("mkdir -p /srv/s /srv/conf /etc/sculler/units; echo 0 > /srv/s/f; echo 0 > /srv/single");
    host.write("/srv/conf/nginx.conf", &conf(0));
    host.install_sculler();
    let mut table = Table::default();
    for (file, text) in [("signalled", SIGNALLED), ("single", SINGLE), ("web", WEB)] {
        host.write(&format!("/etc/sculler/units/{file}.container"), text);
        let unit = format!("{file}.service");
        host.wait_for_unit(&unit, "ActiveState", "active", SOON);
        host.wait_until("it is followed", SOON, || host.exists(&format!("/run/sculler/followed/{unit}")));
    }
    host.sh("sculler reconcile --wait; sleep 3");

    let took = Samples::of((1..=samples).map(|number| signal(&host, number)).collect()).median();
    table.add(Row::within(1, "closed file to signal, less SettleSec".into(), took, GOAL));
    let took = Samples::of((1..=samples).map(|number| swap(&host, number)).collect()).median();
    table.add(Row::within(2, "mv of a mounted file to its content, less SettleSec".into(), took, GOAL));

    let lost = under_load(&host, 1..reloads + 1, |number| host.write("/srv/conf/nginx.conf", &conf(number)));
    table.add(Row::limit(3, "requests lost during reloads", lost, "", 0.0));
    let lost = under_load(&host, 1000..1000 + reloads / 10, |number| {
        host.sh("systemctl stop sculler");
        host.write("/srv/conf/nginx.conf", &conf(number));
        host.sh("docker restart web");
    });
    println!("without sculler, 'docker restart' on each of {} changes: {lost} requests lost", reloads / 10);
    host.sh("systemctl start sculler");

    let (took, memory) = many_folders(&host, folders);
    table.add(Row::within(4, format!("{folders} folders in one: watched"), took, MANY));
    println!("with {folders} folders watched the agent's PSS is {memory:.1} MB");
    println!("{table}");
}

fn conf(number: usize) -> String {
    format!(
        "worker_processes 1;\npid /run/nginx.pid;\nevents {{ worker_connections 512; }}\nhttp {{ access_log off; server {{\n\
         listen 8080; location / {{ return 200 {number}; }} }} }}\n"
    )
}

/// From the close of a file to the container's line, which journald stamps when it comes.
fn signal(host: &Host, number: usize) -> Duration {
    let closed = host.sh(&format!("sleep 0.3; echo {number} > /srv/s/f; date +%s%6N"));
    let count = || {
        host.sh("journalctl --sync; journalctl -u signalled -o json --no-pager | grep -c GOT || true")
            .trim()
            .parse()
            .unwrap_or(0)
    };
    host.wait_until("the signal is there", SOON, || count() >= number);
    let line = host.sh(
        "journalctl -u signalled -o json --no-pager | grep GOT | tail -1 | sed 's/.*\"_SOURCE_REALTIME_TIMESTAMP\":\"\\([0-9]*\\)\".*/\\1/'",
    );
    between(&closed, &line)
}

/// From a rename to the moment at which a loop in the host sees the content through the container's root.
fn swap(host: &Host, number: usize) -> Duration {
    let line = host.sh(&format!(
        "sleep 0.3; p=/proc/$(docker inspect -f '{{{{.State.Pid}}}}' single)/root/single; echo {number} > /srv/next; \
         mv /srv/next /srv/single; date +%s%6N; while read v < $p; [ $v != {number} ]; do :; done; date +%s%6N"
    ));
    let mut lines = line.lines();
    between(lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
}

fn between(from: &str, to: &str) -> Duration {
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|error| panic!("'{text}': {error}"));
    Duration::from_micros(number(to).saturating_sub(number(from))).saturating_sub(SETTLE)
}

/// How many requests fail while `change` is done so often.
fn under_load(host: &Host, numbers: Range<usize>, change: impl Fn(usize)) -> f64 {
    host.sh(
        "rm -f /run/lost /run/enough; systemd-run -q --unit=load --collect sh -c 'while [ ! -e /run/enough ]; do curl -fsS \
         --max-time 5 -o /dev/null http://127.0.0.1:8080/ || echo lost >> /run/lost; done'",
    );
    for number in numbers {
        change(number);
        host.wait_until("it is served", SOON, || {
            host.try_sh("curl -fsS http://127.0.0.1:8080/").stdout == number.to_string()
        });
    }
    host.sh("touch /run/enough; while systemctl -q is-active load; do sleep 0.1; done");
    host.try_sh("cat /run/lost").stdout.lines().count() as f64
}

fn many_folders(host: &Host, folders: usize) -> (Duration, f64) {
    host.sh(&format!(
        "mkdir -p /srv/many; cd /srv/many; seq {folders} | xargs mkdir; for d in *; do echo x > $d/f; done"
    ));
    host.write(
        "/etc/sculler/units/many.service",
        "[Service]\nExecStart=sleep infinity\nExecReload=true\n[X-Sculler]\nWatch=/srv/many\n[X-Fleet]\nGlobal=true\n",
    );
    let began = Instant::now();
    host.wait_until("they are watched", SOON * 5, || host.exists("/run/sculler/followed/many.service"));
    let took = began.elapsed();
    let pss = host.sh("awk '/^Pss:/ {print $2}' /proc/$(systemctl show -p MainPID --value sculler)/smaps_rollup");
    (took, pss.trim().parse::<f64>().unwrap_or_default() / 1024.0)
}
