//! A CoreOS cloud-config on a host of today.

use crate::agent::{SOON, unit_path};
use crate::host::{Done, Host, Suite};

/// The shipped case, which has what such documents had.
const REAL: &str = include_str!("../cloud_config/01-real/user-data");

impl Host {
    fn bootstrap(&self, document: &str, options: &str) -> Done {
        self.write("/root/user-data", document);
        self.try_sh(&format!("sculler bootstrap {options} /root/user-data"))
    }

    fn assert_bootstrapped(&self) {
        self.wait_active("web.service");
        assert!(self.is_active("beat.service"));
        assert_eq!(self.property("beat.service", "UnitFileState"), "enabled");
        assert!(self.property("beat.service", "Environment").contains("ADDRESS=10.0.0.7"));
        assert_eq!(self.property("emergency-shell.service", "LoadState"), "masked");
        assert!(self.property("docker.service", "Environment").contains("OPTS=--debug"));
        assert_eq!(self.read("/run/timezone").trim(), "Europe/Berlin");
        assert_eq!(self.sh("/opt/bin/tool"), "ok\n");
        assert_eq!(self.sh("stat -c '%a %U' /etc/app/app.conf"), "600 root\n");
        assert_eq!(self.read("/etc/app/app.conf"), "listen = 10.0.0.7\nprice = $public_ipv4\n");
        assert!(self.sh("sculler list-machines --full").contains("role=web"));
    }
}

#[test]
fn a_cloud_config_is_applied_by_hand_once() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("bootstrap").suite(suite).with_agent();
        // Nothing is written before all of it is checked.
        let wrong =
            REAL.replace("owner: root:root", "owner: nobody-here").replace("name: web.service", "name: ssh.service");
        let refused = host.bootstrap(&wrong, "--private-ipv4 10.0.0.7");
        assert!(!refused.ok() && refused.stderr.contains("nothing was changed"), "{refused}");
        for part in
            ["user-data:96:11: /opt/bin/tool: there is no user 'nobody-here'", "ssh.service exists outside sculler"]
        {
            assert!(refused.stderr.contains(part), "{part}: {refused}");
        }
        let empty = host.bootstrap(REAL, "");
        assert!(!empty.ok() && empty.stderr.contains("COREOS_PRIVATE_IPV4"), "{empty}");
        assert!(!host.exists("/etc/app") && !host.exists("/etc/systemd/system/beat.service"));
        let dry = host.bootstrap(REAL, "--dry-run --private-ipv4 10.0.0.7");
        assert!(dry.ok() && dry.stdout.contains("+listen = 10.0.0.7"), "{dry}");
        assert!(!host.exists("/etc/app") && !host.exists(&unit_path("web.service")));

        let done = host.bootstrap(REAL, "--private-ipv4 10.0.0.7");
        assert!(done.ok() && done.stdout.contains("restart beat.service: done"), "{done}");
        assert!(done.stderr.contains("not applied: etcd2") && done.stderr.contains("--emit cloud-init"), "{done}");
        host.assert_bootstrapped();
        // The agent's own, for the link at boot
        host.wait_enabled("web.service");
        host.settle();
        let (web, beat) = (host.invocation("web.service"), host.invocation("beat.service"));
        let reloads = host.reloads();
        let again = host.bootstrap(REAL, "--private-ipv4 10.0.0.7");
        assert!(again.ok() && again.stdout == "nothing to do\n", "{again}");
        assert_eq!(host.reloads(), reloads);
        host.assert_untouched("web.service", &web);
        host.assert_untouched("beat.service", &beat);

        // Another address: what depends on it is written, and the order to restart counts again.
        let moved = host.bootstrap(REAL, "--private-ipv4 10.0.0.8");
        assert!(moved.ok() && moved.stdout.contains("wrote /etc/app/app.conf"), "{moved}");
        assert!(!moved.stdout.contains("/opt/bin/tool"), "{moved}");
        host.wait_restarted("beat.service", &beat);
        assert_eq!(host.invocation("web.service"), web);

        // A failure in the middle is written down, and what is left is done by the next run.
        host.sh("mount -t tmpfs -o size=4k none /mnt && head -c 4096 /dev/zero > /mnt/full");
        let more = REAL.replace("/etc/app/plain", "/mnt/plain");
        let failed = host.bootstrap(&more, "--private-ipv4 10.0.0.7");
        assert!(!failed.ok() && failed.stdout.contains("wrote /etc/app/app.conf"), "{failed}");
        assert!(failed.stderr.contains("bootstrap.json") && failed.stderr.contains("/mnt/plain"), "{failed}");
        let doctor = host.try_sh("sculler doctor").stdout;
        assert!(
            doctor.lines().any(|line| line.starts_with("fail  bootstrap") && line.contains("/mnt/plain")),
            "{doctor}"
        );
        host.remove("/mnt/full");
        let rest = host.bootstrap(&more, "--private-ipv4 10.0.0.7");
        assert!(rest.ok() && rest.stdout.contains("wrote /mnt/plain"), "{rest}");
        assert!(!rest.stdout.contains("wrote /etc/app/app.conf"), "{rest}");
        assert!(host.try_sh("sculler doctor").stdout.contains("ok    bootstrap"));
        let missing = host.bootstrap(
            "#cloud-config\ncoreos: {units: [{name: rpcbind.service, command: start}, {name: beat.service, command: restart}]}\n",
            "",
        );
        assert!(!missing.ok() && missing.stderr.contains("rpcbind.service does not exist on this host"), "{missing}");
        assert!(missing.stdout.contains("restart beat.service: done"), "{missing}");
        let emitted = host.bootstrap(REAL, "--emit cloud-init");
        assert!(emitted.ok() && emitted.stdout.starts_with("#cloud-config\n"), "{emitted}");
        if suite == Suite::Trixie {
            host.write("/root/emitted", &emitted.stdout);
            host.sh("cloud-init schema --config-file /root/emitted");
        }
    }
}

#[test]
fn a_cloud_config_is_applied_at_boot() {
    let host = Host::boot("bootstrap-boot").with_agent();
    host.sh("systemctl enable sculler-bootstrap; mkdir -p /var/lib/sculler; echo COREOS_PRIVATE_IPV4=10.0.0.7 >> /etc/environment");
    host.write("/var/lib/sculler/user-data", REAL);
    for boot in 0..2 {
        host.reboot();
        host.wait_for_unit("sculler-bootstrap.service", "SubState", "exited", SOON);
        host.assert_bootstrapped();
        let said = host.sh("journalctl -b -o cat -u sculler-bootstrap");
        assert_eq!(said.contains("wrote /etc/app/app.conf"), boot == 0, "{said}");
    }
}
