//! What keys of `.container` files make of their services and containers, on a host.

use crate::agent::SOON;
use crate::host::{Host, Suite};

/// A container for every host; `lines` go into `[Container]`, `service` into `[Service]`.
fn container(command: &str, lines: &str, service: &str) -> String {
    format!(
        "[Container]\nImage=busybox\nPull=missing\nExec={command}\n{lines}\n[Service]\n{service}\n\
         [X-Fleet]\nGlobal=true\n"
    )
}

const SLEEP: &str = "sleep 100000";

impl Host {
    fn in_container(&self, unit: &str, command: &str) -> String {
        self.sh(&format!("docker exec systemd-{unit} {command}")).trim().to_owned()
    }

    fn lines_of(&self, unit: &str) -> String {
        self.sh(&format!("journalctl --sync; journalctl -u {unit} -o cat --no-pager"))
    }
}

#[test]
fn keys_have_their_effect() {
    keys(Suite::Trixie);
}

/// Its systemd hands over credentials, messages and the end of a service in older ways.
#[test]
fn keys_have_their_effect_on_bookworm() {
    keys(Suite::Bookworm);
}

fn keys(suite: Suite) {
    let host = Host::boot("keys").suite(suite).docker().with_agent();
    host.sh("docker pull -q busybox");
    host.write("/etc/key", "a private key");
    host.write("/etc/app.env", "A=file\nB=file\n# C=comment\n");
    host.make_dir("/srv/health");
    host.write("/srv/health/well", "");
    let quit = "sh -c \"trap 'echo it quits; exit 0' QUIT; trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done\"";
    let files = [
        ("quits", container(quit, "StopSignal=QUIT\nStopTimeout=300", "")),
        (
            "secret",
            container(
                SLEEP,
                "Secret=token\nSecret=key,target=/etc/app.key,uid=1000,gid=1000,mode=0400\nStopSignal=KILL\n\
                 EnvironmentFile=/etc/app.env\nEnvironment=B=line",
                "SetCredential=token:opensesame\nLoadCredential=key:/etc/key",
            ),
        ),
        (
            "ill",
            container(
                SLEEP,
                "StopSignal=KILL\nVolume=/srv/health:/health:ro\nHealthCmd=test -e /health/well\nHealthInterval=1s\n\
                 HealthRetries=1\nHealthOnFailure=kill",
                "Restart=on-failure\nRestartSec=100ms",
            ),
        ),
        ("logs", container("sh -c 'echo to a file; exec sleep 100000'", "LogDriver=json-file\nStopSignal=KILL", "")),
        ("watched", container(SLEEP, "Notify=yes\nStopSignal=KILL", "WatchdogSec=4")),
        ("once", container("sh -c 'echo done; sleep 1'", "", "Type=oneshot\nRemainAfterExit=yes")),
        ("killed", container("sh -c 'sleep 1; exit 137'", "", "")),
        ("code", container("sh -c 'sleep 1; exit 42'", "", "")),
    ];
    for (unit, text) in &files {
        host.put(&format!("{unit}.container"), text);
    }

    host.wait_active("quits.service");
    host.wait_until("it is up", SOON, || host.lines_of("quits").lines().any(|line| line == "up"));
    assert_eq!(host.property("quits.service", "TimeoutStopUSec"), "5min 15s");
    assert_eq!(host.sh("docker inspect -f '{{.Config.StopTimeout}}' systemd-quits").trim(), "300");
    host.sh("systemctl stop quits");
    assert_eq!(host.property("quits.service", "Result"), "success");
    assert!(host.lines_of("quits").contains("it quits"));

    host.wait_active("secret.service");
    assert_eq!(host.in_container("secret", "cat /run/secrets/token"), "opensesame");
    assert_eq!(host.in_container("secret", "cat /etc/app.key"), "a private key");
    assert_eq!(host.in_container("secret", "stat -c '%u:%g %a' /etc/app.key"), "1000:1000 400");
    assert!(!host.sh("docker inspect systemd-secret").contains("opensesame"));
    let environment = host.in_container("secret", "env");
    let environment: Vec<&str> = environment.lines().filter(|line| line.starts_with(['A', 'B', 'C'])).collect();
    assert_eq!(environment, ["A=file", "B=line"]);
    host.sh("systemctl stop secret");
    assert!(!host.exists("/run/sculler/containers/secret.service"), "nothing of the secrets is left");

    host.wait_active("ill.service");
    host.wait_until("it is well", SOON, || {
        host.try_sh("docker inspect -f '{{.State.Health.Status}}' systemd-ill").stdout.trim() == "healthy"
    });
    let before = host.sh("docker inspect -f '{{.Id}}' systemd-ill");
    host.remove("/srv/health/well");
    host.wait_until("another one is started", SOON, || {
        let now = host.try_sh("docker inspect -f '{{.Id}}' systemd-ill").stdout;
        host.is_active("ill.service") && !now.is_empty() && now != before
    });
    assert!(host.lines_of("ill").contains("is unhealthy and was killed (HealthOnFailure=)"));
    host.sh("systemctl stop ill");

    host.wait_active("logs.service");
    host.wait_until("Docker has its lines", SOON, || host.sh("docker logs systemd-logs").contains("to a file"));
    host.wait_told("logs.container:5:11: warning: the output is not in the journal");
    // The supervisor alone would be bound by these, which come to a file that was taken before.
    host.make_dir("/etc/sculler/units/logs.service.d");
    host.put("logs.service.d/limit.conf", "[Service]\nMemoryMax=100M\n");
    host.wait_told("limit.conf:2:1: warning: MemoryMax= of a drop-in of the service binds");
    assert_eq!(host.told().matches("logs.container:5:11: warning").count(), 1, "it is told once");

    for (unit, code) in [("killed", "137"), ("code", "42")] {
        let unit = format!("{unit}.service");
        host.wait_for_unit(&unit, "ActiveState", "failed", SOON);
        assert_eq!(host.property(&unit, "ExecMainStatus"), code);
        assert!(host.property(&unit, "StatusText").contains(&format!("exit code {code}")), "{unit}");
    }
    host.wait_active("once.service");
    assert_eq!(host.property("once.service", "SubState"), "exited");

    watchdog(&host);
}

/// What a container says of itself reaches systemd, and so does its silence.
fn watchdog(host: &Host) {
    host.wait_until("it waits for its word", SOON, || {
        host.property("watched.service", "StatusText").contains("waiting for its READY=1")
    });
    let say = |text: &str| {
        // The image has no program that speaks this: the message goes the way that the container's would.
        host.sh(&format!(
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"{text}\", \
             \"/run/sculler/containers/watched.service/notify/notify.sock\")'"
        ));
    };
    say("READY=1\\nSTATUS=all is well");
    host.wait_active("watched.service");
    host.wait_until("its status is shown", SOON, || host.property("watched.service", "StatusText") == "all is well");
    for _ in 0..6 {
        std::thread::sleep(std::time::Duration::from_secs(1));
        say("WATCHDOG=1");
    }
    assert!(host.is_active("watched.service"));
    host.wait_for_unit("watched.service", "ActiveState", "failed", SOON);
    assert_eq!(host.property("watched.service", "Result"), "watchdog");
    host.wait_until("its container is gone with it", SOON, || {
        host.try_sh("docker inspect -f '{{.State.Running}}' systemd-watched").stdout.trim() != "true"
    });
}
