//! The main job: one directory, three hosts, and the host that a file names runs it.

use std::fs;
use std::time::Duration;

use crate::agent::{ATTACHED, SOON, UNITS};
use crate::host::{Host, Suite};
use crate::three_hosts::{COREOS001, COREOS002, COREOS003, SharedFolder};

const PULL: Duration = Duration::from_secs(60);

/// As people wrote it for fleet, word for word.
const NGINX: &str = "[Unit]
Description=Nginx Service in Docker
After=docker.service
Requires=docker.service

[Service]
# this is the username who pulls a docker images
User=core
Restart=on-failure
RestartSec=5
# kill and remove the remaining container regardless of success or failure
ExecStartPre=-/usr/bin/docker kill nginx
ExecStartPre=-/usr/bin/docker rm nginx
# pull the docker image before we launch a container
# if this step fails, we will not go on
ExecStartPre=/usr/bin/docker pull nginx:latest
# launch a container in which nginx process exists
ExecStart=/usr/bin/docker run --name=nginx -p 80:80 -p 443:443 nginx:latest
ExecStop=/usr/bin/docker stop nginx

# specical section of fleet
[X-Fleet]
# schedule this container on coreso001
MachineID=df515c3682aa43b4ae2b7d2168e17d38
";

fn serves(host: &Host, port: u16) -> bool {
    host.try_sh(&format!("curl -fsS -m 5 http://127.0.0.1:{port}")).stdout.contains("Welcome to nginx")
}

#[test]
fn nginx_runs_on_the_host_that_its_file_names_and_on_no_other() {
    let folder = SharedFolder::new("three-hosts");
    let host = |name: &str, id: &str| Host::boot(name).machine_id(id).hostname(name).bind(folder.root(), UNITS);
    let coreos001 = host("coreos001", COREOS001).docker().with_agent();
    let others =
        [("coreos002", COREOS002), ("coreos003", COREOS003)].map(|(name, id)| (name, host(name, id).with_agent()));

    folder.put("nginx.service", NGINX);
    coreos001.wait_until("nginx serves its page", PULL, || serves(&coreos001, 80));
    coreos001.wait_told("started nginx.service");
    let told = coreos001.told();
    assert!(told.contains("nginx.service is taken: MachineID=df515c36… is this host (coreos001)"), "{told}");
    for (name, other) in &others {
        other.wait_told("nginx.service is not taken: MachineID=df515c3682aa43b4ae2b7d2168e17d38 is another host");
        assert!(other.told().contains(&format!("({name})")), "{}", other.told());
        assert_eq!(other.property("nginx.service", "LoadState"), "not-found");
        assert!(!other.exists(&format!("{ATTACHED}/nginx.service")));
    }
    let installed = coreos001.read(&format!("{ATTACHED}/nginx.service"));
    assert_eq!(installed, NGINX, "what is dropped is what runs");
    assert_eq!(coreos001.property("nginx.service", "FragmentPath"), format!("{ATTACHED}/nginx.service"));

    let journal = coreos001.sh("journalctl --sync; journalctl -u nginx.service -o cat --no-pager");
    for line in ["Downloaded newer image for nginx:latest", "GET / HTTP/1.1", "started nginx.service"] {
        assert!(journal.contains(line), "'{line}' is not in\n{journal}");
    }

    folder.put("nginx.service", &NGINX.replace("-p 80:80", "-p 8080:80"));
    coreos001.wait_until("the edited nginx serves its page", PULL, || serves(&coreos001, 8080));
    assert!(!serves(&coreos001, 80));
    assert_eq!(coreos001.sh("docker ps -q | wc -l").trim(), "1");

    fs::remove_file(folder.path("nginx.service")).expect("the file is there");
    coreos001.wait_gone("nginx.service");
    assert_eq!(coreos001.sh("docker ps -q"), "");
    assert!(!serves(&coreos001, 8080));
    assert_eq!(coreos001.property("docker.service", "ActiveState"), "active");
}

#[test]
fn the_story_is_the_same_on_bookworm() {
    let host = Host::boot("bookworm").suite(Suite::Bookworm).machine_id(COREOS001).docker().with_agent();
    host.put("nginx.service", NGINX);
    host.wait_until("nginx serves its page", PULL, || serves(&host, 80));
    assert!(host.sh("journalctl -u nginx.service").contains("Downloaded newer image for nginx:latest"));

    host.put("nginx.service", &NGINX.replace("-p 80:80", "-p 8080:80"));
    host.wait_until("the edited nginx serves its page", PULL, || serves(&host, 8080));
    assert!(!serves(&host, 80));

    host.settle();
    host.reboot();
    host.wait_until("nginx is back after a reboot", PULL, || serves(&host, 8080));

    host.take_out("nginx.service");
    host.wait_gone("nginx.service");
    assert_eq!(host.sh("docker ps -q"), "");
}

#[test]
fn a_unit_is_taken_by_the_first_characters_of_the_machine_id_and_by_global() {
    let host = Host::boot("select").machine_id(COREOS001).with_agent();
    let unit = |fleet: &str| format!("[Service]\nExecStart=/bin/sleep infinity\n{fleet}");
    host.put("short.service", &unit("[X-Fleet]\nMachineID=df515c36\n"));
    host.put("twelve.service", &unit("[X-Fleet]\nMachineID=df515c3682aa\n"));
    host.put("global.service", &unit("[X-Fleet]\nGlobal=true\n"));
    host.put("other.service", &unit(&format!("[X-Fleet]\nMachineID={COREOS002}\n")));
    host.put("seven.service", &unit("[X-Fleet]\nMachineID=df515c3\n"));
    host.put("none.service", &unit(""));
    host.put("README.md", "no unit\n");
    for unit in ["short", "twelve", "global"] {
        host.wait_active(&format!("{unit}.service"));
    }
    host.settle();
    for unit in ["other", "seven", "none"] {
        assert_eq!(host.property(&format!("{unit}.service"), "LoadState"), "not-found", "{unit}");
    }
    let told = host.told();
    for line in [
        "other.service is not taken: MachineID=23f81afecc6b4a7597c77776cf66a387 is another host",
        "/etc/sculler/units/seven.service",
        "none.service is not taken: no [X-Fleet] section; add 'MachineID=<this host's id>' or 'Global=true'",
        "/etc/sculler/units/README.md is no unit",
    ] {
        assert!(told.contains(line), "'{line}' is not in\n{told}");
    }
    host.wait_until("the status line counts them", SOON, || {
        host.sh("systemctl status sculler --no-pager").contains("3 of 6 unit files run here")
    });
}
