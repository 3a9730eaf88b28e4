//! Walks `tests/convert/NN-name/`: a service (with its drop-ins) in, `expected` out: the `.container` file, then what is said of
//! it, then the warnings that the service gets as it is. `UPDATE=1` rewrites it.

mod support;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use sculler::convert::flags::{DOCKER, Fate as FlagFate, PODMAN};
use sculler::convert::{Fate, convert, quote, warnings};
use sculler::quadlet;
use sculler::unit::{TextFile, Unit, UnitName};
use support::check;

#[test]
fn cases() {
    check(support::cases("convert"), "expected", report);
}

/// Each flag stands in some case, and no letter or name stands for two.
#[test]
fn every_flag_has_a_case() {
    let text: String = support::cases("convert")
        .iter()
        .flat_map(|case| units(case))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let words: Vec<&str> = text.split([' ', '=', '\n', '\'', '"']).collect();
    let mut missing = Vec::new();
    let mut seen = Vec::new();
    for flag in DOCKER.iter().chain(PODMAN) {
        let long = format!("--{}", flag.long);
        if !words.contains(&long.as_str()) {
            missing.push(long.clone());
        }
        assert!(!seen.contains(&long), "{long} is twice in the table");
        seen.push(long);
        if let Some(letter) = flag.short {
            let is_used =
                words.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter));
            if !is_used {
                missing.push(format!("-{letter}"));
            }
            assert!(!seen.contains(&letter.to_string()), "-{letter} is twice in the table");
            seen.push(letter.to_string());
        }
        if let FlagFate::Dropped(reason) | FlagFate::Unmapped(reason) = flag.fate {
            assert!(!reason.is_empty() && !reason.ends_with('.'), "{}: {reason}", flag.long);
        }
    }
    assert!(missing.is_empty(), "no case has {}", missing.join(", "));
}

fn units(case: &Path) -> Vec<PathBuf> {
    let mut units: Vec<PathBuf> = fs::read_dir(case)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension != "expected"))
        .collect();
    units.sort();
    units
}

fn text_file(root: &Path, path: &Path) -> Arc<TextFile> {
    let name = path.strip_prefix(root).unwrap().to_owned();
    Arc::new(TextFile { path: name, text: fs::read(path).unwrap().into(), is_private: false })
}

fn report(case: &Path) -> String {
    let mut report = String::new();
    for path in units(case) {
        let name = UnitName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
        let mut drop_ins: Vec<PathBuf> = match fs::read_dir(case.join(format!("{name}.d"))) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        };
        drop_ins.sort();
        let drop_ins = drop_ins.iter().map(|path| text_file(case, path)).collect();
        report_unit(&Unit::read(name, text_file(case, &path), drop_ins), &mut report);
    }
    report
}

fn report_unit(unit: &Unit, report: &mut String) {
    let path = |file: usize| unit.drop_ins.get(file.wrapping_sub(1)).unwrap_or(&unit.file).path.display().to_string();
    match convert(unit) {
        Err(refusal) => writeln!(report, "== {}\n{refusal}", unit.name).unwrap(),
        Ok(conversion) => {
            writeln!(report, "== {} → {}\n{}--", unit.name, conversion.file_name, conversion.text).unwrap();
            for file in &conversion.files {
                writeln!(report, "{}\n{}--", file.file_name, file.text).unwrap();
            }
            for note in &conversion.notes {
                let place = note.place;
                let fate = match note.fate {
                    Fate::NotMapped => "not mapped",
                    Fate::Dropped => "dropped",
                    Fate::Note => "note",
                };
                writeln!(report, "{}:{}:{}: {fate}: {}", path(place.file), place.line, place.column, note.message)
                    .unwrap();
            }
            // What is wrong with the proposed file is said.
            let file =
                TextFile { path: "a.container".into(), text: conversion.text.as_bytes().into(), is_private: false };
            let name = UnitName::parse(&conversion.file_name).unwrap();
            let proposed = quadlet::complete(Unit::read(name, Arc::new(file), Vec::new()), |_| Vec::new());
            let proposed = quadlet::verified(proposed);
            for error in proposed.errors() {
                let message = &error.diagnostic.message;
                assert!(conversion.notes.iter().any(|note| note.message.ends_with(message)), "{error}");
            }
        }
    }
    for warning in warnings(unit) {
        writeln!(report, "{warning}").unwrap();
    }
}

fn unit(text: &str) -> Unit {
    let file = TextFile { path: "a.service".into(), text: text.as_bytes().into(), is_private: false };
    let name = UnitName::parse("a.service").unwrap();
    Unit::read(name, Arc::new(file), Vec::new())
}

/// Near to a service with `docker run`, so that more than the refusal is reached.
fn service() -> impl Strategy<Value = String> {
    let flags: Vec<String> = DOCKER
        .iter()
        .chain(PODMAN)
        .flat_map(|flag| {
            [format!("--{}", flag.long), format!("-{}", flag.short.unwrap_or('x')), format!("--{}=", flag.long)]
        })
        .collect();
    let piece = prop_oneof![
        4 => prop::sample::select(flags),
        1 => prop::sample::select(vec![
            "docker", "run", "stop", "exec", "kill", "-s", "create", "start", "sh -c '", "sudo", "$X", "${X", "${X}", "%n", "\\", "\\\n",
            "\n# c\n", "\"", "'", ";", "\n\n[Service]\n", "\nExecStop=docker", "\nExecReload=docker", "\nExecStartPre=-docker",
            "a:b:c", "a=b,c=d", "1.5", "512m", "-", "--", "name", "\u{e9}\u{2028}", "\r", "\nAfter=docker.service x",
        ]).prop_map(ToOwned::to_owned),
        1 => "\\PC{0,8}",
    ];
    (prop::collection::vec((piece, any::<bool>()), 0..20), any::<bool>()).prop_map(|(pieces, is_run)| {
        let head = if is_run {
            "[Service]\nType=notify\nKillSignal=x\nExecStart=/usr/bin/docker run "
        } else {
            "[Service]\nExecStart="
        };
        let pieces = pieces.into_iter().map(|(piece, is_apart)| if is_apart { format!("{piece} ") } else { piece });
        head.to_owned() + &pieces.collect::<String>()
    })
}

proptest! {
    #![proptest_config(support::proptest_config())]

    #[test]
    fn converting_never_panics_and_places_lie_within_the_file(text in service()) {
        let unit = unit(&text);
        let lines: Vec<&str> = text.split(['\n', '\r']).collect();
        if let Ok(conversion) = convert(&unit) {
            prop_assert!(conversion.text.contains("\n[Container]\n") && conversion.text.contains("\nImage="), "{}", conversion.text);
            for note in &conversion.notes {
                prop_assert!(note.place.line <= lines.len(), "{note:?}");
                let width = note.place.line.checked_sub(1).map_or(0, |index| lines[index].chars().count());
                prop_assert!(note.place.column <= width + 1, "{note:?}");
            }
        }
        warnings(&unit);
    }

    #[test]
    fn quoting_never_panics(value in "\\PC{0,12}") {
        for grammar in [quote::Grammar::Scalar, quote::Grammar::Line, quote::Grammar::Words, quote::Grammar::Arguments] {
            if let Ok(text) = quote::quote(&value, grammar) {
                prop_assert!(!text.contains('\n') && !text.ends_with('\\'), "{value:?}: {text}");
            }
        }
    }
}
