//! Files → units, each parsed once for as long as neither it nor one of its drop-ins changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Look, Problem, drop_in_owner};
use crate::quadlet;
use crate::unit::file_kind::{FileKind, drop_in_folder, file_kind};
use crate::unit::{Diagnostic, Finding, TextFile, Unit, UnitName};

/// The units of the last look.
#[derive(Debug, Default)]
pub struct Library {
    /// By the address of their file: an unchanged one keeps its allocation from look to look.
    units: HashMap<usize, Arc<Unit>>,
}

/// A unit file: as it was before, or yet to be read.
enum Found {
    Known(Arc<Unit>),
    New(UnitName),
}

impl Library {
    /// The units in `look`, by path. Drop-ins that belong to no unit become problems of the look.
    pub fn read(&mut self, look: &mut Look) -> Vec<Arc<Unit>> {
        let mut drop_ins: BTreeMap<&str, Vec<&Arc<TextFile>>> = BTreeMap::new();
        let mut files = Vec::with_capacity(look.files.len());
        for (path, file) in &look.files {
            if let Some(unit) = self.units.get(&address(file)) {
                files.push((Found::Known(unit.clone()), file));
                continue;
            }
            match (drop_in_owner(path), file_kind(file.file_name())) {
                (Some(owner), _) => drop_ins.entry(owner).or_default().push(file),
                (None, FileKind::Unit(name)) => files.push((Found::New(name), file)),
                (None, _) => {}
            }
        }
        // Drop-ins that say nothing now and have no previous version: their units say nothing either.
        let silent: Vec<(&str, &Path)> = look
            .held
            .iter()
            .filter(|path| !look.files.contains_key(*path))
            .filter_map(|path| {
                let folder = path.file_name().and_then(|name| name.to_str()).and_then(drop_in_folder);
                Some((drop_in_owner(path).or(folder)?, path.as_path()))
            })
            .collect();
        let mut used: BTreeMap<&str, bool> = drop_ins.keys().map(|owner| (*owner, false)).collect();
        let mut units = Vec::with_capacity(files.len());
        let mut seen = HashMap::with_capacity(files.len());
        for (found, file) in files {
            let name = match &found {
                Found::Known(unit) => &unit.name,
                Found::New(name) => name,
            };
            let mut drop_ins_of = |name: &UnitName| match drop_ins.is_empty() {
                true => Vec::new(),
                false => drop_ins_of(name, &drop_ins, &mut used),
            };
            let of_unit = drop_ins_of(name);
            let known = match &found {
                Found::Known(unit) if is_same(&unit.drop_ins, &of_unit) => Some(unit.clone()),
                _ => None,
            };
            let unit = match known {
                // The same files have the same service, whose drop-ins are others' files.
                Some(unit) => match unit.service.as_ref().map(&mut drop_ins_of) {
                    Some(of_service) if !is_same(&unit.service_drop_ins, &of_service) => {
                        Arc::new(read(unit.name.clone(), file, of_unit, drop_ins_of))
                    }
                    _ => unit,
                },
                None => Arc::new(read(name.clone(), file, of_unit, drop_ins_of)),
            };
            if let Some(path) = silent_drop_in(&unit, &silent) {
                let mut unit = Unit::clone(&unit);
                unit.findings.push(silence(path, look.problems.get(path)));
                units.push(Arc::new(unit));
                continue;
            }
            seen.insert(address(file), unit.clone());
            units.push(unit);
        }
        self.units = seen;
        add_default_instances(&mut units, |name, file| {
            let mut drop_ins_of = |name: &UnitName| drop_ins_of(name, &drop_ins, &mut used);
            let of_unit = drop_ins_of(&name);
            read(name, file, of_unit, drop_ins_of)
        });
        let orphans: Vec<PathBuf> = used
            .iter()
            .filter(|(_, is_used)| !**is_used)
            .flat_map(|(owner, _)| &drop_ins[owner])
            .map(|file| file.path.clone())
            .collect();
        for path in orphans {
            let owner = drop_in_owner(&path).unwrap_or_default();
            let reason = format!(
                "no unit in the unit directory goes by '{owner}', and sculler adds drop-ins to its own units alone; for \
                 other units use 'systemctl edit'"
            );
            look.problems.insert(path, Problem::NoUnit(reason));
        }
        units
    }
}

/// Puts the instances that templates name by `DefaultInstance=` behind them, unless those have files of their own.
fn add_default_instances(units: &mut Vec<Arc<Unit>>, mut read: impl FnMut(UnitName, &Arc<TextFile>) -> Unit) {
    let templates: Vec<usize> =
        (0..units.len()).filter(|index| units[*index].facts.default_instance.is_some()).collect();
    if templates.is_empty() {
        return;
    }
    let names: HashSet<UnitName> = units.iter().map(|unit| unit.name.clone()).collect();
    // From the last on, so that the places of those before stay theirs.
    for index in templates.into_iter().rev() {
        let template = &units[index];
        let Some(instance) = &template.facts.default_instance else { continue };
        let name = format!("{}@{instance}.{}", template.name.prefix(), template.name.unit_type());
        match UnitName::parse(&name) {
            Ok(name) if names.contains(&name) => {}
            Ok(name) => {
                let instance = Arc::new(read(name, &template.file));
                units.insert(index + 1, instance);
            }
            Err(error) => {
                let mut unit = Unit::clone(template);
                let message = format!("DefaultInstance={instance} makes no name of a unit: {error}");
                unit.findings.push(unit.finding(&message));
                units[index] = Arc::new(unit);
            }
        }
    }
}

/// Of a file that a unit keeps alive: no other can have the same.
fn address(file: &Arc<TextFile>) -> usize {
    Arc::as_ptr(file).addr()
}

fn is_same(old: &[Arc<TextFile>], new: &[Arc<TextFile>]) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| Arc::ptr_eq(old, new))
}

/// Reads a unit, and of a Quadlet file also what it says on any host.
fn read(
    name: UnitName,
    file: &Arc<TextFile>,
    drop_ins: Vec<Arc<TextFile>>,
    drop_ins_of: impl FnMut(&UnitName) -> Vec<Arc<TextFile>>,
) -> Unit {
    let unit = Unit::read(name, file.clone(), drop_ins);
    if unit.name.unit_type().is_quadlet() { quadlet::complete(unit, drop_ins_of) } else { unit }
}

/// A drop-in that belongs to a unit and says nothing.
fn silent_drop_in<'a>(unit: &Unit, silent: &[(&str, &'a Path)]) -> Option<&'a Path> {
    if silent.is_empty() {
        return None;
    }
    let mut owners = owners(&unit.name);
    owners.extend(unit.service.iter().flat_map(self::owners));
    silent.iter().find(|(owner, _)| owners.iter().any(|own| own == owner)).map(|(_, path)| *path)
}

fn silence(path: &Path, problem: Option<&Problem>) -> Finding {
    let reason = match problem {
        Some(Problem::Waiting(reason) | Problem::Refused(reason) | Problem::NoUnit(reason)) => reason,
        None => "it says nothing now",
    };
    let message = format!("{reason}; without this drop-in the unit is not what it should be");
    Finding { path: path.to_owned(), diagnostic: Diagnostic::error(0, 0, message) }
}

/// The drop-ins of a unit by file name; of one name in several folders the most specific folder's wins
/// (systemd.unit(5)).
fn drop_ins_of<'a>(
    name: &UnitName,
    drop_ins: &BTreeMap<&'a str, Vec<&Arc<TextFile>>>,
    used: &mut BTreeMap<&'a str, bool>,
) -> Vec<Arc<TextFile>> {
    let mut chosen: BTreeMap<&str, &Arc<TextFile>> = BTreeMap::new();
    for owner in owners(name) {
        let Some((owner, files)) = drop_ins.get_key_value(owner.as_str()) else { continue };
        used.insert(owner, true);
        for file in files {
            chosen.entry(file.file_name()).or_insert(file);
        }
    }
    chosen.into_values().cloned().collect()
}

/// Whose drop-ins a unit reads, the most specific first: its own, its template's, those of the prefixes that end in a
/// dash, those of its type.
fn owners(name: &UnitName) -> Vec<String> {
    let suffix = name.unit_type().suffix();
    let mut owners = vec![name.to_string()];
    owners.extend(name.template().map(|template| template.to_string()));
    let prefix = name.prefix();
    for (index, _) in prefix.match_indices('-').collect::<Vec<_>>().into_iter().rev() {
        if index + 1 < prefix.len() || name.instance().is_some() {
            owners.push(format!("{}.{suffix}", &prefix[..=index]));
        }
    }
    owners.push(suffix.to_owned());
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_drop_in_folder_comes_first() {
        let owners = |name| super::owners(&UnitName::parse(name).unwrap());
        assert_eq!(owners("a-b-c.service"), ["a-b-c.service", "a-b-.service", "a-.service", "service"]);
        assert_eq!(owners("web@1.service"), ["web@1.service", "web@.service", "service"]);
    }
}
