//! What systemd and the disk cannot tell: a folder of small files, read once and kept in step.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::date::date;
use super::good::Good;
use super::installed::Installed;
use super::outdated;
use crate::config;
use crate::docker::Facts;
use crate::files;
use crate::render::TargetState;
use crate::source::DirectoryIdentity;
use crate::unit::{Digest, UnitName};

/// What was last started of a unit, in `/run/sculler/started/NAME`: gone at reboot, as what it tells of is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// [`crate::unit::Facts::run`] of the version that was started.
    pub run: Digest,
    /// The invocation ID that the unit had before; empty if it had never run. Another one later means that the start
    /// took place, even if the agent did not live to see it.
    #[serde(default)]
    pub before: String,
    /// How far it got.
    pub progress: Progress,
}

/// How far the start of a unit got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// It is about to be asked for.
    Announced,
    /// It has happened, with whatever result: from now on a stop is somebody's will.
    Done,
    /// It is to be asked for if the unit is down: its files are just being written, or sculler itself stopped it.
    Pending,
}

impl Started {
    /// A version that runs, or ran and ended.
    pub fn done(run: Digest) -> Self {
        Self { run, before: String::new(), progress: Progress::Done }
    }

    /// The same, where the run with the invocation ID `before` was another version's.
    pub fn done_after(run: Digest, before: String) -> Self {
        Self { before, ..Self::done(run) }
    }

    /// A version that is to be started.
    pub fn pending(run: Digest) -> Self {
        Self { run, before: String::new(), progress: Progress::Pending }
    }

    /// Whether there is nothing left to do for it.
    pub fn is_done(&self) -> bool {
        self.progress == Progress::Done
    }
}

/// What must outlive a reboot, in `/var/lib/sculler/units/NAME/record.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitRecord {
    /// The file in the unit directory.
    pub source: PathBuf,
    /// The installation for which boot links were made. A link that is missing although it was made for this very
    /// installation was taken away by hand.
    pub linked: Option<Digest>,
    /// `[Install]` as it was carried out.
    pub install: Option<Digest>,
    /// The operator's target state.
    pub target: Option<TargetState>,
    /// [`crate::unit::Facts::run`] of the last good version, which [`super::Good`] has.
    pub good: Option<Digest>,
    /// The version that has yet to show that it stays up.
    pub trial: Option<Trial>,
    /// The version of the file that is not run any more.
    pub rejected: Option<Rejected>,
    /// [`crate::unit::Facts::run`] of the version that runs whatever becomes of it: somebody said so.
    pub accepted: Option<Digest>,
}

/// A version that was installed in the place of one that is kept, and may go again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// [`crate::unit::Facts::run`]
    pub run: Digest,
    /// Whether what it took the place of was up: then its own end is a fault, however well it ended.
    pub was_up: bool,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// A version of a file in whose place the last good one runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// [`crate::unit::Facts::run`]
    pub run: Digest,
    /// What was wrong with it.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub time: f64,
    /// Whether somebody said so; then `Rollback=no` does not matter.
    #[serde(default)]
    pub by_hand: bool,
    /// Whether the last good version has to be brought up again.
    #[serde(default)]
    pub was_up: bool,
}

impl Rejected {
    /// What became of the unit in `source`, and what to do; `time`: of the version that runs, if it is known.
    pub fn explain(&self, unit: &UnitName, source: &Path, time: Option<f64>) -> String {
        let version = match time {
            Some(time) => format!("the version of {}", date(time)),
            None => "the version before".to_owned(),
        };
        format!(
            "rolled back to {version}: {}; edit {}, or run 'sculler start --force {unit}'",
            self.reason,
            source.display()
        )
    }
}

// Times are never compared as numbers.
impl Eq for Rejected {}

/// Everything that is remembered of all units, and what is installed.
#[derive(Debug, Default)]
pub struct Memory {
    /// What lies in the folders of unit files under sculler's mark.
    pub installed: BTreeMap<UnitName, Installed>,
    /// What was started since boot.
    pub started: BTreeMap<UnitName, Started>,
    /// What outlives a reboot.
    pub units: BTreeMap<UnitName, UnitRecord>,
    /// The last good versions of the units whose files have a rejected one.
    pub good: BTreeMap<UnitName, Arc<Good>>,
    /// The unit directory at the last pass that was carried out.
    pub directory: Option<DirectoryIdentity>,
}

impl Memory {
    /// The source file of each installed unit.
    pub fn sources(&self) -> BTreeMap<UnitName, PathBuf> {
        self.installed.iter().map(|(name, installed)| (name.clone(), installed.source.clone())).collect()
    }

    /// Every file that something is remembered of: the sources, and the files of units with a target state.
    pub fn known_files(&self) -> BTreeSet<PathBuf> {
        let with_target = self.units.values().filter(|record| record.target.is_some());
        self.sources().into_values().chain(with_target.map(|record| record.source.clone())).collect()
    }

    /// The operator's target states.
    pub fn targets(&self) -> BTreeMap<UnitName, TargetState> {
        self.units.iter().filter_map(|(name, record)| Some((name.clone(), record.target?))).collect()
    }
}

/// Where the records are.
#[derive(Debug, Clone)]
pub struct RecordFiles {
    run: PathBuf,
    state: PathBuf,
}

impl RecordFiles {
    /// This host's.
    pub fn of_host() -> Self {
        Self::new(Path::new(config::RUN_DIRECTORY), Path::new(config::STATE_DIRECTORY))
    }

    /// Below `run` (`/run/sculler`) and `state` (`/var/lib/sculler`).
    pub fn new(run: &Path, state: &Path) -> Self {
        Self { run: run.to_owned(), state: state.to_owned() }
    }

    fn started(&self) -> PathBuf {
        self.run.join("started")
    }

    /// What was started of a unit that is rendered to something else now.
    pub fn outdated(&self, name: &UnitName) -> PathBuf {
        self.all_outdated().join(name.as_str())
    }

    /// The folder of those.
    pub fn all_outdated(&self) -> PathBuf {
        self.run.join("outdated")
    }

    fn units(&self) -> PathBuf {
        self.state.join("units")
    }

    fn directory(&self) -> PathBuf {
        self.state.join("unit-dir")
    }

    fn engine(&self) -> PathBuf {
        self.state.join("engine.json")
    }

    /// What the Docker Engine said last.
    pub fn engine_facts(&self) -> Option<Facts> {
        load_file(&self.engine())
    }

    /// Remembers what the Docker Engine said, for an agent that begins while it is down.
    pub fn set_engine_facts(&self, facts: &Facts) -> io::Result<()> {
        save(&self.engine(), facts)
    }

    fn stopped_with_docker_folder(&self) -> PathBuf {
        self.run.join("stopped-with-docker")
    }

    /// Notes that a unit was stopped because the Engine was.
    pub fn note_stopped_with_docker(&self, name: &UnitName) -> io::Result<()> {
        let folder = self.stopped_with_docker_folder();
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name.as_str()), "")
    }

    /// The units of which that was noted, in the order of their names.
    pub fn stopped_with_docker(&self) -> BTreeSet<UnitName> {
        let Ok(entries) = std::fs::read_dir(self.stopped_with_docker_folder()) else { return BTreeSet::new() };
        entries.flatten().filter_map(|entry| UnitName::parse(entry.file_name().to_str()?).ok()).collect()
    }

    /// The same, once.
    pub fn take_stopped_with_docker(&self) -> Vec<UnitName> {
        let names = self.stopped_with_docker().into_iter();
        names.filter(|name| files::remove(&self.stopped_with_docker_folder().join(name.as_str())).is_ok()).collect()
    }

    /// A unit's folder of what outlives a reboot.
    pub fn of_unit(&self, name: &UnitName) -> PathBuf {
        self.units().join(name.as_str())
    }

    /// What a container's supervisor works from.
    pub fn spec(&self, name: &UnitName) -> PathBuf {
        self.of_unit(name).join("spec.json")
    }

    /// The last good version.
    pub fn good(&self, name: &UnitName) -> PathBuf {
        self.of_unit(name).join("good.json")
    }

    /// The image that a `.build` file gave last.
    pub fn last_image(&self, name: &UnitName) -> PathBuf {
        self.of_unit(name).join("image.json")
    }

    /// What the next version of a container is prepared from, while the present one runs.
    pub fn next_spec(&self, name: &UnitName) -> PathBuf {
        self.of_unit(name).join("next.json")
    }

    /// Why the preparation with an ID failed.
    pub fn preparation(&self, id: &str) -> PathBuf {
        self.run.join("prepare").join(id)
    }

    /// Which version's image a preparation has just got here.
    pub fn pulled(&self, name: &UnitName) -> PathBuf {
        self.run.join("prepare").join(format!("{name}.pulled"))
    }

    /// Which version's image a preparation has just built.
    pub fn built(&self, name: &UnitName) -> PathBuf {
        self.run.join("prepare").join(format!("{name}.built"))
    }

    /// That a build went well since the host booted.
    pub fn built_since_boot(&self, name: &UnitName) -> PathBuf {
        self.run.join("built").join(name.as_str())
    }

    /// Which version could not be built.
    pub fn failed_build(&self, name: &UnitName) -> PathBuf {
        self.run.join("prepare").join(format!("{name}.failed"))
    }

    /// In what a volume, network or image is not as its file says, and why it was kept.
    pub fn kept(&self, name: &UnitName) -> PathBuf {
        self.run.join("kept").join(name.as_str())
    }

    /// That the next start of a volume's or network's service makes it anew, by the operator's word.
    pub fn recreate(&self, name: &UnitName) -> PathBuf {
        self.run.join("recreate").join(name.as_str())
    }

    /// Writes what a container's supervisor works from, for root alone; `None` removes it.
    pub fn set_spec(&self, name: &UnitName, spec: Option<&[u8]>) -> io::Result<()> {
        Self::write_spec(&self.spec(name), spec)
    }

    /// Writes what the next version is prepared from, likewise.
    pub fn set_next_spec(&self, name: &UnitName, spec: Option<&[u8]>) -> io::Result<()> {
        Self::write_spec(&self.next_spec(name), spec)
    }

    fn write_spec(path: &Path, spec: Option<&[u8]>) -> io::Result<()> {
        let Some(spec) = spec else { return files::remove(path) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if std::fs::read(path).is_ok_and(|present| present == spec) {
            return Ok(());
        }
        files::replace_for(path, spec, true)
    }

    /// Reads every record into `memory`. A record that cannot be read is one that is missing.
    pub fn load(&self, memory: &mut Memory) {
        memory.started = load_folder(&self.started(), |path| path);
        memory.units = load_folder(&self.units(), |path| path.join("record.json"));
        memory.directory = load_file(&self.directory());
        let rejected = memory.units.iter().filter(|(_, record)| record.rejected.is_some());
        // Without it the file's own version is as good as any.
        let read = |name: &UnitName| Some((name.clone(), Arc::new(Good::read(name, self).ok()?)));
        memory.good = rejected.filter_map(|(name, _)| read(name)).collect();
    }

    /// Records what was started; `None` forgets.
    pub fn set_started(&self, memory: &mut Memory, name: &UnitName, started: Option<Started>) -> io::Result<()> {
        let path = self.started().join(name.as_str());
        let Some(started) = started else {
            memory.started.remove(name);
            outdated::clear(self, name)?;
            return files::remove(&path);
        };
        save(&path, &started)?;
        memory.started.insert(name.clone(), started);
        Ok(())
    }

    /// Records what outlives a reboot; `None` forgets.
    pub fn set_unit(&self, memory: &mut Memory, name: &UnitName, record: Option<UnitRecord>) -> io::Result<()> {
        let folder = self.of_unit(name);
        let Some(record) = record else {
            memory.units.remove(name);
            return files::remove_folder(&folder);
        };
        if memory.units.get(name) != Some(&record) {
            save(&folder.join("record.json"), &record)?;
            memory.units.insert(name.clone(), record);
        }
        Ok(())
    }

    /// Records the operator's target state of the unit in `source`; `None` takes it back.
    pub fn set_target(
        &self,
        memory: &mut Memory,
        name: &UnitName,
        target: Option<TargetState>,
        source: &Path,
    ) -> io::Result<()> {
        let mut record = memory.units.get(name).cloned().unwrap_or_default();
        record.target = target;
        record.source = source.to_owned();
        self.set_unit(memory, name, Some(record))
    }

    /// Records the identity of the unit directory.
    pub fn set_directory(&self, memory: &mut Memory, identity: &DirectoryIdentity) -> io::Result<()> {
        if memory.directory.as_ref() != Some(identity) {
            save(&self.directory(), identity)?;
            memory.directory = Some(identity.clone());
        }
        Ok(())
    }
}

fn load_folder<T: DeserializeOwned>(folder: &Path, file_of: impl Fn(PathBuf) -> PathBuf) -> BTreeMap<UnitName, T> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let entries = entries.flatten().filter_map(|entry| {
        let name = UnitName::parse(entry.file_name().to_str()?).ok()?;
        Some((name, load_file(&file_of(entry.path()))?))
    });
    entries.collect()
}

fn load_file<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::replace(path, &serde_json::to_vec(value)?)
}
