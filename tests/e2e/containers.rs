//! Containers dropped into the unit directory, from the file to what Docker runs.

use std::time::Duration;

use crate::agent::{ATTACHED, SOON, UNITS, sleeper};
use crate::host::{Host, Suite, sculler_binary};

const SUITES: [Suite; 2] = [Suite::Trixie, Suite::Bookworm];

/// A container for every host with more lines in `[Container]`, and more sections after it.
fn container(lines: &str, sections: &str) -> String {
    format!("[Container]\nImage=nginx:latest\nContainerName=web\n{lines}\n{sections}\n[X-Fleet]\nGlobal=true\n")
}

/// A container of busybox's that ends at once when it is told to.
fn patient(lines: &str) -> String {
    format!(
        "[Container]\nImage=busybox\nExec=sh -c \"trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done\"\n{lines}\n\
         [X-Fleet]\nGlobal=true\n"
    )
}

impl Host {
    /// Puts a page into /srv/html and waits for the container that serves it.
    fn serve(&self, file: &str, text: &str) {
        self.make_dir("/srv/html");
        self.write("/srv/html/index.html", "a page of ours\n");
        self.put(file, text);
        self.wait_until("nginx serves the page", SOON, || self.page().contains("a page of ours"));
        self.wait_active("web.service");
    }

    fn page(&self) -> String {
        self.try_sh("curl -fsS http://127.0.0.1").stdout
    }

    fn inspect(&self, container: &str, format: &str) -> String {
        self.try_sh(&format!("docker inspect -f '{format}' {container}")).stdout.trim().to_owned()
    }

    /// What the agent says is wrong, once there is something of `what` in it.
    fn wait_problem(&self, what: &str) -> String {
        let mut problems = String::new();
        self.wait_until(&format!("the agent names '{what}'"), SOON, || {
            problems = self.settle().join("\n");
            problems.contains(what)
        });
        problems
    }

    /// Waits until the service's quiet time is over: boot links are made, and PID 1 has read them.
    fn wait_quiet(&self, unit: &str) {
        self.wait_enabled(unit);
        self.settle();
    }
}

const WEB: &str = "PublishPort=80:80\nVolume=/srv/html:/usr/share/nginx/html:ro";

#[test]
fn a_dropped_container_is_a_service() {
    for suite in SUITES {
        let host = Host::boot("container").suite(suite).docker().with_agent();
        host.serve("web.container", &container(WEB, ""));
        let status = host.sh("systemctl status web --no-pager");
        for part in ["active (running)", "Container web (", "image nginx:latest"] {
            assert!(status.contains(part), "{status}");
        }
        host.put("lines.container", &patient("ContainerName=lines"));
        host.wait_active("lines.service");
        host.wait_until("its lines are in the unit's journal", SOON, || {
            host.sh("journalctl --sync; journalctl -u lines -o cat").lines().any(|line| line == "up")
        });
        assert!(host.sh("systemctl show -p ControlGroup --value web").contains("sculler-web.slice"));
        assert_eq!(host.inspect("web", "{{.HostConfig.CgroupParent}}"), "sculler-web.slice");

        host.wait_quiet("web.service");
        host.wait_quiet("lines.service");
        let reloads = host.reloads();
        let before = host.invocation("web.service");
        // Of the container alone: a restart, and no daemon-reload.
        host.put("web.container", &container(&format!("{WEB}\nEnvironment=COLOUR=red"), ""));
        let before = host.wait_restarted("web.service", &before);
        host.wait_until("the edit is in effect", SOON, || {
            host.inspect("web", "{{.Config.Env}}").contains("COLOUR=red")
        });
        host.settle();
        assert_eq!(host.reloads(), reloads);

        let red = format!("{WEB}\nEnvironment=COLOUR=red");
        host.put("web.container", &format!("# a comment\n{}", container(&red, "")));
        host.settle();
        host.assert_untouched("web.service", &before);

        // Limits change in what runs.
        let id = host.inspect("web", "{{.Id}}");
        host.put("web.container", &container(&red, "[Service]\nMemoryMax=512M"));
        host.wait_for_unit("sculler-web.slice", "MemoryMax", "536870912", SOON);
        host.put("web.container", &container(&red, "[Service]\nMemoryMax=256M"));
        host.wait_for_unit("sculler-web.slice", "MemoryMax", "268435456", SOON);
        host.assert_untouched("web.service", &before);
        assert_eq!(host.inspect("web", "{{.Id}}"), id);

        // What cannot be translated keeps what runs.
        host.put("web.container", &container(&format!("{red}\nEnviroment=A=1"), ""));
        let problem = host.wait_problem("Enviroment");
        assert!(problem.contains(&format!("{UNITS}/web.container:7:")), "{problem}");
        host.assert_untouched("web.service", &before);
        assert!(host.page().contains("a page of ours"));

        host.take_out("web.container");
        host.wait_gone("web.service");
        assert_eq!(host.inspect("web", "{{.Id}}"), "");
        assert!(!host.exists(&format!("{ATTACHED}/sculler-web.slice")));
        host.wait_until("the slice is gone", SOON, || host.property("sculler-web.slice", "ActiveState") == "inactive");
        assert_eq!(host.property("lines.service", "ActiveState"), "active");
        assert!(!host.sh("systemctl --failed --no-legend").contains("web"));
    }
}

#[test]
fn quadlet_files_are_made_in_their_order() {
    for suite in SUITES {
        let host = Host::boot("order").suite(suite).docker().with_agent();
        host.make_dir("/srv/html");
        host.write("/srv/html/index.html", "a page of ours\n");
        let select = "[X-Fleet]\nGlobal=true\n";
        // The one that needs all others comes first.
        let lines = format!("{WEB}\nVolume=data.volume:/data\nNetwork=inner.network");
        host.put("web.container", &container(&lines, "").replace("nginx:latest", "page.image"));
        host.put("data.volume", &format!("[Volume]\n{select}"));
        host.put("inner.network", &format!("[Network]\n{select}"));
        host.put("page.image", &format!("[Image]\nImage=nginx\n{select}"));
        host.wait_active("web.service");
        host.wait_until("nginx serves the page", SOON, || host.page().contains("a page of ours"));
        for unit in ["data-volume", "inner-network", "page-image"] {
            assert!(host.is_active(&format!("{unit}.service")), "{unit}");
        }
        assert_eq!(host.inspect("web", "{{range .Mounts}}{{.Name}}{{end}}"), "systemd-data");
        assert!(host.inspect("web", "{{json .NetworkSettings.Networks}}").contains("systemd-inner"));

        // What others name does not go while it is named.
        host.take_out("web.container");
        host.wait_gone("web.service");
        for (file, unit) in
            [("inner.network", "inner-network"), ("data.volume", "data-volume"), ("page.image", "page-image")]
        {
            host.take_out(file);
            host.wait_gone(&format!("{unit}.service"));
        }
        assert!(host.sh("docker volume ls -q").contains("systemd-data"), "data stays");
        assert_eq!(host.settle(), Vec::<String>::new());
    }
}

#[test]
fn one_name_of_a_service_is_one_files() {
    let host = Host::boot("names").docker().with_agent();
    host.serve("web.container", &container(WEB, ""));
    let before = host.invocation("web.service");
    host.put("web.service", &sleeper());
    let problem = host.wait_problem("web.service is already installed from");
    assert!(problem.contains("web.container"), "{problem}");
    host.assert_untouched("web.service", &before);
}

#[test]
fn an_instance_is_a_link_to_its_template() {
    let host = Host::boot("instance").docker().with_agent();
    host.put("job@.container", &patient("ContainerName=job-%i\nEnvironment=WHICH=%i"));
    for instance in ["1", "two"] {
        host.sh(&format!("ln -s job@.container {UNITS}/job@{instance}.container"));
        host.wait_active(&format!("job@{instance}.service"));
        let environment = host.inspect(&format!("job-{instance}"), "{{.Config.Env}}");
        assert!(environment.contains(&format!("WHICH={instance}")), "{environment}");
    }
    assert!(!host.exists(&format!("{ATTACHED}/job@.service")));
    host.sh(&format!("rm {UNITS}/job@two.container"));
    host.wait_gone("job@two.service");
    assert!(host.is_active("job@1.service"));
}

#[test]
fn a_container_is_up_when_it_is_healthy() {
    for suite in SUITES {
        let host = Host::boot("healthy").suite(suite).docker().with_agent();
        host.put(
            "well.container",
            &patient(
                "ContainerName=well\nNotify=healthy\nHealthCmd=test -e /well\nHealthInterval=1s\nHealthRetries=99",
            ),
        );
        host.wait_for_unit("well.service", "ActiveState", "activating", SOON);
        host.wait_until("the container runs", SOON, || host.inspect("well", "{{.State.Running}}") == "true");
        assert_eq!(host.property("well.service", "ActiveState"), "activating");
        host.sh("docker exec well touch /well");
        host.wait_active("well.service");
    }
}

#[test]
fn nothing_of_ours_that_restarts_touches_a_container() {
    for suite in SUITES {
        let host = Host::boot("untouched").suite(suite).docker().with_agent();
        host.serve("web.container", &container(WEB, "[Service]\nRestart=on-failure\nRestartSec=100ms"));
        host.wait_quiet("web.service");
        let (invocation, process) = (host.invocation("web.service"), host.inspect("web", "{{.State.Pid}}"));
        let untouched = |what: &str| {
            host.settle();
            host.assert_untouched("web.service", &invocation);
            assert_eq!(host.inspect("web", "{{.State.Pid}}"), process, "{what}");
            assert!(host.page().contains("a page of ours"), "{what}");
        };
        host.sh("systemctl restart sculler");
        untouched("a restart");
        host.sh("systemctl kill -s KILL sculler");
        untouched("a kill");
        let binary = std::fs::read(sculler_binary()).unwrap_or_else(|error| host.fail(&error.to_string()));
        std::fs::write(host.path("/usr/bin/sculler.new"), binary).unwrap_or_else(|error| host.fail(&error.to_string()));
        host.sh("chmod 755 /usr/bin/sculler.new; mv /usr/bin/sculler.new /usr/bin/sculler; systemctl restart sculler");
        untouched("an upgrade");
        host.sh("systemctl daemon-reload");
        untouched("a daemon-reload");
        host.sh("systemctl daemon-reexec");
        untouched("a daemon-reexec");

        let supervisor = host.property("web.service", "MainPID");
        host.sh(&format!("kill -9 {supervisor}"));
        host.wait_until("another supervisor", SOON, || {
            let now = host.property("web.service", "MainPID");
            host.is_active("web.service") && now != supervisor && now != "0"
        });
        // systemd 252 cannot leave the container to the next one.
        if suite == Suite::Trixie {
            assert_eq!(host.inspect("web", "{{.State.Pid}}"), process);
        }
        host.wait_until("nginx serves the page", SOON, || host.page().contains("a page of ours"));

        host.settle();
        host.sh("systemctl disable sculler.service; systemctl enable sculler.target");
        host.reboot();
        host.wait_active("web.service");
        host.wait_until("nginx serves the page", SOON, || host.page().contains("a page of ours"));
        assert_eq!(host.property("sculler.service", "ActiveState"), "inactive");
    }
}

#[test]
fn live_restore_changes_the_text_and_restarts_nothing() {
    let host = Host::boot("live-restore").docker().with_agent();
    host.serve("web.container", &container(WEB, ""));
    host.wait_quiet("web.service");
    let before = host.invocation("web.service");
    let requires = || host.property("web.service", "Requires");
    assert!(requires().contains("docker.service"), "{}", requires());
    let settings = host.read("/etc/docker/daemon.json").replacen('{', "{\"live-restore\": true, ", 1);
    host.write("/etc/docker/daemon.json", &settings);
    host.sh("systemctl reload docker");
    host.wait_until("docker.service is not required any more", SOON, || !requires().contains("docker.service"));
    host.settle();
    host.assert_untouched("web.service", &before);
    let process = host.inspect("web", "{{.State.Pid}}");
    host.sh("systemctl restart docker");
    host.wait_until("Docker is back", SOON, || host.inspect("web", "{{.State.Pid}}") == process);
    host.settle();
    host.assert_untouched("web.service", &before);
    // Without systemd's knowledge, as well.
    let switch = |from: &str, to: &str| {
        let settings = host.read("/etc/docker/daemon.json").replace(from, to);
        host.write("/etc/docker/daemon.json", &settings);
        host.sh("kill -HUP $(cat /run/docker.pid)");
    };
    switch("\"live-restore\": true", "\"live-restore\": false");
    host.wait_until("docker.service is required again", SOON, || requires().contains("docker.service"));
    switch("\"live-restore\": false", "\"live-restore\": true");
    host.wait_until("docker.service is not required any more", SOON, || !requires().contains("docker.service"));
    host.settle();
    host.assert_untouched("web.service", &before);
    // Nobody starts an Engine that somebody stopped.
    host.sh("systemctl stop docker.service docker.socket");
    host.settle();
    host.sh("systemctl start docker.socket; systemctl restart sculler");
    host.settle();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(host.property("docker.service", "ActiveState"), "inactive");
    host.assert_untouched("web.service", &before);
}
