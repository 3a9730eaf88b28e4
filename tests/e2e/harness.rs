//! The harness itself: what the other tests take for granted of a host.

use std::time::Duration;

use crate::host::{Host, Suite};

const COREOS001: &str = "df515c3682aa43b4ae2b7d2168e17d38";
const COREOS002: &str = "23f81afecc6b4a7597c77776cf66a387";
const NGINX: &str = "[Unit]
Description=Nginx Service in Docker
After=docker.service
Requires=docker.service

[Service]
User=core
Restart=on-failure
RestartSec=5
ExecStartPre=-/usr/bin/docker kill nginx
ExecStartPre=-/usr/bin/docker rm nginx
ExecStartPre=/usr/bin/docker pull nginx:latest
ExecStart=/usr/bin/docker run --name=nginx -p 80:80 -p 443:443 nginx:latest
ExecStop=/usr/bin/docker stop nginx

[X-Fleet]
MachineID=df515c3682aa43b4ae2b7d2168e17d38
";

#[test]
fn a_host_is_who_it_was_told_to_be() {
    for (suite, systemd) in [(Suite::Trixie, "systemd 257"), (Suite::Bookworm, "systemd 252")] {
        let host = Host::boot("identity").suite(suite).machine_id(COREOS001).hostname("coreos001").up();
        assert_eq!(host.sh("cat /etc/machine-id"), format!("{COREOS001}\n"));
        assert_eq!(
            host.sh("busctl call org.freedesktop.systemd1 / org.freedesktop.DBus.Peer GetMachineId"),
            format!("s \"{COREOS001}\"\n")
        );
        assert_eq!(host.sh("hostname; pwd"), "coreos001\n/\n");
        assert!(host.sh("systemctl --version").starts_with(systemd));
        assert_eq!(host.sh("systemctl is-system-running"), "running\n");
        assert_eq!(host.sh("id -u core; id -nG core"), "500\ncore docker\n");
        assert_eq!(host.property("docker.service", "ActiveState"), "inactive");
    }
}

#[test]
fn a_command_has_its_exit_code_and_streams() {
    let host = Host::boot("run").up();
    let done = host.try_sh("echo out; echo err >&2; exit 7");
    assert_eq!((done.status.code(), done.stdout.as_str(), done.stderr.as_str()), (Some(7), "out\n", "err\n"));
    assert_eq!(crate::host::feed(host.command(&["tr", "a-z", "A-Z"]), "row").stdout, "ROW");
}

#[test]
fn reboot_crash_and_clone_keep_the_disk() {
    let host = Host::boot("disk").machine_id(COREOS001).up();
    host.make_dir("/etc/sculler/units");
    host.write("/etc/sculler/units/a.service", "[Service]\nExecStart=/bin/true\n");
    let first_boot = host.sh("cat /proc/sys/kernel/random/boot_id; touch /run/here");
    host.reboot();
    assert_eq!(host.read("/etc/sculler/units/a.service"), "[Service]\nExecStart=/bin/true\n");
    assert_eq!(host.sh("cat /etc/machine-id"), format!("{COREOS001}\n"));
    assert!(!host.exists("/run/here"), "a reboot empties /run; boot ID before: {first_boot}");

    host.write_in_place("/etc/sculler/units/b.service", "[Service]\nExecStart=/bin/false\n");
    host.crash();
    assert!(host.disk(&["ls", "etc/sculler/units"]).contains("b.service"));

    let clone = host.clone_disk("clone", COREOS002);
    host.start();
    clone.start();
    assert_eq!(clone.sh("cat /etc/machine-id"), format!("{COREOS002}\n"));
    assert!(clone.exists("/etc/sculler/units/b.service"));
    clone.remove("/etc/sculler/units/b.service");
    assert!(host.exists("/etc/sculler/units/b.service"));
}

#[test]
fn hosts_do_not_share_what_systemd_manages() {
    let (one, other) = (Host::boot("one").up(), Host::boot("other").up());
    one.sh("systemctl stop ssh.service");
    assert_eq!(other.property("ssh.service", "ActiveState"), "active");
    one.sh("systemd-run --unit=only-here sleep 1000");
    assert_eq!(other.sh("cat /sys/fs/cgroup/system.slice/ssh.service/cgroup.procs | wc -l"), "1\n");
    assert!(!other.exists("/sys/fs/cgroup/system.slice/only-here.service"));
}

#[test]
fn a_separate_var_is_mounted_by_systemd() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("var").suite(suite).separate_var().up();
        for _ in 0..2 {
            assert_eq!(host.property("var.mount", "ActiveState"), "active");
            host.sh("findmnt --mountpoint /var");
            // What early boot sees
            assert_eq!(host.sh("mkdir -p /tmp/r && mount --bind / /tmp/r && ls -A /tmp/r/var; umount /tmp/r"), "");
            host.reboot();
        }
    }
}

#[test]
fn inotify_in_the_host_sees_what_is_written_from_outside() {
    let host = Host::boot("inotify").up();
    host.make_dir("/etc/sculler/units");
    // A path unit of systemd's own is an inotify watch
    host.sh("systemd-run --unit=seen --path-property=PathChanged=/etc/sculler/units touch /run/seen");
    host.write("/etc/sculler/units/a.service", "x");
    host.wait_until("the path unit has seen the file", Duration::from_secs(5), || host.exists("/run/seen"));
}

/// The control experiment: the unit file of the first example, run by systemctl alone.
#[test]
fn nginx_runs_by_systemctl_alone() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("nginx").suite(suite).machine_id(COREOS001).docker().up();
        host.write("/etc/systemd/system/nginx.service", NGINX);
        host.sh("systemctl start nginx.service");
        host.wait_until("nginx serves its page", Duration::from_secs(20), || {
            host.try_sh("curl -fsS http://127.0.0.1").stdout.contains("Welcome to nginx")
        });
        assert!(host.sh("journalctl -u nginx.service").contains("Downloaded newer image for nginx:latest"));
        host.sh("systemctl stop nginx.service");
        assert_eq!(host.sh("docker ps -q"), "");
    }
}
