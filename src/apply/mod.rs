//! Carries a plan out: an outcome for each action, and on after a failure.

mod install;
mod prepare;
mod update;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

pub use install::{FOLDERS, choose_folder, remove as remove_files, sweep};
use install::{at, link_is_missing};
pub use prepare::{clean_up as clean_up_preparations, over as preparation_over};
pub use update::{accept, record_of_write, reject};

use crate::config::TARGET;
use crate::files;
use crate::hurry::Hurry;
use crate::plan::Action;
use crate::quadlet::{Spec, slice};
use crate::render::{Desired, TargetState};
use crate::status::{Installed, Memory, Progress, RecordFiles, Started, Trial, UnitRecord, outdated};
use crate::systemd::{Error, JobKind, LoadState, Systemd};
use crate::unit::{Digest, Facts, UnitName, UnitType};

/// From the request for a start to the first process of the service.
const HURRY: Duration = Duration::from_millis(40);

/// Calls to systemd under way at once; more only wait in the bus.
const CALLS_AT_ONCE: usize = 64;

/// What became of an action.
#[derive(Debug)]
pub struct Outcome {
    /// The action.
    pub action: Action,
    /// Whether it was done.
    pub result: Result<Done, Failure>,
    /// How long it took; for jobs, until they were queued.
    pub took: Duration,
}

/// What an action that worked left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing more to do.
    Finished,
    /// Finished, but PID 1 holds something old until the next daemon-reload.
    Outdated,
    /// A job that is under way.
    Job(u32, JobKind),
}

/// Why an action did not work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// systemd said no, or nothing.
    #[error(transparent)]
    Systemd(#[from] Error),
    /// A file could not be written or removed.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Carries out actions on the real host.
pub struct Applier<'a> {
    /// The Manager.
    pub systemd: &'a Systemd,
    /// Kept in step with what is done.
    pub memory: &'a mut Memory,
    /// Where the records are.
    pub records: &'a RecordFiles,
    /// Where unit files are installed.
    pub folder: &'a Path,
    /// The Engine's, which keeps images.
    pub docker_socket: &'a Path,
}

impl Applier<'_> {
    /// Carries out `actions`, which are in the order of their phases.
    pub async fn apply(&mut self, actions: Vec<Action>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(actions.len());
        let mut starts = Vec::new();
        // A unit whose files could not be written, or whose new text PID 1 does not have, must not start the old one.
        let mut unready = HashSet::new();
        for action in actions {
            match action {
                Action::Start { .. } if action.unit().is_some_and(|unit| unready.contains(unit)) => {}
                Action::Start { .. } => starts.push(action),
                // These come after the starts, and take no part in their speed.
                Action::Prepare { .. } | Action::Abandon { .. } | Action::Link { .. } | Action::Unlink { .. } => {
                    outcomes.extend(self.start_all(std::mem::take(&mut starts)).await);
                    outcomes.push(self.one(action).await);
                }
                action => {
                    let outcome = self.one(action).await;
                    if outcome.result.is_err() {
                        unready.extend(outcome.action.units());
                    }
                    outcomes.push(outcome);
                }
            }
        }
        outcomes.extend(self.start_all(starts).await);
        outcomes
    }

    async fn one(&mut self, action: Action) -> Outcome {
        let since = Instant::now();
        let result = match &action {
            Action::Stop { unit, .. } => self.stop(unit).await,
            Action::Remove { unit } => self.remove(unit).await,
            Action::Write { desired, outdates, runs, trial, .. } => self.write(desired, *outdates, *runs, *trial),
            Action::Reload { .. } => self.systemd.reload().await.map(|()| Done::Finished).map_err(Failure::from),
            Action::Adopt { unit, run, before } => {
                self.record_started(unit, Some(Started::done_after(*run, before.clone())))
            }
            Action::Forget { unit } => self.forget(unit),
            Action::Keep { desired, run } => self.keep(desired, *run).await,
            Action::Trust { unit } => self.trust(unit).await,
            Action::Reject { unit, run, was_up, reason } => self.reject(unit, *run, *was_up, reason).await,
            Action::Forgive { unit } => self.forgive(unit),
            Action::Prepare { desired } => self.prepare(desired).await,
            Action::Abandon { unit, version } => self.abandon(unit, *version).await,
            Action::Link { units } => self.link(units).await,
            Action::Unlink { unit } => self.unlink(unit).await,
            Action::Start { .. } => unreachable!("starts are carried out together"),
        };
        Outcome { action, result, took: since.elapsed() }
    }

    async fn stop(&mut self, unit: &UnitName) -> Result<Done, Failure> {
        // If its file is back before the stop is over, this was nobody's will.
        let installed = self.memory.installed.get(unit).map(|installed| installed.facts.run);
        if let Some(run) = self.memory.started.get(unit).map(|started| started.run).or(installed) {
            self.record_started(unit, Some(Started::pending(run)))?;
        }
        match self.systemd.stop(unit.as_str()).await {
            Ok(job) => Ok(Done::Job(job, JobKind::Stop)),
            // It went away by itself between the look and the stop.
            Err(Error::NotLoadable { .. }) => Ok(Done::Finished),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&mut self, unit: &UnitName) -> Result<Done, Failure> {
        let Some(installed) = self.memory.installed.get(unit).cloned() else { return Ok(Done::Finished) };
        if let Err(error) = self.systemd.disable(&[unit.as_str()]).await {
            // An earlier removal was cut off, or somebody took the unit file away: systemd removes the links of files that
            // are there alone.
            let Error::NotLoadable { .. } = error else { return Err(error.into()) };
            install::restore(&installed.folder, unit)?;
            self.systemd.disable(&[unit.as_str()]).await?;
        }
        self.forget_links_of(&installed.facts)?;
        install::remove(&installed.folder, unit, installed.is_quadlet)?;
        if installed.is_quadlet {
            let spec = std::fs::read(self.records.spec(unit)).ok();
            if let Some(stays) = spec.and_then(|spec| serde_json::from_slice::<Spec>(&spec).ok()?.stays()) {
                tracing::info!(unit = %unit, object_systemd_unit = %unit, sculler_action = "remove", "{stays}");
            }
            for left in [
                self.records.kept(unit),
                self.records.built(unit),
                self.records.failed_build(unit),
                self.records.last_image(unit),
                self.records.built_since_boot(unit),
                self.records.recreate(unit),
            ] {
                at(&left, files::remove(&left))?;
            }
            self.records.set_spec(unit, None).map_err(|error| record_failure(unit, error))?;
            // Nobody else stops a slice that holds nothing any more.
            let _ = self.systemd.stop(&slice::name(unit)).await;
        }
        if self.memory.units.get(unit).is_some_and(|record| record.good.is_some()) {
            if installed.is_quadlet {
                self.release(unit).await;
            }
            files::remove(&self.records.good(unit)).map_err(|error| record_failure(unit, error))?;
            let _ = self.systemd.let_go(unit.as_str()).await;
        }
        self.memory.good.remove(unit);
        self.memory.installed.remove(unit);
        self.record_started(unit, None)?;
        // The operator's word outlives the installation; it goes with the file, which is a step of its own.
        let target = self.memory.units.get(unit).and_then(|record| record.target);
        let record = target.map(|target| UnitRecord {
            source: installed.source.clone(),
            target: Some(target),
            ..UnitRecord::default()
        });
        self.record_unit(unit, record)?;
        if unit.is_template() {
            return Ok(Done::Finished);
        }
        self.systemd.reset_failed(unit.as_str()).await?;
        // Something still refers to it: until a daemon-reload it could be started from memory.
        let states = self.systemd.states(&[unit.as_str()]).await?;
        let is_loaded = states.values().any(|state| matches!(state.load, LoadState::Loaded | LoadState::Masked));
        Ok(if is_loaded { Done::Outdated } else { Done::Finished })
    }

    fn write(
        &mut self,
        desired: &Desired,
        outdates: bool,
        runs: Option<Digest>,
        trial: Option<Trial>,
    ) -> Result<Done, Failure> {
        let name = &desired.name;
        self.begin_trial(desired, trial)?;
        // If the agent dies before the start, the next one must know what runs and what was to be started.
        let started = match runs {
            Some(run) => Some(Started::done(run)),
            None if desired.is_launched() => Some(Started::pending(desired.run)),
            None => None,
        };
        if started.is_some() && !self.memory.started.contains_key(name) {
            self.record_started(name, started)?;
        }
        // Nothing restarts because sculler, or the host, makes something else of the same file.
        if let Some(installed) = self.memory.installed.get(name)
            && installed.is_quadlet
            && desired.spec.is_some()
            && runs == Some(desired.run)
        {
            let noted = outdated::note(self.records, &installed.folder, desired);
            noted.map_err(|error| record_failure(name, error))?;
        }
        // The service's text may be started from the moment that it is there.
        self.records.set_spec(name, desired.spec_text().as_deref()).map_err(|error| record_failure(name, error))?;
        let was_quadlet = self.memory.installed.get(name).is_some_and(|installed| installed.is_quadlet);
        install::write(self.folder, desired, was_quadlet)?;
        self.memory.installed.insert(name.clone(), Installed::of(desired, self.folder));
        Ok(if outdates { Done::Outdated } else { Done::Finished })
    }

    fn forget(&mut self, unit: &UnitName) -> Result<Done, Failure> {
        self.record_started(unit, None)?;
        self.record_unit(unit, None)
    }

    /// Queues all starts. A unit that systemd cannot load gets one daemon-reload and one more try.
    async fn start_all(&mut self, starts: Vec<Action>) -> Vec<Outcome> {
        if let Some(hurry) = (!starts.is_empty()).then(Hurry::begin).flatten() {
            tokio::spawn(async move {
                tokio::time::sleep(HURRY).await;
                drop(hurry);
            });
        }
        // A socket that is queued is ordered before its service; one that is not yet is too late for it.
        let is_socket = |action: &Action| action.unit().is_some_and(|unit| unit.unit_type() == UnitType::Socket);
        let (sockets, others): (Vec<_>, Vec<_>) = starts.into_iter().partition(is_socket);
        let mut outcomes = self.queue(sockets).await;
        outcomes.extend(self.queue(others).await);
        let refused = |outcome: &Outcome| matches!(outcome.result, Err(Failure::Systemd(Error::NotLoadable { .. })));
        if outcomes.iter().any(refused) && self.systemd.reload().await.is_ok() {
            let (again, done): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(refused);
            outcomes = done;
            outcomes.extend(self.queue(again.into_iter().map(|outcome| outcome.action).collect()).await);
        }
        outcomes
    }

    async fn queue(&mut self, starts: Vec<Action>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(starts.len());
        let mut calls = JoinSet::new();
        for action in starts {
            if let Action::Start { unit, run, before, .. } = &action {
                let started = Started { run: *run, before: before.clone(), progress: Progress::Announced };
                if let Err(failure) = self.record_started(unit, Some(started)) {
                    outcomes.push(Outcome { action, result: Err(failure), took: Duration::ZERO });
                    continue;
                }
            }
            while calls.len() >= CALLS_AT_ONCE {
                outcomes.extend(calls.join_next().await.and_then(Result::ok));
            }
            let is_held =
                action.unit().and_then(|unit| self.memory.units.get(unit)).is_some_and(|record| record.trial.is_some());
            calls.spawn(start_one(self.systemd.clone(), action, is_held));
        }
        while let Some(outcome) = calls.join_next().await {
            outcomes.extend(outcome.ok());
        }
        outcomes
    }

    /// systemd disables what `Also=` names along with a unit: if that is ours, its links have to be made again.
    fn forget_links_of(&mut self, facts: &Facts) -> Result<(), Failure> {
        for other in facts.also.iter().filter_map(|other| UnitName::parse(other).ok()) {
            if let Some(record) = self.memory.units.get(&other) {
                let record = UnitRecord { linked: None, install: None, ..record.clone() };
                self.record_unit(&other, Some(record))?;
            }
        }
        Ok(())
    }

    async fn link(&mut self, units: &[std::sync::Arc<Desired>]) -> Result<Done, Failure> {
        let mut enable = Vec::new();
        let mut want = Vec::new();
        for desired in units {
            let name = &desired.name;
            let record = self.memory.units.get(name);
            let carried_out = record.and_then(|record| record.install);
            if carried_out != desired.facts().install {
                if carried_out.is_some() {
                    self.systemd.disable(&[name.as_str()]).await?;
                    self.forget_links_of(desired.facts())?;
                }
                if desired.facts().install.is_some() {
                    enable.push(name.as_str());
                }
            }
            if link_is_missing(name) {
                want.push(name.as_str());
            }
        }
        let mut changed = false;
        if !enable.is_empty() {
            self.systemd.enable(&enable).await?;
            changed = true;
        }
        if !want.is_empty() {
            self.systemd.add_wants(&want, TARGET).await?;
            changed = true;
        }
        for desired in units {
            let record = UnitRecord {
                source: desired.source.clone(),
                linked: Some(desired.digest()),
                install: desired.facts().install,
                ..self.memory.units.get(&desired.name).cloned().unwrap_or_default()
            };
            self.record_unit(&desired.name, Some(record))?;
        }
        install::save(self.folder);
        Ok(if changed { Done::Outdated } else { Done::Finished })
    }

    async fn unlink(&mut self, unit: &UnitName) -> Result<Done, Failure> {
        let changed = self.systemd.disable(&[unit.as_str()]).await?;
        let mut record = self.memory.units.get(unit).cloned().unwrap_or_default();
        record.linked = None;
        record.install = None;
        self.record_unit(unit, Some(record))?;
        Ok(if changed { Done::Outdated } else { Done::Finished })
    }

    fn record_started(&mut self, unit: &UnitName, started: Option<Started>) -> Result<Done, Failure> {
        let result = self.records.set_started(self.memory, unit, started);
        result.map(|()| Done::Finished).map_err(|error| record_failure(unit, error))
    }

    fn record_unit(&mut self, unit: &UnitName, record: Option<UnitRecord>) -> Result<Done, Failure> {
        let result = self.records.set_unit(self.memory, unit, record);
        result.map(|()| Done::Finished).map_err(|error| record_failure(unit, error))
    }
}

/// `is_held`: whether what it comes to has to be seen, however soon it ends.
async fn start_one(systemd: Systemd, action: Action, is_held: bool) -> Outcome {
    let since = Instant::now();
    let Action::Start { unit, is_restart, is_reload, has_history, bring_back, .. } = &action else {
        unreachable!("only starts are queued")
    };
    let result = async {
        let mut holds = is_held && systemd.hold(unit.as_str()).await.is_err();
        if *has_history {
            systemd.reset_failed(unit.as_str()).await?;
        }
        let (job, kind) = if *is_reload {
            // What an older version of sculler installed has no way to reload.
            (systemd.order("reload-or-restart", unit.as_str()).await?, JobKind::Reload)
        } else if *is_restart {
            (systemd.restart(unit.as_str()).await?, JobKind::Restart)
        } else {
            (systemd.start(unit.as_str()).await?, JobKind::Start)
        };
        holds = holds && systemd.hold(unit.as_str()).await.is_err();
        if holds {
            tracing::debug!("systemd does not hold {unit}");
        }
        for other in bring_back {
            if let Err(error) = systemd.start(other).await {
                tracing::warn!("{other} went down with {unit} and does not come back: {error}");
            }
        }
        Ok(Done::Job(job, kind))
    };
    let result = result.await;
    Outcome { action, result, took: since.elapsed() }
}

fn record_failure(unit: &UnitName, error: std::io::Error) -> Failure {
    Failure::File { path: format!("the records of {unit}").into(), error }
}

/// Records the operator's target state of the unit in `source`; `None` takes it back. Who wants a unit launched that
/// somebody disabled by hand wants its boot links again.
pub fn set_target(
    memory: &mut Memory,
    records: &RecordFiles,
    unit: &UnitName,
    target: Option<TargetState>,
    source: &Path,
) -> Result<(), Failure> {
    let failed = |error| record_failure(unit, error);
    if target == Some(TargetState::Launched)
        && link_is_missing(unit)
        && let Some(record) = memory.units.get(unit).filter(|record| record.linked.is_some())
    {
        let record = UnitRecord { linked: None, install: None, ..record.clone() };
        records.set_unit(memory, unit, Some(record)).map_err(failed)?;
    }
    records.set_target(memory, unit, target, source).map_err(failed)
}

/// Records that the start of a unit has not happened after all.
pub fn start_is_due(memory: &mut Memory, records: &RecordFiles, unit: &UnitName) -> Result<(), Failure> {
    match memory.started.get(unit) {
        Some(started) if started.is_done() => {
            let started = Started::pending(started.run);
            records.set_started(memory, unit, Some(started)).map_err(|error| record_failure(unit, error))
        }
        _ => Ok(()),
    }
}

/// Records that a start has happened, with whatever result.
pub fn finish_start(memory: &mut Memory, records: &RecordFiles, unit: &UnitName) -> Result<(), Failure> {
    match memory.started.get(unit) {
        Some(started) if !started.is_done() => {
            let started = Started { progress: Progress::Done, ..started.clone() };
            records.set_started(memory, unit, Some(started)).map_err(|error| record_failure(unit, error))
        }
        _ => Ok(()),
    }
}
