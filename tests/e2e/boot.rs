//! Reboots, power cuts and copied disks.

use crate::agent::{ATTACHED, SOON, service, sleeper};
use crate::host::{Host, Suite};

const COREOS001: &str = "df515c3682aa43b4ae2b7d2168e17d38";
const COREOS002: &str = "23f81afecc6b4a7597c77776cf66a387";

fn run_and_enable(host: &Host, units: &[&str]) {
    for unit in units {
        host.put(unit, &sleeper());
    }
    for unit in units {
        host.wait_active(unit);
        host.wait_until(&format!("{unit} is wanted at boot"), SOON, || {
            host.exists(&format!("/etc/systemd/system/sculler.target.wants/{unit}"))
        });
    }
}

#[test]
fn after_a_reboot_everything_launched_comes_back() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("reboot").suite(suite).with_agent();
        run_and_enable(&host, &["web.service", "app.service"]);
        host.settle();
        for _ in 0..2 {
            host.reboot();
            host.wait_active("web.service");
            host.wait_active("app.service");
            assert_eq!(host.settle(), Vec::<String>::new());
            // Once, by systemd or by the agent, and not again by the other
            let started = host.sh("journalctl -b -o cat _PID=1 | grep -c 'Started web.service'");
            assert_eq!(started.trim(), "1");
        }
        host.crash();
        host.start();
        host.wait_active("web.service");
        // A file that went away while the host was off
        host.poweroff();
        host.disk(&["rm", "etc/sculler/units/app.service"]);
        host.start();
        host.wait_active("web.service");
        host.wait_until("it goes", SOON * 3, || !host.is_active("app.service"));
        host.wait_gone("app.service");
    }
}

#[test]
fn after_a_reboot_units_come_back_without_the_agent_too() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("without").suite(suite).with_agent();
        run_and_enable(&host, &["web.service"]);
        host.settle();
        host.sh("systemctl disable sculler.service; rm /usr/bin/sculler");
        host.sh("systemctl enable sculler.target");
        host.reboot();
        host.wait_active("web.service");
        assert_ne!(host.property("sculler.service", "ActiveState"), "active");
    }
}

#[test]
fn after_a_reboot_units_come_back_with_var_on_a_mount_of_its_own() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("own-var").suite(suite).separate_var().with_agent();
        run_and_enable(&host, &["web.service"]);
        host.settle();
        host.reboot();
        host.wait_active("web.service");
        host.put("web.service", &service("/bin/sleep 1000000"));
        host.wait_until("edits arrive", SOON, || host.property("web.service", "ExecStart").contains("1000000"));
        host.wait_active("web.service");
        host.settle();
        host.sh("systemctl disable sculler.service; systemctl enable sculler.target");
        host.reboot();
        host.wait_active("web.service");
        assert_eq!(host.property("sculler.service", "ActiveState"), "inactive");
    }
}

#[test]
fn a_copied_disk_starts_nothing_of_its_twin() {
    let host = Host::boot("twin").machine_id(COREOS001).hostname("coreos001").with_agent();
    let pinned = sleeper().replace("Global=true", &format!("MachineID={COREOS001}"));
    host.put("pinned.service", &pinned);
    host.put("other.service", &pinned.replace(COREOS001, COREOS002));
    host.put("installed.service", &format!("{pinned}\n[Install]\nWantedBy=multi-user.target\n"));
    run_and_enable(&host, &["global.service"]);
    host.wait_until("all are enabled", SOON, || {
        host.exists("/etc/systemd/system/multi-user.target.wants/installed.service")
    });
    host.settle();
    host.poweroff();
    let clone = host.clone_disk("clone", COREOS002);
    clone.start();
    clone.wait_active("other.service");
    clone.wait_active("global.service");
    clone.wait_gone("pinned.service");
    clone.wait_gone("installed.service");
    for unit in ["pinned.service", "installed.service"] {
        assert!(!clone.sh("journalctl -b -o cat _PID=1").contains(&format!("Started {unit}")), "{unit} ran");
    }
    assert!(clone.read(&format!("{ATTACHED}/global.service.d/10-sculler.conf")).contains(COREOS002));
    // What is right there stays right
    clone.reboot();
    clone.wait_active("global.service");
    clone.wait_active("other.service");

    // And the first host is as before
    host.start();
    host.wait_active("pinned.service");
    host.wait_active("global.service");
    assert_eq!(host.property("other.service", "LoadState"), "not-found");
}

#[test]
fn a_copied_disk_without_an_agent_starts_nothing_of_its_twin_either() {
    let host = Host::boot("twin-off").machine_id(COREOS001).with_agent();
    run_and_enable(&host, &["web.service"]);
    host.settle();
    host.sh("systemctl disable sculler.service; systemctl enable sculler.target");
    host.poweroff();
    let clone = host.clone_disk("clone-off", COREOS002);
    clone.start();
    assert!(clone.is_active("sculler.target"));
    clone.wait_until("its condition is looked at", SOON, || {
        clone.property("web.service", "ConditionTimestampMonotonic") != "0"
    });
    assert_eq!(clone.property("web.service", "ActiveState"), "inactive");
    assert_eq!(clone.property("web.service", "ConditionResult"), "no");
}

#[test]
fn a_slow_unit_does_not_hold_up_the_boot() {
    let host = Host::boot("slow-boot").with_agent();
    // It would wait for ever for a boot that waits for it
    let slow = "[Service]\nExecStartPre=/bin/sh -c 'until systemctl is-active multi-user.target sculler.service; do sleep 0.1; \
                done'\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n[X-Fleet]\nGlobal=true\n";
    host.put("slow.service", slow);
    host.wait_active("slow.service");
    host.wait_until("it is wanted at boot", SOON, || {
        host.exists("/etc/systemd/system/sculler.target.wants/slow.service")
    });
    host.settle();
    host.reboot();
    host.wait_active("slow.service");
    let time = |unit: &str| host.property(unit, "ActiveEnterTimestampMonotonic").parse::<u64>().expect("a number");
    assert!(time("multi-user.target") < time("slow.service"));
}
