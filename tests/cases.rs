//! Walks `tests/cases/NN-name/`: `units/` and a host in, `expected` out.
//!
//! `hosts` has a line per host, `MACHINE-ID HOSTNAME [key=value …] [unplaced=run]`; `expected` has a part per host with
//! a line per unit file, `NAME verdict: reason`, each followed by what is wrong with it. `UPDATE=1` rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use sculler::host::{Host, MachineId};
use sculler::select::{Candidate, Unplaced, Verdict, select};
use sculler::unit::{Diagnostic, FileKind, Placement, UnitName, check, file_kind, parse, placement};

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
    let files: Vec<File> = entries(&case.join("units")).iter().map(|path| File::read(path)).collect();
    let mut report = String::new();
    for line in hosts.lines().filter(|line| !line.starts_with('#')) {
        let (host, unplaced) = host(line);
        writeln!(report, "== {line}").unwrap();
        report_host(&files, &host, unplaced, &mut report);
    }
    report
}

struct File {
    name: String,
    unit: Result<(UnitName, Placement), String>,
    diagnostics: Vec<Diagnostic>,
}

impl File {
    fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let unit_name = match file_kind(&name) {
            FileKind::Unit(unit_name) => unit_name,
            FileKind::Litter => return Self { name, unit: Err("litter".into()), diagnostics: Vec::new() },
            FileKind::Other(reason) => {
                return Self { name, unit: Err(format!("other: {reason}")), diagnostics: Vec::new() };
            }
            FileKind::Invalid(error) => {
                return Self { name, unit: Err(format!("invalid: {error}")), diagnostics: Vec::new() };
            }
        };
        let (file, mut diagnostics) = parse(&fs::read(path).unwrap());
        let (placement, of_placement) = placement(&file, &unit_name);
        diagnostics.extend(of_placement);
        diagnostics.extend(check::check(&file, &unit_name));
        diagnostics.sort_by_key(|d| (d.line, d.column));
        let is_valid = !diagnostics.iter().any(Diagnostic::is_error);
        let unit = if is_valid { Ok((unit_name, placement)) } else { Err("invalid".into()) };
        Self { name, unit, diagnostics }
    }
}

fn report_host(files: &[File], host: &Host, unplaced: Unplaced, report: &mut String) {
    let valid: Vec<_> = files.iter().filter_map(|file| file.unit.as_ref().ok()).collect();
    let candidates: Vec<_> = valid.iter().map(|(name, placement)| Candidate { name, placement }).collect();
    let verdicts: BTreeMap<&str, Verdict> =
        candidates.iter().map(|c| c.name.as_str()).zip(select(&candidates, host, unplaced)).collect();
    for File { name, unit, diagnostics } in files {
        let mut show = |verdict: &str, line: usize, text: &str| {
            let line = if line > 0 { format!(" (line {line})") } else { String::new() };
            writeln!(report, "{name} {verdict}: {text}{line}").unwrap();
        };
        let mut errors = diagnostics.clone();
        match (unit, verdicts.get(name.as_str())) {
            (Err(what), _) => writeln!(report, "{name} {what}").unwrap(),
            (_, Some(Verdict::Taken { reason })) => show("taken", reason.line, &reason.text),
            (_, Some(Verdict::NotTaken { reason })) => show("not taken", reason.line, &reason.text),
            (_, Some(Verdict::Invalid { errors: more })) => {
                writeln!(report, "{name} invalid").unwrap();
                errors.extend(more.iter().cloned());
            }
            (Ok(_), None) => panic!("no verdict on {name}"),
        }
        for diagnostic in &errors {
            writeln!(report, "    {}", diagnostic.at(name)).unwrap();
        }
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

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let lacking = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("  - {line}"));
    let new = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("  + {line}"));
    lacking.chain(new).collect::<Vec<_>>().join("\n")
}
