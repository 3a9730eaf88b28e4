//! Walks `tests/import/KIND/NN-name/`: what ran elsewhere in, `expected` out: what is wrong in it, or the files that are made of
//! it and what is said. `UPDATE=1` rewrites it.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sculler::import::compose::{self, Options, Source, Variables, keys};
use sculler::import::{Fate, Import, Placement, fleet, podman};
use sculler::unit::Finding;
use support::check;

/// Where the Compose files of cases seem to be.
const FOLDER: &str = "/srv/shop";

#[test]
fn compose_files() {
    check(support::cases("import/compose"), "expected", |case| report(of_compose(case), true));
}

#[test]
fn fleet_units() {
    check(support::cases("import/fleet"), "expected", |case| {
        let text = fs::read_to_string(case.join("units")).unwrap();
        let names = fs::read_to_string(case.join("names")).unwrap_or_default();
        let names: Vec<String> = names.lines().map(str::to_owned).collect();
        let source = fleet::Source { path: "-".into(), text, is_named: false };
        report(fleet::import(&[source], &names, &Placement::Unsaid), true)
    });
}

#[test]
fn podman_folders() {
    check(support::cases("import/podman"), "expected", |case| {
        let root = case.join("units");
        let sources: Vec<podman::Source> = support::files(&root)
            .into_iter()
            .map(|path| podman::Source {
                text: fs::read(&path).unwrap(),
                path: Path::new("/etc/containers/systemd").join(path.strip_prefix(&root).unwrap()),
            })
            .collect();
        let is_rootless = case.ends_with("02-rootless");
        report(podman::import(&sources, is_rootless, &Placement::Machines(vec!["12345678".to_owned()])), true)
    });
}

fn of_compose(case: &Path) -> Result<Import, Vec<Finding>> {
    let sources: Vec<Source> = ["compose.yaml", "compose.override.yaml"]
        .iter()
        .filter_map(|name| {
            let text = fs::read_to_string(case.join(name)).ok()?;
            Some(Source { path: Path::new(FOLDER).join(name), text })
        })
        .collect();
    let variables: Variables = [("HOME", "/home/core"), ("HANDED", "on"), ("DB_PASSWORD", "secret"), ("A", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let options = Options { placement: Placement::Global, ..Options::default() };
    compose::import(&sources, &variables, &options, &|path: &Path| {
        let below = path.strip_prefix(FOLDER).map_or_else(|_| PathBuf::from("none"), Path::to_owned);
        fs::read_to_string(case.join(below)).map_err(|_| "it is not there".to_owned())
    })
}

fn report(import: Result<Import, Vec<Finding>>, with_differences: bool) -> String {
    let mut out = String::new();
    let import = match import {
        Ok(import) => import,
        Err(errors) => {
            out += "refused\n";
            errors.iter().for_each(|error| writeln!(out, "{error}").unwrap());
            return out;
        }
    };
    for file in &import.files {
        writeln!(out, "== {}\n{}", file.name, String::from_utf8_lossy(&file.text)).unwrap();
    }
    for note in &import.notes {
        let what = match note.fate {
            Fate::NotMapped => "not mapped",
            Fate::Dropped => "dropped",
            Fate::Note => "note",
        };
        let source = import.source(note.place);
        writeln!(out, "{source}:{}:{}: {what}: {}", note.place.line, note.place.column, note.message).unwrap();
    }
    if with_differences {
        import.differences.iter().for_each(|difference| writeln!(out, "- {difference}").unwrap());
    }
    out
}

/// Each key of the specification stands in some case, and its reasons are sentences that go on.
#[test]
fn every_key_has_a_case() {
    let text: String = support::cases("import/compose")
        .iter()
        .map(|case| fs::read_to_string(case.join("compose.yaml")).unwrap())
        .collect();
    for key in keys::KEYS {
        let (line, flow) = (format!("\n    {}:", key.name), format!("{{{}:", key.name));
        assert!(text.contains(&line) || text.contains(&flow), "no case has {}", key.name);
        if let keys::Handling::Dropped(reason) | keys::Handling::NotMapped(reason) = key.handling {
            assert!(!reason.is_empty() && !reason.ends_with('.'), "{}: {reason}", key.name);
        }
    }
}

/// docs/compose-keys.md is the table of keys.
#[test]
fn the_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compose-keys.md");
    let page = keys::markdown();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "UPDATE=1 cargo test --test import makes it anew");
}

/// Near to a Compose file.
fn document() -> impl Strategy<Value = String> {
    let names: Vec<String> = keys::KEYS.iter().map(|key| key.name.to_owned()).collect();
    let piece = prop_oneof![
        3 => prop::sample::select(names).prop_map(|name| format!("\n    {name}: ")),
        2 => prop::sample::select(vec![
            "\n  b:\n    image: y", "[a, b]", "{a: b}", "{condition: service_healthy}", "{source: a, target: /b, type: bind}", "80:80",
            "a:/b", "./a:/b:ro", "5", "true", "1m", "'x y'", "\"", "${A:-b}", "$", "!reset", "\n      - ", "\n      a: ", "[{}]",
            "{test: [CMD, a], retries: 99999999999999999999}", "\nnetworks: {a: {ipam: {config: [{subnet: x}]}}}", "\nvolumes: {a: }",
            "&x", "*x", "\n    <<: ", "on-failure:9", "~", "null", "a\u{301}\u{2028}%i", "{service: a}", "[CMD-SHELL]",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("services:\n  a:\n    image: x{}", pieces.concat()))
}

proptest! {
    #![proptest_config(support::proptest_config())]

    #[test]
    fn no_compose_file_panics(text in document()) {
        let source = Source { path: "/srv/shop/compose.yaml".into(), text: text.clone() };
        let options = Options { profiles: vec!["*".to_owned()], ..Options::default() };
        let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
        match compose::import(&[source], &Variables::new(), &options, &|_| Err("no".to_owned())) {
            Ok(import) => {
                prop_assert!(import.notes.iter().all(|note| note.place.line <= lines), "{:?}", import.notes);
                let _ = report(Ok(import), true);
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn nothing_else_panics(text in "(\\[(Unit|Service|Container|X-Fleet)\\]|\n|# |web.service|==>|Image=x|ExecStart=|\\\\|[ -~]){0,30}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let source = fleet::Source { path: "-".into(), text: text.clone(), is_named: false };
        let _ = fleet::import(&[source], &["a.service".to_owned()], &Placement::Global);
        let sources = [("a.container", text.into_bytes()), ("a.container.d/x.conf", bytes)]
            .map(|(path, text)| podman::Source { path: Path::new("/etc/containers/systemd").join(path), text });
        let _ = podman::import(&sources, true, &Placement::Global);
        let _ = compose::dotenv::parse("A=\"", &Variables::new());
    }
}
