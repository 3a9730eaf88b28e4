//! D-Bus and systemd themselves are restarted or killed under the agent.

use crate::agent::{SOON, service};
use crate::host::{Host, Suite};

#[test]
fn the_agent_goes_on_when_systemd_and_the_bus_are_restarted_or_killed() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("bus").suite(suite).with_agent();
        host.run_sleeper("web.service");
        host.settle();
        let pid = host.property("sculler.service", "MainPID");
        let web = host.invocation("web.service");
        let disturbances = [
            ("reload", "systemctl daemon-reload"),
            ("reexec", "systemctl daemon-reexec"),
            ("restart", "systemctl restart dbus"),
            (
                "kill",
                "systemctl kill -s KILL dbus; busctl --timeout=20 status > /dev/null || busctl status > /dev/null",
            ),
        ];
        for (index, (name, line)) in disturbances.iter().enumerate() {
            host.try_sh(line);
            let unit = format!("{name}.service");
            host.run_sleeper(&unit);
            // Jobs and their ends survive what systemd does to itself; over another bus, only their results are seen
            if name.starts_with("re") && *name != "restart" {
                host.wait_told(&format!("started {unit}"));
            }
            let before = host.invocation(&unit);
            host.put(&unit, &service(&format!("/bin/sleep 100000{index}")));
            host.wait_restarted(&unit, &before);
            host.take_out(&unit);
            host.wait_gone(&unit);
            host.assert_untouched("web.service", &web);
        }
        assert_eq!(host.property("sculler.service", "MainPID"), pid);
        assert_eq!(host.settle(), Vec::<String>::new());
    }
}

#[test]
fn a_start_that_ends_while_the_bus_is_down_is_not_started_again() {
    let host = Host::boot("bus-job").with_agent();
    host.put(
        "slow.service",
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=infinity\nX-Note=counts its starts\n\
         ExecStart=/bin/sh -c 'echo >> /run/starts; until [ -e /run/go ]; do sleep 0.1; done'\n[X-Fleet]\nGlobal=true\n",
    );
    host.wait_for_unit("slow.service", "ActiveState", "activating", SOON);
    host.try_sh("systemctl restart dbus");
    host.run_sleeper("probe.service");
    host.sh("touch /run/go");
    host.wait_active("slow.service");
    host.settle();
    host.sh("systemctl restart sculler");
    host.settle();
    host.run_sleeper("later.service");
    assert_eq!(host.sh("wc -l < /run/starts").trim(), "1");
    assert!(host.is_active("slow.service"));
}
