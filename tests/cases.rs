//! Walks `tests/cases/NN-name/`: `units/` and a host in, `expected` out.
//!
//! They go the way of `sculler render`. `hosts` has a line per host, `MACHINE-ID HOSTNAME [key=value …] [unplaced=run]`;
//! `expected` has a part per host with a line per unit file, `NAME verdict: reason`, each followed by what is wrong with
//! it; files with other names come first. `UPDATE=1` rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sculler::host::{Host, MachineId, Platform};
use sculler::render::{self, FileVerdict, Ruling};
use sculler::select::Unplaced;
use sculler::source::Look;
use sculler::source::units::Library;
use sculler::unit::{FileKind, TextFile, Unit, file_kind};

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let update = std::env::var_os("UPDATE").is_some();
    let mut failed = Vec::new();
    let cases = entries(&root);
    assert!(!cases.is_empty());
    for case in cases.into_iter().filter(|case| case.join("hosts").exists()) {
        let found = report(&case);
        let path = case.join("expected");
        if update {
            fs::write(&path, found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            failed.push(format!("{}:\n{}", case.display(), difference(&expected, &found)));
        }
    }
    assert!(failed.is_empty(), "cases differ (UPDATE=1 accepts what is found):\n{}", failed.join("\n"));
}

fn report(case: &Path) -> String {
    let hosts = fs::read_to_string(case.join("hosts")).unwrap();
    let folder = case.join("units");
    let mut look = Look::default();
    let mut report_of_names = String::new();
    for path in files(&folder) {
        let file = path.strip_prefix(&folder).unwrap().to_owned();
        let is_drop_in = file.parent().is_some_and(|parent| parent != Path::new(""));
        if is_drop_in || is_unit_file(&file, &mut report_of_names) {
            let text = fs::read(&path).unwrap().into();
            look.files.insert(file.clone(), Arc::new(TextFile { path: file, text, is_private: false }));
        }
    }
    let units = Library::default().read(&mut look);
    for (path, problem) in &look.problems {
        writeln!(report_of_names, "{} {}", path.display(), problem.reason()).unwrap();
    }
    let mut report = report_of_names;
    for line in hosts.lines().filter(|line| !line.starts_with('#')) {
        let (host, unplaced) = host(line);
        writeln!(report, "== {line}").unwrap();
        let resolution = render::resolve(
            &units,
            &render::Inputs {
                host: &host,
                platform: &Platform::default(),
                unplaced,
                installed: &BTreeMap::new(),
                targets: &BTreeMap::new(),
            },
        );
        for (unit, verdict) in units.iter().zip(&resolution.verdicts) {
            report_unit(unit, verdict, &mut report);
        }
    }
    report
}

/// Says what files with other names are.
fn is_unit_file(file: &Path, report: &mut String) -> bool {
    let name = file.to_str().unwrap();
    let what = match file_kind(name) {
        FileKind::Unit(_) => return true,
        FileKind::Litter => "litter".to_owned(),
        FileKind::Other(reason) => format!("other: {reason}"),
        FileKind::Invalid(error) => format!("invalid: {error}"),
    };
    writeln!(report, "{name} {what}").unwrap();
    false
}

fn report_unit(unit: &Unit, verdict: &FileVerdict, report: &mut String) {
    let at = |line: usize| if line > 0 { format!(" (line {line})") } else { String::new() };
    let name = unit.file.path.display();
    let mut findings: Vec<String> = unit.findings.iter().map(ToString::to_string).collect();
    match &verdict.ruling {
        Ruling::Taken { line, reason } => writeln!(report, "{name} taken: {reason}{}", at(*line)),
        Ruling::NotTaken { line, reason } => writeln!(report, "{name} not taken: {reason}{}", at(*line)),
        Ruling::Invalid { errors } => {
            let more = errors.iter().map(ToString::to_string).filter(|error| !findings.contains(error));
            let more: Vec<String> = more.collect();
            findings.extend(more);
            writeln!(report, "{name} invalid")
        }
    }
    .unwrap();
    for finding in findings {
        writeln!(report, "    {finding}").unwrap();
    }
}

fn host(line: &str) -> (Host, Unplaced) {
    let mut words = line.split_whitespace();
    let machine_id = MachineId::parse(words.next().unwrap()).unwrap();
    let hostname = words.next().unwrap().to_owned();
    let mut metadata: BTreeMap<String, String> =
        words.map(|word| word.split_once('=').unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let unplaced = match metadata.remove("unplaced").as_deref() {
        Some("run") => Unplaced::Run,
        _ => Unplaced::Skip,
    };
    (Host { machine_id, hostname, metadata }, unplaced)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let parts = entries(folder).into_iter();
    parts.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let lacking = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("  - {line}"));
    let new = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("  + {line}"));
    lacking.chain(new).collect::<Vec<_>>().join("\n")
}
