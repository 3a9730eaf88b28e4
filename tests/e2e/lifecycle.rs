//! The agent stops, is killed, crashes and is upgraded; what runs runs on.

use std::time::{Duration, Instant};

use crate::agent::{ATTACHED, SOON, service, sleeper, unit_path};
use crate::host::Host;

fn kill(host: &Host) {
    host.try_sh("systemctl kill -s KILL sculler");
}

#[test]
fn stopping_killing_and_upgrading_the_agent_stops_nothing() {
    let host = Host::boot("upgrade").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.settle();
    let units = ["web.service", "app.service"].map(|unit| (unit, host.invocation(unit)));
    let untouched = |what: &str| {
        for (unit, invocation) in &units {
            assert_eq!(
                (host.invocation(unit), host.is_active(unit)),
                (invocation.clone(), true),
                "{unit} after {what}"
            );
        }
    };
    host.sh("systemctl stop sculler");
    untouched("stop");
    host.sh("systemctl start sculler");
    host.settle();
    untouched("start");
    kill(&host);
    host.wait_until("the agent is back", SOON, || host.property("sculler.service", "NRestarts") == "1");
    host.settle();
    untouched("SIGKILL");
    // A package's upgrade: another file in its place, then a restart
    host.wait_enabled("web.service");
    host.wait_enabled("app.service");
    let reloads = host.reloads();
    host.sh("cp /usr/bin/sculler /usr/bin/.sculler.new && mv /usr/bin/.sculler.new /usr/bin/sculler");
    host.sh("systemctl restart sculler");
    host.settle();
    untouched("upgrade");
    assert_eq!(host.reloads(), reloads);
    // Records may get lost: what runs is adopted
    host.sh("systemctl stop sculler; rm -rf /run/sculler/started /var/lib/sculler/*; systemctl start sculler");
    host.settle();
    untouched("the loss of all records");
    host.take_out("web.service");
    host.wait_gone("web.service");
    // Removing the package leaves everything running, too
    host.sh("systemctl disable --now sculler");
    assert!(host.is_active("app.service"));
}

#[test]
fn what_changed_while_the_agent_was_down_is_applied_and_nothing_else() {
    let host = Host::boot("down").with_agent();
    for unit in ["same", "edited", "harmless", "gone", "broken", "moved"] {
        host.run_sleeper(&format!("{unit}.service"));
    }
    host.settle();
    let invocations =
        ["same", "edited", "harmless", "broken", "moved"].map(|unit| host.invocation(&format!("{unit}.service")));
    host.sh("systemctl stop sculler");
    host.put("edited.service", &service("/bin/sleep 1000000"));
    host.put("harmless.service", &format!("# a comment\n{}", sleeper()));
    host.put("broken.service", "[Service]\nExecStart=/bin/sleep 1\nRestart=sometimes\n[X-Fleet]\nGlobal=true\n");
    host.take_out("gone.service");
    host.make_dir(&unit_path("sub"));
    host.rename(&unit_path("moved.service"), &unit_path("sub/moved.service"));
    host.put("new.service", &sleeper());
    host.sh("systemctl start sculler");
    host.wait_active("new.service");
    host.wait_restarted("edited.service", &invocations[1]);
    host.wait_gone("gone.service");
    let problems = host.settle();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("/etc/sculler/units/broken.service:3:9: "), "{problems:?}");
    for (unit, invocation) in ["same", "harmless", "broken", "moved"].iter().zip([0, 2, 3, 4]) {
        host.assert_untouched(&format!("{unit}.service"), &invocations[invocation]);
    }
    assert_eq!(host.read(&format!("{ATTACHED}/broken.service")), sleeper());
}

/// Everything that a crash between writing the file and restarting the unit leaves, made by hand.
#[test]
fn a_crash_between_writing_and_restarting_is_made_good() {
    let host = Host::boot("crash").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.run_sleeper("new.service");
    host.settle();
    let (web, app) = (host.invocation("web.service"), host.invocation("app.service"));
    host.sh("systemctl stop sculler");
    let edited = service("/bin/sleep 1000000");
    // The file is replaced and installed, the restart has not taken place
    host.put("web.service", &edited);
    host.write(&format!("{ATTACHED}/web.service"), &edited);
    // The mark is written, the unit file is not; it never ran
    host.sh(&format!(
        "systemctl stop new.service; rm {ATTACHED}/new.service /run/sculler/started/new.service; systemctl daemon-reload"
    ));
    // Half of a removal: the unit file is gone, the mark is not, and the source is gone
    host.take_out("app.service");
    host.remove(&format!("{ATTACHED}/app.service"));
    host.sh("systemctl start sculler");
    host.wait_restarted("web.service", &web);
    assert!(host.property("web.service", "ExecStart").contains("1000000"));
    host.wait_active("new.service");
    host.wait_gone("app.service");
    assert!(!host.try_sh(&format!("systemctl list-units --plain | grep {app}")).ok());
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn an_agent_that_is_killed_again_and_again_in_the_middle_of_its_work_ends_where_it_should() {
    let host = Host::boot("kills").with_agent();
    host.sh("mkdir -p /etc/systemd/system/sculler.service.d");
    host.write(
        "/etc/systemd/system/sculler.service.d/test.conf",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=10ms\n",
    );
    host.sh("systemctl daemon-reload");
    host.run_sleeper("bystander.service");
    host.settle();
    let bystander = host.invocation("bystander.service");
    let unit = |round: u32| {
        format!(
            "[Service]\nExecStart=/bin/sleep {}\nExecStop=/bin/touch /run/stopped-{round}\n[X-Fleet]\nGlobal=true\n",
            1_000_000 + round
        )
    };
    for round in 0..40 {
        host.put(&format!("unit{}.service", round % 5), &unit(round));
        if round % 7 == 6 {
            let _ = std::fs::remove_file(host.path(&unit_path(&format!("unit{}.service", (round + 2) % 5))));
        }
        // A different moment of the pass each time
        std::thread::sleep(Duration::from_millis(u64::from(round * 7 % 60)));
        kill(&host);
    }
    for index in 0..4 {
        host.put(&format!("unit{index}.service"), &unit(100 + index));
    }
    let _ = std::fs::remove_file(host.path(&unit_path("unit4.service")));
    for index in 0..4 {
        host.wait_until(&format!("unit{index} runs its last text"), SOON, || {
            let unit = format!("unit{index}.service");
            let pid = host.property(&unit, "MainPID");
            host.is_active(&unit)
                && host.try_sh(&format!("tr '\\0' ' ' < /proc/{pid}/cmdline")).stdout.trim()
                    == format!("/bin/sleep {}", 1_000_100 + index)
        });
    }
    host.wait_gone("unit4.service");
    assert_eq!(host.settle(), Vec::<String>::new());
    host.assert_untouched("bystander.service", &bystander);
    let listed = host.sh(&format!("ls -A {ATTACHED} | grep -v '\\.d$' | sort"));
    assert_eq!(
        listed.trim().replace('\n', " "),
        "bystander.service unit0.service unit1.service unit2.service unit3.service"
    );
    // What is left by one that is killed after it took the mark away, or before it made it: a moment that is seldom met
    host.sh(&format!("systemctl stop sculler && mkdir {ATTACHED}/unit4.service.d && systemctl start sculler"));
    host.wait_gone("unit4.service");
}

#[test]
fn an_agent_that_hangs_is_restarted_by_its_watchdog() {
    let host = Host::boot("watchdog").with_agent();
    host.run_sleeper("web.service");
    let web = host.invocation("web.service");
    host.make_dir("/etc/systemd/system/sculler.service.d");
    host.write("/etc/systemd/system/sculler.service.d/test.conf", "[Service]\nWatchdogSec=2\nWatchdogSignal=KILL\n");
    host.sh("systemctl daemon-reload && systemctl restart sculler");
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(5) {
        host.look();
    }
    assert_eq!(host.property("sculler.service", "NRestarts"), "0", "it pings");
    host.sh("systemctl kill -s STOP sculler");
    host.wait_until("it is restarted", SOON, || host.property("sculler.service", "NRestarts") == "1");
    host.settle();
    host.assert_untouched("web.service", &web);
}
