use super::*;
use crate::unit::diagnostics::Severity;
use crate::unit::syntax::parse;

fn read(name: &str, section: &str) -> (Placement, Vec<Diagnostic>) {
    let (file, errors) = parse(format!("[X-Fleet]\n{section}\n").as_bytes());
    assert_eq!(errors, []);
    placement(&file, &UnitName::parse(name).unwrap())
}

fn texts(values: &[Value]) -> Vec<&str> {
    values.iter().map(|v| &*v.text).collect()
}

fn conflicts(section: &str) -> Vec<String> {
    read("a.service", section).0.conflicts.iter().map(|v| v.text.to_string()).collect()
}

#[test]
fn lists_of_values() {
    let cases: &[(&str, &[&str])] = &[
        ("Conflicts=a b\tc", &["a", "b", "c"]),
        ("Conflicts=a\nConflicts=b", &["a", "b"]),
        // fleet: unit/unit_test.go TestParseMultivalueLine
        (r#"Conflicts="bar" "ping" "pong""#, &["bar", "ping", "pong"]),
        (r#"Conflicts="bar""#, &["bar"]),
        // Traps of fleet: two blanks, a tab, a last word without quotes.
        ("Conflicts=\"a\"  \"b\"\t\"c\" d", &["a", "b", "c", "d"]),
        ("X-Conflicts=a\nConflicts=b", &["a", "b"]),
        ("Conflicts=a\nConflicts=\nConflicts=b", &["b"]),
    ];
    for (section, expected) in cases {
        assert_eq!(conflicts(section), *expected, "{section}");
    }
}

#[test]
fn values_of_metadata() {
    let (placement, diagnostics) = read("a@x.service", "MachineMetadata=\"a=b\" \"c=d e\"\nMachineMetadata=host=%i");
    assert_eq!(diagnostics, []);
    let pairs: Vec<_> = placement.metadata.iter().map(|m| (&*m.key, &*m.value, m.line, m.column)).collect();
    assert_eq!(pairs, [("a", "b", 2, 17), ("c", "d e", 2, 23), ("host", "x", 3, 17)]);
}

#[test]
fn machine_ids() {
    let (placement, diagnostics) =
        read("a@DF515C36.service", "MachineID=%i\nMachineID=23f81afecc6b4a7597c77776cf66a387");
    assert_eq!(diagnostics, []);
    assert_eq!(texts(&placement.machine_ids), ["df515c36", "23f81afecc6b4a7597c77776cf66a387"]);
    let (template, diagnostics) = read("a@.service", "MachineID=%i");
    assert_eq!((texts(&template.machine_ids), diagnostics), (vec![""], vec![]));
    assert_eq!(texts(&read("a.service", "MachineID=%m").0.machine_ids), ["%m"]);
}

#[test]
fn what_is_an_error_and_where() {
    let cases = [
        ("MachineID=", 1, 11, "names no host"),
        ("MachineID=\"\"", 1, 11, "names no host"),
        ("MachineID=df515c3", 1, 11, "too short"),
        ("MachineID=coreos001", 1, 11, "hexadecimal"),
        ("MachineID=df515c36 23f81afe", 1, 11, "repeat the line"),
        ("MachineID=df515c3682aa43b4ae2b7d2168e17d3800", 1, 11, "too long"),
        ("MachineID=%i", 1, 11, "names no host"),
        ("MachineOf=a.service b.service", 1, 11, "repeat the line"),
        ("MachineOf=db", 1, 11, "no type"),
        ("MachineMetadata=a=b=c", 1, 17, "more than one"),
        ("MachineMetadata=a=b c=d", 1, 17, "quote each"),
        ("MachineMetadata=foo=", 1, 17, "no value"),
        ("MachineMetadata==x", 1, 17, "no key"),
        ("MachineMetadata=foo", 1, 17, "no '='"),
        ("MachineMetadata=a = b", 1, 17, "blanks"),
        ("MachineMetadata=", 1, 17, "asks for nothing"),
        ("MachineMetadata=a=%x", 1, 17, "unknown specifier '%x'"),
        ("MachineMetadata=\"a=b\" \"c=d", 1, 23, "not closed"),
        ("Conflicts=a[", 1, 11, "glob"),
        ("Global=what", 1, 8, "no boolean"),
        ("Global=", 1, 8, "no boolean"),
        ("Global=12", 1, 8, "no boolean"),
    ];
    for (section, line, column, words) in cases {
        let (_, diagnostics) = read("a.service", section);
        assert_eq!(diagnostics.len(), 1, "{section}: {diagnostics:?}");
        let d = &diagnostics[0];
        assert_eq!((d.severity, d.line, d.column), (Severity::Error, line + 1, column), "{section}: {}", d.message);
        assert!(d.message.contains(words), "{section}: {}", d.message);
    }
}

#[test]
fn the_last_global_counts() {
    for (section, expected) in [
        ("Global=true", true),
        ("Global=YES", true),
        ("Global=1", true),
        ("Global=t", true),
        ("Global=On", true),
        ("Global=y", true),
        ("Global=false", false),
        ("Global=true\nGlobal=off", false),
    ] {
        let (placement, diagnostics) = read("a.service", section);
        assert_eq!((placement.is_global(), diagnostics), (expected, vec![]), "{section}");
    }
}

/// fleet: api/units_test.go TestValidateOptions
#[test]
fn keys_that_exclude_each_other() {
    let id = "MachineID=df515c3682aa43b4ae2b7d2168e17d38";
    let of = "MachineOf=db.service";
    let cases: &[(&[&str], usize)] = &[
        (&[id], 0),
        (&[id, "MachineMetadata=a=b"], 0),
        (&["Global=true", "Conflicts=x", "MachineMetadata=a=b"], 0),
        (&[of, "Conflicts=x.service"], 0),
        (&[of, "Replaces=x.service", "MachineMetadata=a=b"], 0),
        (&[id, "Global=false"], 0),
        (&[of, "Conflicts=d*.service"], 1),
        (&[of, "Replaces=db.service"], 1),
        (&[id, of], 1),
        (&[id, "Conflicts=x"], 1),
        (&[id, "Global=true"], 1),
        (&[id, "Replaces=x"], 1),
        (&["Global=true", of], 1),
        (&["Global=true", "Replaces=x"], 1),
        (&["Conflicts=x", "Replaces=y"], 1),
        (&["X-ConditionMachineID=df515c36", "MachineOf=db.service"], 2),
        (&[id, of, "Global=true"], 3),
    ];
    for (lines, expected) in cases {
        for reversed in [false, true] {
            let mut lines = lines.to_vec();
            if reversed {
                lines.reverse();
            }
            let (_, diagnostics) = read("a.service", &lines.join("\n"));
            assert_eq!(diagnostics.len(), *expected, "{lines:?}: {diagnostics:?}");
        }
    }
}

#[test]
fn unknown_and_old_keys_are_warnings() {
    let cases = [
        ("Machineof=db.service", "did you mean 'MachineOf'?"),
        ("MachineId=df515c36", "did you mean 'MachineID'?"),
        ("Peers=x", "unknown key 'Peers'"),
        ("X-ConditionMachineOf=db.service", "write 'MachineOf='"),
        ("X-ConditionMachineBootID=df515c36", "write 'MachineID='"),
        ("X-Conflicts=x", "write 'Conflicts='"),
    ];
    for (section, words) in cases {
        let (_, diagnostics) = read("a.service", section);
        assert_eq!(diagnostics.len(), 1, "{section}: {diagnostics:?}");
        assert_eq!(diagnostics[0].severity, Severity::Warning, "{section}");
        assert!(diagnostics[0].message.contains(words), "{section}: {}", diagnostics[0].message);
    }
}
