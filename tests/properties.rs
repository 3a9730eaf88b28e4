//! What holds for any input.

mod support;

use proptest::prelude::*;
use sculler::host::{Host, MachineId};
use sculler::select::{Candidate, Unplaced, Verdict, select};
use sculler::unit::{Placement, UnitName, check, file_kind, parse, placement};

const HOST: &str = "df515c3682aa43b4ae2b7d2168e17d38";

fn host() -> Host {
    Host {
        machine_id: MachineId::parse(HOST).unwrap(),
        hostname: "coreos001".into(),
        metadata: [("role".to_owned(), "web".to_owned())].into(),
    }
}

/// Bytes that are near to a unit file, so that more than the first error is reached.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"[Service]\n".to_vec()),
        Just(b"[X-Fleet]\r\n".to_vec()),
        Just(b"[Unit".to_vec()),
        Just(b"ExecStart=/bin/true \\\n".to_vec()),
        Just(b"MachineID=\"df515c36\" \"".to_vec()),
        Just(b"MachineMetadata=a=b=c\n".to_vec()),
        Just(b"Conflicts=a[*{?,}%p %x\n".to_vec()),
        Just("Global=\u{e9}\u{2028}\n".as_bytes().to_vec()),
        Just(b"RestartSec=5x\n".to_vec()),
        Just(b"\xef\xbb\xbf# comment\\\n".to_vec()),
        Just(b"\\\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
        prop::collection::vec(prop::sample::select(b"[]=\\\"'#;% \t\r\n\0ax".to_vec()), 0..12),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// The lines of a file as `read_line()` of systemd parts them.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail.first()) {
            (b'\n', Some(b'\r')) | (b'\r', Some(b'\n')) => rest = &tail[1..],
            (b'\n' | b'\r', _) => {}
            _ => {
                lines.last_mut().unwrap().push(byte);
                continue;
            }
        }
        lines.push(Vec::new());
    }
    lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

proptest! {
    #![proptest_config(support::proptest_config())]

    #[test]
    fn keys_are_found_where_they_stand(bytes in text()) {
        let (file, _) = parse(&bytes);
        for section in file.sections() {
            for entry in section.entries() {
                let of_key: Vec<_> = file.section_entries(section.name).filter(|other| other.key == entry.key).collect();
                let (last, list) = (file.last(section.name, entry.key), file.list(section.name, entry.key));
                prop_assert_eq!(last.as_ref(), of_key.last());
                let after_reset = of_key.iter().rev().take_while(|other| !other.value.is_empty()).count();
                prop_assert_eq!(&*list, &of_key[of_key.len() - after_reset..]);
            }
        }
    }

    #[test]
    fn reading_never_panics_and_places_lie_within_the_file(bytes in text(), suffix in "(@|@[a-z-]{1,3})?") {
        let lines = lines(&bytes);
        let (file, mut diagnostics) = parse(&bytes);
        for suffix in ["service", "timer", "mount", "slice", "container"].map(|kind| format!("a{suffix}.{kind}")) {
            let name = UnitName::parse(&suffix).unwrap();
            diagnostics.extend(check::check(&file, &name));
            diagnostics.extend(placement(&file, &name).1);
        }
        let entries = file.sections().flat_map(|s| s.entries()).flat_map(|e| [(e.line, e.column), (e.line, e.value_column)]);
        for (line, column) in diagnostics.iter().map(|d| (d.line, d.column)).chain(entries) {
            if line > 0 {
                prop_assert!(line <= lines.len(), "line {line} of {}", lines.len());
                prop_assert!((1..=lines[line - 1].chars().count() + 1).contains(&column), "{line}:{column}: {diagnostics:?}");
            }
        }
    }

    #[test]
    fn names_never_panic(name in "\\PC{0,20}", known in "[a-z@.\\\\x0-9-]{0,12}\\.(service|d|volume|swp)") {
        for name in [name, known] {
            file_kind(&name);
            if let Ok(name) = UnitName::parse(&name) {
                prop_assert_eq!(UnitName::parse(name.as_str()), Ok(name.clone()));
                let template = name.template();
                prop_assert!(template.is_none_or(|t| t.is_template() && t.prefix() == name.prefix()));
            }
        }
    }

    #[test]
    fn selection_depends_on_no_order_and_keeps_its_promises(
        sections in prop::collection::vec(section(), 1..9),
        shuffled in Just((0..9usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let units: Vec<(UnitName, Placement)> = sections.iter().enumerate().map(|(index, section)| {
            let name = UnitName::parse(&format!("u{index}.service")).unwrap();
            let (placement, _) = placement(&parse(section.as_bytes()).0, &name);
            (name, placement)
        }).collect();
        let verdicts = decide(&units, &(0..units.len()).collect::<Vec<_>>());
        let order: Vec<usize> = shuffled.into_iter().filter(|index| *index < units.len()).collect();
        let again = decide(&units, &order);
        for (position, index) in order.iter().enumerate() {
            prop_assert_eq!(&verdicts[*index], &again[position]);
        }
        let taken = |index: usize| matches!(verdicts[index], Verdict::Taken { .. });
        for index in (0..units.len()).filter(|index| taken(*index)) {
            let (name, placement) = &units[index];
            for named in &placement.machine_of {
                let other = units.iter().position(|(name, _)| name.as_str() == &*named.text);
                prop_assert!(other.is_some_and(taken), "{name} follows {}: {verdicts:?}", named.text);
            }
            for other in (0..units.len()).filter(|other| *other != index && taken(*other)) {
                let names = |values: &[sculler::unit::fleet::Value], name: &UnitName| {
                    values.iter().any(|v| &*v.text == name.as_str() || &*v.text == "u*")
                };
                let (other_name, _) = &units[other];
                prop_assert!(!names(&placement.conflicts, other_name), "{name} and {other_name}: {verdicts:?}");
                let mutual = names(&units[other].1.replaces, name);
                let circles = units.iter().filter(|(_, p)| !p.replaces.is_empty()).count() > 1;
                prop_assert!(!names(&placement.replaces, other_name) || mutual || circles, "{name} replaces {other_name}");
            }
        }
    }
}

fn decide(units: &[(UnitName, Placement)], order: &[usize]) -> Vec<Verdict> {
    let candidates: Vec<Candidate<'_>> =
        order.iter().map(|index| Candidate { name: &units[*index].0, placement: &units[*index].1 }).collect();
    select(&candidates, &host(), Unplaced::Skip)
}

fn section() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => Just("Global=true".to_owned()),
        3 => Just("MachineMetadata=role=web".to_owned()),
        1 => Just("MachineID=23f81afe".to_owned()),
        3 => (0..9).prop_map(|n| format!("MachineOf=u{n}.service")),
        3 => (0..9).prop_map(|n| format!("Conflicts=u{n}.service")),
        1 => Just("Conflicts=u*".to_owned()),
        2 => (0..9).prop_map(|n| format!("Replaces=u{n}.service")),
    ];
    prop::collection::vec(line, 0..4).prop_map(|lines| format!("[X-Fleet]\n{}\n", lines.join("\n")))
}
