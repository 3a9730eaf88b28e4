//! However a container's service ends, its container does not outlive it; while the service only restarts, the
//! container goes on where systemd and the Engine can do that.

use std::time::Instant;

use crate::agent::SOON;
use crate::host::{Host, Suite};

/// A container `name` that ends at once when it is told to; `service` goes into `[Service]`.
fn container(name: &str, service: &str) -> String {
    format!(
        "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1h\n\n[Container]\nImage=busybox\nContainerName={name}\n\
         Exec=sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"\n\n[Service]\n{service}\n\n\
         [X-Fleet]\nGlobal=true\n"
    )
}

impl Host {
    /// Kills the supervisor so that nothing of its own can be done any more.
    fn kill_supervisor(&self, unit: &str) {
        self.sh(&format!("kill -9 $(systemctl show -p MainPID --value {unit})"));
    }

    /// The process of a container; `None` if there is no such container, or it does not run.
    fn process_of(&self, container: &str) -> Option<String> {
        let process = self.try_sh(&format!("docker inspect -f {{{{.State.Pid}}}} {container}")).stdout;
        Some(process.trim().to_owned()).filter(|process| !["", "0"].contains(&process.as_str()))
    }

    fn wait_ended(&self, container: &str) {
        self.wait_until(&format!("no process of {container} is left"), SOON, || self.process_of(container).is_none());
    }
}

#[test]
fn nothing_outlives_its_service() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("orphans").suite(suite).docker().with_agent();
        let goes_on = suite == Suite::Trixie;
        host.put("never.container", &container("never", "Restart=no"));
        host.put("gate.service", "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nGlobal=true\n");
        let window = container("window", "Restart=on-failure\nRestartSec=1h");
        host.put(
            "window.container",
            &window.replacen("[Unit]", "[Unit]\nRequires=gate.service\nAfter=gate.service", 1),
        );
        host.put("limit.container", &container("limit", "Restart=on-failure\nRestartSec=100ms"));
        host.put("stopped.container", &container("stopped", "Restart=on-failure\nRestartSec=100ms"));
        for unit in ["never", "window", "limit", "stopped"] {
            host.wait_active(&format!("{unit}.service"));
        }

        host.kill_supervisor("never");
        host.wait_for_unit("never.service", "ActiveState", "failed", SOON);
        host.wait_ended("never");

        // Between two starts: it goes on, and a stop ends it, also one of what it requires.
        let process = host.process_of("window");
        host.kill_supervisor("window");
        host.wait_for_unit("window.service", "SubState", "auto-restart", SOON);
        if goes_on {
            assert_eq!(host.process_of("window"), process);
        }
        host.sh("systemctl stop gate");
        assert_eq!(host.property("window.service", "ActiveState"), "inactive");
        host.wait_ended("window");

        // Until systemd gives up: then it ends. Some versions forget what they counted at a daemon-reload.
        let process = host.process_of("limit");
        let mut kills = 0;
        while host.property("limit.service", "ActiveState") != "failed" {
            if goes_on && kills < 3 {
                assert_eq!(host.process_of("limit"), process);
            }
            host.kill_supervisor("limit");
            kills += 1;
            assert!(kills < 8, "systemd does not give up");
            host.wait_until("it is started again or has failed", SOON, || {
                let state = host.property("limit.service", "ActiveState");
                let is_next = host.property("limit.service", "NRestarts") == kills.to_string();
                state == "failed" || state == "active" && is_next && host.process_of("limit").is_some()
            });
        }
        host.wait_ended("limit");
        let status = host.try_sh("sculler status").stdout;
        assert!(status.contains("limit.service has failed"), "{status}");

        // A stop while the supervisor hangs.
        host.sh("systemctl kill -s STOP stopped");
        host.take_out("stopped.container");
        host.wait_ended("stopped");

        // What was left over is gone with the next start, and with the file.
        for unit in ["never", "limit", "window"] {
            host.sh(&format!("systemctl reset-failed {unit}; systemctl start {unit}"));
            assert!(host.process_of(unit).is_some(), "{unit} runs again");
            host.take_out(&format!("{unit}.container"));
            host.wait_gone(&format!("{unit}.service"));
        }
        host.wait_gone("stopped.service");
        host.wait_until("no container is left", SOON, || host.sh("docker ps -aq").trim().is_empty());
        let scopes = host.sh("systemctl list-units --no-legend 'docker-*.scope'");
        assert_eq!(scopes.trim(), "", "no scope is left");
    }
}

#[test]
fn a_stop_in_the_middle_of_a_start_waits_for_nobody() {
    let host = Host::boot("middle").docker().with_agent();
    host.put("middle.container", &container("middle", ""));
    // Before it is wanted at boot systemd forgets a unit that is down, and its failures with it.
    host.wait_enabled("middle.service");
    host.settle();
    for moment in 0..10 {
        for (command, state) in [("stop", "inactive"), ("restart", "active")] {
            host.sh("systemctl stop middle; systemctl reset-failed middle");
            let began = Instant::now();
            host.sh(&format!(
                "systemctl start --no-block middle; sleep 0.{:02}; systemctl {command} middle",
                moment * 5
            ));
            host.wait_until(&format!("it is {state} for good"), SOON, || {
                host.property("middle.service", "ActiveState") == state
                    && host.property("middle.service", "Job").is_empty()
            });
            assert!(began.elapsed() < SOON, "{command} after {} ms: {:?}", moment * 50, began.elapsed());
        }
    }
    host.sh("systemctl stop middle");
    host.wait_until("no container is left", SOON, || host.sh("docker ps -aq").trim().is_empty());
    host.sh("systemctl reset-failed middle; systemctl start middle");
    assert!(host.process_of("middle").is_some());

    // The supervisor learns late what waits for its end: its bus is slow.
    host.write("/run/slow.py", SLOW_BUS);
    host.sh("systemd-run -q python3 /run/slow.py");
    host.wait_until("there is a slow bus", SOON, || host.exists("/run/slow"));
    host.put("late.container", &container("late", "Environment=DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/slow"));
    host.wait_enabled("late.service");
    host.settle();
    for _ in 0..3 {
        host.sh("systemctl stop late; systemctl reset-failed late; systemctl start --no-block late");
        host.sh(&format!("{}; systemctl stop late", until_made("late")));
        assert_eq!(host.property("late.service", "ActiveState"), "inactive");
        assert_eq!(host.process_of("late"), None);
    }
}

fn until_made(container: &str) -> String {
    format!("until docker ps -aq --filter name={container} | grep -q .; do :; done")
}

/// systemd does not know of the container yet, and there is nobody else to stop it.
#[test]
fn a_supervisor_killed_in_the_middle_of_a_start_leaves_nothing_running() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("killed").suite(suite).docker().with_agent();
        host.write("/etc/sculler/sculler.toml", "resync_sec = 5\n");
        host.put("middle.container", &container("middle", "Restart=no\nTimeoutStopSec=2s"));
        host.wait_enabled("middle.service");
        host.settle();
        let wait_gone = || {
            host.wait_until("no container is left", SOON, || host.sh("docker ps -aq").trim().is_empty());
            assert!(!host.is_active("middle.service"));
        };
        for moment in 0..10 {
            host.sh("systemctl stop middle; systemctl reset-failed middle; systemctl start --no-block middle");
            host.sh(&format!("{}; sleep 0.0{moment}; systemctl kill -s KILL middle", until_made("middle")));
            wait_gone();
        }
        // By systemd, since Docker hangs for longer than a stop may take.
        host.sh("systemctl stop middle; systemctl reset-failed middle; systemctl start --no-block middle");
        host.sh(&format!("{}; kill -STOP $(cat /run/docker.pid); systemctl stop middle", until_made("middle")));
        assert!(!host.is_active("middle.service"));
        host.sh("kill -CONT $(cat /run/docker.pid)");
        wait_gone();
    }
}

/// It has the labels of the container that its image was made of.
#[test]
fn somebodys_container_from_a_committed_image_is_left_alone() {
    let host = Host::boot("committed").docker().with_agent();
    host.put("web.container", &container("web", ""));
    host.wait_active("web.service");
    host.sh("docker commit web copy; docker run -d --name copy copy");
    assert!(host.sh("docker inspect -f '{{.Config.Labels}}' copy").contains("sculler.unit:web.service"));
    let copy = host.process_of("copy");
    assert!(copy.is_some());
    host.sh("systemctl restart web");
    assert!(host.process_of("web").is_some());

    // One that is really left over goes when the agent starts.
    host.sh("systemctl stop web");
    host.sh("docker create --name left --label sculler.unit=web.service --cgroup-parent sculler-web.slice busybox");
    host.sh("systemctl restart sculler");
    host.wait_until("what is left over is gone", SOON, || {
        host.sh("docker ps -aq --filter name=left").trim().is_empty()
    });
    assert_eq!(host.process_of("copy"), copy);
}

/// A way to the system's bus that takes a second to begin.
const SLOW_BUS: &str = r#"
import socket, threading, time
def copy(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
def serve(client):
    time.sleep(1)
    bus = socket.socket(socket.AF_UNIX)
    bus.connect("/run/dbus/system_bus_socket")
    for pair in ((client, bus), (bus, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
server = socket.socket(socket.AF_UNIX)
server.bind("/run/slow")
server.listen()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"#;

/// More than a Docker Engine starts at once.
const MANY: usize = 50;

#[test]
fn fifty_containers_come_and_go_at_once() {
    let host = Host::boot("fifty").docker().with_agent();
    host.sh("docker pull -q busybox");
    for number in 0..MANY {
        host.put(&format!("many{number}.container"), &container(&format!("many{number}"), ""));
    }
    let running = || host.sh("docker ps -q").lines().count();
    host.wait_until("all run", SOON * 6, || running() == MANY);
    let active = || host.sh("systemctl list-units --no-legend --state=active 'many*.service'").lines().count();
    host.wait_until("all services are up", SOON * 2, || active() == MANY);
    let status = host.sh("sculler status");
    assert!(status.contains(&format!("{MANY} taken, 0 not for this host, 0 invalid")), "{status}");
    assert_eq!(host.sh("systemctl --failed --no-legend").trim(), "");
    for number in 0..MANY {
        host.take_out(&format!("many{number}.container"));
    }
    host.wait_until("no container is left", SOON * 6, || host.sh("docker ps -aq").trim().is_empty());
    host.wait_until("no service is left", SOON * 2, || {
        host.sh("systemctl list-units --all --no-legend 'many*.service'").trim().is_empty()
    });
}
