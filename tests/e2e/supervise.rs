//! The main process of a container's service, from specs and services written by hand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::SOON;
use crate::host::{Host, Suite, sculler_binary};

/// A container's spec with a shell script as its command.
fn script(name: &str, script: &str) -> Value {
    json!({
        "name": name, "image": "busybox:latest", "pull": { "policy": "missing", "retries": 0 },
        "notify": "started", "oneshot": false, "start": {}, "mounts": [],
        "create": {
            "Image": "busybox:latest", "Cmd": ["sh", "-c", script],
            "Labels": { "OBJECT_SYSTEMD_UNIT": format!("{name}.service") },
            "HostConfig": {
                "LogConfig": { "Type": "journald", "Config": { "labels": "OBJECT_SYSTEMD_UNIT" } },
            },
        },
    })
}

/// Ends at once when it is told to.
const PATIENT: &str = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done";

impl Host {
    fn with_supervisor(label: &str, suite: Suite) -> Host {
        let host = Host::boot(label).suite(suite).docker().up();
        let binary = std::fs::read(sculler_binary()).unwrap_or_else(|error| host.fail(&error.to_string()));
        std::fs::write(host.path("/usr/bin/sculler"), binary).unwrap_or_else(|error| host.fail(&error.to_string()));
        host.sh("chmod 755 /usr/bin/sculler");
        host
    }

    /// Writes a spec and its service; `options` go into `[Service]`.
    fn supervise(&self, name: &str, mut container: Value, options: &str) {
        let unit = format!("{name}.service");
        container["create"]["HostConfig"]["CgroupParent"] = json!("sculler.slice");
        // What is tried here is the binding of systemd 257; bookworm has neither.
        let is_old = self.sh("systemctl --version").starts_with("systemd 252");
        if !is_old {
            container["create"]["HostConfig"]["Annotations"] = json!({
                "org.systemd.property.StopPropagatedFrom": format!("['{unit}']"),
                "org.systemd.property.PartOf": format!("['{unit}']"),
                "org.systemd.property.Before": format!("['{unit}']"),
                "org.systemd.property.TimeoutStopSec": "@t 20000000",
            });
        }
        let platform = match is_old {
            false => "Type=notify-reload\nRestartMode=direct".to_owned(),
            true => format!(
                "Type=notify\nExecReload=/bin/kill -HUP $MAINPID\nExecStopPost=/usr/bin/sculler supervise --clean-up {unit}"
            ),
        };
        let run: String = self
            .sh(&format!("printf %s '{}' | sha256sum", container.to_string().replace('\'', "")))
            .chars()
            .take(64)
            .collect();
        let spec = json!({
            "version": 1, "unit": unit, "source": format!("/etc/sculler/units/{name}.container"), "run": run,
            "container": container,
        });
        self.make_dir(&format!("/var/lib/sculler/units/{unit}"));
        self.write(&format!("/var/lib/sculler/units/{unit}/spec.json"), &spec.to_string());
        self.write(
            &format!("/etc/systemd/system/{unit}"),
            &format!(
                "[Unit]\nAfter=docker.service\nRequires=docker.service\n[Service]\n{platform}\nRestartSec=100ms\n\
                 RestartForceExitStatus=SIGUSR2\nExecStart=/usr/bin/sculler supervise {unit}\n{options}\n"
            ),
        );
        self.sh("systemctl daemon-reload");
    }

    /// What identifies a run of a container: its ID and its first process.
    fn container(&self, name: &str) -> String {
        self.try_sh(&format!("docker inspect -f '{{{{.Id}}}} {{{{.State.Pid}}}}' {name}")).stdout.trim().to_owned()
    }

    fn status_text(&self, unit: &str) -> String {
        self.property(unit, "StatusText")
    }

    fn wait_text(&self, unit: &str, text: &str) {
        self.wait_until(&format!("{unit} says '{text}'"), SOON, || self.status_text(unit).contains(text));
    }

    fn wait_state(&self, unit: &str, state: &str) {
        self.wait_for_unit(unit, "ActiveState", state, SOON);
    }
}

#[test]
fn a_container_is_a_service() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::with_supervisor("supervise", suite);
        let mut spec = script("web", PATIENT);
        spec["reload"] = json!({ "command": ["sh", "-c", "echo again; exit 3"] });
        // These Engines cannot mount it.
        spec["mounted_images"] = json!([{ "image": "nginx:latest", "pull": { "policy": "missing", "retries": 0 } }]);
        host.supervise("web", spec, "");
        host.sh("systemctl start web");
        let line = host.status_text("web.service");
        for part in ["Container web (", "PID ", "image busybox:latest"] {
            assert!(line.contains(part), "{line}");
        }
        host.sh("docker image inspect nginx:latest");
        host.wait_until("its lines are in the unit's journal", SOON, || {
            host.sh("journalctl --sync; journalctl -u web -o cat").lines().any(|line| line == "up")
        });
        // A reload that fails leaves the container running, and says so.
        host.sh("systemctl reload web");
        host.wait_text("web.service", "ended with exit code 3: again");
        assert!(host.is_active("web.service"));
        host.sh("systemctl stop web");
        assert_eq!(host.property("web.service", "Result"), "success");
        assert_eq!(host.container("web"), "");

        // Exit codes are the container's.
        for (command, code, result) in
            [("exit 7", "7", "exit-code"), ("exit 255", "255", "exit-code"), ("exit 0", "0", "success")]
        {
            host.supervise("ends", script("ends", &format!("sleep 1; {command}")), "");
            host.sh("systemctl start ends");
            host.wait_until(command, SOON, || {
                ["failed", "inactive"].contains(&host.property("ends.service", "ActiveState").as_str())
            });
            if code != "0" {
                assert_eq!(host.property("ends.service", "ExecMainStatus"), code);
            }
            assert_eq!(host.property("ends.service", "Result"), result);
            assert_eq!(host.container("ends"), "");
        }

        // What ignores its stop signal is killed, and that is no failure.
        let mut stubborn = script("stubborn", "trap '' TERM; while :; do sleep 0.1; done");
        stubborn["create"]["StopTimeout"] = 1.into();
        host.supervise("stubborn", stubborn, "");
        host.sh("systemctl start stubborn; systemctl stop stubborn");
        assert_eq!(host.property("stubborn.service", "Result"), "success");

        // Nothing is left of a supervisor that was killed for good.
        host.sh("systemctl start web; systemctl kill -s KILL web");
        host.wait_state("web.service", "failed");
        host.wait_until("the container is gone", SOON, || !host.sh("docker ps -q").lines().any(|id| !id.is_empty()));
    }
}

/// One of several that share the work: it has the container end as each line of its list says, and writes down what systemd
/// and its status line make of it.
const ENDS: &str = r#"
unit=$1
while read -r command; do
    echo "$command" > /run/$unit/command
    systemctl start $unit 2>/dev/null
    echo "$command: $(systemctl show -p ExecMainStatus --value $unit), $(systemctl show -p StatusText --value $unit)"
done < /run/$unit/list > /run/$unit/found
"#;

#[test]
fn every_exit_code_is_the_services() {
    const SIGNALS: [(&str, i32); 8] =
        [("HUP", 1), ("INT", 2), ("ABRT", 6), ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("PIPE", 13), ("TERM", 15)];
    let host = Host::with_supervisor("codes", Suite::Trixie);
    host.sh("docker pull -q busybox:latest");
    host.write("/run/ends.sh", ENDS);
    let mut expected: Vec<(String, String)> = (0..=255)
        .map(|code| {
            let text = match code {
                // systemd keeps nothing of a service that did its work.
                0 => String::new(),
                129..=192 => format!("(exit code {code})"),
                _ => format!("The container ended with exit code {code}"),
            };
            (format!("exit {code}"), format!("{code}, {text}"))
        })
        .collect();
    for (signal, number) in SIGNALS {
        let code = 128 + number;
        let text = format!("{code}, The container was ended by signal SIG{signal} (exit code {code})");
        expected.push((format!("kill -{signal} $$"), text));
    }
    let names: Vec<String> = (0..4).map(|number| format!("ends{number}")).collect();
    for (index, name) in names.iter().enumerate() {
        let mut spec = script(name, "eval \"$(cat /run/own/command)\"");
        spec["oneshot"] = true.into();
        spec["create"]["HostConfig"]["Binds"] = json!([format!("/run/{name}:/run/own:ro")]);
        // The first process of a container ignores what it sends itself, so that one is Docker's.
        spec["create"]["HostConfig"]["Init"] = true.into();
        // Half of the time goes into these.
        spec["create"]["HostConfig"]["NetworkMode"] = "none".into();
        spec["create"]["HostConfig"]["LogConfig"] = json!({ "Type": "none" });
        host.supervise(name, spec, "Type=oneshot\nNotifyAccess=main\n[Unit]\nStartLimitIntervalSec=0");
        let list: Vec<&str> =
            expected.iter().skip(index).step_by(names.len()).map(|(command, _)| command.as_str()).collect();
        host.make_dir(&format!("/run/{name}"));
        host.write(&format!("/run/{name}/list"), &(list.join("\n") + "\n"));
    }
    host.sh(&format!("for unit in {}; do sh /run/ends.sh $unit & done; wait", names.join(" ")));
    let found: Vec<String> = names.iter().map(|name| host.read(&format!("/run/{name}/found"))).collect();
    let found: std::collections::HashMap<&str, &str> =
        found.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once(": ")).collect();
    for (command, text) in &expected {
        let (code, words) = text.split_once(", ").unwrap_or_default();
        let line = found.get(command.as_str()).copied().unwrap_or_default();
        assert!(
            line.starts_with(&format!("{code}, ")) && line.ends_with(words),
            "'{command}' gave '{line}', not '{text}'"
        );
    }
    // That one's own death.
    host.supervise("web", script("web", PATIENT), "");
    host.sh("systemctl start web; kill -KILL $(docker inspect -f '{{.State.Pid}}' web)");
    host.wait_state("web.service", "failed");
    assert_eq!(host.property("web.service", "ExecMainStatus"), "137");
    host.wait_text("web.service", "The container was ended by signal SIGKILL (exit code 137)");
    assert_eq!(host.sh("docker ps -aq"), "", "nothing is left over");
}

#[test]
fn what_cannot_start_says_why() {
    let host = Host::with_supervisor("cannot", Suite::Trixie);
    host.sh("docker pull -q busybox:latest; docker create --name web busybox:latest true");
    let stranger = host.container("web");
    host.supervise("web", script("web", PATIENT), "");
    assert!(!host.try_sh("systemctl start web").ok());
    let text = host.status_text("web.service");
    assert!(text.contains("The name 'web' is taken") && text.contains("docker rm -f web"), "{text}");
    assert_eq!(host.property("web.service", "ExecMainStatus"), "125");
    assert_eq!(host.container("web"), stranger);

    let mut missing = script("missing", PATIENT);
    missing["image"] = "nothing:here".into();
    host.supervise("missing", missing.clone(), "");
    assert!(!host.try_sh("systemctl start missing").ok());
    let text = host.status_text("missing.service");
    assert!(text.contains("The image nothing:here cannot be pulled"), "{text}");
    missing["pull"]["policy"] = "never".into();
    host.supervise("missing", missing, "");
    assert!(!host.try_sh("systemctl start missing").ok());
    assert!(host.status_text("missing.service").contains("Pull=never"));

    let mut port = script("port", PATIENT);
    port["create"]["HostConfig"]["PortBindings"] = json!({ "80/tcp": [{ "HostPort": "5000" }] });
    port["create"]["ExposedPorts"] = json!({ "80/tcp": {} });
    host.supervise("port", port, "");
    assert!(!host.try_sh("systemctl start port").ok());
    let text = host.status_text("port.service");
    assert!(text.contains("5000"), "{text}");
    assert_eq!(host.container("port"), "");
}

#[test]
fn readiness_is_whose_notify_says() {
    let host = Host::with_supervisor("ready", Suite::Trixie);
    let mut healthy = script("healthy", PATIENT);
    healthy["notify"] = "healthy".into();
    healthy["on_unhealthy"] = "kill".into();
    healthy["create"]["Healthcheck"] = json!({
        "Test": ["CMD-SHELL", "test -e /well"], "Interval": 1_000_000_000, "Timeout": 5_000_000_000_u64, "Retries": 1,
        "StartPeriod": 60_000_000_000_u64,
    });
    host.supervise("healthy", healthy, "");
    host.sh("systemctl start --no-block healthy");
    host.wait_text("healthy.service", "waiting for its first successful health check");
    assert_eq!(host.property("healthy.service", "ActiveState"), "activating");
    host.sh("docker exec healthy touch /well");
    host.wait_active("healthy.service");
    host.sh("docker exec healthy rm /well");
    host.wait_state("healthy.service", "failed");
    assert_eq!(host.property("healthy.service", "ExecMainStatus"), "137");

    let own = "sleep 1; busybox nc -w1 -uU $NOTIFY_SOCKET </dev/null 2>/dev/null; ls -l $NOTIFY_SOCKET; sleep 3600";
    let mut container = script("own", own);
    container["notify"] = "container".into();
    host.supervise("own", container, "");
    host.sh("systemctl start --no-block own");
    host.wait_text("own.service", "waiting for its READY=1");
    // busybox has no client for such sockets: the message goes the way that the container's would.
    host.sh(
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); \
         s.sendto(b\"READY=1\\nMAINPID=1\\nSTATUS=all is well\", \
         \"/run/sculler/containers/own.service/notify/notify.sock\")' || perl -MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0); \
         send(S, \"READY=1\\nMAINPID=1\\nSTATUS=all is well\", 0, \
         sockaddr_un(\"/run/sculler/containers/own.service/notify/notify.sock\")) or die'",
    );
    host.wait_active("own.service");
    host.wait_text("own.service", "all is well");
    assert!(host.try_sh("docker exec own test -S /run/notify/notify.sock").ok());

    let mut once = script("once", "sleep 1; echo done");
    once["oneshot"] = true.into();
    host.supervise("once", once, "Type=oneshot");
    host.sh("systemctl start once");
    assert_eq!(host.property("once.service", "Result"), "success");
}

#[test]
fn a_container_survives_its_supervisor() {
    let host = Host::with_supervisor("adopt", Suite::Trixie);
    host.supervise("web", script("web", PATIENT), "Restart=on-failure");
    host.sh("systemctl start web");
    let before = host.container("web");
    let supervisor = host.property("web.service", "MainPID");
    host.sh(&format!("kill -9 {supervisor}"));
    host.wait_until("another supervisor", SOON, || {
        host.is_active("web.service")
            && ![supervisor.as_str(), "0"].contains(&host.property("web.service", "MainPID").as_str())
    });
    assert_eq!(host.container("web"), before);

    // By hand: a restart is followed, a stop is a stop, a kill or removal is a failure.
    host.sh("docker restart -t 1 web");
    host.wait_until("the status names the new process", SOON, || {
        let pid = host.container("web").split(' ').nth(1).unwrap_or("none").to_owned();
        host.status_text("web.service").contains(&format!("PID {pid},"))
    });
    assert_eq!(host.property("web.service", "NRestarts"), "1");
    host.sh("docker stop -t 1 web");
    host.wait_state("web.service", "inactive");
    assert_eq!(host.property("web.service", "Result"), "success");
    for command in ["docker kill web", "docker rm -f web"] {
        host.sh("systemctl restart web");
        let before = host.container("web");
        host.sh(command);
        host.wait_until(command, SOON, || {
            let now = host.container("web");
            !now.is_empty() && now != before && host.is_active("web.service")
        });
    }
}

#[test]
fn a_container_follows_dockerd() {
    let host = Host::with_supervisor("dockerd", Suite::Trixie);
    host.supervise("web", script("web", PATIENT), "Restart=on-failure");
    host.sh("systemctl start web");
    let mut before = host.container("web");
    for command in ["systemctl restart docker", "kill -9 $(cat /run/docker.pid)"] {
        host.sh("systemctl reset-failed docker");
        host.sh(command);
        host.wait_until(command, SOON * 2, || {
            let now = host.container("web");
            !now.is_empty() && now != before && !now.ends_with(" 0") && host.is_active("web.service")
        });
        before = host.container("web");
    }

    // With live-restore the container outlives every end of dockerd, and nobody starts one that was stopped.
    let text = host.read("/etc/systemd/system/web.service").replace("Requires=docker", "Wants=docker");
    host.write("/etc/systemd/system/web.service", &text);
    let settings = host.read("/etc/docker/daemon.json").replacen('{', "{\"live-restore\": true, ", 1);
    host.write("/etc/docker/daemon.json", &settings);
    host.sh("systemctl daemon-reload; systemctl reload docker; systemctl restart web");
    let before = host.container("web");
    for command in ["systemctl restart docker", "kill -9 $(cat /run/docker.pid)"] {
        host.sh("systemctl reset-failed docker");
        let supervisor = host.property("web.service", "MainPID");
        host.sh(command);
        host.wait_until(command, SOON * 2, || host.container("web") == before);
        host.wait_text("web.service", "Container web (");
        assert_eq!(host.property("web.service", "MainPID"), supervisor);
    }
    host.sh("systemctl stop docker.socket docker; systemctl start docker.socket");
    host.wait_text("web.service", "docker.service is down");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(host.property("docker.service", "ActiveState"), "inactive");
    assert!(host.is_active("web.service"));
}

#[test]
fn a_dropped_quadlet_file_becomes_a_running_container() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("dropped").suite(suite).docker().with_agent();
        let select = "[X-Fleet]\nGlobal=true\n";
        host.put("data.volume", &format!("[Volume]\n{select}"));
        host.put("inner.network", &format!("[Network]\nSubnet=10.77.0.0/24\n{select}"));
        let container = |extra: &str| {
            format!(
                "[Container]\nImage=nginx:latest\nContainerName=web\nVolume=data.volume:/data\nNetwork=inner.network\n\
                 ReloadSignal=HUP\n{extra}\n{select}"
            )
        };
        host.put("web.container", &container("Environment=A=1"));
        host.wait_active("web.service");
        let first = host.container("web");
        assert!(host.sh("docker inspect -f '{{range .Mounts}}{{.Name}}{{end}}' web").contains("systemd-data"));
        assert!(host.sh("docker inspect -f '{{json .NetworkSettings.Networks}}' web").contains("systemd-inner"));
        host.sh("systemctl reload web");
        host.wait_text("web.service", "reloaded by");
        assert_eq!(host.container("web"), first);
        host.put("web.container", &container("Environment=A=2"));
        host.wait_until("the edit is in effect", SOON, || {
            host.try_sh("docker inspect -f '{{.Config.Env}}' web").stdout.contains("A=2")
                && host.is_active("web.service")
        });
        host.take_out("web.container");
        host.wait_until("the container is gone", SOON, || host.container("web").is_empty());
        // Data outlives its container.
        assert!(host.sh("docker volume ls -q").contains("systemd-data"));
    }
}
