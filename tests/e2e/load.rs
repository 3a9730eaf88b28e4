//! A web server under constant requests, while everything around it restarts.

use std::time::Duration;

use crate::agent::SOON;
use crate::host::Host;

const FILES: [(&str, &str); 3] = [
    ("lan.network", "[Network]\nSubnet=10.88.0.0/24\n\n[X-Fleet]\nGlobal=true\n"),
    ("data.volume", "[Volume]\n\n[X-Fleet]\nGlobal=true\n"),
    (
        "web.container",
        "[Container]\nImage=nginx\nContainerName=web\nNetwork=lan.network\nIP=10.88.0.10\nPublishPort=8080:80\n\
         Volume=data.volume:/var/lib/data\n\
         HealthCmd=[\"/bin/busybox\",\"wget\",\"-q\",\"-O\",\"/dev/null\",\"http://127.0.0.1/\"]\nHealthInterval=1s\n\
         Notify=healthy\n\n[Service]\nRestart=on-failure\n\n[X-Fleet]\nGlobal=true\n",
    ),
];

/// One request after the other, each over a connection of its own, until /run/go is gone.
const REQUESTS: &str = "while [ -e /run/go ]; do if curl -sf -m 5 http://$1/ > /dev/null; then echo >> /run/served.$1; \
                        else date +%T.%N >> /run/lost.$1; fi; done";

const DIRECT: &str = "10.88.0.10";
const PUBLISHED: &str = "10.88.0.1:8080";

impl Host {
    fn served(&self, address: &str) -> usize {
        self.try_sh(&format!("wc -l < /run/served.{address}")).stdout.trim().parse().unwrap_or(0)
    }

    fn lost(&self, address: &str) -> String {
        self.try_sh(&format!("cat /run/lost.{address}")).stdout
    }
}

#[test]
fn no_request_is_lost_while_everything_around_restarts() {
    let host = Host::boot("load").docker().with_agent();
    let settings = host.read("/etc/docker/daemon.json").replacen('{', "{\"live-restore\": true, ", 1);
    host.write("/etc/docker/daemon.json", &settings);
    host.sh("systemctl reload docker");
    for (file, text) in FILES {
        host.put(file, text);
    }
    host.wait_active("web.service");
    host.wait_enabled("web.service");
    host.settle();
    let process = host.try_sh("docker inspect -f {{.State.Pid}} web").stdout;
    host.write("/run/requests", REQUESTS);
    host.write("/run/go", "");
    for address in [DIRECT, PUBLISHED] {
        host.sh(&format!("systemd-run --quiet sh /run/requests {address}"));
    }
    let goes_on = |address: &str| {
        let before = host.served(address);
        host.wait_until("requests are served", SOON, || host.served(address) > before + 20);
    };
    let around = [
        "systemctl restart sculler",
        "systemctl kill -s KILL sculler",
        "systemctl kill -s KILL web",
        "systemctl daemon-reload",
        "systemctl daemon-reexec",
        "systemctl restart dbus",
    ];
    for command in around {
        host.sh(command);
        host.wait_active("web.service");
        goes_on(DIRECT);
        goes_on(PUBLISHED);
        assert_eq!(host.lost(DIRECT) + &host.lost(PUBLISHED), "", "lost by {command}");
    }
    // While it restarts, Docker takes the rules of its published ports away, with sculler or without: what the
    // container itself serves is what counts.
    for command in ["systemctl restart docker", "kill -9 $(cat /run/docker.pid)"] {
        host.sh("systemctl reset-failed docker");
        host.sh(command);
        host.wait_until("Docker is back", SOON * 2, || host.try_sh("docker version").ok());
        goes_on(DIRECT);
        goes_on(PUBLISHED);
        assert_eq!(host.lost(DIRECT), "", "lost by {command}");
    }
    host.remove("/run/go");
    host.settle();
    assert_eq!(host.try_sh("docker inspect -f {{.State.Pid}} web").stdout, process);
    host.wait_until("Docker finds it healthy", Duration::from_secs(30), || {
        host.try_sh("docker inspect -f {{.State.Health.Status}} web").stdout.trim() == "healthy"
    });
    assert!(host.sh("sculler status").contains("3 taken, 0 not for this host, 0 invalid"));
}
