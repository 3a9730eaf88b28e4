//! What an edit does, and what it does not.

use std::time::Duration;

use crate::agent::{ATTACHED, SOON, service, sleeper, unit_path};
use crate::host::{Host, Suite};

#[test]
fn an_edit_that_cannot_matter_restarts_nothing() {
    let host = Host::boot("harmless").with_agent();
    host.run_sleeper("web.service");
    host.settle();
    let invocation = host.invocation("web.service");
    let edits = [
        format!("# a comment\n{}", sleeper()),
        format!("[Unit]\nDescription=Another name\nDocumentation=man:sleep(1)\n{}", sleeper()),
        format!("{}\n[X-Team]\nOwner=nobody\n", sleeper()),
        format!("{}\n[Install]\nWantedBy=multi-user.target\n", sleeper()),
        "[X-Fleet]\nGlobal=yes\n\n\n[Service]\n  ExecStart = /bin/sleep infinity  \n".to_owned(),
    ];
    for edit in edits {
        host.put("web.service", &edit);
        host.wait_until("the edit is installed", SOON, || host.read(&format!("{ATTACHED}/web.service")) == edit);
        host.settle();
        host.assert_untouched("web.service", &invocation);
    }
    host.wait_told("its text changed, which cannot matter to what runs");
}

#[test]
fn an_edit_that_matters_restarts_the_unit() {
    let host = Host::boot("edit").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("other.service");
    let (web, other) = (host.invocation("web.service"), host.invocation("other.service"));

    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("web.service", &web);
    assert!(host.property("web.service", "ExecStart").contains("sleep 1000000"));
    host.wait_told("restarted web.service: its file changed");

    // In place, as an editor without backup does
    host.write_in_place(&unit_path("web.service"), &service("/bin/sleep 2000000"));
    host.wait_until("the file written in place is applied", SOON, || {
        host.is_active("web.service") && host.property("web.service", "ExecStart").contains("sleep 2000000")
    });

    let web = host.invocation("web.service");
    host.make_dir(&unit_path("web.service.d"));
    host.put("web.service.d/10-color.conf", "[Service]\nEnvironment=COLOR=red\n");
    host.wait_restarted("web.service", &web);
    assert_eq!(host.property("web.service", "Environment"), "COLOR=red");
    let web = host.invocation("web.service");
    host.take_out("web.service.d/10-color.conf");
    host.wait_restarted("web.service", &web);
    assert_eq!(host.property("web.service", "Environment"), "");
    host.assert_untouched("other.service", &other);
}

#[test]
fn a_unit_whose_way_of_stopping_changes_is_stopped_by_its_old_definition() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("stop").suite(suite).with_agent();
        let unit = |mark: &str| {
            format!(
                "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/touch /run/stopped-{mark}\n\
                 [X-Fleet]\nGlobal=true\n"
            )
        };
        host.put("web.service", &unit("old"));
        host.wait_active("web.service");
        let first = host.invocation("web.service");
        host.put("web.service", &unit("new"));
        host.wait_restarted("web.service", &first);
        assert!(host.exists("/run/stopped-old") && !host.exists("/run/stopped-new"));
        host.take_out("web.service");
        host.wait_gone("web.service");
        assert!(host.exists("/run/stopped-new"));
    }
}

#[test]
fn a_broken_edit_leaves_the_last_good_version_running_and_says_where_it_is_broken() {
    let host = Host::boot("broken").with_agent();
    host.run_sleeper("web.service");
    let invocation = host.invocation("web.service");

    host.put("web.service", "[Service]\nExecStart=/bin/sleep 1\nRestart=sometimes\n\n[X-Fleet]\nGlobal=true\n");
    host.wait_told("/etc/sculler/units/web.service:3:9: ");
    host.settle();
    host.assert_untouched("web.service", &invocation);
    assert_eq!(host.read(&format!("{ATTACHED}/web.service")), sleeper(), "what is installed is the last good version");

    host.put("web.service", "[Service\nExecStart=/bin/sleep 1\n");
    host.wait_told("/etc/sculler/units/web.service:1:");
    host.settle();
    host.assert_untouched("web.service", &invocation);
    let problems = host.settle();
    assert!(problems.iter().any(|line| line.starts_with("/etc/sculler/units/web.service:1:")), "{problems:?}");

    // It stays so when the agent comes back
    host.sh("systemctl restart sculler");
    host.settle();
    host.assert_untouched("web.service", &invocation);

    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("web.service", &invocation);
    assert_eq!(host.settle(), Vec::<String>::new());
}

/// sculler's own check passes these; systemd says no.
#[test]
fn a_text_that_only_systemd_refuses_is_tried_before_anything_is_stopped() {
    let host = Host::boot("trial").with_agent();
    host.run_sleeper("web.service");
    host.settle();
    let invocation = host.invocation("web.service");
    // A file name of 300 characters
    host.put("web.service", &service(&format!("/bin/{}", "x".repeat(300))));
    host.wait_until("the edit is refused", SOON, || !host.settle().is_empty());
    // sculler's own check would name a line and a column
    let problems = host.settle();
    assert!(problems.iter().all(|line| line.starts_with("/etc/sculler/units/web.service: ")), "{problems:?}");
    assert!(host.status()["units"]["web.service"]["blocked"].is_string(), "{problems:?}");
    host.assert_untouched("web.service", &invocation);
    assert_eq!(host.sh("find /run/systemd /etc/systemd -name 'sculler-trial*'"), "");
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("web.service", &invocation);
}

#[test]
fn a_slow_start_holds_up_no_other_unit() {
    let host = Host::boot("slow").with_agent();
    let slow = "[Service]\nExecStartPre=/bin/sleep infinity\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n\
                [X-Fleet]\nGlobal=true\n";
    host.put("slow.service", slow);
    host.wait_for_unit("slow.service", "ActiveState", "activating", SOON);
    host.run_sleeper("quick.service");
    assert_eq!(host.property("slow.service", "ActiveState"), "activating");
    host.wait_until("its job is published", SOON, || host.status()["units"]["slow.service"]["job"] == "start");
    // Nor does it hold up edits, removals and boot links of the others
    let quick = host.invocation("quick.service");
    host.put("quick.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("quick.service", &quick);
    host.take_out("quick.service");
    host.wait_gone("quick.service");

    // A file is mended while its start hangs
    host.put("slow.service", &sleeper());
    host.wait_active("slow.service");
    // A unit whose start hangs is removed
    host.put("slow.service", slow);
    host.wait_for_unit("slow.service", "ActiveState", "activating", SOON);
    host.take_out("slow.service");
    host.wait_gone("slow.service");
}

#[test]
fn a_slow_stop_holds_up_no_other_unit() {
    let host = Host::boot("slow-stop").with_agent();
    let slow = "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.1; done'\n\
                TimeoutStopSec=infinity\n[X-Fleet]\nGlobal=true\n";
    host.put("slow.service", slow);
    host.wait_active("slow.service");
    host.take_out("slow.service");
    host.wait_for_unit("slow.service", "ActiveState", "deactivating", SOON);
    host.run_sleeper("quick.service");
    // It comes back while it is on its way out
    host.put("slow.service", &sleeper());
    host.look();
    assert_eq!(host.property("slow.service", "ActiveState"), "deactivating");
    host.sh("touch /run/go");
    host.wait_until("it runs as the new file says", SOON, || {
        host.is_active("slow.service") && host.property("slow.service", "ExecStop").is_empty()
    });
}

#[test]
fn a_unit_that_does_not_start_says_so_and_runs_when_its_file_is_mended() {
    let host = Host::boot("fails").with_agent();
    host.put("web.service", &service("/bin/false").replace("[Service]", "[Service]\nType=oneshot"));
    host.wait_told("web.service did not start");
    assert!(host.told().contains("journalctl -u web.service"));
    assert_eq!(host.settle().len(), 1);
    // A start limit that the broken version hit is not the new one's
    host.put(
        "web.service",
        "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=10ms\n[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=3\n\
         [X-Fleet]\nGlobal=true\n",
    );
    host.wait_for_unit("web.service", "NRestarts", "3", SOON);
    host.wait_for_unit("web.service", "ActiveState", "failed", SOON);
    host.put(
        "web.service",
        "[Service]\nExecStart=/bin/sleep infinity\n[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=3\n\
         [X-Fleet]\nGlobal=true\n",
    );
    host.wait_active("web.service");
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn systemd_reads_its_units_again_only_when_it_has_to() {
    let host = Host::boot("reload").with_agent();
    let before = host.reloads();
    host.run_sleeper("web.service");
    // The boot link is made when the host is quiet, with one reload; the start needs none
    host.wait_until("the boot link is there", SOON, || {
        host.exists("/etc/systemd/system/sculler.target.wants/web.service") && host.reloads() > before
    });
    let journal = host.told();
    let started = journal.find("started web.service").unwrap_or_else(|| host.fail("no line about the start"));
    let linked = journal.find("enable web.service").unwrap_or_else(|| host.fail("no line about the link"));
    assert!(started < linked, "{journal}");
    assert_eq!(host.reloads(), before + 1);
    assert_eq!(host.property("ssh.service", "NeedDaemonReload"), "no");

    let web = host.invocation("web.service");
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("web.service", &web);
    host.settle();
    assert_eq!(host.reloads(), before + 2, "an edit of a loaded unit costs one");
    host.sh("systemctl restart sculler");
    host.settle();
    assert_eq!(host.reloads(), before + 2, "a start of the agent costs none");
    host.wait_until("no unit is shown as changed on disk", Duration::from_secs(20), || {
        host.property("web.service", "NeedDaemonReload") == "no"
            && host.property("ssh.service", "NeedDaemonReload") == "no"
    });
}

#[test]
fn a_unit_that_fails_again_and_again_is_mended_at_any_moment_of_it() {
    let host = Host::boot("flapping").with_agent();
    let unit = |command: &str| {
        format!(
            "[Service]\nExecStart={command}\nRestart=always\nRestartSec=20ms\n\n[Unit]\nStartLimitIntervalSec=1h\n\
             StartLimitBurst=3\n\n[X-Fleet]\nGlobal=true\n[X-Sculler]\nRollback=no\n"
        )
    };
    for round in 0..10 {
        host.put("web.service", &unit(&format!("/bin/sh -c 'exit 1; {round}'")));
        host.wait_until("it has failed", SOON, || host.property("web.service", "Result") == "exit-code");
        host.put("web.service", &unit(&format!("/bin/sleep 100000{round}")));
        host.wait_until("the mended version runs", SOON, || {
            let pid = host.property("web.service", "MainPID");
            host.try_sh(&format!("tr '\\0' ' ' < /proc/{pid}/cmdline")).stdout.trim()
                == format!("/bin/sleep 100000{round}")
        });
        assert_eq!(host.settle(), Vec::<String>::new());
    }
}
