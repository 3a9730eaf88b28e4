//! What a host needs, and what to do about it.

use crate::agent::SOON;
use crate::host::{Host, Suite};

#[test]
fn a_host_is_examined() {
    for (suite, systemd) in
        [(Suite::Trixie, "ok    systemd         257"), (Suite::Bookworm, "warn  systemd         252")]
    {
        let host = Host::boot("doctor").suite(suite).docker().with_agent();
        host.settle();
        let healthy = host.try_sh("sculler doctor");
        assert!(healthy.ok(), "{healthy}");
        for line in [
            systemd,
            "ok    agent           ",
            "ok    unit directory  /etc/sculler/units: 0 files",
            "fs.inotify.max_user_watches is ",
            "idmapped mounts",
            "MOVE_MOUNT_BENEATH",
            "clock ",
            "Engine 2",
            "warn  docker          its log driver is json-file",
            "warn  docker          live-restore is off",
            "warn  docker          all containers share its limit in the journal",
        ] {
            assert!(healthy.stdout.contains(line), "'{line}' is not in {healthy}");
        }
        // As it advises: then nothing is lost.
        let limit = "[Service]\nLogRateLimitIntervalSec=1s\nLogRateLimitBurst=1000000\n";
        host.make_dir("/etc/systemd/system/docker.service.d");
        host.write("/etc/systemd/system/docker.service.d/log-rate.conf", limit);
        host.sh("docker pull -q busybox; systemctl daemon-reload; systemctl restart docker");
        for run in ["one", "two"] {
            host.sh(&format!("docker run --name {run} --log-driver journald busybox seq 60000 > /dev/null"));
            host.wait_until("all lines are in the journal", SOON * 3, || {
                host.sh(&format!("journalctl --sync; journalctl CONTAINER_NAME={run} -o cat | wc -l")).trim() == "60000"
            });
        }
        assert!(host.sh("sculler doctor").contains("ok    docker          the journal takes 1000000 lines"));
        host.sh("systemctl stop sculler; chmod g+w /etc/sculler/units; systemctl stop docker.socket docker");
        let ill = host.try_sh("sculler doctor");
        assert_eq!(ill.status.code(), Some(1), "{ill}");
        for line in ["fail  agent", "run 'systemctl start sculler'", "fail  unit directory", "chmod g-w"] {
            assert!(ill.stdout.contains(line), "'{line}' is not in {ill}");
        }
    }
}
