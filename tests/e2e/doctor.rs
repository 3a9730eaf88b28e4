//! What a host needs, and what to do about it.

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
        ] {
            assert!(healthy.stdout.contains(line), "'{line}' is not in {healthy}");
        }
        host.sh("systemctl stop sculler; chmod g+w /etc/sculler/units; systemctl stop docker.socket docker");
        let ill = host.try_sh("sculler doctor");
        assert_eq!(ill.status.code(), Some(1), "{ill}");
        for line in ["fail  agent", "run 'systemctl start sculler'", "fail  unit directory", "chmod g-w"] {
            assert!(ill.stdout.contains(line), "'{line}' is not in {ill}");
        }
    }
}
