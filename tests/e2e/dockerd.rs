//! Docker Engines that are broken at boot, hang, or are installed anew.

use std::time::Duration;

use crate::agent::SOON;
use crate::host::{Host, Suite};

const WEB: &str = "[Container]\nImage=busybox\nContainerName=web\nPull=missing\n\
                   Exec=sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"\n\
                   [Service]\nRestart=on-failure\n[X-Fleet]\nGlobal=true\n";

impl Host {
    fn docker_settings(&self, text: &str) {
        self.write("/etc/docker/daemon.json", text);
    }

    /// Has containers go on without Docker; its settings then.
    fn restore_live(&self) -> String {
        let settings = self.read("/etc/docker/daemon.json").replacen('{', "{\"live-restore\": true, ", 1);
        self.docker_settings(&settings);
        self.sh("systemctl reload docker");
        self.wait_until("docker.service is not required any more", SOON, || {
            !self.property("web.service", "Requires").contains("docker.service")
        });
        self.settle();
        settings
    }

    fn web_runs(&self) -> bool {
        self.is_active("web.service")
            && self.try_sh("docker inspect -f '{{.State.Running}}' web").stdout.trim() == "true"
    }
}

#[test]
fn containers_come_up_with_a_docker_that_was_broken_at_boot() {
    let host = Host::boot("broken").docker().with_agent();
    host.put("web.container", WEB);
    host.wait_active("web.service");
    host.wait_enabled("web.service");
    host.settle();
    let good = host.read("/etc/docker/daemon.json");
    host.docker_settings("{ broken");
    host.reboot();
    host.wait_for_unit("docker.service", "ActiveState", "failed", SOON);
    host.wait_until("it is told what web.service waits for", SOON, || {
        host.try_sh("sculler status").stdout.contains("web.service was not started, since a unit that it requires")
    });
    host.docker_settings(&good);
    host.sh("systemctl reset-failed docker.service docker.socket; systemctl start docker");
    host.wait_until("the container runs as soon as Docker does", SOON, || host.web_runs());
    assert!(host.try_sh("sculler status").ok(), "nothing is wrong any more");

    // A restart of Docker that fails takes the container down; that was nobody's will either.
    host.docker_settings("{ broken");
    host.try_sh("systemctl restart docker");
    host.wait_for_unit("web.service", "ActiveState", "inactive", SOON);
    host.docker_settings(&good);
    host.sh("systemctl reset-failed docker.service docker.socket; systemctl start docker");
    host.wait_until("the container is back", SOON, || host.web_runs());
    // As an installation does it that stops and starts; a stop of the container itself is somebody's will.
    host.put("other.container", &WEB.replace("ContainerName=web", "ContainerName=other"));
    host.wait_active("other.service");
    host.sh("systemctl stop other; systemctl stop docker.service docker.socket; systemctl start docker");
    host.wait_until("the container is back", SOON, || host.web_runs());
    host.settle();
    assert!(!host.is_active("other.service"));

    // With live-restore nothing requires Docker: the supervisor itself waits, longer than a start may take. What Docker is
    // like is remembered, so that no daemon-reload comes of its late start.
    let restoring = host.restore_live();
    host.put("web.container", &WEB.replace("Restart=on-failure", "Restart=on-failure\nTimeoutStartSec=2"));
    host.wait_until("the edit is in effect", SOON, || host.property("web.service", "TimeoutStartUSec") == "2s");
    host.settle();
    host.docker_settings("{ broken");
    host.try_sh("systemctl restart docker");
    host.wait_for_unit("docker.service", "ActiveState", "failed", SOON);
    let reloads = host.reloads();
    host.sh("systemctl restart --no-block web; systemctl restart sculler");
    host.wait_until("it is told what web.service waits for", SOON, || {
        host.property("web.service", "StatusText").contains("docker.service is down; run 'systemctl start docker'")
    });
    std::thread::sleep(Duration::from_secs(3));
    host.settle();
    assert_eq!(host.property("web.service", "ActiveState"), "activating");
    host.docker_settings(&restoring);
    host.sh("systemctl reset-failed docker.service docker.socket; systemctl start docker");
    host.wait_until("the container runs as soon as Docker does", SOON, || host.web_runs());
    host.settle();
    assert_eq!(host.reloads(), reloads);
}

#[test]
fn a_docker_that_hangs_or_is_installed_anew_is_waited_for() {
    hangs_or_is_installed_anew(Suite::Trixie);
}

#[test]
fn a_start_that_a_stop_of_docker_cuts_off_is_made_with_docker() {
    let host = Host::boot("cutoff").docker().with_agent();
    host.put("pulls.container", &WEB.replace("busybox", "nosuch:1").replace("=web", "=pulls"));
    let has_job = |unit: &str| !host.property(unit, "Job").is_empty();
    let is_pulling = || has_job("pulls.service") && host.property("pulls.service", "StatusText").contains("nosuch:1");
    host.wait_until("the start is under way", SOON, is_pulling);
    host.put("waits.container", &format!("[Unit]\nAfter=pulls.service\n{}", WEB.replace("=web", "=waits")));
    host.wait_until("another start waits for it", SOON, || has_job("waits.service"));
    let slow = WEB.replace("exit 0", "").replace("=web", "=slow\nStopTimeout=3");
    host.put("slow.container", &slow);
    host.wait_active("slow.service");
    host.wait_enabled("slow.service");

    // The agent looks around while Docker stops, and does not take its stop back.
    host.sh("systemctl stop docker.socket docker.service & timeout 20 sh -c 'until test -e \
         /run/sculler/stopped-with-docker/slow.service; do :; done'; systemctl kill -s HUP sculler; wait $!");
    assert_eq!(host.property("docker.service", "ActiveState"), "inactive");
    for unit in ["pulls.service", "slow.service", "waits.service"] {
        assert_eq!(host.property(unit, "ActiveState"), "inactive");
        host.wait_until("it is told", SOON, || {
            let status = host.try_sh("sculler status").stdout;
            status.lines().any(|line| line.contains("Docker is down, and with it") && line.contains(unit))
        });
    }
    host.sh("systemctl start docker");
    host.wait_until("the start is under way again", SOON, is_pulling);
    host.wait_until("the other waits again", SOON, || has_job("waits.service"));
    host.wait_active("slow.service");
}

#[test]
fn what_is_tried_again_does_not_take_back_a_stop_of_docker() {
    let host = Host::boot("stopped").docker().with_agent();
    host.put(
        "db.container",
        &WEB.replace("Pull=missing", "Pull=never").replace("busybox", "nosuch:1").replace("=web", "=db"),
    );
    host.put("web.container", &format!("[Unit]\nRequires=db.container\nAfter=db.container\n{WEB}"));
    for _ in 0..2 {
        host.wait_until("it is told that web.service is tried again", SOON, || {
            let status = host.try_sh("sculler status web.service").stdout;
            status.contains("a unit that it requires did not start") && status.contains("it is tried again by itself")
        });
        // "Job for docker.service canceled" otherwise
        host.sh("systemctl stop docker.service docker.socket");
        assert_eq!(host.property("docker.service", "ActiveState"), "inactive");
        // The end of that job wakes the agent, and so does this
        host.sh("systemctl kill -s HUP sculler");
        host.settle();
        host.sh("systemctl restart sculler");
        host.settle();
        assert_eq!(host.property("docker.service", "ActiveState"), "inactive");
        let status = host.try_sh("sculler status web.service").stdout;
        // Whether the stop came between two tries or canceled one
        let is_told = status.contains("it is tried again once Docker is up; run 'systemctl start docker'")
            || status.contains("it went down with Docker and comes back with it; run 'systemctl start docker'");
        assert!(is_told, "{status}");
        let overview = host.try_sh("sculler status").stdout;
        let is_told = |line: &str| line.contains("Docker is down, and with it") && line.contains("web.service");
        assert!(overview.lines().any(is_told), "{overview}");
        host.sh("systemctl reset-failed docker.service docker.socket; systemctl start docker");
    }
    host.put("db.container", &WEB.replace("=web", "=db"));
    host.wait_until("the container runs once what it requires does", SOON, || host.web_runs());
}

/// Nothing binds a container to its service there.
#[test]
fn a_docker_that_hangs_or_is_installed_anew_is_waited_for_on_bookworm() {
    hangs_or_is_installed_anew(Suite::Bookworm);
}

fn hangs_or_is_installed_anew(suite: Suite) {
    let host = Host::boot("hangs").suite(suite).docker().with_agent();
    host.put("web.container", WEB);
    host.wait_until("the container runs", SOON, || host.web_runs());
    let hang = || host.sh("kill -STOP $(cat /run/docker.pid)");
    let go_on = || host.sh("kill -CONT $(cat /run/docker.pid)");

    let process = host.sh("docker inspect -f '{{.State.Pid}}' web").trim().to_owned();
    hang();
    host.sh("systemctl stop web");
    host.wait_until("systemd itself ends the container", SOON, || !host.exists(&format!("/proc/{process}")));
    assert_eq!(host.property("web.service", "Result"), "success");

    host.sh("systemctl start --no-block web");
    host.wait_until("it is told what the start waits for", SOON * 2, || {
        host.property("web.service", "StatusText").contains("Docker does not answer at /run/docker.sock")
    });
    go_on();
    host.wait_until("the container runs", SOON, || host.web_runs());

    reinstalled(&host);
}

/// Puts the installed docker.io into a package again, since the host has no archive to fetch it from.
const REPACK: &str = r#"
set -e
mkdir -p /var/tmp/docker.io/DEBIAN
# Without what was not installed, and without folders that are links here (/lib)
dpkg -L docker.io | while read -r path; do
    if [ -f "$path" ] || { [ -d "$path" ] && ! [ -L "$path" ]; }; then echo "$path"; fi
done > /run/paths
tar -c --no-recursion -T /run/paths 2>/dev/null | tar -x -C /var/tmp/docker.io
for part in preinst postinst prerm postrm conffiles; do
    if [ -e /var/lib/dpkg/info/docker.io.$part ]; then cp /var/lib/dpkg/info/docker.io.$part /var/tmp/docker.io/DEBIAN/$part; fi
done
dpkg-query -s docker.io | sed '/^Status:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}' > /var/tmp/docker.io/DEBIAN/control
dpkg-deb -Znone -b /var/tmp/docker.io /var/tmp/docker.io.deb
"#;

/// The package, scripts and all, with one running container, which goes on only if Docker is to let it.
fn reinstalled(host: &Host) {
    let run = || host.sh("docker inspect -f '{{.Id}} {{.State.Pid}}' web").trim().to_owned();
    let dockerd = || host.sh("cat /run/docker.pid").trim().to_owned();
    let install = |command: &str| host.sh(&format!("DEBIAN_FRONTEND=noninteractive {command}"));
    host.sh(REPACK);

    for is_restoring in [false, true] {
        if is_restoring {
            host.restore_live();
        }
        // Debian's package leaves the old Docker running until somebody restarts it.
        let (before, old) = (run(), dockerd());
        install("apt-get install -qq --reinstall /var/tmp/docker.io.deb");
        assert_eq!((run(), dockerd()), (before.clone(), old.clone()));
        assert!(host.sh(&format!("readlink /proc/{old}/exe")).contains("(deleted)"), "it was installed anew");
        host.sh("systemctl restart docker");
        let goes_on = || host.web_runs() && dockerd() != old && (run() == before) == is_restoring;
        host.wait_until("the container runs under the new one", SOON, goes_on);

        // Removed, and installed again.
        let before = run();
        install("dpkg --remove docker.io");
        if is_restoring {
            host.wait_until("it is told what web.service waits for", SOON, || {
                // Sooner or later systemd forgets the service whose file is gone, and then it is no more down.
                let told = host.property("web.service", "StatusText");
                ["docker.service", "Docker does not answer at"]
                    .iter()
                    .any(|reason| told.starts_with(&format!("Waiting for Docker: {reason}")))
            });
        }
        assert_eq!(host.is_active("web.service"), is_restoring);
        install("dpkg --install /var/tmp/docker.io.deb");
        host.wait_until("the container runs as soon as Docker does", SOON, || {
            host.web_runs() && (run() == before) == is_restoring
        });
        host.settle();
        assert_eq!(host.sh("docker ps -aq | wc -l").trim(), "1");
        assert_eq!(host.sh("systemctl list-units --no-legend 'docker-*.scope' | wc -l").trim(), "1");
        assert!(host.try_sh("sculler status").ok(), "nothing is wrong");
    }
}
