use super::*;
use crate::host::MachineId;
use crate::unit::{UnitName, parse, placement};

fn host() -> Host {
    Host {
        machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
        hostname: "coreos001".into(),
        metadata: [("role", "web"), ("zone", "a")].map(|(k, v)| (k.into(), v.into())).into(),
    }
}

/// `name: lines of [X-Fleet], parted by |` → `+name`, `-name` or `!name`, with the reason.
fn verdicts(units: &[&str]) -> Vec<(String, String)> {
    let units: Vec<(UnitName, Placement)> = units
        .iter()
        .map(|unit| {
            let (name, section) = unit.split_once(": ").unwrap();
            let name = UnitName::parse(name).unwrap();
            let (file, errors) = parse(format!("[X-Fleet]\n{}\n", section.replace('|', "\n")).as_bytes());
            assert_eq!(errors, []);
            let (placement, errors) = placement(&file, &name);
            assert_eq!(errors, []);
            (name, placement)
        })
        .collect();
    let candidates: Vec<_> = units.iter().map(|(name, placement)| Candidate { name, placement }).collect();
    let verdicts = select(&candidates, &host(), Unplaced::Skip);
    candidates
        .iter()
        .zip(verdicts)
        .map(|(candidate, verdict)| match verdict {
            Verdict::Taken { reason } => (format!("+{}", candidate.name.stem()), reason.text),
            Verdict::NotTaken { reason } => (format!("-{}", candidate.name.stem()), reason.text),
            Verdict::Invalid { errors } => (format!("!{}", candidate.name.stem()), errors[0].message.clone()),
        })
        .collect()
}

fn outcome(units: &[&str]) -> String {
    verdicts(units).into_iter().map(|(mark, _)| mark).collect::<Vec<_>>().join(" ")
}

#[test]
fn units_by_themselves() {
    for (section, expected) in [
        ("MachineID=df515c36", "+a"),
        ("MachineID=DF515C3682aa43b4ae2b7d2168e17d38", "+a"),
        ("MachineID=23f81afe|MachineID=df515c36", "+a"),
        ("MachineID=23f81afe", "-a"),
        ("MachineID=%m", "+a"),
        ("Global=true", "+a"),
        ("Global=false", "-a"),
        ("Conflicts=x", "-a"),
        ("MachineMetadata=role=web", "+a"),
        ("MachineMetadata=role=db|MachineMetadata=role=web", "+a"),
        ("MachineMetadata=role=web|MachineMetadata=zone=b", "-a"),
        ("MachineMetadata=rack=1", "-a"),
        ("Global=true|MachineMetadata=role=db", "-a"),
        ("MachineID=df515c36|MachineMetadata=role=db", "-a"),
    ] {
        assert_eq!(outcome(&[&format!("a.service: {section}")]), expected, "{section}");
    }
}

#[test]
fn following() {
    let cases: &[(&[&str], &str)] = &[
        (&["a.service: MachineOf=b.service", "b.service: Global=true"], "+a +b"),
        (&["a.service: MachineOf=b.service", "b.service: MachineOf=c.service", "c.service: Global=1"], "+a +b +c"),
        (&["a.service: MachineOf=b.service|MachineOf=c.service", "b.service: Global=1"], "-a +b"),
        (&["a.service: MachineOf=b.service|MachineMetadata=role=db", "b.service: Global=1"], "-a +b"),
        (&["a.service: MachineOf=b.service", "b.service: MachineID=23f81afe"], "-a -b"),
        (&["a.service: MachineOf=a.service"], "!a"),
        (
            &["a.service: MachineOf=b.service", "b.service: MachineOf=c.service", "c.service: MachineOf=b.service"],
            "-a !b !c",
        ),
    ];
    for (units, expected) in cases {
        assert_eq!(outcome(units), *expected, "{units:?}");
    }
    let found = verdicts(&["b.service: MachineOf=c.service", "c.service: MachineOf=b.service"]);
    assert!(found[1].1.contains("circle: b.service → c.service → b.service"), "{found:?}");
    let found = verdicts(&["b.service: MachineOf=nosuch.service"]);
    assert!(found[0].1.contains("no valid unit of that name"), "{found:?}");
}

#[test]
fn keeping_apart() {
    let cases: &[(&[&str], &str)] = &[
        (&["a.service: Global=1|Conflicts=b.service", "b.service: Global=1"], "+a -b"),
        (&["a.service: Global=1", "b.service: Global=1|Conflicts=a*"], "+a -b"),
        (&["b.service: Global=1|Conflicts=a*", "a.service: Global=1"], "-b +a"),
        (&["a@1.service: Global=1|Conflicts=a@*.service", "a@2.service: Global=1|Conflicts=a@*.service"], "+a@1 -a@2"),
        (&["a@1.service: Global=1|Conflicts=%p@*.service"], "+a@1"),
        (&["a.service: Global=1|Conflicts=b.service", "b.service: MachineID=23f81afe"], "+a -b"),
        // fleet: agent/state_test.go TestGlobMatches
        (&["a.service: Global=1|Conflicts=foo.*", "foo.socket: Global=1"], "+a -foo"),
        (&["a.service: Global=1|Conflicts=foo@[abc].service", "foo@a.service: Global=1"], "+a -foo@a"),
        (&["a.service: Global=1|Conflicts=foo@[^abc].service", "foo@d.service: Global=1"], "+a -foo@d"),
        (&["a.service: Global=1|Conflicts=foo@[abc].service", "foo@d.service: Global=1"], "+a +foo@d"),
        (&["a.service: Global=1|Conflicts=foo@?.service", "foo@1.service: Global=1"], "+a -foo@1"),
        // Escaped names, as people write them and as fleet needed them.
        (&[r"a.service: Global=1|Conflicts=foo\x2d*.service", r"foo\x2dbar.service: Global=1"], r"+a -foo\x2dbar"),
        (&[r"a.service: Global=1|Conflicts=foo\\x2d*.service", r"foo\x2dbar.service: Global=1"], r"+a -foo\x2dbar"),
        // One that lost keeps nobody away.
        (&["a.service: Global=1|Conflicts=b*", "b.service: Global=1|Conflicts=c*", "c.service: Global=1"], "+a -b +c"),
    ];
    for (units, expected) in cases {
        assert_eq!(outcome(units), *expected, "{units:?}");
    }
}

#[test]
fn following_what_loses_a_conflict() {
    let cases: &[(&[&str], &str)] = &[
        // The named unit lost before: not taken. It loses afterwards: an error.
        (&["a.service: Global=1|Conflicts=b*", "b.service: Global=1", "c.service: MachineOf=b.service"], "+a -b -c"),
        (&["a.service: MachineOf=c.service", "b.service: Global=1|Conflicts=c*", "c.service: Global=1"], "!a +b -c"),
        (&["a.service: MachineOf=b.service", "b.service: Global=1|Conflicts=a*"], "!a +b"),
    ];
    for (units, expected) in cases {
        assert_eq!(outcome(units), *expected, "{units:?}");
    }
    let found = verdicts(cases[1].0);
    assert!(found[0].1.contains("MachineOf=c.service") && found[0].1.contains("b.service"), "{found:?}");
}

#[test]
fn replacing() {
    let cases: &[(&[&str], &str)] = &[
        (&["a.service: Global=1", "b.service: MachineMetadata=role=web|Replaces=a.service"], "-a +b"),
        (&["a.service: Global=1", "b.service: MachineMetadata=role=db|Replaces=a.service"], "+a -b"),
        (&["a.service: MachineMetadata=zone=a|Replaces=b*", "b.service: MachineMetadata=zone=a|Replaces=a*"], "+a +b"),
        // One that gives way replaces nothing.
        (
            &[
                "a.service: Global=1",
                "b.service: MachineMetadata=zone=a|Replaces=a.service",
                "c.service: MachineMetadata=zone=a|Replaces=b.service",
            ],
            "+a -b +c",
        ),
        // One that loses a conflict replaces nothing either.
        (
            &[
                "a.service: Global=1|Conflicts=c*",
                "b.service: Global=1",
                "c.service: MachineMetadata=zone=a|Replaces=b.service",
            ],
            "+a +b -c",
        ),
        (
            &["a.service: Global=1", "b.service: MachineOf=a.service", "c.service: MachineOf=b.service|Replaces=a*"],
            "+a +b !c",
        ),
        (
            &["a.service: Global=1", "b.service: MachineOf=a.service", "c.service: MachineMetadata=zone=a|Replaces=a*"],
            "-a -b +c",
        ),
    ];
    for (units, expected) in cases {
        assert_eq!(outcome(units), *expected, "{units:?}");
    }
}
