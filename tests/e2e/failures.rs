//! What keeps a container from running: `systemctl status` and `sculler status` name the cause and the mend.

use crate::agent::SOON;
use crate::host::Host;

/// A container for every host; `lines` go into `[Container]`.
fn sleeper(lines: &str) -> String {
    let service = "[Service]\nTimeoutStopSec=2";
    format!("[Container]\nImage=busybox\nPull=missing\nExec=sleep 1000\n{lines}\n{service}\n[X-Fleet]\nGlobal=true\n")
}

#[test]
fn each_failure_is_told_with_its_cause_and_its_mend() {
    let host = Host::boot("failure").docker().with_agent();
    host.sh("docker pull -q busybox; docker create --name stranger busybox true");
    host.sh("systemd-run --quiet busybox nc -l -p 8088");
    let table: [(&str, &str, &[&str]); 12] = [
        ("missing", "Image=nosuch:1\nRetry=0", &["nosuch:1 cannot be pulled"]),
        ("port", "PublishPort=8088:80", &["8088", "PublishPort="]),
        ("strange", "ContainerName=stranger", &["busybox, created", "docker rm -f stranger"]),
        ("user", "User=nobodyknows", &["nobodyknows", "User="]),
        ("command", "Exec=/no/such/program", &["/no/such/program", "Exec="]),
        ("source", "Volume=/srv/nothere:/x", &["/srv/nothere", "'create'"]),
        ("device", "AddDevice=/dev/nothere", &["/dev/nothere", "AddDevice=-"]),
        ("network", "Network=nosuchnet", &["nosuchnet", "docker network create"]),
        ("environment", "EnvironmentFile=/etc/nosuch.env", &["/etc/nosuch.env", "EnvironmentFile="]),
        ("seccomp", "SeccompProfile=/etc/nosuch.json", &["/etc/nosuch.json", "SeccompProfile="]),
        ("directory", "WorkingDir=/proc/1/nothere", &["WorkingDir="]),
        ("ended", "Exec=sh -c 'echo oh no >&2; exit 7'", &["exit code 7"]),
    ];
    for (unit, lines, _) in table {
        host.put(&format!("{unit}.container"), &sleeper(lines));
    }
    for (unit, _, parts) in table {
        let unit = format!("{unit}.service");
        host.wait_for_unit(&unit, "ActiveState", "failed", SOON);
        let status = host.try_sh(&format!("systemctl status --no-pager {unit}")).stdout;
        let line = status.lines().find(|line| line.contains("Status:")).unwrap_or_default();
        let explained = host.try_sh(&format!("sculler explain {unit}")).stdout;
        let overview = overview(&host);
        let own: Vec<&str> = overview.lines().filter(|line| line.contains(&unit)).collect();
        assert_eq!(own.len(), 1, "one line for {unit}:\n{overview}");
        for part in parts {
            assert!(line.contains(part), "systemctl status of {unit} does not say '{part}':\n{status}");
            assert!(own[0].contains(part), "sculler status does not say '{part}' of {unit}:\n{overview}");
            assert!(explained.contains(part), "sculler explain does not say '{part}':\n{explained}");
        }
    }
    assert!(host.try_sh("docker ps -a --format '{{.Names}}'").stdout.trim() == "stranger", "nothing is left over");

    let unknown = host.try_sh("sculler journal nosuch");
    assert!(!unknown.ok() && unknown.stderr.contains("there is no nosuch.service here"), "{unknown:?}");
    assert!(host.sh("sculler journal --output cat ended").contains("oh no"));
}

#[test]
fn the_overview_says_what_starts_wait_for() {
    let host = Host::boot("waits").docker().with_agent();
    host.sh("docker pull -q busybox");
    let shows =
        |part: &str| host.wait_until(&format!("the overview says '{part}'"), SOON, || overview(&host).contains(part));
    host.put("pulled.container", &sleeper("Image=nosuch:1\nRetry=3\nRetryDelay=10m"));
    let again = sleeper("Exec=false").replace("[Service]", "[Service]\nRestart=always\nRestartSec=600");
    host.put("again.container", &again);
    host.put("web.container", &sleeper(""));
    host.wait_active("web.service");
    shows("pulled.service: start under way: Pulling nosuch:1 failed: ");
    shows("again.service ended and is started again: The container ended with exit code 1");
    let text = overview(&host);
    assert!(!text.contains("Docker is down"), "{text}");
    for unit in ["pulled.service", "again.service"] {
        assert_eq!(text.matches(unit).count(), 1, "one line for {unit}:\n{text}");
    }

    host.sh("systemctl stop docker.socket docker.service");
    shows("web.service; run 'systemctl start docker'");
    host.sh("systemctl start docker");
    host.wait_active("web.service");
    let text = overview(&host);
    assert!(!text.contains("Docker is down"), "{text}");
}

/// What `sculler status` prints.
fn overview(host: &Host) -> String {
    host.try_sh("sculler status").stdout
}
