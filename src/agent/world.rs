//! The seam between the loop and the host: the real one here, a fake in the loop's own tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use super::engine::KnownEngine;
use super::orphans;
use crate::apply::{self, Applier, Failure, Outcome};
use crate::config::{self, Settings};
use crate::docker;
use crate::follow::Following;
use crate::host::{self, Platform};
use crate::hurry;
use crate::observe::{self, Observed, Query, Trials};
use crate::plan::Action;
use crate::render::TargetState;
use crate::source::inotify::Inotify;
use crate::source::route::route;
use crate::source::watch::Watch;
use crate::source::{DirectoryIdentity, Identity, Look, ScanError, Source};
use crate::status::{self, AgentStatus, Memory, RecordFiles, Rejected, history};
use crate::systemd::{Error, Event, Systemd};
use crate::unit::follow::Follow;
use crate::unit::{Digest, UnitName};

/// What the loop sees of the host.
pub trait World {
    /// What is installed and recorded.
    fn memory(&self) -> &Memory;

    /// The versions of what runs here.
    fn platform(&mut self) -> impl Future<Output = Platform>;

    /// Another systemd or Docker Engine may run here now, or the same one with other settings.
    fn forget_platform(&mut self);

    /// What the unit directory says now.
    fn look(&mut self, settings: &Settings) -> Result<Look, ScanError>;

    /// Asks systemd about the units in question.
    fn observe(&mut self, query: &Query) -> impl Future<Output = Result<Observed, Error>>;

    /// Carries actions out.
    fn apply(&mut self, actions: Vec<Action>) -> impl Future<Output = Vec<Outcome>>;

    /// Records that a start has happened, with whatever result.
    fn finish_start(&mut self, unit: &UnitName) -> Result<(), Failure>;

    /// Records that a version of a unit is not run any more.
    fn reject(&mut self, unit: &UnitName, rejected: Rejected) -> impl Future<Output = Result<(), Failure>>;

    /// Records that a version of a unit runs whatever becomes of it.
    fn accept(&mut self, unit: &UnitName, run: Digest) -> Result<(), Failure>;

    /// Adds to the history of a unit.
    fn record_event(&mut self, unit: &UnitName, event: &history::Event);

    /// Records that a start has not happened after all.
    fn start_is_due(&mut self, unit: &UnitName) -> Result<(), Failure>;

    /// Starts of these units were canceled. If it was a stop of the Engine that did it, that is noted.
    fn starts_canceled(&mut self, _units: BTreeSet<UnitName>) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// The units that were stopped because the Engine was, once it is up again.
    fn stopped_with_docker(&mut self) -> impl Future<Output = Vec<UnitName>> {
        std::future::ready(Vec::new())
    }

    /// Whether the Engine was up and is stopped, or is about to be.
    fn docker_is_stopped(&mut self) -> impl Future<Output = bool> {
        std::future::ready(false)
    }

    /// Begins to remove the containers whose service is down; false if the Engine is not up, or it has not ended with the last ones.
    fn remove_orphans(&mut self) -> bool {
        true
    }

    /// A preparation is over; why it failed, if it said so.
    fn preparation_over(&mut self, unit: &UnitName, version: Digest) -> Option<String>;

    /// Records the identity of the unit directory.
    fn accept_directory(&mut self, identity: &DirectoryIdentity) -> Result<(), Failure>;

    /// Records the operator's target state of the unit in `source`; `None` takes it back.
    fn set_target(&mut self, unit: &UnitName, target: Option<TargetState>, source: &Path) -> Result<(), Failure>;

    /// A file was removed on purpose: its absence counts at once.
    fn forget_file(&mut self, path: &Path);

    /// The connection to systemd is of no use any more.
    fn disconnect(&mut self);

    /// These units follow their files, and those in `kept` what they followed before; what cannot be watched for them.
    fn follow(&mut self, units: BTreeMap<UnitName, Arc<Follow>>, kept: &BTreeSet<UnitName>) -> Option<String>;

    /// Publishes what the agent knows.
    fn publish(&mut self, status: &AgentStatus);
}

/// The real host.
pub struct Host {
    systemd: Option<Systemd>,
    pump: Option<AbortHandle>,
    events: mpsc::UnboundedSender<Event>,
    changed: Arc<Notify>,
    memory: Memory,
    records: RecordFiles,
    folder: PathBuf,
    source: Source,
    watch: Watch,
    unit_dir: PathBuf,
    trials: Trials,
    watch_failure: Option<String>,
    platform: Option<Platform>,
    engine: KnownEngine,
    docker_socket: PathBuf,
    removing_orphans: Option<JoinHandle<()>>,
    following: Following,
}

/// Where trial loads put their files for a moment.
const TRIAL_FOLDER: &str = "/run/systemd/system.attached";

impl Host {
    /// Reads the records and what is installed. `changed` is notified when something changes on disk, `events` gets
    /// what systemd tells.
    pub fn new(
        settings: &Settings,
        changed: Arc<Notify>,
        events: mpsc::UnboundedSender<Event>,
    ) -> anyhow::Result<Self> {
        let folder = apply::choose_folder().map_err(|error| {
            anyhow::anyhow!("no folder of unit files can be written ({error}): {:?}", apply::FOLDERS)
        })?;
        apply::sweep();
        let records = RecordFiles::of_host();
        let mut memory = Memory::default();
        records.load(&mut memory);
        memory.installed = status::scan_installed(&apply::FOLDERS.map(PathBuf::from), &records)?;
        apply::clean_up_preparations();
        let source = Source::new(memory.known_files());
        let inotify = Inotify::start()?;
        let woken = changed.clone();
        let file_changed = move || {
            // It may be something to start.
            hurry::begin_early();
            woken.notify_one();
        };
        let engine = KnownEngine::new(records.engine_facts(), changed.clone());
        Ok(Self {
            systemd: None,
            pump: None,
            events,
            memory,
            records,
            folder,
            source,
            following: Following::start(inotify.clone(), Path::new(config::RUN_DIRECTORY), changed.clone())?,
            watch: Watch::new(inotify.clone(), file_changed),
            changed,
            unit_dir: settings.unit_dir.clone(),
            trials: Trials::new(),
            watch_failure: None,
            platform: None,
            engine,
            docker_socket: settings.docker_socket.clone(),
            removing_orphans: None,
        })
    }

    /// Connects to systemd if there is no connection.
    pub async fn systemd(&mut self) -> Result<Systemd, Error> {
        if let Some(systemd) = &self.systemd {
            return Ok(systemd.clone());
        }
        let (systemd, pump) = Systemd::connect_and_subscribe(self.events.clone()).await?;
        self.systemd = Some(systemd.clone());
        self.pump = Some(pump);
        Ok(systemd)
    }

    async fn docker_is_to_stop(&mut self) -> bool {
        match self.systemd().await {
            Ok(systemd) => docker::service_is_to_stop_by(&systemd).await,
            Err(_) => false,
        }
    }

    fn watch(&mut self, look: Option<&Look>, settings: &Settings) -> bool {
        let configuration = Path::new(config::CONFIG_DIRECTORY);
        let mut folders = look.map(|look| look.folders.clone()).unwrap_or_default();
        for folder in [configuration, &config::drop_in_directory(configuration)] {
            if let Ok(identity) = Identity::of_directory(folder) {
                folders.insert(folder.to_owned(), identity);
            }
        }
        let mut roots = vec![settings.unit_dir.clone(), configuration.to_owned()];
        roots.extend(route(&settings.unit_dir));
        roots.extend(route(&config::main_file(configuration)));
        roots.extend(look.into_iter().flat_map(|look| look.links.iter().cloned()));
        let added = self.watch.update(&folders, &roots);
        if self.watch.failure != self.watch_failure {
            self.watch_failure = self.watch.failure.clone();
            if let Some(failure) = &self.watch_failure {
                tracing::warn!("{failure}");
            }
        }
        added
    }
}

impl World for Host {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn platform(&mut self) -> Platform {
        if self.platform.is_none() {
            // Without systemd nothing is carried out either: what is rendered meanwhile does no harm.
            let Ok(systemd) = self.systemd().await else { return Platform::default() };
            let Ok(version) = systemd.version().await else { return Platform::default() };
            self.platform = Some(platform_of(&version));
        }
        if let Ok(systemd) = self.systemd().await
            && let Some(facts) = self.engine.ask(&systemd, &self.docker_socket).await
            && let Err(error) = self.records.set_engine_facts(&facts)
        {
            tracing::warn!("what Docker says of itself cannot be remembered: {error}");
        }
        let mut platform = self.platform.clone().unwrap_or_default();
        if let Some(facts) = self.engine.said() {
            platform.docker_api = facts.api;
            platform.live_restore = facts.live_restore;
        }
        platform
    }

    fn forget_platform(&mut self) {
        self.platform = None;
        self.engine.forget();
    }

    fn look(&mut self, settings: &Settings) -> Result<Look, ScanError> {
        if self.docker_socket != settings.docker_socket {
            self.docker_socket = settings.docker_socket.clone();
            self.engine.forget();
        }
        if self.unit_dir != settings.unit_dir {
            self.unit_dir = settings.unit_dir.clone();
            self.source = Source::new(self.memory.known_files());
        }
        let result = self.source.look(&settings.unit_dir, &settings.trust, Instant::now());
        // What happened in a folder before it was watched has to be looked at, and the settings be read again.
        if self.watch(result.as_ref().ok(), settings) {
            self.changed.notify_one();
        }
        result
    }

    async fn observe(&mut self, query: &Query) -> Result<Observed, Error> {
        let systemd = self.systemd().await?;
        let (trials, socket) = (&mut self.trials, &self.docker_socket);
        observe::observe(&systemd, query, &self.memory, Path::new(TRIAL_FOLDER), trials, socket).await
    }

    async fn apply(&mut self, actions: Vec<Action>) -> Vec<Outcome> {
        let systemd = match self.systemd().await {
            Ok(systemd) => systemd,
            Err(error) => {
                let message = error.to_string();
                let failed = |action| Outcome {
                    action,
                    result: Err(Failure::Systemd(Error::Unknown(message.clone()))),
                    took: std::time::Duration::ZERO,
                };
                return actions.into_iter().map(failed).collect();
            }
        };
        let mut applier = Applier {
            systemd: &systemd,
            memory: &mut self.memory,
            records: &self.records,
            folder: &self.folder,
            docker_socket: &self.docker_socket,
        };
        applier.apply(actions).await
    }

    fn finish_start(&mut self, unit: &UnitName) -> Result<(), Failure> {
        apply::finish_start(&mut self.memory, &self.records, unit)
    }

    async fn reject(&mut self, unit: &UnitName, rejected: Rejected) -> Result<(), Failure> {
        let systemd = self.systemd().await?;
        let (memory, records) = (&mut self.memory, &self.records);
        apply::reject(&systemd, &self.docker_socket, memory, records, unit, rejected).await
    }

    fn accept(&mut self, unit: &UnitName, run: Digest) -> Result<(), Failure> {
        apply::accept(&mut self.memory, &self.records, unit, run)
    }

    fn record_event(&mut self, unit: &UnitName, event: &history::Event) {
        let folder = self.records.of_unit(unit);
        if let Err(error) = history::append(&folder, event) {
            tracing::warn!("{}: {error}", folder.display());
        }
    }

    fn start_is_due(&mut self, unit: &UnitName) -> Result<(), Failure> {
        apply::start_is_due(&mut self.memory, &self.records, unit)
    }

    async fn starts_canceled(&mut self, units: BTreeSet<UnitName>) {
        let Ok(systemd) = self.systemd().await else { return };
        // Its stop may be over by now. What does not require it, waits for it, and is stopped by somebody's will alone.
        let is_over = async || docker::service_state_by(&systemd).await == docker::ServiceState::Down;
        let is_required = self.engine.said().is_some_and(|facts| !facts.live_restore);
        if !is_required || !(docker::service_is_to_stop_by(&systemd).await || is_over().await) {
            return;
        }
        for unit in &units {
            if let Err(error) = self.records.note_stopped_with_docker(unit) {
                tracing::warn!("{unit} is not started with Docker, since that cannot be noted: {error}");
            }
        }
    }

    async fn stopped_with_docker(&mut self) -> Vec<UnitName> {
        // A start would take back a stop that is not over.
        if !self.engine.is_current() || self.records.stopped_with_docker().is_empty() || self.docker_is_to_stop().await
        {
            return Vec::new();
        }
        self.records.take_stopped_with_docker()
    }

    async fn docker_is_stopped(&mut self) -> bool {
        match self.systemd().await {
            Ok(systemd) => docker::service_is_stopped_by(&systemd).await,
            Err(_) => false,
        }
    }

    fn remove_orphans(&mut self) -> bool {
        let is_at_it = self.removing_orphans.as_ref().is_some_and(|task| !task.is_finished());
        let Some(systemd) = self.systemd.clone().filter(|_| self.engine.is_current() && !is_at_it) else {
            return false;
        };
        let (socket, changed) = (self.docker_socket.clone(), self.changed.clone());
        self.removing_orphans = Some(tokio::spawn(async move {
            if let Err(error) = orphans::remove(&systemd, &socket).await {
                tracing::debug!("whether all containers have their service up cannot be seen: {error}");
            }
            // There may be reason to look again already.
            changed.notify_one();
        }));
        true
    }

    fn preparation_over(&mut self, unit: &UnitName, version: Digest) -> Option<String> {
        apply::preparation_over(&self.records, unit, version)
    }

    fn accept_directory(&mut self, identity: &DirectoryIdentity) -> Result<(), Failure> {
        self.records
            .set_directory(&mut self.memory, identity)
            .map_err(|error| Failure::File { path: Path::new(config::STATE_DIRECTORY).join("unit-dir"), error })
    }

    fn set_target(&mut self, unit: &UnitName, target: Option<TargetState>, source: &Path) -> Result<(), Failure> {
        apply::set_target(&mut self.memory, &self.records, unit, target, source)
    }

    fn forget_file(&mut self, path: &Path) {
        self.source.forget(path);
    }

    fn disconnect(&mut self) {
        self.systemd = None;
        self.platform = None;
        // It would hold the old connection open, and tell everything twice.
        if let Some(pump) = self.pump.take() {
            pump.abort();
        }
    }

    fn follow(&mut self, units: BTreeMap<UnitName, Arc<Follow>>, kept: &BTreeSet<UnitName>) -> Option<String> {
        self.following.follow(units, kept)
    }

    fn publish(&mut self, status: &AgentStatus) {
        if let Err(error) = status::publish(Path::new(config::RUN_DIRECTORY), status) {
            tracing::warn!("{}/{} cannot be written: {error}", config::RUN_DIRECTORY, status::STATUS_FILE);
        }
    }
}

/// What is rendered for, as far as systemd and the host tell; the Engine's part stays at its defaults.
fn platform_of(systemd: &str) -> Platform {
    let unknown = Platform::default();
    let digits = systemd.find(|c: char| !c.is_ascii_digit()).map_or(systemd, |end| &systemd[..end]);
    Platform {
        systemd: digits.parse().unwrap_or(unknown.systemd),
        docker_api: unknown.docker_api,
        live_restore: unknown.live_restore,
        system: Some(host::System::read()),
        executable: executable().unwrap_or_else(|| host::EXECUTABLE.into()),
    }
}

/// Where this program is, also after an upgrade has replaced it.
fn executable() -> Option<PathBuf> {
    let path = std::fs::read_link("/proc/self/exe").ok()?;
    let path = path.to_str()?;
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    is_plain.then(|| path.into())
}
