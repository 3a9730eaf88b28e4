//! An edit that does not stay up gives way to the version before: its text, its image, whatever happens meanwhile.

use std::time::{Duration, Instant};

use crate::agent::SOON;
use crate::host::{Host, Suite};

/// A web server on port 80 with more lines in `[Container]`, and in `[X-Sculler]`.
fn web(image: &str, lines: &str, policy: &str) -> String {
    format!(
        "[Container]\nImage={image}\nPull=never\nContainerName=web\nPublishPort=80:80\nStopTimeout=1\n{lines}\n\
         [X-Sculler]\n{policy}\n[X-Fleet]\nGlobal=true\n"
    )
}

const SERVE: &str = "Exec=sh -c \"mkdir /www; echo served > /www/index.html; exec httpd -f -p 80 -h /www\"";

/// A service that stays up for so many seconds and ends with a code; `more` sections.
fn dies(seconds: u32, code: u32, more: &str) -> String {
    format!("[Service]\nExecStart=/bin/sh -c 'sleep {seconds}; exit {code}'\n{more}\n[X-Fleet]\nGlobal=true\n")
}

fn lives(word: &str) -> String {
    format!("[Service]\nExecStart=/bin/sh -c 'echo {word}; exec sleep infinity'\n[X-Fleet]\nGlobal=true\n")
}

impl Host {
    fn is_serving(&self) -> bool {
        self.try_sh("curl -fsS --max-time 2 http://127.0.0.1").stdout == "served\n"
    }

    /// The ID of an image, or of that of a container.
    fn image_of(&self, what: &str) -> String {
        let (kind, field) = if what.contains(':') { ("image", "Id") } else { ("container", "Image") };
        self.try_sh(&format!("docker {kind} inspect -f '{{{{.{field}}}}}' {what}")).stdout.trim().to_owned()
    }

    fn rejection(&self, unit: &str) -> String {
        let text = self.try_sh(&format!("cat /var/lib/sculler/units/{unit}/record.json")).stdout;
        let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        record["rejected"]["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// `reason`: a part of it, or several of which one will do.
    fn wait_rejected(&self, unit: &str, reason: &str) {
        self.wait_until(&format!("{unit} is rolled back: {reason}"), SOON, || {
            let told = self.rejection(unit);
            reason.split('|').any(|part| told.contains(part))
        });
    }

    /// Waits until a service runs the command with `word`.
    fn wait_runs(&self, unit: &str, word: &str) {
        self.wait_until(&format!("{unit} runs {word}"), SOON, || {
            self.is_active(unit) && self.property(unit, "ExecStart").contains(word)
        });
    }

    /// What and result of each event of a unit.
    fn events(&self, unit: &str) -> Vec<(String, String)> {
        let text = self.sh(&format!("sculler history {unit} -o json"));
        let events: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
        let word = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (word(event, "what"), word(event, "result"))).collect()
    }
}

#[test]
fn a_container_comes_back_with_the_image_that_it_had() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("rollback").suite(suite).docker().with_agent();
        for version in ["1", "2"] {
            host.sh(&format!(
                "docker pull -q busybox; id=$(docker create busybox); docker commit --change 'LABEL version={version}' \
                 $id web:{version}; docker rm $id"
            ));
        }
        let first = host.image_of("web:1");
        host.put("web.container", &web("web:1", SERVE, ""));
        host.wait_until("the web server answers", SOON, || host.is_serving());
        host.wait_active("web.service");

        // The image of a new version is broken. Meanwhile the old one's name goes to another image, and all images without
        // a container are pruned.
        host.put("web.container", &web("web:2", "Exec=sh -c \"sleep 6; exit 3\"", ""));
        host.wait_until("the new version runs", SOON, || host.image_of("web") == host.image_of("web:2"));
        host.sh("docker tag web:2 web:1; docker image prune -af");
        host.wait_until("the new version has ended", SOON, || {
            host.try_sh("docker inspect web").stdout.contains(&first)
        });
        let since = Instant::now();
        host.wait_until("the old version answers", SOON, || host.is_serving());
        println!("{suite:?}: answers {} ms after its container is there", since.elapsed().as_millis());
        assert_eq!(host.image_of("web"), first);
        host.settle();
        let told =
            ["rolled back to the version of ", "exit code 3", "edit /etc/sculler/units/web.container", "--force web"];
        for command in ["sculler status", "sculler explain web", "sculler list-units 2>&1", "sculler plan"] {
            let text = host.try_sh(command).stdout;
            assert!(told.iter().all(|part| text.contains(part)), "{command}: {text}");
        }
        assert!(!host.try_sh("sculler status").ok());
        let events: Vec<_> = host.events("web");
        let events: Vec<(&str, &str)> = events.iter().map(|(what, result)| (what.as_str(), result.as_str())).collect();
        assert_eq!(events, [("start", "done"), ("edit", "done"), ("rollback", "done")]);

        // One that is never healthy.
        let sick = format!("{SERVE}\nHealthCmd=false\nHealthInterval=1s\nHealthRetries=2");
        host.put("web.container", &web("web:2", &sick, ""));
        host.wait_rejected("web.service", "its container is unhealthy");
        host.wait_until("the old version is back", SOON, || host.image_of("web") == first && host.is_serving());

        // Forced, it stays; and goes by hand.
        host.sh("sculler start --force web");
        host.wait_until("the forced version runs", SOON, || host.image_of("web") == host.image_of("web:2"));
        host.wait_until("it is unhealthy", SOON, || {
            host.sh("docker inspect -f '{{.State.Health.Status}}' web").trim() == "unhealthy"
        });
        host.settle();
        assert_eq!(host.rejection("web.service"), "");
        assert!(host.try_sh("sculler status").ok());
        host.sh("sculler rollback web");
        assert_eq!(host.image_of("web"), first);
        let again = host.try_sh("sculler rollback web");
        assert!(again.stderr.contains("runs its last good version already"), "{again}");

        // It goes with the unit.
        host.take_out("web.container");
        host.wait_gone("web.service");
        let left = host.sh("docker ps -aq; docker images --format '{{.Repository}}'");
        assert!(!left.contains("sculler.local"), "{left}");
        assert_eq!(host.sh("docker ps -aq | wc -l").trim(), "0");
    }
}

#[test]
fn a_service_comes_back_whatever_happens_to_the_agent() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("rollback").suite(suite).with_agent();
        host.put("a.service", &lives("one"));
        host.wait_runs("a.service", "one");
        host.wait_enabled("a.service");

        host.write("/etc/systemd/system/fails.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
        // However it ends: with a failure, without one, again and again.
        for (text, reason) in [
            (dies(2, 3, ""), "its process ended with exit code 3"),
            (dies(2, 0, ""), "its process ended with exit code 0"),
            (dies(1, 1, "Restart=always"), "systemd started it again|exit code 1"),
            (dies(0, 7, "Type=notify"), "its process ended with exit code 7"),
            (dies(900, 0, "[Unit]\nConditionPathExists=/nosuch"), "a condition of it does not hold"),
            (dies(900, 0, "[Unit]\nRequires=fails.service\nAfter=fails.service"), "a unit that it requires"),
            (dies(900, 0, "[Unit]\nRequires=nosuch.service"), "nosuch.service not found"),
        ] {
            host.put("a.service", &text);
            host.wait_rejected("a.service", reason);
            host.wait_runs("a.service", "one");
        }
        // Stopped by hand, it is neither good nor bad.
        host.put("a.service", &lives("two"));
        host.wait_runs("a.service", "two");
        host.sh("systemctl stop a.service");
        host.settle();
        assert!(!host.is_active("a.service"));
        assert_eq!(host.rejection("a.service"), "");
        host.sh("sculler rollback a");
        host.wait_runs("a.service", "one");
        host.put("a.service", &lives("one"));
        host.settle();

        // The agent is killed again and again while it goes back.
        host.sh("systemd-run --unit=killer sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; systemctl kill -s KILL sculler; \
             systemctl reset-failed sculler; systemctl start --no-block sculler; done'");
        host.put("a.service", &dies(2, 9, ""));
        host.wait_rejected("a.service", "its process ended with exit code 9");
        host.wait_runs("a.service", "one");
        host.wait_until("nobody kills any more", SOON, || !host.is_active("killer.service"));

        // At the next boot systemd starts the good version, without the agent.
        host.settle();
        host.wait_enabled("a.service");
        host.sh("systemctl stop sculler; rm /etc/systemd/system/multi-user.target.wants/sculler.service");
        host.reboot();
        host.wait_runs("a.service", "one");
        let before = host.invocation("a.service");
        host.sh("systemctl start sculler");
        host.settle();
        host.assert_untouched("a.service", &before);
        assert!(host.rejection("a.service").contains("exit code 9"));
        let start = host.try_sh("sculler start a");
        assert!(!start.ok() && start.stderr.contains("rolled back to the version of"), "{start}");
        host.put("a.service", &lives("three"));
        host.wait_runs("a.service", "three");
        assert_eq!(host.rejection("a.service"), "");
    }
}

#[test]
fn an_edit_waits_until_it_is_asked_for() {
    let host = Host::boot("hold").with_agent();
    let held = |word: &str| format!("{}[X-Sculler]\nOnUpdate=hold\nRollbackSec=5s\n", lives(word));
    host.put("a.service", &held("one"));
    host.wait_runs("a.service", "one");
    let before = host.invocation("a.service");
    host.put("a.service", &held("two"));
    host.settle();
    host.assert_untouched("a.service", &before);
    let said = host.sh("sculler status");
    assert!(
        said.contains("its edit is held (OnUpdate=hold)") && said.contains("'sculler restart a.service'"),
        "{said}"
    );
    assert!(host.sh("sculler plan").contains("hold a.service"));
    host.sh("sculler restart a");
    host.wait_runs("a.service", "two");
    // It stays up for five seconds, so it is good, and what comes after it goes back to it.
    host.wait_until("the trial is over", Duration::from_secs(20), || {
        host.sh("cat /var/lib/sculler/units/a.service/record.json").contains("\"trial\":null")
    });
    host.put("a.service", &dies(1, 4, ""));
    host.wait_rejected("a.service", "exit code 4");
    host.wait_runs("a.service", "two");
}
