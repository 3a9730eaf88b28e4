//! Walks `tests/cases/NN-name/`: `units/` and a host in, `expected` out.
//!
//! They go the way of `sculler render`. `hosts` has a line per host, `MACHINE-ID HOSTNAME [key=value …] [unplaced=run]`;
//! `expected` has a part per host with a line per unit file, `NAME verdict: reason`, each followed by what is wrong with
//! it; files with other names come first. `UPDATE=1` rewrites it.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sculler::host::{Host, MachineId, Platform};
use sculler::render::{self, FileVerdict, Ruling};
use sculler::select::Unplaced;
use sculler::source::Look;
use sculler::source::units::Library;
use sculler::unit::{FileKind, TextFile, Unit, file_kind};
use support::{check, files};

#[test]
fn cases() {
    let cases = support::cases("cases").into_iter().filter(|case| case.join("hosts").exists());
    check(cases, "expected", report);
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
        FileKind::Refused(reason) => format!("refused: {reason}"),
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
