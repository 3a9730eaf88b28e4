//! Quadlet files of Podman's → the same files here, with their drop-ins, and what will behave differently. The bytes stay.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compose::absolute;
use super::{Fate, File, Import, Note, Place, Placement, read};
use crate::quadlet::translation;
use crate::unit::file_kind::{FileKind, drop_in_folder, file_kind};
use crate::unit::syntax::{self, Entry};
use crate::unit::{Diagnostic, Finding, Severity, TextFile, Unit, UnitName, UnitType};

/// A file of the folder.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub text: Vec<u8>,
}

/// Keys whose values may be paths relative to their file.
const RELATIVE: [(&str, &[&str]); 3] = [
    ("Container", &["EnvironmentFile", "Volume", "SeccompProfile"]),
    ("Build", &["File", "SetWorkingDirectory", "AuthFile", "IgnoreFile"]),
    ("Volume", &["Device"]),
];

/// What Podman did that nobody does here.
const DIFFERENCES: [&str; 5] = [
    "Images come from Docker's registries: a short name means docker.io, whatever registries.conf says, and what is only in \
     Podman's storage ('localhost/…') has to be brought: 'podman save IMAGE | docker load'.",
    "Volumes are Docker's, and empty at first: 'podman volume export NAME | docker run -i --rm -v systemd-NAME:/to busybox tar -x -C \
     /to' brings what is in one, before its first start here.",
    "A file that is dropped is launched, and started at boot, without [Install]; 'sculler load' keeps it from that.",
    "Stop and remove Podman's containers first ('systemctl stop', then the files out of its folder, 'systemctl daemon-reload'): \
     the services have the same names.",
    "Ports are Docker's: without an address they are published on IPv4 and IPv6, and Docker's rules of the firewall come before \
     the host's.",
];

/// Takes the files; `rootless` says that they were a user's own.
pub fn import(sources: &[Source], rootless: bool, placement: &Placement) -> Result<Import, Vec<Finding>> {
    let mut import =
        Import { sources: sources.iter().map(|source| source.path.clone()).collect(), ..Import::default() };
    let mut errors: Vec<Finding> = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        let Some(name) = source.path.file_name().and_then(|name| name.to_str()) else { continue };
        if owner(&source.path).is_some() {
            continue;
        }
        match file_kind(name) {
            FileKind::Unit(name) if import.files.iter().any(|known| known.name == name.as_str()) => {
                let message = format!("{name} is there twice, in two folders; leave one out");
                errors.push(Finding { path: source.path.clone(), diagnostic: Diagnostic::error(0, 0, message) });
            }
            FileKind::Unit(name) => take(&name, file, sources, placement, &mut import),
            FileKind::Litter => {}
            FileKind::Invalid(error) => say(&mut import, whole(file), Fate::NotMapped, error.to_string()),
            FileKind::Refused(reason) => say(&mut import, whole(file), Fate::NotMapped, reason),
            FileKind::Other(_) => {
                let message = "it is no unit file, so it stays where it is".to_owned();
                say(&mut import, whole(file), Fate::Dropped, message);
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    // Drop-ins of a prefix or type are of several files.
    for (file, source) in sources.iter().enumerate() {
        let Some(owner) = owner(&source.path) else { continue };
        let name = format!("{owner}.d/{}", source.path.file_name().unwrap_or_default().to_string_lossy());
        if import.files.iter().any(|known| known.name == name) {
            say(&mut import, whole(file), Fate::NotMapped, format!("{name} is there twice, in two folders"));
            continue;
        }
        import.files.push(File { name, text: source.text.clone() });
    }
    // Drop-ins before their units, which are never seen without them; containers after what they name.
    let order = |file: &File| (!file.name.contains(".d/"), file.name.ends_with(".container"));
    import.files.sort_by_key(order);
    import.notes.sort_by_key(|note| note.place);
    import.differences = DIFFERENCES.iter().map(|text| (*text).to_owned()).collect();
    if rootless {
        import.differences.push(
            "These were a user's own: their containers ran as that user, with its numbers mapped. Here root runs Docker, and a \
             number in the container is the same on the host; 'sculler user UNIT' shows whom the files belong to. Specifiers \
             such as %h and %t are those of the system's manager (/root, /run)."
                .to_owned(),
        );
    }
    Ok(import)
}

/// What a drop-in is of.
fn owner(path: &Path) -> Option<&str> {
    drop_in_folder(path.parent()?.file_name()?.to_str()?)
}

fn whole(file: usize) -> Place {
    Place { file, line: 0, column: 0 }
}

fn say(import: &mut Import, place: Place, fate: Fate, message: String) {
    import.notes.push(Note { place, fate, message });
}

fn text_file(source: &Source) -> TextFile {
    TextFile { path: source.path.clone(), text: source.text.as_slice().into(), is_private: false }
}

fn take(name: &UnitName, file: usize, sources: &[Source], placement: &Placement, import: &mut Import) {
    let mut drop_ins: Vec<&Source> =
        sources.iter().filter(|source| owner(&source.path) == Some(name.as_str())).collect();
    drop_ins.sort_by_key(|source| source.path.file_name());
    let drop_ins = drop_ins.into_iter().map(|source| Arc::new(text_file(source))).collect();
    let unit = read(name.clone(), text_file(&sources[file]), drop_ins);
    let more = translation::verify(&unit).into_iter().filter(|finding| !finding.is_error());
    for finding in unit.findings.iter().cloned().chain(more) {
        let file = sources.iter().position(|source| source.path == finding.path).unwrap_or(file);
        let Diagnostic { severity, line, column, message } = finding.diagnostic;
        let fate = if severity == Severity::Error { Fate::NotMapped } else { Fate::Note };
        say(import, Place { file, line, column }, fate, message);
    }
    paths(&unit, &sources[file].text, file, import);
    let mut text = sources[file].text.clone();
    if !unit.placement.selects() {
        let section = placement.section();
        if !section.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend(section.bytes());
        if *placement == Placement::Unsaid {
            let message =
                format!("{name}: nothing in [X-Fleet] selects a host; it runs where 'unplaced = \"run\"' is set");
            say(import, whole(file), Fate::Note, message);
        }
    }
    import.files.push(File { name: name.to_string(), text });
}

/// Paths that are relative to the file, which is in another folder now.
fn paths(unit: &Unit, text: &[u8], file: usize, import: &mut Import) {
    if unit.name.unit_type() == UnitType::Service {
        return;
    }
    let (parsed, _) = syntax::parse(text);
    let folder = unit.file.path.parent().unwrap_or(Path::new("/"));
    for (section, keys) in RELATIVE {
        let entries = parsed.section_entries(section).filter(|entry| keys.contains(&entry.key));
        for Entry { key, value, line, column, .. } in entries {
            let path = value.trim_matches('"').split(':').next().unwrap_or_default();
            let is_path =
                path.starts_with('.') || matches!(key, "EnvironmentFile" | "File" | "AuthFile" | "IgnoreFile");
            let is_here = key == "SetWorkingDirectory" && path == "unit";
            if !(is_path || is_here) || path.is_empty() || path.starts_with(['/', '%', '$']) || value.contains("://") {
                continue;
            }
            let path = if is_here { "." } else { path };
            let absolute = absolute(path, folder, "");
            let message = format!("{key}={value} is relative to the file, which is elsewhere now; write '{absolute}'");
            say(import, Place { file, line, column }, Fate::NotMapped, message);
        }
    }
}
