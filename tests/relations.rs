//! Walks `tests/relations/NN-name/`: a unit directory in `units/` in, `expected` out: what becomes of each file, the services
//! and what Docker is asked for. `UPDATE=1` rewrites it.
//!
//! `platform` (`systemd=252 docker-api=1.41 live-restore`) is the host, the newest of each without it. `installed` names
//! the units that are installed already with their sources, a line each. Files are read as if they lay in
//! /etc/sculler/units; with `full` the lines about privileges are shown, too.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sculler::host::{Host, MachineId, Platform};
use sculler::render::{Inputs, Resolution, Ruling, resolve, resolve_again};
use sculler::select::Unplaced;
use sculler::source::Look;
use sculler::source::units::Library;
use sculler::unit::{TextFile, Unit, UnitName};
use support::{check, files};

#[test]
fn relations() {
    check(support::cases("relations"), "expected", |case| Case::read(case).report());
}

/// A unit directory on a host.
struct Case {
    units: Vec<Arc<Unit>>,
    host: Host,
    platform: Platform,
    installed: BTreeMap<UnitName, PathBuf>,
    is_full: bool,
}

impl Case {
    fn read(case: &Path) -> Self {
        let mut look = Look::default();
        let root = case.join("units");
        for path in files(&root) {
            let shown = Path::new("/etc/sculler/units").join(path.strip_prefix(&root).unwrap());
            let text = fs::read(&path).unwrap().into();
            let file = TextFile { path: shown.clone(), text, is_private: false };
            look.files.insert(shown, Arc::new(file));
        }
        let mut platform = Platform::default();
        for word in fs::read_to_string(case.join("platform")).unwrap_or_default().split_whitespace() {
            match word.split_once('=') {
                Some(("systemd", version)) => platform.systemd = version.parse().unwrap(),
                Some(("docker-api", version)) => platform.docker_api = version.parse().unwrap(),
                None if word == "live-restore" => platform.live_restore = true,
                other => panic!("{other:?}"),
            }
        }
        let installed = fs::read_to_string(case.join("installed")).unwrap_or_default();
        let installed = installed.lines().map(|line| line.split_once(' ').unwrap());
        let installed = installed.map(|(name, path)| (UnitName::parse(name).unwrap(), path.into())).collect();
        let host = Host {
            machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
            hostname: "coreos001".into(),
            metadata: BTreeMap::new(),
        };
        let units = Library::default().read(&mut look);
        Self { units, host, platform, installed, is_full: case.join("full").exists() }
    }

    fn resolve(&self, before: &Resolution) -> Resolution {
        let inputs = Inputs {
            host: &self.host,
            platform: &self.platform,
            unplaced: Unplaced::Run,
            installed: &self.installed,
            targets: &BTreeMap::new(),
        };
        resolve_again(before, &self.units, &inputs)
    }

    fn report(&self) -> String {
        let resolution = self.resolve(&Resolution::default());
        // What is known already is the same.
        let again = self.resolve(&resolution);
        for (name, desired) in &resolution.desired {
            assert!(Arc::ptr_eq(desired, &again.desired[name]), "{name} is rendered again");
        }
        assert_eq!(resolution.verdicts, again.verdicts);
        let mut report = String::new();
        for verdict in &resolution.verdicts {
            let file = verdict.path.strip_prefix("/etc/sculler/units").unwrap().display();
            match &verdict.ruling {
                Ruling::Invalid { errors } => {
                    writeln!(report, "{file} invalid").unwrap();
                    errors.iter().for_each(|error| writeln!(report, "    {}", short(error)).unwrap());
                }
                ruling => writeln!(report, "{file} {}", ruling.word()).unwrap(),
            }
            verdict.warnings.iter().for_each(|warning| writeln!(report, "    {}", short(warning)).unwrap());
        }
        for (name, desired) in &resolution.desired {
            if desired.spec.is_none() {
                continue;
            }
            for file in desired.files.iter().filter(|file| !file.path.ends_with("/10-sculler.conf")) {
                let text = String::from_utf8_lossy(&file.text);
                let text = if self.is_full { text.into_owned() } else { without_privileges(&text) };
                writeln!(report, "\n== {} ({})\n{}", file.path, desired.target.as_str(), text.trim_end()).unwrap();
            }
            let mut spec: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&desired.spec_text().unwrap()).unwrap();
            spec.retain(|_, value| value.is_object());
            writeln!(report, "-- {name}").unwrap();
            for (kind, request) in &spec {
                let name = request.get("name").and_then(|name| name.as_str()).unwrap_or_default();
                let shown = if kind == "container" { &request["create"] } else { request };
                writeln!(report, "{kind} {name} {}", serde_json::to_string(shown).unwrap()).unwrap();
            }
        }
        report
    }
}

fn short(finding: &impl ToString) -> String {
    finding.to_string().replace("/etc/sculler/units/", "")
}

fn without_privileges(text: &str) -> String {
    let Some(start) = text.find("\n# No privileges") else { return text.to_owned() };
    let end = text[start + 1..].find("\n\n").map_or(text.len(), |end| start + 1 + end + 1);
    format!("{}{}", &text[..start], &text[end..])
}

/// An edit of the container's part leaves the service's text alone; bind sources and references do not.
#[test]
fn the_text_says_nothing_of_the_container() {
    let rendered = |text: &str| {
        let mut look = Look::default();
        for (name, text) in [("web.container", text), ("data.volume", "[Volume]\n")] {
            let path = Path::new("/u").join(name);
            let file = TextFile { path: path.clone(), text: text.as_bytes().into(), is_private: false };
            look.files.insert(path, Arc::new(file));
        }
        let units = Library::default().read(&mut look);
        let case = Case {
            units,
            host: Host {
                machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
                hostname: "coreos001".into(),
                metadata: BTreeMap::new(),
            },
            platform: Platform::default(),
            installed: BTreeMap::new(),
            is_full: false,
        };
        let resolution = case.resolve(&Resolution::default());
        resolution.desired[&UnitName::parse("web.service").unwrap()].clone()
    };
    let base = "[Container]\nImage=nginx:1\n[Service]\nRestart=always\n";
    let first = rendered(base);
    for same in ["Image=nginx:2", "Environment=A=1", "Exec=sleep 1", "StopTimeout=20", "Notify=healthy", "Label=a=b"] {
        let second = rendered(&base.replace("Image=nginx:1", &format!("Image=nginx:1\n{same}")));
        assert_eq!(first.text_digest(), second.text_digest(), "{same}");
        assert_ne!(first.digest(), second.digest(), "{same}");
        assert_ne!(first.run, second.run, "{same}");
    }
    for other in ["Volume=/srv:/srv", "Volume=data.volume:/data"] {
        let second = rendered(&base.replace("Image=nginx:1", &format!("Image=nginx:1\n{other}")));
        assert_ne!(first.text_digest(), second.text_digest(), "{other}");
    }
    // What cannot matter to what runs, or is changed in it.
    for harmless in ["[Unit]\nDescription=x", "[Install]\nWantedBy=a.target", "# a comment", "[X-Fleet]\nGlobal=true"] {
        let second = rendered(&format!("{base}{harmless}\n"));
        assert_eq!(first.run, second.run, "{harmless}");
    }
    let limited = rendered(&format!("{base}MemoryMax=1G\n"));
    assert_eq!(first.run, limited.run);
    assert_ne!(first.text_digest(), limited.text_digest());
}

/// A name that changes is another container for whoever uses it.
#[test]
fn what_is_used_of_others_counts() {
    let run = |volume: &str| {
        let mut look = Look::default();
        for (name, text) in
            [("web.container", "[Container]\nImage=nginx:1\nVolume=data.volume:/data\n"), ("data.volume", volume)]
        {
            let path = Path::new("/u").join(name);
            let file = TextFile { path: path.clone(), text: text.as_bytes().into(), is_private: false };
            look.files.insert(path, Arc::new(file));
        }
        let host = Host {
            machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
            hostname: "coreos001".into(),
            metadata: BTreeMap::new(),
        };
        let units = Library::default().read(&mut look);
        let (platform, nothing, targets) = (Platform::default(), BTreeMap::new(), BTreeMap::new());
        let inputs = Inputs {
            host: &host,
            platform: &platform,
            unplaced: Unplaced::Run,
            installed: &nothing,
            targets: &targets,
        };
        resolve(&units, &inputs).desired[&UnitName::parse("web.service").unwrap()].run
    };
    assert_eq!(run("[Volume]\n"), run("[Volume]\nLabel=a=b\n"));
    assert_ne!(run("[Volume]\n"), run("[Volume]\nVolumeName=other\n"));
    assert_ne!(run("[Volume]\n"), run("[Volume]\nCopy=no\n"));
}
