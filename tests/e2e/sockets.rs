//! Sockets and the services that they start, in an order that systemd accepts.

use crate::agent::{SOON, service, sleeper};
use crate::host::{Host, Suite};

/// Listens where systemd lets it, and would run without a socket as well.
fn listener() -> String {
    service("/bin/sleep infinity")
}

fn socket(path: &str) -> String {
    format!("[Socket]\nListenStream={path}\n\n[X-Fleet]\nGlobal=true\n")
}

#[test]
fn a_socket_comes_up_although_its_service_runs() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("sockets").suite(suite).with_agent();
        let base = format!("{}[Install]\nWantedBy=multi-user.target\n", listener());
        host.put("web.service", &base);
        host.wait_active("web.service");
        host.put(
            "needs.service",
            &sleeper().replace("[Service]", "[Unit]\nRequires=web.service\nAfter=web.service\n[Service]"),
        );
        host.wait_active("needs.service");
        host.settle();
        // Later than the service
        host.put("web.socket", &socket("/run/web.sock"));
        host.wait_active("web.socket");
        for unit in ["web.service", "needs.service"] {
            host.wait_active(unit);
        }
        assert_eq!(host.settle(), Vec::<String>::new());
        // Edited while the service runs
        let before = host.invocation("web.socket");
        host.put("web.socket", &socket("/run/web2.sock"));
        host.wait_restarted("web.socket", &before);
        for unit in ["web.service", "needs.service"] {
            host.wait_active(unit);
        }
        assert!(host.exists("/run/web2.sock"));
        assert_eq!(host.settle(), Vec::<String>::new());
        // Both edited at once, and the order by hand
        let before = (host.invocation("web.socket"), host.invocation("web.service"));
        host.sh("systemctl stop sculler");
        host.put("web.socket", &socket("/run/web3.sock"));
        host.put("web.service", &base.replace("infinity", "1000000"));
        host.sh("systemctl start sculler");
        host.wait_restarted("web.socket", &before.0);
        host.wait_restarted("web.service", &before.1);
        host.wait_active("needs.service");
        host.sh("sculler restart web.socket web.service");
        host.sh("systemctl stop web.socket && sculler start web.socket");
        assert!(host.is_active("web.socket") && host.is_active("web.service"));
        assert_eq!(host.settle(), Vec::<String>::new());
        host.reboot();
        for unit in ["web.socket", "web.service", "needs.service"] {
            host.wait_active(unit);
        }
        assert_eq!(host.settle(), Vec::<String>::new());
    }
}

#[test]
fn units_that_belong_together_are_dropped_at_once_in_any_order() {
    let host = Host::boot("together").with_agent();
    let global = "[X-Fleet]\nGlobal=true\n";
    for round in ["b", "c", "d"] {
        let name = |suffix: &str| format!("{round}{suffix}");
        // Written by one shell, so that the agent sees any part of it first
        let write = |file: String, text: &str| host.write_in_place(&format!("/root/{file}"), text);
        write(name(".service"), &format!("{}[Install]\nWantedBy=multi-user.target\n", listener()));
        write(name(".socket"), &socket(&format!("/run/{round}.sock")));
        write(name("-base.service"), &sleeper());
        let needs = format!("[Unit]\nRequires={round}-base.service {round}.socket\nAfter={round}-base.service\n");
        write(name("-app.service"), &format!("{needs}{}", sleeper()));
        write(name("-job.timer"), &format!("[Timer]\nOnActiveSec=1h\n{global}"));
        write(name("-job.service"), &service("/bin/touch /run/ran").replace("[Service]", "[Service]\nType=oneshot"));
        write(name("-one.socket"), &format!("[Socket]\nListenStream=/run/{round}-one.sock\nAccept=yes\n{global}"));
        write(name("-one@.service"), &service("/bin/cat").replace("[Service]", "[Service]\nStandardInput=socket"));
        host.sh("mv /root/*.* /etc/sculler/units/");
        for suffix in [".service", ".socket", "-base.service", "-app.service", "-job.timer", "-one.socket"] {
            host.wait_active(&name(suffix));
        }
        assert_eq!(host.settle(), Vec::<String>::new());
    }
    assert!(!host.exists("/run/ran"));
    host.wait_until("all jobs are over", SOON, || host.sh("systemctl list-jobs --no-legend").is_empty());
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");
}
