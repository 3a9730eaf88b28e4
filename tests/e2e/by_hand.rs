//! What an operator does to units with systemctl, and what sculler makes of it.

use crate::agent::{ATTACHED, SOON, service, sleeper, unit_path};
use crate::host::{Host, Suite};

#[test]
fn a_unit_that_is_stopped_by_hand_stays_down_until_its_file_changes() {
    let host = Host::boot("stopped").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.settle();
    host.sh("systemctl stop web.service app.service");
    host.settle();
    host.sh("systemctl restart sculler");
    host.settle();
    host.sh("systemctl kill -s KILL sculler");
    host.wait_until("the agent is back", SOON, || host.property("sculler.service", "NRestarts") != "0");
    host.run_sleeper("probe.service");
    // An edit that cannot matter is no reason either
    host.put("app.service", &format!("# a comment\n{}", sleeper()));
    host.settle();
    for unit in ["web.service", "app.service"] {
        assert_eq!(host.property(unit, "ActiveState"), "inactive", "{unit}");
    }
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_active("web.service");
    assert_eq!(host.property("app.service", "ActiveState"), "inactive");
    host.reboot();
    host.wait_active("app.service");
    host.wait_active("web.service");
}

#[test]
fn a_unit_that_is_masked_stays_down_and_comes_back_when_it_is_unmasked() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("masked").suite(suite).with_agent();
        host.run_sleeper("web.service");
        host.settle();
        host.sh("systemctl mask --now web.service");
        host.put("web.service", &service("/bin/sleep 1000000"));
        host.wait_told("it is masked by hand; run 'systemctl unmask' to let it start");
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");
        host.reboot();
        host.settle();
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");
        host.sh("systemctl unmask web.service");
        // systemctl tells nobody; the next pass sees it
        host.wait_until("it starts", SOON, || {
            host.look();
            host.is_active("web.service")
        });
        assert!(host.property("web.service", "ExecStart").contains("1000000"));

        // Removed while it is masked: the mask is the operator's and stays
        host.sh("systemctl mask web.service");
        host.take_out("web.service");
        host.wait_until("its files are gone", SOON, || !host.exists(&format!("{ATTACHED}/web.service.d")));
        host.settle();
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");
        assert!(host.exists("/etc/systemd/system/web.service"));
        let link = "/etc/systemd/system/sculler.target.wants/web.service";
        host.wait_until("its boot link is gone", SOON, || !host.path(link).is_symlink());
        // And a new file of that name does not start behind it
        host.put("web.service", &sleeper());
        host.wait_until("it is refused", SOON, || host.settle().iter().any(|line| line.contains("it is masked")));
        assert_eq!(host.property("web.service", "ActiveState"), "inactive");
        host.sh("systemctl unmask web.service");
        host.wait_until("it starts", SOON, || {
            host.look();
            host.is_active("web.service")
        });
    }
}

#[test]
fn a_unit_that_is_disabled_by_hand_does_not_come_back_after_a_reboot() {
    let host = Host::boot("disabled").with_agent();
    host.run_sleeper("web.service");
    host.put("app.service", &format!("{}\n[Install]\nWantedBy=multi-user.target\n", sleeper()));
    host.wait_active("app.service");
    let link = |unit: &str| format!("/etc/systemd/system/sculler.target.wants/{unit}");
    host.wait_until("the boot links are made", SOON, || {
        host.exists(&link("web.service")) && host.exists("/etc/systemd/system/multi-user.target.wants/app.service")
    });
    host.settle();
    host.sh("systemctl disable web.service app.service");
    host.run_sleeper("probe.service");
    host.wait_until("the probe is enabled", SOON, || host.exists(&link("probe.service")));
    assert!(!host.exists(&link("web.service")) && !host.exists(&link("app.service")));
    assert!(host.is_active("web.service") && host.is_active("app.service"));
    host.reboot();
    host.wait_active("probe.service");
    host.settle();
    for unit in ["web.service", "app.service"] {
        assert_eq!(host.property(unit, "ActiveState"), "inactive", "{unit}");
        host.wait_told(&format!("{unit} is not started: it was disabled by hand"));
    }
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_active("web.service");
    host.wait_until("it is enabled again", SOON, || host.exists(&link("web.service")));
    assert_eq!(host.property("app.service", "ActiveState"), "inactive");
}

#[test]
fn an_override_of_the_administrator_wins() {
    let host = Host::boot("override").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.settle();
    // As systemctl edit does it
    host.make_dir("/etc/systemd/system/web.service.d");
    host.write("/etc/systemd/system/web.service.d/override.conf", "[Service]\nEnvironment=COLOR=red\n");
    // As systemctl edit --full does it
    host.write("/etc/systemd/system/app.service", "[Service]\nExecStart=/bin/sleep 2000000\n");
    host.sh("systemctl daemon-reload && systemctl restart web.service app.service");
    let (web, app) = (host.invocation("web.service"), host.invocation("app.service"));
    host.settle();
    host.sh("systemctl restart sculler");
    assert_eq!(host.settle(), Vec::<String>::new());
    host.assert_untouched("web.service", &web);
    host.assert_untouched("app.service", &app);
    assert_eq!(host.property("web.service", "Environment"), "COLOR=red");
    assert!(host.property("app.service", "ExecStart").contains("2000000"));

    // Edits arrive, below the overrides
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("web.service", &web);
    assert_eq!(host.property("web.service", "Environment"), "COLOR=red");
    assert!(host.property("web.service", "ExecStart").contains("1000000"));
    host.take_out("app.service");
    host.wait_until("its files are gone", SOON, || !host.exists(&format!("{ATTACHED}/app.service")));
    assert!(host.exists("/etc/systemd/system/app.service"), "the administrator's own file stays");
    assert!(host.exists("/etc/systemd/system/web.service.d/override.conf"));
}

#[test]
fn files_that_are_changed_by_hand_where_sculler_installed_them_are_put_right() {
    let host = Host::boot("tampered").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.settle();
    let invocations = ["web.service", "app.service"].map(|unit| (unit, host.invocation(unit)));
    host.sh("systemctl stop sculler");
    host.write(&format!("{ATTACHED}/web.service"), "[Service]\nExecStart=/bin/sleep 1\n");
    host.sh(&format!("rm {ATTACHED}/app.service; systemctl daemon-reload; systemctl start sculler"));
    host.settle();
    for (unit, invocation) in invocations {
        assert_eq!(host.read(&format!("{ATTACHED}/{unit}")), host.read(&unit_path(unit)));
        host.wait_until(&format!("systemd has the right text of {unit}"), SOON, || {
            host.property(unit, "ExecStart").contains("infinity")
        });
        // What runs is what was started, before anybody changed the file
        host.assert_untouched(unit, &invocation);
    }
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn units_of_others_in_the_attached_folder_are_left_alone() {
    let host = Host::boot("portable").up();
    host.make_dir(ATTACHED);
    host.write(&format!("{ATTACHED}/theirs.service"), "[Service]\nExecStart=/bin/sleep infinity\n");
    host.sh("systemctl start theirs.service");
    host.install_sculler();
    let theirs = host.invocation("theirs.service");
    host.put("theirs.service", &service("/bin/sleep 1000000"));
    host.run_sleeper("web.service");
    let problems = host.settle();
    assert!(problems.iter().any(|line| line.contains("theirs.service exists outside sculler")), "{problems:?}");
    host.take_out("theirs.service");
    host.take_out("web.service");
    host.wait_gone("web.service");
    host.assert_untouched("theirs.service", &theirs);
    assert!(host.exists(&format!("{ATTACHED}/theirs.service")));
}
