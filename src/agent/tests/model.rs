//! A host in memory: files, systemd as far as the loop sees it, and what was done to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::agent::world::World;
use crate::apply::{self, Done, Failure, Outcome};
use crate::config::Settings;
use crate::host::Platform;
use crate::observe::{Conduct, Observed, Query};
use crate::plan::Action;
use crate::render::Desired;
use crate::render::TargetState;
use crate::source::{DirectoryIdentity, Identity, Look, ScanError};
use crate::status::history::Event as Happening;
use crate::status::{AgentStatus, Good, Installed, Memory, Progress, Rejected, Started, UnitRecord};
use crate::systemd::{ActiveState, Details, Error, Event, JobKind, LoadState, UnitState};
use crate::unit::follow::Follow;
use crate::unit::{Digest, TextFile, UnitName, UnitType};

/// The host, which outlives the agent.
#[derive(Debug, Default)]
pub struct State {
    pub files: BTreeMap<PathBuf, Arc<TextFile>>,
    pub directory: u64,
    pub directory_error: bool,
    pub memory: Memory,
    pub units: HashMap<UnitName, RunningUnit>,
    /// Starts and stops that were carried out, in words.
    pub done: Vec<String>,
    /// Units whose jobs end when the test says so.
    pub slow: Vec<UnitName>,
    /// What the next start of a unit ends with, if not `done`.
    pub results: HashMap<UnitName, &'static str>,
    /// Why the preparations of a unit's versions fail.
    pub faults: HashMap<UnitName, &'static str>,
    /// Preparations that were begun.
    pub prepared: usize,
    /// Calls that get no answer.
    pub silent_calls: usize,
    pub observed: usize,
    /// daemon-reloads.
    pub reloads: usize,
    /// What was recorded of each unit.
    pub history: Vec<(UnitName, Happening)>,
    /// Actions after which the agent is killed.
    pub dies_after: Option<usize>,
    /// How many actions were carried out.
    pub actions: usize,
    /// What was written last of each unit.
    pub written: HashMap<UnitName, Arc<Desired>>,
    /// Good versions on disk.
    good: BTreeMap<UnitName, Arc<Good>>,
    events: Option<mpsc::UnboundedSender<Event>>,
    next_job: u32,
    jobs: BTreeMap<u32, (UnitName, JobKind)>,
    preparing: BTreeMap<u32, (UnitName, Digest)>,
}

/// A unit in PID 1's memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunningUnit {
    /// The text that PID 1 holds.
    pub loaded: Option<Digest>,
    /// The text that runs.
    pub runs: Option<Digest>,
    pub invocations: usize,
    pub job: Option<JobKind>,
    /// When its process ends by itself, with this exit code.
    dies: Option<(Instant, i32)>,
    /// Whether it is down since it failed.
    pub has_failed: bool,
    up_since: Option<Instant>,
    was_stopped: bool,
}

/// A handle that the test and the agent share.
#[derive(Clone, Default)]
pub struct Model(Arc<Mutex<State>>);

impl Model {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Another agent takes over; the events of the old one are lost.
    pub fn connect(&self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().events = Some(sender);
        receiver
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = PathBuf::from("/units").join(name);
        let file = Arc::new(TextFile { path: path.clone(), text: text.as_bytes().into(), is_private: false });
        self.state().files.insert(path, file);
    }

    pub fn remove(&self, name: &str) {
        self.state().files.remove(&PathBuf::from("/units").join(name));
    }

    /// Ends the jobs of a slow unit.
    pub fn finish(&self, unit: &str) {
        let unit = UnitName::parse(unit).unwrap();
        let mut state = self.state();
        let ids: Vec<u32> = state.jobs.iter().filter(|(_, (name, _))| *name == unit).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| state.finish(id));
        let ids: Vec<u32> = state.preparing.iter().filter(|(_, job)| job.0 == unit).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| state.finish_preparation(id));
    }

    /// `systemctl stop`
    pub fn stop_by_hand(&self, unit: &UnitName) {
        if let Some(unit) = self.state().units.get_mut(unit) {
            unit.stop();
        }
    }
}

impl RunningUnit {
    fn stop(&mut self) {
        self.was_stopped |= self.runs.is_some();
        (self.runs, self.up_since, self.dies) = (None, None, None);
    }

    /// What became of it meanwhile.
    pub fn look(&mut self) {
        if let Some((_, code)) = self.dies.filter(|(at, _)| Instant::now() >= *at) {
            (self.runs, self.up_since, self.dies) = (None, None, None);
            self.has_failed = code != 0;
        }
    }
}

/// A command that says `dies-MILLISECONDS-CODE`.
fn death(text: &[u8]) -> Option<(Instant, i32)> {
    let text = String::from_utf8_lossy(text);
    let mut parts = text.split_once("dies-")?.1.split(['-', '\n']);
    let after = Duration::from_millis(parts.next()?.parse().ok()?);
    Some((Instant::now() + after, parts.next()?.parse().ok()?))
}

impl State {
    fn queue(&mut self, unit: &UnitName, kind: JobKind) -> Done {
        self.next_job += 1;
        let id = self.next_job;
        let replaced: Vec<u32> = self.jobs.iter().filter(|(_, (name, _))| name == unit).map(|(id, _)| *id).collect();
        for id in replaced {
            self.jobs.remove(&id);
            self.tell(id, unit, "canceled");
        }
        self.jobs.insert(id, (unit.clone(), kind));
        self.units.entry(unit.clone()).or_default().job = Some(kind);
        if !self.slow.contains(unit) {
            self.finish(id);
        }
        Done::Job(id, kind)
    }

    fn finish(&mut self, id: u32) {
        let Some((name, kind)) = self.jobs.remove(&id) else { return };
        let installed = self.memory.installed.get(&name).cloned();
        // systemd refuses it (src/core/socket.c).
        let is_late = name.as_str().strip_suffix("socket").is_some_and(|stem| {
            let service = UnitName::parse(&format!("{stem}service")).unwrap();
            self.units.get(&service).is_some_and(|service| service.runs.is_some())
        });
        // What is refused is not run, so that nothing else tells of the start.
        let is_refused = is_late || self.results.get(&name) == Some(&"refused");
        let result = if is_refused { Some("failed") } else { self.results.get(&name).copied() };
        let result = result.filter(|_| kind != JobKind::Stop).unwrap_or("done");
        let text =
            self.written.get(&name).map(|desired| desired.spec_text().unwrap_or_else(|| desired.text().to_vec()));
        let unit = self.units.entry(name.clone()).or_default();
        unit.job = None;
        if kind == JobKind::Stop {
            unit.stop();
            self.done.push(format!("stop {name}"));
        } else {
            unit.loaded = unit.loaded.or(installed.as_ref().map(loadable));
            // A supervisor reads the spec that is there when it starts.
            let spec = installed.filter(|installed| installed.is_quadlet).map(|installed| installed.facts.run);
            unit.runs = spec.or(unit.loaded).filter(|_| result == "done");
            if !is_refused && !matches!(result, "dependency" | "skipped") && kind != JobKind::Reload {
                unit.invocations += 1;
            }
            unit.was_stopped = false;
            unit.has_failed = result == "failed";
            unit.up_since = (result == "done").then(Instant::now);
            unit.dies = text.and_then(|text| death(&text)).filter(|_| result == "done");
            self.done.push(format!("{kind} {name}"));
        }
        self.tell(id, &name, result);
    }

    fn finish_preparation(&mut self, id: u32) {
        let Some((unit, _)) = self.preparing.remove(&id) else { return };
        let result = if self.faults.contains_key(&unit) { "failed" } else { "done" };
        self.tell(id, &UnitName::parse("sculler-prepare-0.service").unwrap(), result);
    }

    fn tell(&self, id: u32, unit: &UnitName, result: &str) {
        if let Some(events) = &self.events {
            let _ = events.send(Event::JobRemoved { id, unit: unit.to_string(), result: result.to_owned() });
        }
    }

    fn carry_out(&mut self, action: &Action) -> Result<Done, Failure> {
        if self.silent_calls > 0 && matches!(action, Action::Start { .. } | Action::Stop { .. }) {
            self.silent_calls -= 1;
            if let Action::Start { unit, run, before, .. } = action {
                let started = Started { run: *run, before: before.clone(), progress: Progress::Announced };
                self.memory.started.insert(unit.clone(), started);
            }
            return Err(Failure::Systemd(Error::Unknown("no answer".to_owned())));
        }
        match action {
            Action::Keep { desired, run } => self.keep(desired, *run),
            Action::Trust { unit } => {
                self.memory.units.entry(unit.clone()).or_default().trial = None;
            }
            Action::Reject { unit, run, was_up, reason } => {
                let (reason, time) = (reason.clone(), 0.0);
                self.reject(unit, Rejected { run: *run, reason, time, by_hand: false, was_up: *was_up });
            }
            Action::Forgive { unit } => {
                self.memory.units.entry(unit.clone()).or_default().rejected = None;
            }
            Action::Stop { unit, .. } => {
                if let Some(started) = self.memory.started.get_mut(unit) {
                    started.progress = Progress::Pending;
                }
                return Ok(self.queue(unit, JobKind::Stop));
            }
            Action::Remove { unit } => {
                self.memory.installed.remove(unit);
                self.memory.started.remove(unit);
                self.good.remove(unit);
                self.memory.good.remove(unit);
                if let Some(record) = self.memory.units.get_mut(unit) {
                    *record =
                        UnitRecord { target: record.target, source: record.source.clone(), ..UnitRecord::default() };
                }
                self.memory.units.retain(|name, record| name != unit || record.target.is_some());
                self.done.push(format!("remove {unit}"));
            }
            Action::Write { desired, outdates, runs, trial, .. } => {
                let name = &desired.name;
                let record = self.memory.units.get(name).cloned().unwrap_or_default();
                let next = apply::record_of_write(&record, desired, *trial);
                if next != record {
                    self.memory.units.insert(name.clone(), next);
                }
                self.written.insert(name.clone(), desired.clone());
                let started = match runs {
                    Some(run) => Started::done(*run),
                    None => Started::pending(desired.run),
                };
                self.memory.started.entry(name.clone()).or_insert(started);
                self.memory.installed.insert(name.clone(), Installed::of(desired, Path::new("")));
                return Ok(if *outdates { Done::Outdated } else { Done::Finished });
            }
            Action::Reload { .. } => {
                self.reloads += 1;
                for (name, unit) in &mut self.units {
                    unit.loaded = self.memory.installed.get(name).map(loadable);
                }
            }
            Action::Prepare { desired } => {
                self.next_job += 1;
                self.prepared += 1;
                let id = self.next_job;
                self.preparing.insert(id, (desired.name.clone(), desired.digest()));
                if !self.slow.contains(&desired.name) {
                    self.finish_preparation(id);
                }
                return Ok(Done::Job(id, JobKind::Start));
            }
            Action::Abandon { unit, version } => {
                let of_version = |job: &(UnitName, Digest)| job.0 == *unit && job.1 == *version;
                self.preparing.retain(|_, job| !of_version(job));
            }
            Action::Adopt { unit, run, before } => {
                self.memory.started.insert(unit.clone(), Started::done_after(*run, before.clone()));
            }
            Action::Forget { unit } => {
                self.memory.started.remove(unit);
                self.memory.units.remove(unit);
            }
            Action::Start { unit, is_restart, is_reload, run, before, bring_back, .. } => {
                let started = Started { run: *run, before: before.clone(), progress: Progress::Announced };
                self.memory.started.insert(unit.clone(), started);
                let kind = match (is_reload, is_restart) {
                    (true, _) => JobKind::Reload,
                    (false, true) => JobKind::Restart,
                    (false, false) => JobKind::Start,
                };
                let job = self.queue(unit, kind);
                for other in bring_back {
                    self.queue(&UnitName::parse(other).unwrap(), JobKind::Start);
                }
                return Ok(job);
            }
            Action::Link { units } => {
                for desired in units {
                    self.memory.units.entry(desired.name.clone()).or_default().linked = Some(desired.digest());
                }
                return Ok(Done::Outdated);
            }
            Action::Unlink { unit } => {
                self.memory.units.entry(unit.clone()).or_default().linked = None;
            }
        }
        Ok(Done::Finished)
    }
}

impl State {
    fn keep(&mut self, desired: &Desired, run: Digest) {
        let name = &desired.name;
        assert_eq!(self.memory.installed[name].facts.run, run, "what is kept of {name} is what is installed");
        self.good.insert(name.clone(), Arc::new(Good::of_desired(&self.written[name])));
        self.memory.units.entry(name.clone()).or_default().good = Some(run);
    }

    fn reject(&mut self, unit: &UnitName, rejected: Rejected) {
        let record = self.memory.units.entry(unit.clone()).or_default();
        (record.trial, record.accepted, record.rejected) = (None, None, Some(rejected));
        let good = self.good[unit].clone();
        self.memory.good.insert(unit.clone(), good);
    }
}

/// What PID 1 holds of it once it is loaded: a container's text is not what runs.
fn loadable(installed: &Installed) -> Digest {
    if installed.is_quadlet { installed.text_digest } else { installed.facts.run }
}

/// What the agent holds: a copy of the memory, taken when it starts, and the model.
pub struct FakeWorld {
    pub model: Model,
    memory: Memory,
}

impl FakeWorld {
    pub fn new(model: &Model) -> Self {
        let mut world = Self { model: model.clone(), memory: Memory::default() };
        world.read();
        world
    }

    fn read(&mut self) {
        let state = self.model.state();
        self.memory = Memory {
            installed: state.memory.installed.clone(),
            started: state.memory.started.clone(),
            units: state.memory.units.clone(),
            good: state.memory.good.clone(),
            directory: state.memory.directory.clone(),
        };
    }
}

impl World for FakeWorld {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn platform(&mut self) -> Platform {
        Platform::default()
    }

    fn forget_platform(&mut self) {}

    fn look(&mut self, _: &Settings) -> Result<Look, ScanError> {
        let state = self.model.state();
        if state.directory_error {
            return Err(ScanError::Missing("/units".into()));
        }
        Ok(Look {
            identity: Identity { device: 1, inode: state.directory, born: 0 }.into(),
            files: state.files.clone(),
            fingerprint: state.files.len() as u64,
            ..Look::default()
        })
    }

    async fn observe(&mut self, query: &Query) -> Result<Observed, Error> {
        let mut observed = Observed::default();
        let mut state = self.model.state();
        state.observed += 1;
        for name in &query.units {
            if let Some(unit) = state.units.get_mut(name) {
                unit.look();
            }
            let unit = state.units.get(name).cloned().unwrap_or_default();
            let is_up = unit.runs.is_some() || matches!(unit.job, Some(JobKind::Start | JobKind::Restart));
            observed.states.insert(
                name.clone(),
                UnitState {
                    id: name.to_string(),
                    load: if unit.loaded.is_some() { LoadState::Loaded } else { LoadState::NotFound },
                    active: match (is_up, unit.has_failed) {
                        (true, _) => ActiveState::Active,
                        (false, true) => ActiveState::Failed,
                        (false, false) => ActiveState::Inactive,
                    },
                    sub: String::new(),
                    description: String::new(),
                    job: unit.job,
                },
            );
            let invocation_id = if unit.invocations > 0 { unit.invocations.to_string() } else { String::new() };
            if query.conduct.contains(name) {
                let conduct = Conduct {
                    up_for: unit.up_since.map(|since| since.elapsed()),
                    invocation_id: invocation_id.clone(),
                    came_up: true,
                    was_stopped: unit.was_stopped,
                    ..Conduct::default()
                };
                observed.conduct.insert(name.clone(), conduct);
            }
            let installed = state.memory.installed.get(name).map(loadable);
            let details = Details {
                invocation_id,
                has_run: unit.invocations > 0,
                needs_reload: unit.loaded.is_some() && unit.loaded != installed,
                ..Details::default()
            };
            observed.details.insert(name.clone(), details);
        }
        Ok(observed)
    }

    async fn apply(&mut self, mut actions: Vec<Action>) -> Vec<Outcome> {
        // As the real one does it.
        let is_socket = |action: &Action| action.unit().is_some_and(|unit| unit.unit_type() == UnitType::Socket);
        actions.sort_by_key(|action| (action.phase(), !is_socket(action)));
        let mut outcomes = Vec::new();
        for action in actions {
            let is_dead = self.model.state().dies_after == Some(0);
            if is_dead {
                // Killed in the middle: whoever waits for it takes another one.
                std::future::pending::<()>().await;
            }
            let mut state = self.model.state();
            state.actions += 1;
            state.dies_after = state.dies_after.map(|left| left - 1);
            let result = state.carry_out(&action);
            outcomes.push(Outcome { action, result, took: Duration::ZERO });
        }
        self.read();
        outcomes
    }

    fn finish_start(&mut self, unit: &UnitName) -> Result<(), Failure> {
        if let Some(started) = self.model.state().memory.started.get_mut(unit) {
            started.progress = Progress::Done;
        }
        self.read();
        Ok(())
    }

    async fn reject(&mut self, unit: &UnitName, rejected: Rejected) -> Result<(), Failure> {
        self.model.state().reject(unit, rejected);
        self.read();
        Ok(())
    }

    fn start_is_due(&mut self, unit: &UnitName) -> Result<(), Failure> {
        if let Some(started) = self.model.state().memory.started.get_mut(unit) {
            *started = Started::pending(started.run);
        }
        self.read();
        Ok(())
    }

    fn accept(&mut self, unit: &UnitName, run: Digest) -> Result<(), Failure> {
        let mut state = self.model.state();
        let record = state.memory.units.entry(unit.clone()).or_default();
        (record.trial, record.rejected, record.accepted) = (None, None, Some(run));
        drop(state);
        self.read();
        Ok(())
    }

    fn record_event(&mut self, unit: &UnitName, event: &Happening) {
        self.model.state().history.push((unit.clone(), event.clone()));
    }

    fn preparation_over(&mut self, unit: &UnitName, _: Digest) -> Option<String> {
        self.model.state().faults.get(unit).map(ToString::to_string)
    }

    fn accept_directory(&mut self, identity: &DirectoryIdentity) -> Result<(), Failure> {
        self.model.state().memory.directory = Some(identity.clone());
        self.memory.directory = Some(identity.clone());
        Ok(())
    }

    fn set_target(&mut self, unit: &UnitName, target: Option<TargetState>, source: &Path) -> Result<(), Failure> {
        let mut state = self.model.state();
        let record = state.memory.units.entry(unit.clone()).or_default();
        record.target = target;
        record.source = source.to_owned();
        drop(state);
        self.read();
        Ok(())
    }

    fn forget_file(&mut self, _: &Path) {}

    fn follow(&mut self, _: BTreeMap<UnitName, Arc<Follow>>, _: &BTreeSet<UnitName>) -> Option<String> {
        None
    }

    fn disconnect(&mut self) {}

    fn publish(&mut self, _: &AgentStatus) {}
}
