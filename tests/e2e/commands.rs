//! fleet's commands: target states, files, and what really happened.

use crate::agent::{ATTACHED, SOON, UNITS, service, sleeper, unit_path};
use crate::host::{Done, Host, Suite};

const WANTS: &str = "/etc/systemd/system/sculler.target.wants";

impl Host {
    /// Runs sculler with a shell line of arguments.
    fn sculler(&self, arguments: &str) -> Done {
        self.try_sh(&format!("cd /root && sculler {arguments}"))
    }

    /// The same, where it has to succeed; what it printed.
    fn sculler_ok(&self, arguments: &str) -> String {
        let done = self.sculler(arguments);
        if !done.ok() {
            self.fail(&format!("sculler {arguments}: {done}"));
        }
        done.stdout
    }
}

#[test]
fn units_go_from_inactive_to_launched_and_back_and_a_reboot_keeps_them() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("states").suite(suite).with_agent();
        host.write("/root/web.service", &sleeper());
        host.write("/root/app.service", &sleeper());
        assert_eq!(
            host.sculler_ok("submit web.service ./app.service"),
            "Unit web.service inactive\nUnit app.service inactive\n"
        );
        host.settle();
        assert_eq!(host.read(&unit_path("web.service")), sleeper());
        assert_eq!(host.sh(&format!("stat -c '%a %U' {UNITS}/web.service")), "644 root\n");
        assert_eq!(host.property("web.service", "LoadState"), "not-found");

        let loaded = host.sculler_ok("load web app");
        assert!(loaded.contains("Unit web.service loaded on ") && loaded.contains(".../"), "{loaded}");
        assert!(host.exists(&format!("{ATTACHED}/web.service")));
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");

        let launched = host.sculler_ok("start web app");
        assert!(launched.contains("Unit app.service launched on "), "{launched}");
        assert!(host.is_active("web.service") && host.is_active("app.service"));
        host.wait_until("it is wanted at boot", SOON, || host.exists(&format!("{WANTS}/web.service")));
        host.settle();

        host.sculler_ok("stop web");
        // As fleet: loaded, then launched
        assert!(host.sculler_ok("restart web").contains("Unit web.service launched on "));
        assert_eq!(host.sculler_ok("list-unit-files --no-legend --fields dstate").lines().nth(1), Some("launched"));
        host.sculler_ok("stop web");
        assert!(host.sculler_ok("unload app").contains("Unit app.service inactive"));
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");
        host.wait_until("it is not wanted at boot", SOON, || !host.exists(&format!("{WANTS}/web.service")));
        assert!(!host.exists(&format!("{ATTACHED}/app.service")));
        assert!(host.exists(&unit_path("app.service")));

        let idle = host.sculler("stop app");
        assert!(idle.status.code() == Some(1) && idle.stderr.contains("it is not loaded"), "{idle}");
        assert!(!host.exists(&format!("{ATTACHED}/app.service")));

        host.sh("systemctl restart sculler");
        host.settle();
        host.put("web.service", &service("/bin/sleep 1000000"));
        host.reboot();
        host.wait_for_unit("sculler.service", "ActiveState", "active", SOON);
        host.settle();
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");
        assert_eq!(host.property("web.service", "LoadState"), "loaded");
        assert_eq!(host.property("app.service", "LoadState"), "not-found");

        host.sculler_ok("start web app");
        assert!(host.property("web.service", "ExecStart").contains("1000000"));
        let web = host.invocation("web.service");
        host.sculler_ok("restart web");
        assert_ne!(host.invocation("web.service"), web);
        host.sh("systemctl stop web.service");
        host.sculler_ok("start web");
        assert!(host.is_active("web.service"));

        let listed = host.sculler_ok("list-unit-files --no-legend --fields unit,dstate,state");
        assert_eq!(listed, "app.service  launched  launched\nweb.service  launched  launched\n");
        assert_eq!(host.sculler_ok("destroy web app"), "Destroyed web.service\nDestroyed app.service\n");
        for unit in ["web.service", "app.service"] {
            host.wait_gone(unit);
            assert!(!host.exists(&unit_path(unit)));
        }
        // Nothing is remembered of a unit that was destroyed
        host.sculler_ok("submit web.service");
        host.sculler_ok("destroy web");
        host.run_sleeper("web.service");
    }
}

#[test]
fn a_start_that_fails_says_so_with_the_units_last_lines() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        starts_that_fail(&Host::boot("failing").suite(suite).with_agent());
    }
}

fn starts_that_fail(host: &Host) {
    host.write("/root/bad.service", &service("/bin/sh -c 'echo it hurts; exit 3'"));
    host.write("/root/loop.service", &service("/bin/false").replace("[Service]", "[Service]\nRestart=always"));
    host.write("/root/once.service", &service("/bin/true").replace("[Service]", "[Service]\nType=oneshot"));
    host.write("/root/skip.service", &format!("[Unit]\nConditionPathExists=/nowhere\n{}", sleeper()));
    host.write("/root/broken.service", "[Service]\nExecStart\n[X-Fleet]\nGlobal=true\n");
    let failed = host.sculler("start bad.service");
    assert_eq!(failed.status.code(), Some(1), "{failed}");
    assert!(failed.stderr.contains("bad.service") && failed.stderr.contains("it hurts"), "{failed}");
    assert_eq!(host.sculler("start loop.service").status.code(), Some(1));
    host.sculler_ok("start once.service");
    let skipped = host.sculler("start skip.service");
    assert!(skipped.status.code() == Some(1) && skipped.stderr.contains("skip"), "{skipped}");
    let broken = host.sculler("start broken.service");
    assert!(broken.status.code() == Some(1) && broken.stderr.contains("broken.service:2"), "{broken}");
    assert!(!host.exists(&unit_path("broken.service")));
    // Mended and started again, after it failed
    host.write("/root/bad.service", &sleeper());
    host.sculler_ok("start --replace bad.service");
    assert!(host.is_active("bad.service"));
    // Another host's
    host.write(
        "/root/other.service",
        "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineID=23f81afecc6b4a7597c77776cf66a387\n",
    );
    let other = host.sculler("start ./other.service");
    assert!(other.status.code() == Some(1) && other.stderr.contains("is another host"), "{other}");
    for (arguments, code, words) in [
        ("start", 2, "no units given"),
        ("start nothere", 1, "there is no nothere.service"),
        ("start 'nothere-*'", 1, "no unit"),
        ("restart other", 1, "not for this host"),
        ("start --unknown", 2, "--unknown"),
    ] {
        let done = host.sculler(arguments);
        assert!(done.status.code() == Some(code) && done.stderr.contains(words), "{arguments}: {done}");
    }
    let user = host.try_sh(
        "cp $(command -v sculler) /tmp/sculler; setpriv --reuid=500 --regid=500 --clear-groups /tmp/sculler stop bad",
    );
    assert!(user.status.code() == Some(1) && user.stderr.contains("only root"), "{user}");
    host.sh("systemctl stop sculler");
    for command in ["stop bad", "submit ./once.service ./fresh.service", "destroy bad"] {
        host.write("/root/fresh.service", &sleeper());
        let done = host.sculler(command);
        let words = "the agent is not running; run 'systemctl start sculler'";
        assert!(done.status.code() == Some(1) && done.stderr.contains(words), "{command}: {done}");
    }
    assert!(host.exists(&unit_path("bad.service")) && !host.exists(&unit_path("fresh.service")));
    assert!(host.is_active("bad.service"));
}

#[test]
fn a_file_that_differs_is_refused_with_a_diff_and_replaced_on_demand() {
    let host = Host::boot("replace").with_agent();
    host.make_dir("/root/web.service.d");
    host.write("/root/web.service", &sleeper());
    host.write("/root/web.service.d/10-env.conf", "[Service]\nEnvironment=COLOR=red\n");
    host.sculler_ok("start web.service");
    assert_eq!(host.property("web.service", "Environment"), "COLOR=red");
    host.sculler_ok("submit web.service");
    host.write("/root/web.service", &service("/bin/sleep 1000000"));
    let refused = host.sculler("submit web.service");
    assert_eq!(refused.status.code(), Some(1));
    for words in ["-ExecStart=/bin/sleep infinity", "+ExecStart=/bin/sleep 1000000", "--replace"] {
        assert!(refused.stderr.contains(words), "{refused}");
    }
    // A name is the unit's, even if a file lies about
    let before = host.invocation("web.service");
    let started = host.sculler("start web.service");
    assert!(started.ok() && started.stderr.contains("differs"), "{started}");
    host.assert_untouched("web.service", &before);
    host.remove("/root/web.service.d/10-env.conf");
    host.sculler_ok("start --replace web.service");
    assert!(host.property("web.service", "ExecStart").contains("1000000"));
    assert_eq!(host.property("web.service", "Environment"), "");

    assert_eq!(host.sculler_ok("diff web"), "");
    host.sh("systemctl stop sculler");
    host.put("web.service", &service("/bin/sleep 2000000"));
    let diff = host.sculler("diff web");
    assert_eq!(diff.status.code(), Some(1));
    for words in
        [&format!("--- {ATTACHED}/web.service"), &format!("+++ {UNITS}/web.service"), "+ExecStart=/bin/sleep 2000000"]
    {
        assert!(diff.stdout.contains(words), "{diff}");
    }
}

#[test]
fn globs_and_instances_of_a_template() {
    let host = Host::boot("instances").with_agent();
    host.write("/root/web@.service", &service("/bin/sleep 10%i00"));
    host.write("/root/db.service", &sleeper());
    host.sculler_ok("start db.service");
    assert!(host.sculler_ok("submit web@.service").contains("web@.service inactive"));
    let started = host.try_sh("cd / && bash -c 'sculler start web@{1..3}'");
    assert!(started.ok() && started.stdout.contains("Unit web@2.service launched on "), "{started}");
    assert_eq!(host.sh(&format!("readlink {UNITS}/web@3.service")), "web@.service\n");
    let before = host.invocation("web@1.service");
    host.put("web@.service", &service("/bin/sleep 20%i00"));
    host.wait_restarted("web@1.service", &before);
    host.wait_until("the edit reaches all instances", SOON, || {
        host.property("web@3.service", "ExecStart").contains("20300")
    });
    host.settle();

    looks_take_globs(&host);
    let stopped = host.sculler_ok("stop 'web@*'");
    assert_eq!(stopped.lines().count(), 3, "{stopped}");
    assert!(!host.is_active("web@2.service") && host.is_active("db.service"));
    host.sculler_ok("start 'web@[12]'");
    assert!(host.is_active("web@2.service") && !host.is_active("web@3.service"));
    let refused = host.sculler("destroy web@");
    assert!(refused.status.code() == Some(1) && refused.stderr.contains("is a link to web@.service"), "{refused}");
    host.sculler_ok("destroy web@ 'web@*'");
    for unit in ["web@1.service", "web@2.service", "web@3.service"] {
        host.wait_gone(unit);
    }
    assert_eq!(host.sh(&format!("ls {UNITS}")), "db.service\n");

    // From a folder where only the template lies
    host.sculler_ok("start ./web@7.service");
    assert!(host.is_active("web@7.service"));
}

fn looks_take_globs(host: &Host) {
    // Without a newline at its end, and with a comment
    host.sh(&format!("printf '# mine\\n[Service]\\nExecStart=/bin/sleep 5' > {UNITS}/web-x.service"));
    let texts = host.sculler_ok("cat 'web-?' db");
    let expected =
        format!("# {UNITS}/web-x.service\n# mine\n[Service]\nExecStart=/bin/sleep 5\n\n# {UNITS}/db.service\n");
    assert!(texts.starts_with(&expected), "{texts}");
    host.remove(&unit_path("web-x.service"));
    let status = host.sculler_ok("status 'web@*' db");
    for words in ["web@.service on ", "● web@2.service", "● db.service"] {
        assert!(status.contains(words), "{status}");
    }
    host.sculler_ok("status web@");
    let lines = host.sculler_ok("journal -n 100 'web@[12]' db");
    for words in ["started web@1.service", "started web@2.service", "started db.service"] {
        assert!(lines.contains(words), "{lines}");
    }
    assert!(!lines.contains("web@3.service"), "{lines}");
    assert_eq!(host.sculler_ok("journal -n1 -o cat db").lines().count(), 1);
    let nothing = host.sculler("status 'nothere-*'");
    assert!(nothing.status.code() == Some(1) && nothing.stderr.contains("no unit in"), "{nothing}");
}

#[test]
fn a_checkout_of_git_is_told_of() {
    let host = Host::boot("checkout").with_agent();
    host.sh(&format!("git init -q {UNITS}"));
    host.write("/root/web.service", &sleeper());
    let submitted = host.sculler("submit web.service");
    assert!(submitted.ok() && submitted.stderr.contains("comes from Git"), "{submitted}");
    let destroyed = host.sculler("destroy web");
    assert!(destroyed.ok() && destroyed.stderr.contains("the next sync will undo this"), "{destroyed}");
    // A folder below may be one, too
    host.sh(&format!("rm -r {UNITS}/.git; git init -q {UNITS}/apps"));
    host.put("apps/app.service", &sleeper());
    host.wait_active("app.service");
    let destroyed = host.sculler("destroy app");
    assert!(destroyed.ok() && destroyed.stderr.contains("units/apps comes from Git"), "{destroyed}");
    assert_eq!(host.sculler("submit web.service").stderr, "");
}

#[test]
fn what_a_timer_starts_can_be_started_once_and_waiting_is_for_the_job() {
    let host = Host::boot("jobs").with_agent();
    // Nothing starts the service, whenever the agent looks.
    host.put("backup.timer", "[Timer]\nOnCalendar=2099-01-01\n[X-Fleet]\nGlobal=true\n");
    host.put(
        "backup.service",
        &service("/bin/sh -c 'sleep 2; date +%%s%%N >> /run/backups'").replace("[Service]", "[Service]\nType=oneshot"),
    );
    host.wait_active("backup.timer");
    host.settle();
    assert!(!host.exists("/run/backups"));
    host.sculler_ok("start backup");
    assert_eq!(host.sh("wc -l < /run/backups").trim(), "1");
    let quick = host.sculler_ok("start --no-block backup");
    assert_eq!(quick, "Triggered unit backup.service start\n");
    assert_eq!(host.sh("wc -l < /run/backups").trim(), "1");
    host.settle();
    assert!(!host.exists(&format!("{WANTS}/backup.service")), "its timer starts it, not the boot");
}
