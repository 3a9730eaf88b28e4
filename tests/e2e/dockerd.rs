//! Docker Engines that are broken at boot, hang, or are installed anew.

use std::time::Duration;

use crate::agent::SOON;
use crate::host::Host;

const WEB: &str = "[Container]\nImage=busybox\nContainerName=web\nPull=missing\n\
                   Exec=sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"\n\
                   [Service]\nRestart=on-failure\n[X-Fleet]\nGlobal=true\n";

impl Host {
    fn docker_settings(&self, text: &str) {
        self.write("/etc/docker/daemon.json", text);
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
    let restoring = good.replacen('{', "{\"live-restore\": true, ", 1);
    host.docker_settings(&restoring);
    host.sh("systemctl reload docker");
    host.wait_until("docker.service is not required any more", SOON, || {
        !host.property("web.service", "Requires").contains("docker.service")
    });
    host.settle();
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
    let host = Host::boot("hangs").docker().with_agent();
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

    // As dpkg does it.
    let before = host.sh("docker inspect -f '{{.Id}}' web");
    host.sh("cp /usr/sbin/dockerd /usr/sbin/dockerd.new; mv /usr/sbin/dockerd.new /usr/sbin/dockerd");
    host.sh("systemctl daemon-reload; systemctl restart docker");
    host.wait_until("the container runs under the new one", SOON, || {
        host.web_runs() && host.sh("docker inspect -f '{{.Id}}' web") != before
    });
    assert_eq!(host.sh("docker ps -aq | wc -l").trim(), "1");
}
