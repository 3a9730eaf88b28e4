//! Called as fleetctl: scripts go on.

use crate::agent::sleeper;
use crate::host::Host;

#[test]
fn fleetctls_flags_columns_and_sentences() {
    let host = Host::boot("fleetctl").machine_id("df515c3682aa43b4ae2b7d2168e17d38").with_agent();
    host.sh("ln -s sculler /usr/bin/fleetctl");
    host.write("/root/web.service", &sleeper().replace("[Service]", "[Unit]\nDescription=The web\n[Service]"));
    let fleetctl = |arguments: &str| host.try_sh(&format!("cd /root && fleetctl {arguments}"));

    let started = fleetctl(
        "--endpoint http://127.0.0.1:4001 --driver=API --strict-host-key-checking=false start --block-attempts 3 web.service",
    );
    assert!(started.ok() && started.stdout.starts_with("Unit web.service launched on df515c36.../"), "{started}");
    let warnings: Vec<&str> = started.stderr.lines().collect();
    assert!(warnings.len() == 1 && warnings[0].contains("--driver, --endpoint"), "{started}");

    let units = fleetctl("list-units");
    assert_eq!(units.stderr, "");
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = units.stdout.lines().map(fields).collect();
    assert_eq!(lines[0], ["UNIT", "MACHINE", "ACTIVE", "SUB"]);
    assert_eq!(
        (lines[1][0].as_str(), lines[1][2].as_str(), lines[1][3].as_str()),
        ("web.service", "active", "running")
    );
    let files = fleetctl("list-unit-f");
    let lines: Vec<Vec<String>> = files.stdout.lines().map(fields).collect();
    assert_eq!(lines[0], ["UNIT", "HASH", "DSTATE", "STATE", "TARGET"]);
    assert_eq!((lines[1][1].len(), lines[1][2].as_str(), lines[1][3].as_str()), (7, "launched", "launched"));
    assert!(lines[1][4].starts_with("df515c36.../"));
    assert_eq!(
        fleetctl("list-unit-files --no-legend --fields=unit,desc,global").stdout,
        "web.service  The web  true\n"
    );
    assert_eq!(fleetctl("list-units -l=false --no-legend=true --fields unit").stdout, "web.service\n");
    assert_eq!(fleetctl("journal --follow=false -n 1 --sudo=false web").stdout.lines().count(), 1);
    assert!(fleetctl("list-machines -l --no-legend").stdout.starts_with("df515c3682aa43b4ae2b7d2168e17d38 "));
    assert_eq!(fleetctl("list-u").status.code(), Some(2), "list-units or list-unit-files?");

    let set = fleetctl("list-mach; FLEETCTL_ENDPOINT=http://x fleetctl list-machines");
    assert!(set.stderr.contains("FLEETCTL_ENDPOINT"), "{set}");
    let stopped = fleetctl("stop web");
    assert!(stopped.stdout.contains("Unit web.service loaded on "), "{stopped}");
    assert_eq!(stopped.stderr, "Successfully stopped units [web.service].\n");
    assert_eq!(fleetctl("unload --no-block web").stdout, "Triggered unit web.service unload\n");
    assert_eq!(fleetctl("destroy web").stdout, "Destroyed web.service\n");
    for arguments in ["stop", "start --no-block", "destroy"] {
        let nothing = fleetctl(arguments);
        assert!(nothing.ok() && nothing.stderr == "No units given\n", "{arguments}: {nothing}");
    }
    for arguments in ["version", "--version"] {
        assert!(fleetctl(arguments).stdout.starts_with("fleetctl version "), "{arguments}");
    }
    assert_eq!(fleetctl("ssh --machine df515c36 -- hostname -s").stdout, host.sh("hostname -s"));
    // What --tunnel ran on the other side
    let answer = fleetctl("list-machines >/dev/null; printf '{}\\n' | fleetctl fd-forward /run/sculler/agent.sock");
    assert!(answer.ok() && answer.stdout.starts_with('{'), "{answer}");
    let missing = fleetctl("fd-forward /run/nothing.sock");
    assert!(missing.status.code() == Some(1) && missing.stderr.contains("/run/nothing.sock"), "{missing}");
    // The same names mean sculler's own elsewhere
    assert_eq!(host.try_sh("sculler --endpoint x list-units").status.code(), Some(2));
}
