//! A new version of what runs: nothing stops before it can start, and nothing stays worse than it was.

use std::time::Duration;

use crate::agent::SOON;
use crate::host::{Host, Suite};

/// A web server on port 80 with more lines in `[Container]`, and more sections after it.
fn web(image: &str, lines: &str, sections: &str) -> String {
    format!(
        "[Container]\nImage={image}\nContainerName=web\nPublishPort=80:80\nVolume=/srv/html:/www:ro\n\
         Exec=httpd -f -p 80 -h /www\nStopTimeout=1\n{lines}\n{sections}\n[X-Fleet]\nGlobal=true\n"
    )
}

impl Host {
    /// Runs the web server and waits until it answers.
    fn serve_web(&self) {
        self.make_dir("/srv/html");
        self.write("/srv/html/index.html", "served\n");
        self.put("web.container", &web("busybox", "", ""));
        self.wait_until("the web server answers", SOON, || self.serves());
        self.wait_active("web.service");
    }

    fn serves(&self) -> bool {
        self.try_sh("curl -fsS --max-time 2 http://127.0.0.1").stdout == "served\n"
    }

    /// Waits until `sculler status` has a line with all of `parts`; it.
    fn wait_status(&self, parts: &[&str]) -> String {
        let mut line = String::new();
        self.wait_until(&format!("the status says {parts:?}"), SOON, || {
            let status = self.try_sh("sculler status").stdout;
            let found = status.lines().find(|line| parts.iter().all(|part| line.contains(part)));
            line = found.unwrap_or_default().to_owned();
            found.is_some()
        });
        line
    }
}

#[test]
fn a_version_that_cannot_start_stops_nothing() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("prepare").suite(suite).docker().with_agent();
        host.serve_web();
        let before = host.invocation("web.service");
        host.sh("docker run -d --name stranger -p 81:81 busybox sleep 1000");
        for (lines, fault) in [
            ("Volume=/srv/missing:/missing:ro", "/srv/missing, which Volume= or Mount= names, does not exist"),
            ("Pull=never\nImage=nosuch:1", "The image nosuch:1 is not here, and Pull=never"),
            ("PublishPort=81:81", "Somebody listens on 81/tcp already"),
            ("ContainerName=stranger", "'docker rm -f stranger'"),
            ("EnvironmentFile=/etc/nosuch.env", "/etc/nosuch.env, which EnvironmentFile= names, cannot be read"),
        ] {
            host.put("web.container", &web("busybox", lines, ""));
            host.wait_status(&["web.service", "the old version runs on", fault]);
            assert!(host.serves(), "{fault}");
        }
        // What does not wait for anything is not held up.
        host.run_sleeper("quick.service");
        // What was missing comes, and the edit with it.
        host.put("web.container", &web("busybox", "Volume=/srv/missing:/missing:ro", ""));
        host.wait_status(&["web.service", "/srv/missing"]);
        assert_eq!(host.invocation("web.service"), before);
        host.make_dir("/srv/missing");
        let now = host.wait_restarted("web.service", &before);
        assert!(host.serves());
        // A version that was prepared and taken back is nothing.
        host.put("web.container", &web("busybox", "Volume=/srv/gone:/missing:ro", ""));
        host.wait_status(&["web.service", "/srv/gone"]);
        host.put("web.container", &web("busybox", "Volume=/srv/missing:/missing:ro", ""));
        host.wait_until("nothing is wrong any more", SOON, || host.try_sh("sculler status").ok());
        assert_eq!(host.invocation("web.service"), now);
        assert_eq!(host.sh("docker ps -aq | wc -l").trim(), "2");
        host.wait_until("nothing is left of the preparations", Duration::from_secs(10), || {
            let left = "ls /run/sculler/prepare /run/systemd/system.attached; ls /var/lib/sculler/units/web.service";
            !host.sh(left).contains("sculler-prepare") && !host.sh(left).contains("next.json")
        });
    }
}
