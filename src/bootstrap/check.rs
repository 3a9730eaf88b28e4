//! The steps against this host: what differs, and what cannot be.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::owner;
use crate::cloud_config::{Command, File, Steps, Verb};
use crate::observe::collision;
use crate::status::Memory;
use crate::systemd::{Error, LoadState, Systemd};
use crate::unit::{Diagnostic, UnitName};

/// What is known of this host already.
pub struct Known<'a> {
    /// What sculler has installed.
    pub memory: &'a Memory,
    /// The files of the unit directory by the units that they make.
    pub sources: BTreeMap<String, PathBuf>,
    /// Whether the document is another one than was applied completely last.
    pub is_new: bool,
}

/// A file that is not as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As it is to be.
    pub file: File,
    /// Whose it is to be.
    pub owner: (u32, u32),
    /// What is there: content, permissions, owner; `None` for nothing, or for a symlink, which is replaced.
    pub old: Option<(Vec<u8>, u32, (u32, u32))>,
}

/// What is left to be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files, in order.
    pub changes: Vec<Change>,
    /// Links to /dev/null to be made.
    pub masks: Vec<PathBuf>,
    /// Such links to be removed.
    pub unmasks: Vec<PathBuf>,
    /// Units to be enabled, with their `runtime`.
    pub enables: Vec<(String, bool)>,
    /// Whether systemd-networkd has to read its files again.
    pub restarts_network: bool,
    /// Orders, in order.
    pub commands: Vec<Command>,
    /// What cannot be done on this host; the rest is.
    pub missing: Vec<Diagnostic>,
}

impl Plan {
    /// Whether all is as it is to be.
    pub fn is_empty(&self) -> bool {
        !self.changes_something() && self.commands.is_empty()
    }

    fn changes_something(&self) -> bool {
        !(self.changes.is_empty() && self.masks.is_empty() && self.unmasks.is_empty() && self.enables.is_empty())
    }
}

/// Compares; everything that would fail in the middle is an error now.
pub async fn check(steps: &Steps, known: &Known<'_>, systemd: &Systemd) -> Result<Plan, Vec<Diagnostic>> {
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    for file in &steps.files {
        match change(file) {
            Ok(change) => plan.changes.extend(change),
            Err(message) => errors.push(Diagnostic::error(file.line, file.column, message)),
        }
        if let Some(message) = another_source(file, known) {
            errors.push(Diagnostic::error(file.line, file.column, message));
        }
    }
    let is_mask = |path: &PathBuf| std::fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"));
    plan.masks = steps.masks.iter().filter(|path| !is_mask(path)).cloned().collect();
    plan.unmasks = steps.unmasks.iter().filter(|path| is_mask(path)).cloned().collect();
    if let Err(error) = units(steps, known, systemd, &mut plan, &mut errors).await {
        errors.push(Diagnostic::error(0, 0, error.to_string()));
    }
    errors.sort_by_key(|error| (error.line, error.column));
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

fn change(file: &File) -> Result<Option<Change>, String> {
    let shown = file.path.display();
    let owner = match &file.owner {
        None => (0, 0),
        Some(owner) => owner::resolve(owner).map_err(|reason| {
            format!(
                "{shown}: {reason}; make it first ('sculler bootstrap --emit cloud-init' prints the document's users)"
            )
        })?,
    };
    let old = match std::fs::symlink_metadata(&file.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{shown}: {error}")),
        Ok(metadata) if metadata.is_dir() => return Err(format!("{shown} is a folder on this host")),
        Ok(metadata) if metadata.is_file() => {
            let content = std::fs::read(&file.path).map_err(|error| format!("{shown}: {error}"))?;
            Some((content, metadata.mode() & 0o7777, (metadata.uid(), metadata.gid())))
        }
        Ok(_) => None,
    };
    if old.as_ref().is_some_and(|old| *old == (file.content.clone(), file.mode, owner)) {
        return Ok(None);
    }
    let above = file.path.ancestors().skip(1).find(|folder| folder.symlink_metadata().is_ok());
    let above = above.unwrap_or(Path::new("/"));
    if !above.is_dir() {
        return Err(format!("{shown}: {} is no folder on this host", above.display()));
    }
    access(above, AccessFlags::W_OK)
        .map_err(|error| format!("{shown}: {} cannot be written: {error}", above.display()))?;
    Ok(Some(Change { file: file.clone(), owner, old }))
}

/// The same unit from another file of the unit directory.
fn another_source(file: &File, known: &Known<'_>) -> Option<String> {
    let unit = file.unit.as_ref()?;
    let path = known.sources.get(unit.as_str()).filter(|path| **path != file.path)?;
    Some(format!("{unit} is in the unit directory already, by {}; keep one", path.display()))
}

async fn units(
    steps: &Steps,
    known: &Known<'_>,
    systemd: &Systemd,
    plan: &mut Plan,
    errors: &mut Vec<Diagnostic>,
) -> Result<(), Error> {
    let ours = steps.files.iter().filter_map(|file| file.unit.as_ref());
    let ours: Vec<&UnitName> = ours.filter(|name| !name.is_template()).collect();
    let named = steps.enables.iter().map(|(name, _)| name).chain(steps.commands.iter().map(|command| &command.unit));
    let is_instance = |name: &&str| UnitName::parse(name).is_ok_and(|name| !name.is_template());
    let mut names: Vec<&str> = ours.iter().map(|name| name.as_str()).collect();
    names.extend(named.map(String::as_str).filter(is_instance));
    names.push("systemd-networkd.service");
    names.sort_unstable();
    names.dedup();
    let states = systemd.states(&names).await?;
    for file in &steps.files {
        let Some(name) = &file.unit else { continue };
        if known.memory.installed.contains_key(name) {
            continue;
        }
        if let Some(message) = collision::of_name(systemd, name, &states, known.memory).await? {
            errors.push(Diagnostic::error(file.line, file.column, message));
        }
    }
    let written: BTreeSet<&str> = steps.files.iter().filter_map(|file| file.path.file_name()?.to_str()).collect();
    let is_there = |name: &str| {
        let template = UnitName::parse(name).ok().and_then(|name| name.template());
        written.contains(name)
            || template.is_some_and(|template| written.contains(template.as_str()))
            || states.get(name).is_some_and(|state| state.load != LoadState::NotFound)
    };
    let changed: BTreeSet<String> =
        plan.changes.iter().filter_map(|change| Some(change.file.path.file_name()?.to_str()?.to_owned())).collect();
    for (name, runtime) in &steps.enables {
        if !is_there(name) && !UnitName::parse(name).is_ok_and(|name| name.is_template()) {
            let message = format!("{name} does not exist on this host, so it is not enabled; install what brings it");
            plan.missing.push(Diagnostic::error(0, 0, message));
            continue;
        }
        let state = systemd.file_state(name).await.unwrap_or_default();
        let is_done = match state.as_str() {
            "enabled" | "static" | "indirect" | "generated" | "alias" => true,
            "enabled-runtime" => *runtime,
            _ => false,
        };
        if !is_done || changed.contains(name) {
            plan.enables.push((name.clone(), *runtime));
        }
    }
    plan.restarts_network = steps.has_network
        && states.get("systemd-networkd.service").is_some_and(|state| state.is_up())
        && plan
            .changes
            .iter()
            .any(|change| change.file.path.parent().is_some_and(|parent| parent.ends_with("network")));
    let changes = plan.changes_something();
    for command in &steps.commands {
        let state = states.get(command.unit.as_str());
        let is_up = state.is_some_and(|state| state.is_up());
        if !is_there(&command.unit) {
            let message = format!(
                "{} does not exist on this host, so there is nothing to {}; install what brings it",
                command.unit,
                command.verb.word()
            );
            plan.missing.push(Diagnostic::error(command.line, command.column, message));
            continue;
        }
        // What is up and was meant to be is done. The other orders are for what has changed.
        let is_needed = match command.verb {
            Verb::Start => !is_up,
            Verb::Stop => is_up,
            _ => known.is_new || changes,
        };
        if is_needed {
            plan.commands.push(command.clone());
        }
    }
    Ok(())
}
