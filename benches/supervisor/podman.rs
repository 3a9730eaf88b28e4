//! Podman and its Quadlet on the same host.

use std::time::Duration;

use crate::engine::now;
use crate::host::Host;
use crate::shell::Shell;

/// Hosts lie on an overlay, which overlays cannot lie on: Podman's storage is where Docker's is, on a real disk.
const STORAGE: &str = "[storage]\ndriver = \"overlay\"\ngraphroot = \"/var/lib/docker/podman\"\n\
                       runroot = \"/run/containers/storage\"\n";

/// Gives Podman the image.
pub fn set_up(host: &Host) {
    host.make_dir("/etc/containers/systemd");
    host.write("/etc/containers/storage.conf", STORAGE);
    host.write("/etc/containers/containers.conf", "[engine]\nruntime = \"crun\"\n");
    host.sh("docker save bench | podman load -q && podman tag docker.io/library/bench:latest localhost/bench:latest");
}

/// From `systemctl daemon-reload && systemctl start` of a Quadlet file to its container.
pub fn quadlet(host: &Host, shell: &mut Shell, name: &str) -> Duration {
    // Hosts have no cgroup controllers, which Podman's own way asks for.
    host.write(
        &format!("/etc/containers/systemd/{name}.container"),
        &format!(
            "[Container]\nImage=localhost/bench:latest\nContainerName={name}\nExec=sleep 1000000\nNetwork=none\n\
             PodmanArgs=--cgroups=disabled --stop-signal KILL\n"
        ),
    );
    let since = now();
    shell.run(&format!("systemctl daemon-reload && systemctl start {name}"));
    let started = host.sh(&format!("podman inspect -f '{{{{.State.StartedAt.UnixNano}}}}' {name}"));
    let started = Duration::from_nanos(started.trim().parse().unwrap_or_else(|_| host.fail(&started)));
    shell.run(&format!("systemctl stop {name} && rm /etc/containers/systemd/{name}.container"));
    started - since
}

/// A container of Podman's, which conmon holds.
pub fn run(host: &Host, name: &str) {
    host.sh(&format!(
        "podman run -d --name {name} --network none --cgroups=disabled --log-driver=journald localhost/bench:latest \
         sleep 1000000 > /dev/null"
    ));
}
