//! All files of the unit directory at once → what this host runs, and a verdict for every file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::quadlets::Quadlets;
use super::{Desired, TargetState};
use crate::host::{Host, Platform};
use crate::select::{self, Candidate, Unplaced, Verdict};
use crate::unit::{Finding, Unit, UnitName};

/// What the unit directory means for this host.
#[derive(Debug, Default)]
pub struct Resolution {
    /// The units that this host runs.
    pub desired: BTreeMap<UnitName, Arc<Desired>>,
    /// Of them, what the files say of those that run their last good version instead.
    pub set_aside: BTreeMap<UnitName, Arc<Desired>>,
    /// Units whose files are there but invalid: what is installed of them stays.
    pub kept: BTreeSet<UnitName>,
    /// One for each unit file, in their order.
    pub verdicts: Vec<FileVerdict>,
    /// What the taken Quadlet files became.
    quadlets: Quadlets,
}

impl Resolution {
    /// What a unit's file says, whatever runs in its place.
    pub fn of_file(&self, name: &UnitName) -> Option<&Arc<Desired>> {
        self.set_aside.get(name).or_else(|| self.desired.get(name))
    }

    /// Puts the last good version of a unit in the place of what its file says.
    pub fn go_back(&mut self, good: Desired) {
        let name = good.name.clone();
        if let Some(own) = self.desired.insert(name.clone(), Arc::new(good)) {
            self.set_aside.entry(name).or_insert(own);
        }
    }
}

/// What became of one unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVerdict {
    /// The file.
    pub path: PathBuf,
    /// The unit in it.
    pub name: UnitName,
    /// The unit that systemd runs for it: another one for a Quadlet file.
    pub runs_as: UnitName,
    /// Taken, not taken or invalid.
    pub ruling: Ruling,
    /// What is odd in it, whatever the ruling.
    pub warnings: Vec<Finding>,
}

impl FileVerdict {
    /// Whether a name means this file or what systemd runs for it.
    pub fn is_about(&self, name: &UnitName) -> bool {
        self.name == *name || self.runs_as == *name
    }
}

/// Taken, not taken or invalid, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// This host runs it.
    Taken {
        /// The line of the file that decided; 0 if none did.
        line: usize,
        /// The reason.
        reason: String,
    },
    /// Another host's, or nobody's.
    NotTaken {
        /// The line of the file that decided; 0 if none did.
        line: usize,
        /// The reason.
        reason: String,
    },
    /// It cannot run as it is; `PATH:LINE:COL: what is wrong; what to do`, one for each error.
    Invalid {
        /// At least one.
        errors: Vec<Finding>,
    },
}

impl Ruling {
    /// `taken`, `not-taken` or `invalid`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "taken",
            Self::NotTaken { .. } => "not-taken",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// The reason in one line.
    pub fn reason(&self) -> String {
        match self {
            Self::Taken { reason, .. } | Self::NotTaken { reason, .. } => reason.clone(),
            Self::Invalid { errors } => {
                errors.iter().map(|error| error.diagnostic.message.as_str()).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

/// What a resolution depends on beside the unit files.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Who the host is.
    pub host: &'a Host,
    /// What runs on it.
    pub platform: &'a Platform,
    /// What becomes of units that say nothing of hosts.
    pub unplaced: Unplaced,
    /// The source of each installed unit: of several files for one name, that one keeps it.
    pub installed: &'a BTreeMap<UnitName, PathBuf>,
    /// The operator's target states.
    pub targets: &'a BTreeMap<UnitName, TargetState>,
}

/// Like [`resolve_again`], for the first time.
pub fn resolve(units: &[Arc<Unit>], inputs: &Inputs<'_>) -> Resolution {
    resolve_again(&Resolution::default(), units, inputs)
}

/// Judges `units`, which are in the order of their paths. What is rendered in `before` and has not changed is not
/// rendered again.
pub fn resolve_again(before: &Resolution, units: &[Arc<Unit>], inputs: &Inputs<'_>) -> Resolution {
    let Inputs { host, platform, unplaced, installed, targets } = *inputs;
    let mut rulings: Vec<Option<Ruling>> = units.iter().map(|unit| invalid(unit)).collect();
    refuse_doubles(units, installed, &mut rulings);

    let open: Vec<usize> = (0..units.len()).filter(|index| rulings[*index].is_none()).collect();
    let candidates: Vec<_> =
        open.iter().map(|index| Candidate { name: &units[*index].name, placement: &units[*index].placement }).collect();
    for (index, verdict) in open.iter().zip(select::select(&candidates, host, unplaced)) {
        rulings[*index] = Some(match verdict {
            Verdict::Taken { reason } => Ruling::Taken { line: reason.line, reason: reason.text },
            Verdict::NotTaken { reason } => Ruling::NotTaken { line: reason.line, reason: reason.text },
            Verdict::Invalid { errors } => {
                let path = &units[*index].file.path;
                let errors = errors.into_iter().map(|diagnostic| Finding { path: path.clone(), diagnostic }).collect();
                Ruling::Invalid { errors }
            }
        });
    }
    let quadlets = Quadlets::translate(&before.quadlets, units, &mut rulings, host, platform, installed);

    let is_taken = |index: &usize| matches!(rulings[*index], Some(Ruling::Taken { .. }));
    let plain: Vec<&Unit> =
        (0..units.len()).filter(is_taken).map(|index| &*units[index]).filter(|unit| unit.service.is_none()).collect();
    let triggered: HashSet<&str> = plain.iter().filter_map(|unit| unit.facts.triggers.as_deref()).collect();
    let mut resolution = Resolution::default();
    for unit in &plain {
        let wanted = targets.get(&unit.name).copied().unwrap_or(TargetState::Launched);
        let target = wanted.min_by_kind(&unit.name, || unit.facts.install.is_some(), &triggered);
        if target != TargetState::Inactive {
            let known = before.of_file(&unit.name).filter(|desired| desired.is_of(unit, target));
            let desired = known.cloned().unwrap_or_else(|| Arc::new(Desired::new(unit, host, target)));
            resolution.desired.insert(unit.name.clone(), desired);
        }
    }
    let own_files: HashSet<&UnitName> = units.iter().map(|unit| &unit.name).collect();
    for (translated, translation) in quadlets.valid() {
        let unit = &translated.unit;
        let name = &translation.service;
        // An instance that only another file names is started by that one.
        let wanted = if own_files.contains(&unit.name) { TargetState::Launched } else { TargetState::Loaded };
        let wanted = targets.get(name).copied().unwrap_or(wanted);
        let texts = || [&translation.text].into_iter().chain(unit.service_drop_ins.iter().map(|file| &file.text));
        let is_enabled = || super::facts(translation.run, name, texts()).install.is_some();
        let target = wanted.min_by_kind(name, is_enabled, &triggered);
        if target != TargetState::Inactive && !name.is_template() {
            let known = before.of_file(name).filter(|known| known.is_of_translation(unit, translation, target));
            let desired = known.cloned();
            let new = || Arc::new(Desired::of_quadlet(unit, translation, host, target));
            resolution.desired.insert(name.clone(), desired.unwrap_or_else(new));
        }
    }
    for (unit, ruling) in units.iter().zip(rulings) {
        let Some(ruling) = ruling else { continue };
        let name = unit.runs_as();
        let is_unloaded = targets.get(name) == Some(&TargetState::Inactive);
        if matches!(ruling, Ruling::Invalid { .. }) && !resolution.desired.contains_key(name) && !is_unloaded {
            resolution.kept.insert(name.clone());
        }
        let here = quadlets.get(&unit.name).map(|translated| translated.findings.as_slice()).unwrap_or_default();
        let warnings = unit.warnings().chain(here.iter().filter(|finding| !finding.is_error()));
        resolution.verdicts.push(FileVerdict {
            path: unit.file.path.clone(),
            name: unit.name.clone(),
            runs_as: name.clone(),
            ruling,
            warnings: warnings.cloned().collect(),
        });
    }
    resolution.quadlets = quadlets;
    resolution
}

impl TargetState {
    /// A template is never started, and a service that its timer, socket or path starts waits for it.
    fn min_by_kind(self, name: &UnitName, is_enabled: impl FnOnce() -> bool, triggered: &HashSet<&str>) -> Self {
        let waits = triggered.contains(name.as_str()) && !is_enabled();
        if self == Self::Launched && (name.is_template() || waits) { Self::Loaded } else { self }
    }
}

fn invalid(unit: &Unit) -> Option<Ruling> {
    let errors: Vec<Finding> = unit.errors().cloned().collect();
    (!errors.is_empty()).then_some(Ruling::Invalid { errors })
}

/// One name, one file: the installed one keeps the name; with none installed nobody gets it.
fn refuse_doubles(units: &[Arc<Unit>], installed: &BTreeMap<UnitName, PathBuf>, rulings: &mut [Option<Ruling>]) {
    let mut names = HashSet::with_capacity(units.len());
    let doubled: HashSet<&UnitName> =
        units.iter().map(|unit| unit.runs_as()).filter(|name| !names.insert(name.as_str())).collect();
    if doubled.is_empty() {
        return;
    }
    let mut by_name: HashMap<&UnitName, Vec<usize>> = HashMap::new();
    for (index, unit) in units.iter().enumerate().filter(|(_, unit)| doubled.contains(unit.runs_as())) {
        by_name.entry(unit.runs_as()).or_default().push(index);
    }
    for (name, indexes) in by_name {
        let keeper = indexes
            .iter()
            .copied()
            .find(|index| installed.get(name).is_some_and(|source| *source == units[*index].file.path));
        for index in indexes.iter().copied().filter(|index| Some(*index) != keeper) {
            let others: Vec<String> = indexes
                .iter()
                .filter(|other| **other != index)
                .map(|other| units[*other].file.path.display().to_string())
                .collect();
            let others = others.join(" and ");
            let message = match keeper {
                Some(_) => format!("{name} is already installed from {others}; rename or remove one of the files"),
                None => format!(
                    "{name} is also in {others}, and none of them is installed yet, so none is taken; rename or \
                     remove all but one"
                ),
            };
            rulings[index] = Some(Ruling::Invalid { errors: vec![units[index].finding(&message)] });
        }
    }
}
