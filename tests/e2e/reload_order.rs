//! What a reload of a container does, in which order, and what is held against it.

use crate::agent::SOON;
use crate::host::{Host, Suite};

/// A container of that name with more lines in `[Container]` and `[X-Sculler]`.
fn container(name: &str, lines: &str, policy: &str) -> String {
    format!(
        "[Container]\nImage=nginx:latest\nContainerName={name}\nStopSignal=KILL\n{lines}\n\n[Service]\nRestart=on-failure\n\n\
         [X-Sculler]\n{policy}\n\n[X-Fleet]\nGlobal=true\n"
    )
}

/// Runs for ever, and hears signals at once.
const WAITS: &str = "while :; do /bin/busybox sleep 100000 & wait; done";

impl Host {
    fn put_followed(&self, name: &str, text: &str) {
        let unit = format!("{name}.service");
        self.put(&format!("{name}.container"), text);
        self.wait_active(&unit);
        self.settle();
        self.wait_until("it is watched", SOON, || self.exists(&format!("/run/sculler/followed/{unit}")));
    }

    fn process(&self, name: &str) -> String {
        self.sh(&format!("docker inspect -f '{{{{.Id}}}} {{{{.State.Pid}}}}' {name}"))
    }

    fn history(&self, unit: &str) -> String {
        self.try_sh(&format!("cat /var/lib/sculler/units/{unit}/history.jsonl")).stdout
    }
}

#[test]
fn before_linux_6_5_the_container_is_frozen_for_an_exchange() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("frozen").suite(suite).docker().with_agent();
        host.sh("mkdir -p /srv/dir /etc/systemd/system/own.service.d; echo one > /srv/file; echo one > /srv/dir/f");
        // uname(2) says 2.6 to it.
        host.write(
            "/etc/systemd/system/own.service.d/kernel.conf",
            "[Service]\nLockPersonality=no\nSystemCallFilter=personality\nExecStart=\n\
             ExecStart=/usr/bin/setarch --uname-2.6 /usr/bin/sculler supervise %n\n",
        );
        // It would see that nothing is there for a moment.
        let lines = "Volume=/srv/file:/file:ro\nVolume=/srv/dir:/dir:ro\n\
                     Exec=/bin/busybox sh -c \"while :; do read v < /file || echo gap; read v < /dir/f || echo gap; done\"";
        host.put_followed("own", &container("own", lines, ""));
        let process = host.process("own");
        // Commands on their way into the container are caught as well, and go on.
        let shows = |path: &str, text: &str| {
            let line = format!("docker exec own /bin/busybox cat {path}");
            host.wait_until(text, SOON, || host.try_sh(&line).stdout.trim() == text);
        };
        for word in ["two", "three", "four", "five", "six"] {
            host.sh(&format!("echo {word} > /srv/new; mv /srv/new /srv/file"));
            shows("/file", word);
        }
        host.sh("mkdir /srv/next; echo two > /srv/next/f; mv /srv/dir /srv/old; mv /srv/next /srv/dir");
        shows("/dir/f", "two");
        host.wait_results("own.service", &["done"; 6]);
        let told = || host.sh("journalctl --sync; journalctl -u own -o cat");
        assert_eq!(told().matches("which was frozen meanwhile").count(), 6);
        for path in ["/file", "/dir/f"] {
            let refused = host.try_sh(&format!("docker exec own /bin/busybox touch {path}"));
            assert!(refused.stderr.contains("Read-only file system"), "{refused}");
        }
        let mounts = host.sh("cat /proc/$(docker inspect -f '{{.State.Pid}}' own)/mountinfo");
        let own: Vec<&str> =
            mounts.lines().filter(|line| line.contains(" /file ") || line.contains(" /dir ")).collect();
        assert!(own.len() == 2 && own.iter().all(|line| !line.contains("shared:")), "{mounts}");

        // A supervisor that was killed meanwhile leaves it frozen to the next one, which takes it over, or removes it.
        host.sh("file=/sys/fs/cgroup$(cut -d: -f3 /proc/$(docker inspect -f '{{.State.Pid}}' own)/cgroup)/cgroup.freeze; \
                 echo 1 > $file; printf '%s\\n0' $file > /run/sculler/containers/own.service/frozen; systemctl kill -s KILL own");
        host.wait_until("it goes on", SOON, || {
            !host.exists("/run/sculler/containers/own.service/frozen")
                && host.try_sh("docker exec own /bin/busybox true").ok()
        });
        if suite == Suite::Trixie {
            assert_eq!(host.process("own"), process);
        }
        assert!(!told().lines().any(|line| line == "gap"));
    }
}

#[test]
fn a_reload_is_checked_and_its_effect_watched() {
    let host = Host::boot("order").docker().with_agent();
    host.sh(
        "mkdir -p /srv/c /srv/l; echo good 1 > /srv/c/f; echo good 1 > /srv/one; echo good > /srv/q; echo 1 > /srv/l/f",
    );
    // The check sees what was swapped; the container says what it reloaded, slowly.
    let lines = "Volume=/srv/c:/c:ro\nVolume=/srv/one:/one:ro\nHealthCmd=! tail -n 2 /reloads | grep -q ill\nHealthInterval=1s\nHealthRetries=1\n\
                 ReloadCmd=sh -c \"cat /c/f /one >> /reloads; sleep 1\"\nExec=sleep 100000";
    let text = container("own", lines, "CheckCmd=grep -H good /one\nRollbackSec=60s");
    host.put_followed("own", &text.replace("nginx:latest", "busybox:latest"));
    let process = host.process("own");
    host.sh("echo bad > /srv/new; mv /srv/new /srv/one");
    host.wait_results("own.service", &["refused"]);
    assert!(host.try_sh("docker exec own cat /reloads").stdout.is_empty());
    host.sh("echo good 2 > /srv/new; mv /srv/new /srv/one");
    host.wait_results("own.service", &["refused", "done"]);
    // Changes while a reload runs cause exactly one more.
    host.write_in_place("/srv/c/f", "good 2\n");
    host.wait_until("it reloads", SOON, || host.property("own.service", "ActiveState") == "reloading");
    host.sh("for i in 3 4 5; do echo good $i > /srv/c/f; sleep 0.2; done");
    host.wait_results("own.service", &["refused", "done", "done", "done"]);
    assert!(host.sh("docker exec own tail -n 2 /reloads").starts_with("good 5\n"));

    host.write_in_place("/srv/c/f", "ill\n");
    host.wait_results("own.service", &["refused", "done", "done", "done", "done", "failed"]);
    let said = host.history("own.service");
    assert!(
        said.contains("the container became unhealthy ") && said.contains("a reload because of /srv/c/f"),
        "{said}"
    );
    assert!(host.try_sh("sculler status").stdout.contains("own.service: the container became unhealthy"));
    host.write_in_place("/srv/c/f", "good 6\n");
    host.wait_until("it is well again", SOON, || host.try_sh("sculler status").ok());
    assert_eq!(host.process("own"), process);
    host.take_out("own.container");

    // One that ends before its reload is over.
    let dies =
        format!("Volume=/srv/q:/q:ro\nReloadSignal=USR1\nExec=/bin/busybox sh -c \"trap 'exit 7' USR1; {WAITS}\"");
    host.put_followed("quick", &container("quick", &dies, ""));
    host.write_in_place("/srv/q", "deadly\n");
    host.wait_until("its end is held against the file", SOON, || {
        let said = host.history("quick.service");
        said.contains("ended with exit code 7") && said.contains("a reload because of /srv/q")
    });
    host.take_out("quick.container");

    // The way to a mount may lead over links of the image.
    host.sh("docker run --name base busybox:latest ln -s run /short; docker commit base linked:1; docker rm base");
    let lines = "Volume=/srv/l:/short/l:ro\nReloadCmd=true\nExec=sleep 100000";
    host.put_followed("link", &container("link", lines, "").replace("nginx:latest", "linked:1"));
    let process = host.process("link");
    host.write_in_place("/srv/l/f", "2\n");
    host.wait_results("link.service", &["done"]);
    host.sh("systemctl reload link");
    host.wait_results("link.service", &["done", "done"]);
    assert_eq!(host.process("link"), process);
    host.sh("cp -a /srv/l /srv/l2; echo 3 > /srv/l2/f; mv /srv/l /srv/l1; mv /srv/l2 /srv/l");
    host.wait_until("it is started anew", SOON, || host.try_sh("docker exec link cat /run/l/f").stdout == "3\n");
    assert!(host.history("link.service").contains("leads over a symbolic link"));
}
