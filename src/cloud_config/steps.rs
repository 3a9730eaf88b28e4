//! A cloud-config → what has to be written, linked, enabled and ordered, in coreos-cloudinit's order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::CloudConfig;
use super::units::{CoreosUnit, Verb};
use super::{fleet, past};
use crate::quadlet;
use crate::unit::{Diagnostic, TextFile, Unit, UnitName};

/// Folders and files of this host that are not the document's to name.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where units with `[X-Fleet]` go.
    pub unit_dir: PathBuf,
    /// The file of sculler.toml.d/ for fleet's settings.
    pub settings: PathBuf,
}

/// A file as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub path: PathBuf,
    /// What is in it.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// As chown(1) takes it; root without.
    pub owner: Option<String>,
    /// The unit that it makes for sculler, if it does.
    pub unit: Option<UnitName>,
    /// Where its entry stands.
    pub line: usize,
    /// Where its entry stands.
    pub column: usize,
}

/// What systemd is told at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// With which unit.
    pub unit: String,
    /// Where its entry stands.
    pub line: usize,
    /// Where its entry stands.
    pub column: usize,
}

/// All that is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// Files, in order.
    pub files: Vec<File>,
    /// Links to /dev/null, in place of whatever is there.
    pub masks: Vec<PathBuf>,
    /// Such links that go.
    pub unmasks: Vec<PathBuf>,
    /// Units with their `runtime`.
    pub enables: Vec<(String, bool)>,
    /// Orders, in order.
    pub commands: Vec<Command>,
    /// Whether systemd-networkd has files among them.
    pub has_network: bool,
    /// What is not done, and what is odd.
    pub notes: Vec<Diagnostic>,
}

/// What has to be done, or why the document contradicts itself.
pub fn steps(config: &CloudConfig, places: &Places) -> Result<Steps, Vec<Diagnostic>> {
    let mut steps = Steps { notes: config.notes.clone(), ..Steps::default() };
    let mut errors = Vec::new();
    for file in &config.files {
        steps.files.push(File {
            path: PathBuf::from(&file.path).components().collect(),
            content: file.content.clone(),
            mode: file.mode,
            owner: file.owner.clone(),
            unit: None,
            line: file.line,
            column: file.column,
        });
    }
    if let Some(metadata) = &config.metadata {
        steps.files.push(plain(places.settings.clone(), fleet::settings(metadata), (0, 0)));
    }
    for unit in &config.units {
        if let Some(reason) = past::find(past::UNITS, &unit.name).filter(|_| unit.content.is_none()) {
            let message = format!("not applied: {}: {reason}", unit.name);
            steps.notes.push(Diagnostic::warning(unit.line, unit.column, message));
        } else if unit.is_placed() {
            placed(unit, places, &mut steps, &mut errors);
        } else {
            foreign(unit, &mut steps, &mut errors);
        }
    }
    let mut seen: BTreeMap<&Path, usize> = BTreeMap::new();
    for file in &steps.files {
        if let Some(line) = seen.insert(&file.path, file.line) {
            let message = format!("{} is written here and by line {line}; keep one", file.path.display());
            errors.push(Diagnostic::error(file.line, file.column, message));
        }
    }
    let parents = steps.files.iter().flat_map(|file| file.path.ancestors().skip(1).map(move |parent| (parent, file)));
    for (parent, file) in parents {
        if seen.contains_key(parent) {
            let message = format!("{} lies below {}, which is a file here", file.path.display(), parent.display());
            errors.push(Diagnostic::error(file.line, file.column, message));
        }
    }
    if errors.is_empty() { Ok(steps) } else { Err(errors) }
}

fn plain(path: PathBuf, content: String, (line, column): (usize, usize)) -> File {
    File { path, content: content.into_bytes(), mode: 0o644, owner: None, unit: None, line, column }
}

/// A unit with `[X-Fleet]`: a file of the unit directory, which the agent takes or does not.
fn placed(unit: &CoreosUnit, places: &Places, steps: &mut Steps, errors: &mut Vec<Diagnostic>) {
    let place = (unit.line, unit.column);
    let mut say = |message: String| steps.notes.push(Diagnostic::warning(unit.line, unit.column, message));
    let name = &unit.name;
    if unit.mask {
        say(format!("{name} is masked, so it is not put into the unit directory"));
        return foreign(&CoreosUnit { content: None, drop_ins: Vec::new(), ..unit.clone() }, steps, errors);
    }
    if unit.runtime {
        say(format!("{name}: 'runtime' means nothing in the unit directory; it stays until its file is removed"));
    }
    if let Some(verb) = unit.command.filter(|verb| *verb != Verb::Start) {
        say(format!(
            "{name}: sculler starts what is in the unit directory; for '{}' run 'sculler {0} {name}'",
            verb.word()
        ));
    }
    if unit.command.is_none() && !unit.enable && UnitName::parse(name).is_ok_and(|name| !name.is_template()) {
        say(format!(
            "{name}: no command starts it here, and sculler starts what is in the unit directory; 'sculler stop {name}' \
             afterwards keeps it from that"
        ));
    }
    let content = unit.content.clone().unwrap_or_default();
    let Ok(unit_name) = UnitName::parse(name) else { return };
    let path = places.unit_dir.join(name);
    for drop_in in &unit.drop_ins {
        let path = places.unit_dir.join(format!("{name}.d")).join(&drop_in.name);
        steps.files.push(plain(path, drop_in.content.clone(), place));
    }
    let file = TextFile { path: path.clone(), text: content.as_bytes().into(), is_private: false };
    let mut read = Unit::read(unit_name.clone(), Arc::new(file), Vec::new());
    if unit_name.unit_type().is_quadlet() {
        read = quadlet::verified(quadlet::complete(read, |_| Vec::new()));
    }
    for finding in read.errors() {
        let at = &finding.diagnostic;
        let message = format!("{name}, line {} of its content: {}", at.line, at.message);
        errors.push(Diagnostic::error(unit.line, unit.column, message));
    }
    steps.files.push(File { unit: Some(read.runs_as().clone()), ..plain(path, content, place) });
}

/// systemd's own: what coreos-cloudinit did with every unit.
fn foreign(unit: &CoreosUnit, steps: &mut Steps, errors: &mut Vec<Diagnostic>) {
    let place = (unit.line, unit.column);
    let name = &unit.name;
    let is_network = unit.is_network();
    let quadlet = UnitName::parse(name).is_ok_and(|name| name.unit_type().is_quadlet());
    if quadlet && !is_network {
        let message = format!("{name} runs by sculler alone; add an [X-Fleet] section that selects this host");
        errors.push(Diagnostic::error(unit.line, unit.column, message));
        return;
    }
    let root = Path::new(if unit.runtime { "/run/systemd" } else { "/etc/systemd" });
    let folder = root.join(if is_network { "network" } else { "system" });
    let path = folder.join(name);
    steps.has_network |= is_network;
    for drop_in in &unit.drop_ins {
        let path = folder.join(format!("{name}.d")).join(&drop_in.name);
        steps.files.push(plain(path, drop_in.content.clone(), place));
    }
    if unit.mask {
        steps.masks.push(path);
    } else if let Some(content) = &unit.content {
        steps.files.push(plain(path, content.clone(), place));
    } else if unit.runtime {
        steps.unmasks.push(path);
    }
    if is_network {
        return;
    }
    if unit.enable && !unit.mask {
        steps.enables.push((name.clone(), unit.runtime));
    }
    if let Some(verb) = unit.command {
        steps.commands.push(Command { verb, unit: name.clone(), line: unit.line, column: unit.column });
    }
}
