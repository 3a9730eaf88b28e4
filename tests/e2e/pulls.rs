//! How images get here: slowly, again, from registries that ask who is there, and onto disks that are full.

use std::time::Duration;

use crate::agent::SOON;
use crate::host::{Host, Suite};

const REGISTRY: &str = "127.0.0.1:5000";
const SLOW: &str = "127.0.0.1:5001";
const STUCK: &str = "127.0.0.1:5002";
pub const PRIVATE: &str = "127.0.0.1:5003";

/// Passes connections on to the registry: PORT, bytes in a second, and after how many of them nothing more comes.
const FORWARDER: &str = r#"
import socket, sys, threading, time
port, rate, end = map(int, sys.argv[1:])
def copy(source, sink, is_answer):
    sent = 0
    while data := source.recv(16384):
        sink.sendall(data)
        sent += len(data)
        if is_answer and sent > 100000:
            time.sleep(1000 if sent > end else len(data) / rate)
    sink.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", port))
while True:
    client, _ = server.accept()
    registry = socket.create_connection(("127.0.0.1", 5000))
    for pair in ((client, registry, False), (registry, client, True)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"#;

/// A registry with the same images that wants a user `core` with the password `secret`.
pub const PRIVATE_SETTINGS: &str = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/docker-registry\n\
                                http:\n  addr: 127.0.0.1:5003\nauth:\n  htpasswd:\n    realm: test\n    path: /run/htpasswd\n";
pub const HTPASSWD: &str = "core:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

fn container(image: &str, lines: &str, service: &str) -> String {
    format!(
        "[Container]\nImage={image}\nExec=sleep 100000\nStopSignal=KILL\n{lines}\n[Service]\n{service}\n\
         [X-Fleet]\nGlobal=true\n"
    )
}

impl Host {
    /// Gives the registry another image `name`, and forgets it here; its ID.
    fn publish(&self, name: &str, content: &str) -> String {
        self.sh(&format!(
            "docker rm -f maker >/dev/null 2>&1; docker create --name maker busybox true >/dev/null; {content}; \
             docker cp /run/content maker:/content >/dev/null 2>&1; docker commit maker {REGISTRY}/{name} >/dev/null; \
             docker rm maker >/dev/null; docker push -q {REGISTRY}/{name} >/dev/null; \
             docker image inspect -f {{{{.Id}}}} {REGISTRY}/{name}"
        ))
        .trim()
        .to_owned()
    }

    fn image_under(&self, unit: &str) -> String {
        self.try_sh(&format!("docker inspect -f {{{{.Image}}}} systemd-{unit}")).stdout.trim().to_owned()
    }

    /// Waits until a unit has failed; what its status says.
    fn wait_failed(&self, unit: &str) -> String {
        self.wait_for_unit(unit, "ActiveState", "failed", SOON);
        self.property(unit, "StatusText")
    }
}

#[test]
fn images_come_as_they_are_wanted() {
    images_come(Suite::Trixie);
}

/// Its Docker tells of progress and errors in other words.
#[test]
fn images_come_as_they_are_wanted_on_bookworm() {
    images_come(Suite::Bookworm);
}

fn images_come(suite: Suite) {
    let host = Host::boot("pulls").suite(suite).docker().with_agent();
    host.sh("docker pull -q busybox");
    // Docker gets no layer twice at once.
    for name in ["moving", "still"] {
        host.publish(name, "head -c 8000000 /dev/urandom > /run/content");
    }
    host.write("/run/forwarder.py", FORWARDER);
    host.sh("systemd-run -q python3 /run/forwarder.py 5001 1000000 1000000000; \
         systemd-run -q python3 /run/forwarder.py 5002 1000000 1000000; docker image rm 127.0.0.1:5000/moving 127.0.0.1:5000/still");

    // What moves may take longer than TimeoutStartSec=; what does not is given up, which is seen at the end.
    host.put("stuck.container", &container(&format!("{STUCK}/still"), "Retry=0", "TimeoutStartSec=4"));
    host.wait_until("some of it is here", SOON, || host.property("stuck.service", "StatusText").contains(" MB"));
    host.put("slow.container", &container(&format!("{SLOW}/moving"), "Retry=0", "TimeoutStartSec=4"));
    host.wait_until("its progress is told", SOON, || {
        let status = host.sh("systemctl status slow --no-pager || true");
        status.contains("Pulling 127.0.0.1:5001/moving:latest: ") && status.contains(" MB, ")
    });
    host.wait_for_unit("slow.service", "ActiveState", "active", SOON * 2);

    // Policies.
    let first = host.publish("app", "echo 1 > /run/content");
    host.put("app.container", &container(&format!("{REGISTRY}/app"), "Pull=always", ""));
    host.put("new.container", &container(&format!("{REGISTRY}/app"), "Pull=newer", ""));
    host.put("old.container", &container(&format!("{REGISTRY}/app"), "Pull=missing", ""));
    for unit in ["app", "new", "old"] {
        host.wait_active(&format!("{unit}.service"));
        assert_eq!(host.image_under(unit), first, "{unit}");
    }
    let told = host.sh("journalctl --sync; journalctl -u new -o cat --no-pager");
    assert!(!told.contains("pulling"), "it is here, and the registry has no newer one: {told}");
    let second = host.publish("app", "echo 2 > /run/content");
    for (unit, image) in [("old", &first), ("new", &second), ("app", &second)] {
        host.sh(&format!("docker tag {first} {REGISTRY}/app; systemctl restart {unit}"));
        assert_eq!(&host.image_under(unit), image, "{unit}");
    }
    host.sh("systemctl stop docker-registry; systemctl restart new old");
    assert_eq!(host.image_under("new"), second);
    host.put("tries.container", &container(&format!("{REGISTRY}/tries"), "Retry=60\nRetryDelay=1s", ""));
    host.wait_until("it is tried again", SOON, || {
        host.property("tries.service", "StatusText").contains("trying again in 1 s")
    });
    host.sh("systemctl start docker-registry");
    host.publish("tries", "echo 3 > /run/content");
    host.wait_active("tries.service");

    private(&host);

    host.wait_for_unit("stuck.service", "ActiveState", "failed", SOON * 3);
    assert_eq!(host.property("stuck.service", "Result"), "timeout");
    let status = host.try_sh("sculler status").stdout;
    let cut_off = format!("Its start was cut off at: Pulling {STUCK}/still:latest: ");
    assert!(status.contains(&cut_off) && status.contains("TimeoutStartSec="), "{status}");
    assert!(!status.contains("private.service"), "it runs: {status}");

    full_disk(&host);
}

/// Who may pull.
fn private(host: &Host) {
    host.write("/run/htpasswd", HTPASSWD);
    host.write("/run/private.yml", PRIVATE_SETTINGS);
    host.sh("systemd-run -q docker-registry serve /run/private.yml");
    let unit = |name: &str, lines: &str| {
        host.put(&format!("{name}.container"), &container(&format!("{PRIVATE}/app"), &format!("Retry=0\n{lines}"), ""));
    };
    host.wait_until("it asks who is there", SOON, || {
        host.try_sh(&format!("curl -s -o /dev/null -w '%{{http_code}}' http://{PRIVATE}/v2/")).stdout == "401"
    });
    unit("private", "");
    let text = host.wait_failed("private.service");
    assert!(text.contains(&format!("'docker login {PRIVATE}' as root")), "{text}");
    host.sh(&format!("echo secret | HOME=/root docker login -u core --password-stdin {PRIVATE}"));
    host.sh("systemctl restart private");

    host.sh("mv /root/.docker/config.json /etc/sculler/login.json");
    let image = |name: &str, line: &str| {
        let text = format!("[Image]\nImage={PRIVATE}/app\nRetry=0\n{line}\n[X-Fleet]\nGlobal=true\n");
        host.put(&format!("{name}.image"), &text);
    };
    image("named", "AuthFile=/etc/sculler/login.json");
    host.wait_active("named-image.service");
    host.sh(
        "sed 's/\"auth\": \".*\"/\"auth\": \"Y29yZTp3cm9uZw==\"/' /etc/sculler/login.json > /etc/sculler/wrong.json",
    );
    host.write("/root/.docker/config.json", &format!("{{\"credHelpers\": {{\"{PRIVATE}\": \"ecr-login\"}}}}"));
    image("wrong", "AuthFile=/etc/sculler/wrong.json");
    image("nofile", "AuthFile=/etc/sculler/nosuch.json");
    image("helped", "");
    for (unit, parts) in [
        ("wrong", ["are the credentials for", PRIVATE]),
        ("nofile", ["/etc/sculler/nosuch.json, which AuthFile= names", "docker --config"]),
        ("helped", ["docker-credential-ecr-login", "AuthFile=/etc/sculler/login/config.json"]),
    ] {
        let text = host.wait_failed(&format!("{unit}-image.service"));
        assert!(parts.iter().all(|part| text.contains(part)), "{unit}: {text}");
    }
}

/// An image that does not fit.
fn full_disk(host: &Host) {
    let settings = host.read("/etc/docker/daemon.json").replacen('{', "{\"data-root\": \"/small\", ", 1);
    host.write("/etc/docker/daemon.json", &settings);
    host.sh("mkdir /small; mount -t tmpfs -o size=12M none /small; systemctl restart docker");
    host.put("full.container", &container(&format!("{REGISTRY}/library/nginx"), "Retry=0", ""));
    host.wait_for_unit("full.service", "ActiveState", "failed", Duration::from_secs(60));
    let shown = [host.property("full.service", "StatusText"), host.try_sh("sculler status").stdout];
    for text in shown {
        assert!(text.contains("no space left on device") && text.contains("docker image prune"), "{text}");
    }
}
