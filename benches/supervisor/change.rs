//! A stop, and a restart after an edit.

use std::thread::sleep;
use std::time::Duration;

use crate::engine::{Engine, now};
use crate::shell::Shell;
use crate::start::{container, drop_container};
use crate::table::{Row, Samples, Table};
use crate::unit_dir::UnitDir;

const PAUSE: Duration = Duration::from_millis(1500);

pub fn measure(units: &UnitDir<'_>, samples: usize, table: &mut Table) {
    let host = units.host;
    let mut engine = Engine::of(host);
    let mut shell = Shell::new(host);
    let since = drop_container(units, "edited", &container("edited", "none", ""));
    engine.took(host, "edited", since);
    let reloads = units.reloads();
    let since = drop_container(units, "stopped", &container("stopped", "none", ""));
    engine.took(host, "stopped", since);
    units.wait_for_quiet("stopped.service", reloads);

    let (mut edits, mut gaps, mut restarts, mut stops, mut client_stops) = (vec![], vec![], vec![], vec![], vec![]);
    for turn in 0..=samples {
        let (_, before) = engine.ask("GET", "/containers/edited/json", None);
        let died = died_after(host, &before);
        let text = container("edited", "none", &format!("Environment=TURN={turn}"));
        let since = drop_container(units, "edited", &text);
        let took = engine.took(host, "edited", since);
        edits.push(took);
        gaps.push((since + took).saturating_sub(died(since)));
        sleep(PAUSE);

        engine.run("client", "none");
        sleep(PAUSE);
        let since = now();
        shell.run("docker restart client > /dev/null");
        restarts.push(engine.took(host, "client", since));

        let since = now();
        shell.run("docker stop client > /dev/null");
        client_stops.push(now() - since);
        engine.remove("client");
        sleep(PAUSE);

        let since = now();
        shell.run("systemctl stop stopped");
        stops.push(now() - since);
        shell.run("systemctl start stopped");
        sleep(PAUSE);
    }
    let samples = |samples: Vec<Duration>| Samples::of(samples[1..].to_vec());
    let [edits, gaps, restarts] = [edits, gaps, restarts].map(samples);
    let [stops, client_stops] = [stops, client_stops].map(samples);
    eprintln!("edits: {edits}\n  without a container: {gaps}\n  docker restart: {restarts}");
    eprintln!("systemctl stop: {stops}\n  docker stop: {client_stops}");
    let peer = restarts.median();
    table.add(Row::beside(3, "edit -> new container runs; peer: docker restart".into(), edits.median(), peer, None));
    let figure = "edit, between two containers; peer: docker restart";
    table.add(Row::beside(3, figure.into(), gaps.median(), peer, None));
    let figure = "systemctl stop, container removed; peer: docker stop";
    table.add(Row::beside(3, figure.into(), stops.median(), client_stops.median(), None));
}

/// Asks the Engine when a container died, which it tells even when the container is removed.
fn died_after<'a>(host: &'a crate::host::Host, container: &serde_json::Value) -> impl Fn(Duration) -> Duration + 'a {
    let id = container["Id"].as_str().unwrap_or_default().to_owned();
    move |since| {
        let events = host.sh(&format!(
            "docker events --since {} --until $(date +%s.%N) --filter event=die --filter container={id} \
             --format '{{{{.TimeNano}}}}'",
            since.as_secs()
        ));
        let nanos = events.lines().last().and_then(|line| line.trim().parse().ok());
        Duration::from_nanos(nanos.unwrap_or_else(|| host.fail(&format!("{id} did not end: {events}"))))
    }
}
