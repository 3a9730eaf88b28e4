//! From a file to a running container.

use std::thread::sleep;
use std::time::Duration;

use crate::engine::{Engine, now};
use crate::host::Host;
use crate::podman;
use crate::shell::Shell;
use crate::table::{Row, Samples, Table};
use crate::unit_dir::{UnitDir, sleeper, wait_invoked};

/// What sculler may take, in times of what the Engine itself takes.
const ALLOWANCE: f64 = 1.15;

/// After what is measured, for its aftermath: a removal, the journal, the status.
const PAUSE: Duration = Duration::from_millis(700);

/// Beside a file that reloads all of systemd this many times is enough.
const SLOW_SAMPLES: usize = 5;

/// Every way to start a container, in turns, so that whatever else the machine does falls on all.
pub fn measure(units: &UnitDir<'_>, network: &str, samples: usize, others: Option<usize>, table: &mut Table) {
    let host = units.host;
    let mut engine = Engine::of(host);
    let mut shell = Shell::new(host);
    let (mut ours, mut bare, mut client, mut raw, mut quadlet) = (vec![], vec![], vec![], vec![], vec![]);
    // The first turn warms up.
    for turn in 0..=samples {
        let name = format!("ours{turn}");
        let since = drop_container(units, &name, &container(&name, network, ""));
        ours.push(engine.took(host, &name, since));
        take_out(units, &format!("{name}.container"));

        let since = engine.run("bare", network);
        bare.push(engine.took(host, "bare", since));
        engine.remove("bare");
        sleep(PAUSE);

        let since = now();
        shell.run(&format!(
            "docker run -d --name client --network {network} --stop-signal KILL bench sleep 1000000 > /dev/null"
        ));
        client.push(engine.took(host, "client", since));
        engine.remove("client");
        sleep(PAUSE);

        if others.is_none() {
            let name = format!("raw{turn}");
            let since = drop_service(units, &name, network);
            raw.push(engine.took(host, &name, since));
            take_out(units, &format!("{name}.service"));
            engine.remove(&name);
            sleep(PAUSE);
        }
        if network == "none" && (others.is_none() || turn <= SLOW_SAMPLES) {
            quadlet.push(podman::quadlet(host, &mut shell, &format!("quadlet{turn}")));
            sleep(PAUSE);
        }
    }
    let part = if others.is_none() { 1 } else { 2 };
    let label = format!("rename -> container runs, network {network}, {} others", others.unwrap_or_default());
    let samples = |samples: Vec<Duration>| Samples::of(samples[1..].to_vec());
    let (ours, bare) = (samples(ours), samples(bare));
    eprintln!("{label}: {ours}\n  bare API: {bare}");
    let (took, floor) = (ours.median(), bare.median());
    let limit = Some((floor.mul_f64(ALLOWANCE), "1.15 times"));
    table.add(Row::beside(part, format!("{label}; peer: the bare API"), took, floor, limit));
    for (peer, times) in [("docker run -d", client), ("a service with docker run, dropped", raw), ("Quadlet", quadlet)]
    {
        if times.len() > 1 {
            let times = samples(times);
            eprintln!("  {peer}: {times}");
            table.add(Row::beside(part, format!("{label}; peer: {peer}"), took, times.median(), None));
        }
    }
}

/// The file of a container that runs until it is killed.
pub fn container(name: &str, network: &str, lines: &str) -> String {
    format!(
        "[Container]\nImage=bench\nContainerName={name}\nExec=sleep 1000000\nPull=never\nNetwork={network}\n\
         StopSignal=KILL\n{lines}\n[X-Fleet]\nGlobal=true\n"
    )
}

/// Puts the file of a container there; when that was done.
pub fn drop_container(units: &UnitDir<'_>, name: &str, text: &str) -> Duration {
    // Both clocks run alike for the moment that lies between.
    let since = now();
    units.drop_file(&format!("{name}.container"), text);
    since
}

fn drop_service(units: &UnitDir<'_>, name: &str, network: &str) -> Duration {
    let since = now();
    units.drop_file(
        &format!("{name}.service"),
        &format!(
            "[Service]\nExecStart=/usr/bin/docker run --rm --name {name} --network {network} --stop-signal KILL bench \
             sleep 1000000\nExecStop=/usr/bin/docker stop {name}\n[X-Fleet]\nGlobal=true\n"
        ),
    );
    since
}

/// Removes a file, and waits until nothing is left of its unit.
pub fn take_out(units: &UnitDir<'_>, file: &str) {
    let host = units.host;
    host.remove(&format!("/etc/sculler/units/{file}"));
    let unit = file.replace(".container", ".service");
    host.wait_until(&format!("{unit} is gone"), Duration::from_secs(60), || {
        !host.exists(&format!("/var/lib/sculler/units/{unit}"))
    });
    quiet(host);
}

/// The daemon-reload that follows a removal is over.
fn quiet(host: &Host) {
    host.sh("sculler reconcile --wait");
    sleep(PAUSE);
}

/// Runs that many other units.
pub fn others(units: &UnitDir<'_>, count: usize) {
    let names: Vec<String> = (0..count).map(|index| format!("other-{index:04}.service")).collect();
    let reloads = units.reloads();
    units.drop_files(&names, &sleeper());
    wait_invoked(units.host, &names);
    units.wait_for_quiet(&names[count - 1], reloads);
}
