//! Walks `tests/quadlet/NN-name/`: Quadlet files in `units/` in, `expected.json` out: what is wrong with each, which others it
//! names, and the container that is made of it. `UPDATE=1` rewrites it.
//!
//! `platform` (`systemd=252 docker-api=1.41`) is the host, the newest of each without it. Files are read as if they lay
//! in /etc/sculler/units.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use sculler::host::{ApiVersion, Host, MachineId, Platform, System};
use sculler::quadlet;
use sculler::quadlet::spec::{Container, Request};
use sculler::quadlet::{Context, Other, Others, Quadlet, Resource};
use sculler::quadlet::{container, key_list, names, network, options, references, volume};
use sculler::render::{Inputs, resolve, resolve_again};
use sculler::select::Unplaced;
use sculler::unit::{Finding, TextFile, Unit, UnitName, UnitType};
use serde_json::{Value, json};
use support::{check, entries};

#[test]
fn cases() {
    let report = |case: &Path| serde_json::to_string_pretty(&report(case)).unwrap() + "\n";
    check(support::cases("quadlet"), "expected.json", report);
}

/// Each key of the table is in a case, so that nobody adds one and forgets to show what it does.
#[test]
fn every_key_has_a_case() {
    let mut seen = BTreeSet::new();
    for case in support::cases("quadlet") {
        for (unit, drop_ins) in units(&case) {
            for bytes in [&unit.file.text].into_iter().chain(drop_ins.iter().map(|file| &file.text)) {
                for section in sculler::unit::parse(bytes).0.sections() {
                    seen.extend(section.entries().map(|entry| (section.name.to_owned(), entry.key.to_owned())));
                }
            }
        }
    }
    let lacking: Vec<String> = options::SECTIONS
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(|key| (section.to_string(), key.name.to_owned())))
        .filter(|key| !seen.contains(key))
        .map(|(section, key)| format!("[{section}] {key}="))
        .collect();
    assert!(lacking.is_empty(), "no case below tests/quadlet has:\n{}", lacking.join("\n"));
}

/// As any other file that cannot run; what is no unit file at all is only told of.
#[test]
fn a_file_that_podman_alone_can_run_is_an_error() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("refused-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("web.container"), "[X-Fleet]\nGlobal=true\n[Container]\nImage=nginx\n").unwrap();
    let run = |arguments: &[&str]| {
        let sculler = Command::new(env!("CARGO_BIN_EXE_sculler")).args(arguments).arg(&folder).output().unwrap();
        (sculler.status.code(), String::from_utf8(sculler.stderr).unwrap())
    };
    let commands: [&[&str]; 2] = [&["render", "--machine-id", "df515c3682aa43b4ae2b7d2168e17d38"], &["verify"]];
    for (file, code, advice) in [("README.md", 0, "rename it"), ("web.pod", 1, "let them share a '.network'")] {
        fs::write(folder.join(file), "").unwrap();
        for command in commands {
            let (found, said) = run(command);
            assert_eq!(found, Some(code), "{command:?}: {said}");
            assert!(said.contains(file) && said.contains(advice), "{command:?}: {said}");
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// Misspelt fields are dropped by the Engine without a word, and so are those that it is too old for.
#[test]
fn every_field_is_in_the_api_that_its_host_speaks() {
    let table = include_str!("quadlet-fields.txt");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let fields: BTreeMap<&str, ApiVersion> =
        lines.filter_map(|line| line.split_once(' ')).map(|(since, field)| (field, since.parse().unwrap())).collect();
    let mut seen = BTreeSet::new();
    for case in support::cases("quadlet") {
        let found = report(&case);
        for (file, shown) in found.as_object().unwrap() {
            let mut of_file = BTreeSet::new();
            collect_fields(&shown["container"]["create"], "", &mut of_file);
            for kind in ["volume", "network"] {
                collect_fields(&shown[kind]["create"], kind, &mut of_file);
            }
            for field in &of_file {
                let since = fields.get(field.as_str());
                let since = since.unwrap_or_else(|| panic!("{file}: {field} is not in tests/quadlet-fields.txt"));
                let spoken = platform(&case).docker_api;
                assert!(*since <= spoken, "{}: {file}: {field} needs {since}, not {spoken}", case.display());
            }
            seen.extend(of_file);
        }
    }
    let unseen: Vec<_> = fields.keys().filter(|field| !seen.contains(**field)).collect();
    assert!(unseen.is_empty(), "no case has {unseen:?}");
}

/// Objects with keys of the user's.
const FREE_MAPS: [&str; 11] = [
    "Annotations",
    "Config",
    "DriverOpts",
    "EndpointsConfig",
    "ExposedPorts",
    "Labels",
    "Options",
    "PortBindings",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];

fn collect_fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_fields(item, path, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}").trim_start_matches('.').to_owned();
                match value.as_object().filter(|_| FREE_MAPS.contains(&name.as_str())) {
                    Some(map) => map.values().for_each(|value| collect_fields(value, &path, found)),
                    None => collect_fields(value, &path, found),
                }
                found.insert(path);
            }
        }
        _ => {}
    }
}

#[test]
fn the_pages_of_keys_are_current() {
    for (name, page) in [("quadlet-keys.md", key_list::markdown()), ("sculler-keys.5", key_list::manual())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &page).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == page, "docs/{name} is not what the table says (UPDATE=1 rewrites it)");
    }
}

fn report(case: &Path) -> Value {
    let platform = platform(case);
    let mut files = BTreeMap::new();
    let units = units(case);
    let others = others(&units);
    for (unit, _) in &units {
        let quadlet = Quadlet::read(unit);
        let service = service_name(unit);
        let host = host();
        let mut findings: Vec<Finding> = unit.findings.iter().chain(&quadlet.findings).cloned().collect();
        let context = Context { host: &host, platform: &platform, others: &others };
        let request = match unit.name.unit_type() {
            UnitType::Container => container::translate(&quadlet, &service, &context, &mut findings)
                .map(|container| Request::Container(Box::new(container))),
            UnitType::Volume => volume::translate(&quadlet, &service, &context, &mut findings),
            UnitType::Network => network::translate(&quadlet, &service, &context, &mut findings).map(Request::Network),
            _ => None,
        };
        let is_valid = !findings.iter().any(Finding::is_error);
        let references: Vec<String> = references(&quadlet, &service, &host, &platform)
            .into_iter()
            .map(|found| format!("{}:{}: {} {}", found.line, found.column, found.key, found.file_name))
            .collect();
        files.insert(unit.name.to_string(), show(&findings, references, request.filter(|_| is_valid)));
    }
    json!(files)
}

fn show(findings: &[Finding], references: Vec<String>, request: Option<Request>) -> Value {
    let mut shown = serde_json::Map::new();
    for (name, is_error) in [("errors", true), ("warnings", false)] {
        let messages: Vec<String> = findings
            .iter()
            .filter(|finding| finding.is_error() == is_error)
            .map(|finding| finding.to_string().replace("/etc/sculler/units/", ""))
            .collect();
        if !messages.is_empty() {
            shown.insert(name.into(), json!(messages));
        }
    }
    if !references.is_empty() {
        shown.insert("references".into(), json!(references));
    }
    let request = request.map(|request| serde_json::to_value(request).unwrap());
    shown.extend(
        request
            .as_ref()
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(kind, asked)| (kind.clone(), asked.clone())),
    );
    Value::Object(shown)
}

fn units(case: &Path) -> Vec<(Unit, Vec<Arc<TextFile>>)> {
    let folder = case.join("units");
    let mut found = Vec::new();
    for path in entries(&folder).into_iter().filter(|path| path.is_file()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let drop_ins: Vec<Arc<TextFile>> = match fs::read_dir(folder.join(format!("{name}.d"))) {
            Ok(_) => entries(&folder.join(format!("{name}.d"))).iter().map(|path| file(&folder, path)).collect(),
            Err(_) => Vec::new(),
        };
        let unit = Unit::read(UnitName::parse(name).unwrap(), file(&folder, &path), drop_ins.clone());
        found.push((unit, drop_ins));
    }
    found
}

fn file(folder: &Path, path: &Path) -> Arc<TextFile> {
    let shown = Path::new("/etc/sculler/units").join(path.strip_prefix(folder).unwrap());
    Arc::new(TextFile { path: shown, text: fs::read(path).unwrap().into(), is_private: false })
}

/// What the other files make, as far as these cases need it.
fn others(units: &[(Unit, Vec<Arc<TextFile>>)]) -> Others<'static> {
    let mut others = Others::default();
    for (unit, _) in units {
        let merged = sculler::quadlet::Merged::of(unit);
        let set = |section: &str, key: &str| merged.last(section, key).map(|found| found.entry.value.to_owned());
        let default = format!("systemd-{}", unit.name.stem());
        let name = match unit.name.unit_type() {
            UnitType::Container => set("Container", "ContainerName"),
            UnitType::Volume => set("Volume", "VolumeName"),
            UnitType::Network => set("Network", "NetworkName"),
            UnitType::Image => set("Image", "Image"),
            _ => set("Build", "ImageTag"),
        };
        others.insert(
            unit.name.to_string(),
            Other::Taken(Resource {
                service: service_name(unit),
                name: name.unwrap_or(default),
                image: set("Volume", "Image"),
                no_copy: set("Volume", "Copy").is_some_and(|value| value == "no"),
            }),
        );
    }
    others
}

fn service_name(unit: &Unit) -> UnitName {
    names::default_service(&unit.name).unwrap()
}

fn host() -> Host {
    Host {
        machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
        hostname: "coreos001.example.com".into(),
        metadata: BTreeMap::new(),
    }
}

fn platform(case: &Path) -> Platform {
    let system = System {
        architecture: "x86-64".into(),
        kernel: "6.18.0".into(),
        boot_id: "0123456789abcdef0123456789abcdef".into(),
        pretty_hostname: String::new(),
        os_release: [("ID".to_owned(), "debian".to_owned()), ("VERSION_ID".to_owned(), "13".to_owned())].into(),
        root_shell: "/bin/bash".into(),
    };
    let mut platform = Platform { system: Some(system), ..Platform::default() };
    for word in fs::read_to_string(case.join("platform")).unwrap_or_default().split_whitespace() {
        match word.split_once('=').unwrap() {
            ("systemd", version) => platform.systemd = version.parse().unwrap(),
            ("docker-api", version) => platform.docker_api = version.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    platform
}

/// A value that is near to what keys take, so that more than the first error is reached.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a.volume".to_owned()),
        Just("a.network".to_owned()),
        Just("/a:/b:ro,z".to_owned()),
        Just("type=bind,source=./x,\"dst=/y\"".to_owned()),
        Just("10.0.0.1:80-90:80-90/udp".to_owned()),
        Just("${A}$B%n%".to_owned()),
        Just("1m30s".to_owned()),
        Just("\\x41\\q\\u00e9".to_owned()),
        Just("idmap=uids=0-1-1;gids=".to_owned()),
        "[a-z0-9:/=,.@%$\"' \\\\-]{0,12}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn lines() -> impl Strategy<Value = Vec<(usize, String)>> {
    prop::collection::vec((0..options::CONTAINER.len(), value()), 0..12)
}

/// A file of each type; what stands in them, and what they name of each other, is left to chance.
const FILES: [(&str, &str); 6] = [
    ("a.container", "[Container]\nImage=d.image\n"),
    ("b.volume", "[Volume]\n"),
    ("c.network", "[Network]\n"),
    ("d.image", "[Image]\nImage=nginx\n"),
    ("e.build", "[Build]\nImageTag=x\nSetWorkingDirectory=unit\n"),
    ("f@1.container", "[Container]\nImage=nginx\n"),
];

fn files() -> impl Strategy<Value = Vec<(usize, Vec<(usize, String)>)>> {
    let text = prop_oneof![value(), "[a-f]\\.(container|volume|network|image|build)(:/x)?"];
    let lines = prop::collection::vec((0..1000_usize, text), 0..6);
    prop::collection::vec((0..FILES.len(), lines), 1..6)
}

proptest! {
    #![proptest_config(support::proptest_config())]

    #[test]
    fn any_files_are_rendered_without_panic_and_always_the_same(files in files()) {
        let mut units: BTreeMap<&str, Arc<Unit>> = BTreeMap::new();
        for (index, lines) in files {
            let (name, start) = FILES[index];
            let unit_name = UnitName::parse(name).unwrap();
            let keys = options::keys(unit_name.unit_type().section().unwrap());
            let lines = lines.iter().map(|(key, value)| format!("{}={value}\n", keys[key % keys.len()].name));
            let text = format!("{start}{}", lines.collect::<String>());
            let path = Path::new("/etc/sculler/units").join(name);
            let file = TextFile { path, text: text.as_bytes().into(), is_private: false };
            let unit = Unit::read(unit_name, Arc::new(file), Vec::new());
            units.insert(name, Arc::new(quadlet::complete(unit, |_| Vec::new())));
        }
        let units: Vec<_> = units.into_values().collect();
        let (host, platform) = (host(), Platform::default());
        let nothing = (BTreeMap::new(), BTreeMap::new());
        let (installed, targets) = (&nothing.0, &nothing.1);
        let inputs = Inputs { host: &host, platform: &platform, unplaced: Unplaced::Run, installed, targets };
        let first = resolve(&units, &inputs);
        for again in [resolve(&units, &inputs), resolve_again(&first, &units, &inputs)] {
            prop_assert_eq!(&again.verdicts, &first.verdicts);
            prop_assert_eq!(&again.desired, &first.desired);
        }
        // What is invalid on any host is so where it is not taken, too.
        let elsewhere = resolve(&units, &Inputs { unplaced: Unplaced::Skip, ..inputs });
        for (here, there) in first.verdicts.iter().zip(&elsewhere.verdicts) {
            prop_assert!(here.ruling.word() == "invalid" || there.ruling.word() == "not-taken", "{here:?}, {there:?}");
        }
    }

    #[test]
    fn any_container_file_is_translated_without_panic_and_always_the_same(lines in lines(), name in "[a-z\\\\@:_.-]{1,9}") {
        let mut text = "[Service]\nEnvironment=A=1\n[Container]\nImage=nginx\n".to_owned();
        for (key, value) in lines {
            text.push_str(&format!("{}={value}\n", options::CONTAINER[key].name));
        }
        let Ok(name) = UnitName::parse(&format!("{name}.container")) else { return Ok(()) };
        let file = TextFile { path: "/etc/sculler/units/a.container".into(), text: text.as_bytes().into(), is_private: false };
        let unit = Unit::read(name, Arc::new(file), Vec::new());
        let quadlet = Quadlet::read(&unit);
        let (host, platform, others) = (host(), Platform::default(), Others::default());
        let context = Context { host: &host, platform: &platform, others: &others };
        let service = service_name(&unit);
        let translate = || {
            let mut findings = Vec::new();
            let container = container::translate(&quadlet, &service, &context, &mut findings);
            (container, findings)
        };
        let (container, findings) = translate();
        prop_assert_eq!(&(container.clone(), findings.clone()), &translate());
        let references = references(&quadlet, &service, &host, &platform);
        if let Some(container) = container {
            prop_assert!(!findings.iter().any(Finding::is_error));
            prop_assert!(references.is_empty(), "{references:?} exist nowhere");
            let text = serde_json::to_string(&container).unwrap();
            prop_assert_eq!(serde_json::from_str::<Container>(&text).unwrap(), container);
        } else {
            let is_wrong = findings.iter().chain(&quadlet.findings).any(Finding::is_error);
            prop_assert!(is_wrong, "refused without a reason:\n{text}");
        }
        let count = text.lines().count();
        for finding in findings.iter().chain(&quadlet.findings) {
            prop_assert!(finding.diagnostic.line <= count);
        }
    }
}
