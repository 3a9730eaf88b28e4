//! fleet's whole language on three hosts that share one directory: each runs exactly what the rules say.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use crate::agent::{SOON, UNITS};
use crate::host::Host;
use crate::three_hosts::{COREOS001, COREOS002, COREOS003, SharedFolder};

/// File and `[X-Fleet]` section.
const DIRECTORY: [(&str, &str); 22] = [
    ("whole-id.service", "MachineID=df515c3682aa43b4ae2b7d2168e17d38"),
    ("short-id.service", "MachineID=23f81afe"),
    ("two-ids.service", "MachineID=df515c36\nMachineID=87c71635"),
    ("this-id.service", "MachineID=%m"),
    ("everywhere.service", "Global=true"),
    ("web.service", "MachineMetadata=role=web"),
    ("web-in-a.service", "MachineMetadata=role=web\nMachineMetadata=zone=a"),
    ("either-zone.service", "MachineMetadata=\"zone=a\" \"zone=b\""),
    ("every-db.service", "Global=true\nMachineMetadata=role=db"),
    ("peer.service", "MachineOf=web-in-a.service"),
    ("peer-of-peer.service", "MachineOf=peer.service"),
    ("first.service", "Global=true\nConflicts=second*"),
    ("second\\x2dbest.service", "Global=true"),
    ("new.service", "MachineMetadata=role=web\nReplaces=old.service"),
    ("old.service", "MachineMetadata=zone=a\nMachineMetadata=zone=b"),
    ("legacy.service", "X-ConditionMachineMetadata=role=db"),
    ("numbered@.service", "MachineMetadata=number=%i"),
    ("ring-a.service", "MachineOf=ring-b.service"),
    ("ring-b.service", "MachineOf=ring-a.service"),
    ("nobody.service", ""),
    ("dropped.service", "MachineMetadata=role=web=x"),
    ("typo.service", "Machineof=web.service"),
];

/// What runs on every host of the three, whatever its metadata.
const EVERYWHERE: [&str; 4] = ["either-zone.service", "everywhere.service", "first.service", "this-id.service"];

fn metadata(role: &str, zone: &str, number: u32) -> String {
    format!("[metadata]\nrole = \"{role}\"\nzone = \"{zone}\"\nnumber = \"{number}\"\n")
}

/// Waits until exactly `units` and what runs everywhere are installed and active.
fn wait_for(host: &Host, units: &[&str]) {
    let expected: BTreeSet<String> = units.iter().chain(&EVERYWHERE).map(|unit| format!("{unit} active")).collect();
    let mut found = BTreeSet::new();
    host.wait_until(&format!("exactly {expected:?} run"), SOON, || {
        let list = host.sh("sculler list-units --no-legend --fields unit,active");
        found = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        found == expected
    });
}

#[test]
fn each_host_runs_exactly_what_fleets_rules_say() {
    let folder = SharedFolder::new("fleet");
    for (name, section) in DIRECTORY {
        folder.put(name, &format!("[Service]\nExecStart=/bin/sleep infinity\n\n[X-Fleet]\n{section}\n"));
    }
    for number in 1..=3 {
        let instance = folder.path(&format!("numbered@{number}.service"));
        symlink("numbered@.service", instance).expect("the shared folder can be written");
    }
    let boot =
        |name: &str, id: &str| Host::boot(name).machine_id(id).hostname(name).bind(folder.root(), UNITS).with_agent();
    let coreos001 = boot("coreos001", COREOS001);
    let coreos002 = boot("coreos002", COREOS002);
    let coreos003 = boot("coreos003", COREOS003);
    let hosts = [(&coreos001, "web", "a", 1), (&coreos002, "web", "b", 2), (&coreos003, "db", "a", 3)];
    for (host, role, zone, number) in hosts {
        host.write("/etc/sculler/sculler.toml.d/metadata.toml", &metadata(role, zone, number));
    }

    let first = ["whole-id.service", "two-ids.service", "web.service", "new.service", "numbered@1.service"];
    let peers = ["web-in-a.service", "peer.service", "peer-of-peer.service"];
    wait_for(&coreos001, &[&first[..], &peers].concat());
    wait_for(&coreos002, &["short-id.service", "web.service", "new.service", "numbered@2.service"]);
    wait_for(
        &coreos003,
        &["two-ids.service", "every-db.service", "old.service", "legacy.service", "numbered@3.service"],
    );

    let files = coreos001.sh("sculler list-unit-files --no-legend --fields unit,verdict,reason");
    let is_taken = |line: &str| line.split_whitespace().nth(1) == Some("taken");
    for (unit, reason) in [
        ("ring-a.service", "ring-b.service"),
        ("dropped.service", "role=web=x"),
        ("nobody.service", "Global=true"),
        ("typo.service", ""),
        ("second\\x2dbest.service", "first.service"),
        ("old.service", "new.service"),
    ] {
        let line = files.lines().find(|line| line.starts_with(&format!("{unit} "))).unwrap_or_default();
        assert!(line.contains(reason) && !is_taken(line), "{unit}: {line}");
    }
    assert!(coreos001.try_sh("sculler explain typo").stdout.contains("did you mean 'MachineOf'?"));

    // coreos003 becomes a web host: what it gains starts, what it loses goes.
    coreos003.write("/etc/sculler/sculler.toml.d/metadata.toml", &metadata("web", "b", 3));
    wait_for(&coreos003, &["two-ids.service", "web.service", "new.service", "numbered@3.service"]);

    // A removal takes along what followed it, and lets in what it kept out.
    for file in ["web-in-a.service", "first.service", "new.service"] {
        fs::remove_file(folder.path(file)).expect("the file is there");
    }
    let rest: Vec<&str> = EVERYWHERE.iter().copied().filter(|unit| *unit != "first.service").collect();
    coreos001.wait_until("the peers go and the losers come", SOON, || {
        let list = coreos001.sh("sculler list-units --no-legend --fields unit,active");
        let has = |unit: &str| list.lines().any(|line| line.starts_with(unit) && line.ends_with(" active"));
        !peers.iter().any(|unit| list.contains(unit))
            && has("old.service")
            && has("second\\x2dbest.service")
            && rest.iter().all(|unit| has(unit))
    });
}
