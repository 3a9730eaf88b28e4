//! What most commands look at: the settings, this host, the unit directory and what is installed. All of it comes from
//! files, so that commands work without the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use crate::apply;
use crate::config::{self, Settings};
use crate::host::{Host, Platform, System};
use crate::plan;
use crate::quadlet::names;
use crate::render::{self, FileVerdict, Resolution, TargetState};
use crate::source::units::Library;
use crate::source::{Look, ScanError, Source};
use crate::status::history::{self, Event};
use crate::status::{self, AgentStatus, Memory, RecordFiles, UnitStatus};
use crate::systemd::{self, ActiveState, Process, Systemd, UnitState};
use crate::unit::glob::Glob;
use crate::unit::{Unit, UnitName};

/// This host as far as files tell.
pub struct Context {
    pub settings: Settings,
    pub host: Host,
    /// As the agent last saw it.
    pub platform: Platform,
    pub memory: Memory,
    /// Units that are rendered to something else now than when they were started, if they have not ended since.
    outdated: BTreeSet<UnitName>,
    /// `None` if no agent ever ran since boot, or it ended.
    pub agent: Option<AgentStatus>,
}

/// The unit directory as it is now.
pub struct Directory {
    pub look: Look,
    pub units: Vec<Arc<Unit>>,
    pub resolution: Resolution,
}

impl Context {
    /// Reads everything but the unit directory.
    pub fn read() -> anyhow::Result<Self> {
        let settings = config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())?;
        let host = Host::read(settings.metadata.clone())?;
        let mut memory = Memory::default();
        let records = RecordFiles::of_host();
        records.load(&mut memory);
        memory.installed = status::scan_installed(&apply::FOLDERS.map(PathBuf::from), &records)
            .context("the installed units cannot be read")?;
        let outdated = status::outdated::all(&records);
        let agent = status::read(Path::new(config::RUN_DIRECTORY)).ok();
        let platform = agent.as_ref().map(|agent| agent.platform.clone()).unwrap_or_default();
        let platform = Platform { system: Some(System::read()), ..platform };
        let agent = agent.filter(|agent| is_running(agent.pid));
        Ok(Self { settings, host, platform, memory, outdated, agent })
    }

    /// Looks at the unit directory as the agent would, without its patience.
    pub fn directory(&self) -> Result<Directory, ScanError> {
        let mut look = Source::default().look(&self.settings.unit_dir, &self.settings.trust, Instant::now())?;
        let units = Library::default().read(&mut look);
        let (sources, targets) = (self.memory.sources(), self.memory.targets());
        let inputs = render::Inputs {
            host: &self.host,
            platform: &self.platform,
            unplaced: self.settings.unplaced,
            installed: &sources,
            targets: &targets,
        };
        let mut resolution = render::resolve(&units, &inputs);
        plan::go_back(&mut resolution, &self.memory);
        Ok(Directory { look, units, resolution })
    }

    /// What the agent has to say of a unit.
    pub fn unit_status(&self, name: &UnitName) -> UnitStatus {
        self.agent.as_ref().and_then(|agent| agent.units.get(name.as_str())).cloned().unwrap_or_default()
    }

    /// Whether a unit was rendered to something else while it was up.
    pub fn is_noted(&self, name: &UnitName) -> bool {
        self.outdated.contains(name)
    }

    /// What to say of a unit that is up and is rendered to something else now than when it was started.
    pub fn outdated(&self, name: &UnitName, state: &UnitState) -> Option<String> {
        (self.is_noted(name) && state.is_up()).then(|| {
            format!(
                "outdated: this sculler, or this host as it is now, makes something else of its file than it was \
                 started with; its next start takes that up, such as 'sculler restart {name}'"
            )
        })
    }

    /// The reload of a unit that did not end well, if nothing has happened since. Its history is for root alone.
    pub fn failed_reload(&self, name: &UnitName) -> Option<Event> {
        let records = RecordFiles::of_host();
        let events = history::read(&records.of_unit(name)).ok()?;
        // What was started since has read its files.
        let is_over = |event: &&Event| systemd::started_at(name.as_str()).is_some_and(|started| started > event.time);
        history::failed_reload(&events).filter(|event| !is_over(event)).cloned()
    }

    /// In what a volume, network or image is not as its file says, why it was kept, and what to do.
    pub fn kept(&self, name: &UnitName) -> Option<String> {
        std::fs::read_to_string(RecordFiles::of_host().kept(name)).ok()
    }

    /// The host as fleetctl shows machines: `df515c36.../10.0.0.1`, or the whole ID.
    pub fn machine(&self, is_full: bool) -> String {
        let id =
            if is_full { self.host.machine_id.to_string() } else { format!("{}...", self.host.machine_id.short()) };
        format!("{id}/{}", super::address::primary().unwrap_or_else(|| self.host.hostname.clone()))
    }
}

impl Directory {
    /// Why the last good version of a unit runs in the place of what its file says, and whether somebody asked for it.
    pub fn rolled_back(&self, context: &Context, name: &UnitName) -> Option<(String, bool)> {
        let rejected = context.memory.units.get(name)?.rejected.as_ref()?;
        let own = self.resolution.of_file(name).filter(|own| plan::is_rejected(own, rejected))?;
        // The copy itself is for root alone.
        let time = context.memory.good.get(name).map(|good| good.time);
        Some((rejected.explain(name, &own.source, time), rejected.by_hand))
    }

    /// The verdict for a unit, preferring the file that is taken.
    pub fn verdict(&self, name: &UnitName) -> Option<&FileVerdict> {
        let mut verdicts = self.resolution.verdicts.iter().filter(|verdict| verdict.is_about(name));
        let first = verdicts.clone().next();
        verdicts.find(|verdict| verdict.ruling.word() == "taken").or(first)
    }

    /// The unit of a verdict.
    pub fn unit(&self, verdict: &FileVerdict) -> Option<&Arc<Unit>> {
        // They are in the order of their paths; a template and its default instance have the same.
        let start = self.units.partition_point(|unit| unit.file.path < verdict.path);
        let mut units = self.units[start..].iter().take_while(|unit| unit.file.path == verdict.path);
        units.find(|unit| unit.name == verdict.name)
    }

    /// How far a unit is to go on this host.
    pub fn target(&self, name: &UnitName) -> TargetState {
        self.resolution.desired.get(name).map_or(TargetState::Inactive, |desired| desired.target)
    }
}

/// The units that `texts` name; globs mean those of `directory` and those installed.
pub fn unit_names(
    texts: &[String],
    context: &Context,
    directory: Result<&Directory, &ScanError>,
) -> anyhow::Result<Vec<UnitName>> {
    let in_directory = directory.iter().flat_map(|directory| &directory.resolution.verdicts);
    let known: BTreeSet<&UnitName> =
        in_directory.map(|verdict| &verdict.name).chain(context.memory.installed.keys()).collect();
    let mut names: Vec<UnitName> = Vec::new();
    for text in texts {
        let found = match is_glob(text) {
            false => vec![unit_name(text)?],
            true => matching(text, &known)?.into_iter().cloned().collect(),
        };
        if found.is_empty() {
            bail!("no unit in {} matches '{text}'", context.settings.unit_dir.display());
        }
        for name in found {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// Whether a text names units by a glob.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Those of `names` that a glob matches. As `web` is web.service, `web-?` is web-?.service.
pub fn matching<'a>(text: &str, names: &BTreeSet<&'a UnitName>) -> anyhow::Result<Vec<&'a UnitName>> {
    for text in [text.to_owned(), format!("{text}.service")] {
        let glob = Glob::parse(&text).map_err(|error| anyhow::anyhow!("'{text}' is no glob: {error}"))?;
        let found: Vec<&UnitName> = names.iter().copied().filter(|name| glob.matches(name.as_str())).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// systemd's states of `names`; templates have none.
pub async fn states(names: impl IntoIterator<Item = &UnitName>) -> anyhow::Result<BTreeMap<String, UnitState>> {
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_template()).map(UnitName::as_str).collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let systemd = Systemd::connect().await?;
    let states = systemd.states(&names).await?;
    Ok(states.into_iter().map(|(name, state)| (name.to_owned(), state)).collect())
}

/// What systemd knows of services that failed or are starting: why, or how far they are, stands in what they said last, as
/// supervisors do.
pub async fn processes(states: &BTreeMap<String, UnitState>) -> anyhow::Result<BTreeMap<String, Process>> {
    let is_telling = |state: &UnitState| matches!(state.active, ActiveState::Failed | ActiveState::Activating);
    let telling = states.iter().filter(|(name, state)| is_telling(state) && name.ends_with(".service"));
    let telling: Vec<&String> = telling.map(|(name, _)| name).collect();
    let mut processes = BTreeMap::new();
    if telling.is_empty() {
        return Ok(processes);
    }
    let systemd = Systemd::connect().await?;
    for name in telling {
        processes.insert(name.clone(), systemd.process(name).await?);
    }
    Ok(processes)
}

/// Reads a unit name as people type it: `nginx` is `nginx.service`.
pub fn unit_name(text: &str) -> anyhow::Result<UnitName> {
    let has_type =
        text.rsplit_once('.').is_some_and(|(_, suffix)| crate::unit::UnitType::from_suffix(suffix).is_some());
    let full = if has_type { text.to_owned() } else { format!("{text}.service") };
    UnitName::parse(&full).with_context(|| format!("'{text}' is no unit name"))
}

/// The unit that systemd runs for what people name: the service of a Quadlet file.
pub fn running_name(directory: Result<&Directory, &ScanError>, name: &UnitName) -> UnitName {
    if let Some(verdict) = directory.ok().and_then(|directory| directory.verdict(name)) {
        return verdict.runs_as.clone();
    }
    match name.unit_type().is_quadlet() {
        // Its file may be gone; only ServiceName= could have said otherwise.
        true => names::default_service(name).unwrap_or_else(|_| name.clone()),
        false => name.clone(),
    }
}

fn is_running(pid: u32) -> bool {
    // A status file may have outlived its agent, and another process have its number.
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "sculler")
}
