//! The one loop. Every pass is the same, whatever woke it: look → parse → select → render → observe → plan → apply.
//! Lost events, restarts and crashes need no code of their own.

mod housekeeping;
mod inbox;
mod jobs;
mod orders;
mod removal;
mod report;
mod request;
mod run;
#[cfg(test)]
mod tests;
mod trouble;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

pub use request::{Answer, Order, SOCKET, UnitAnswer, UnitOrder, Wish, send};
pub use run::run;

use crate::apply::{Done, Failure, Outcome};
use crate::config::Settings;
use crate::host::Host;
use crate::plan::{self, Action, Blocked, Inputs, Plan, Situation};
use crate::render::{self, Resolution, Ruling};
use crate::source::units::Library;
use crate::source::{Identity, Look};
use crate::systemd::{Error, Event};
use crate::unit::UnitName;
use housekeeping::Housekeeping;
use inbox::{Inbox, Signal, Wake};
use jobs::{Job, Jobs};
use orders::Orders;
use removal::{Guard, Permission};
use report::Reporter;
use trouble::Troubles;
use world::World;

/// How often to look at a job that somebody else started, of whose end nobody tells.
const FOREIGN_JOB_POLL: Duration = Duration::from_secs(1);

/// How long to wait before connecting to systemd again.
const RECONNECT: Duration = Duration::from_secs(1);

/// How long the status may be behind while jobs are under way.
const PUBLISH_PAUSE: Duration = Duration::from_millis(100);

/// Reads the settings; the real one reads /etc/sculler.
pub type ReadSettings = Box<dyn Fn() -> Result<Settings, String>>;

/// The agent.
pub struct Agent<W> {
    world: W,
    host: Host,
    settings: Settings,
    read_settings: ReadSettings,
    library: Library,
    look: Look,
    resolution: Resolution,
    jobs: Jobs,
    troubles: Troubles,
    blocked: BTreeMap<UnitName, Blocked>,
    bring_back: BTreeMap<UnitName, Vec<String>>,
    guard: Guard,
    reporter: Reporter,
    orders: Orders,
    /// Whether systemd answered everything that the last pass asked.
    pass_is_complete: bool,
    /// When the next pass is due without a cause.
    due: Option<Instant>,
    housekeeping: Housekeeping,
    published: Option<Instant>,
    /// When to publish what had to wait.
    publish_due: Option<Instant>,
}

impl<W: World> Agent<W> {
    /// An agent that has not looked yet.
    pub fn new(world: W, host: Host, settings: Settings, read_settings: ReadSettings) -> Self {
        Self {
            world,
            host,
            settings,
            read_settings,
            library: Library::default(),
            look: Look::default(),
            resolution: Resolution::default(),
            jobs: Jobs::default(),
            troubles: Troubles::default(),
            blocked: BTreeMap::new(),
            bring_back: BTreeMap::new(),
            guard: Guard::default(),
            reporter: Reporter::default(),
            orders: Orders::default(),
            pass_is_complete: false,
            due: None,
            housekeeping: Housekeeping::default(),
            published: None,
            publish_due: None,
        }
    }

    /// Pings the watchdog from now on, if the service manager expects it.
    pub fn start_watchdog(&mut self) {
        self.reporter.start_watchdog();
    }

    /// Runs until a signal ends it. What runs on the host runs on.
    pub async fn run(mut self, mut inbox: Inbox) {
        let mut needs_pass = true;
        loop {
            if needs_pass {
                self.pass().await;
            }
            if self.housekeeping.due.is_some_and(|due| Instant::now() >= due) {
                self.keep_house().await;
            }
            self.publish();
            self.answer();
            needs_pass = match inbox.wait(self.next_due()).await {
                Wake::Signal(Signal::Shutdown) => return,
                Wake::Signal(Signal::Mounts) => self.directory_changed(),
                Wake::Signal(Signal::Hangup) | Wake::Changed => true,
                Wake::Request(request) => {
                    self.take(request);
                    true
                }
                Wake::Event(event) => {
                    let mut needs_pass = self.event(event);
                    while let Some(event) = inbox.next_event() {
                        needs_pass |= self.event(event);
                    }
                    needs_pass
                }
                Wake::Due => false,
            };
            // A stream of changes must starve neither what is due nor the watchdog.
            self.reporter.ping_watchdog();
            needs_pass |= self.due.is_some_and(|due| Instant::now() >= due);
        }
    }

    async fn pass(&mut self) {
        let now = Instant::now();
        self.due = Some(now + self.settings.resync);
        self.pass_is_complete = false;
        self.refresh_settings();
        self.look = match self.world.look(&self.settings) {
            Ok(look) => look,
            Err(error) => {
                self.orders_without_directory();
                return self.reporter.directory_problem(Some(error.to_string()));
            }
        };
        self.reporter.directory_problem(None);
        self.look_again_at(self.look.again);
        let units = self.library.read(&mut self.look);
        let memory = self.world.memory();
        let (sources, targets) = (memory.sources(), memory.targets());
        let before = std::mem::take(&mut self.resolution);
        self.resolution =
            render::resolve_again(&before, &units, &self.host, self.settings.unplaced, &sources, &targets);
        self.reporter.verdicts(&before, &self.resolution, &self.look);
        let desired = &self.resolution.desired;
        self.troubles.keep_current(|unit| desired.get(unit).map(|desired| desired.digest));

        let jobs = self.jobs.by_unit();
        let holds = |path: &Path| self.look.holds(path);
        let asked = &self.orders.asked;
        let inputs = Inputs { resolution: &self.resolution, memory, jobs: &jobs, asked, holds: &holds };
        let query = plan::in_question(&inputs);
        let observed = match self.world.observe(&query).await {
            Ok(observed) => observed,
            Err(error) => return self.lost_systemd(&error),
        };
        self.reporter.connected();
        let permission = self.guard.check(self.world.memory().directory, &self.look, now);
        let plan = plan::plan(&Situation {
            resolution: &self.resolution,
            memory: self.world.memory(),
            observed: &observed,
            jobs: &jobs,
            backing_off: &self.troubles.backing_off(now),
            bring_back: &self.bring_back,
            asked: &self.orders.asked,
            expected: &self.orders.expected(),
            holds: &|path: &Path| self.look.holds(path),
            may_remove: permission == Permission::Yes,
        });
        if observed.states.iter().any(|(unit, state)| state.job.is_some() && !jobs.contains_key(unit)) {
            self.look_again_at(Some(now + FOREIGN_JOB_POLL));
        }
        self.removal_permission(permission, &plan);
        self.carry_out(plan).await;
        self.orders_after_pass(&observed);
        self.look_again_at(self.troubles.next_retry(Instant::now()));
    }

    async fn carry_out(&mut self, plan: Plan) {
        self.reporter.blocked(&self.blocked, &plan.blocked, &self.resolution);
        self.blocked = plan.blocked;
        if !plan.actions.is_empty() {
            let reloads = plan.actions.iter().any(|action| matches!(action, Action::Reload { .. }));
            let outcomes = self.world.apply(plan.actions).await;
            self.record(outcomes, reloads);
        }
        let has_housekeeping = !self.housekeeping.outdated.is_empty() || !self.pending_links().is_empty();
        self.schedule_housekeeping(has_housekeeping);
    }

    /// `reloads`: whether a daemon-reload was among the actions, after the writes.
    fn record(&mut self, outcomes: Vec<Outcome>, reloads: bool) {
        let now = Instant::now();
        let mut needs_pass = false;
        for outcome in outcomes {
            self.reporter.outcome(&outcome);
            let unit = outcome.action.unit().cloned();
            match (&outcome.action, &outcome.result) {
                (Action::Stop { unit, bring_back, .. }, Ok(_)) if !bring_back.is_empty() => {
                    self.bring_back.insert(unit.clone(), bring_back.clone());
                }
                (Action::Start { unit, .. }, Ok(_)) => {
                    self.bring_back.remove(unit);
                }
                (Action::Reload { .. }, Ok(_)) => self.housekeeping.outdated.clear(),
                _ => {}
            }
            match outcome.result {
                Ok(Done::Job(id, kind)) => {
                    if let Some(unit) = unit {
                        self.jobs.add(id, Job::new(unit, kind, &outcome.action));
                    }
                }
                Ok(done) => {
                    if done == Done::Outdated && !(reloads && outcome.action.phase() < 3) {
                        self.outdate(&outcome.action);
                    }
                    // What was tried again has worked; a start that was given up is another matter.
                    outcome.action.units().iter().for_each(|unit| self.troubles.clear_retried(unit));
                    // A stop that found nothing to stop, or a removal: the next step can come at once.
                    needs_pass |= matches!(outcome.action, Action::Stop { .. });
                }
                Err(Failure::Systemd(error)) if error.is_unknown() => self.lost_systemd(&error),
                Err(failure) => {
                    let message = format!("{} failed: {failure}", outcome.action.word());
                    for unit in outcome.action.units() {
                        let version = self.resolution.desired.get(&unit).map(|desired| desired.digest);
                        self.troubles.retry(&unit, version, message.clone(), now);
                    }
                }
            }
        }
        if needs_pass {
            self.look_again_at(Some(now));
        }
        self.look_again_at(self.troubles.next_retry(now));
    }

    fn outdate(&mut self, action: &Action) {
        self.housekeeping.outdated.extend(action.units());
    }

    /// True if the event calls for a pass.
    fn event(&mut self, event: Event) -> bool {
        match event {
            Event::JobRemoved { id, result, .. } => {
                let Some(job) = self.jobs.remove(id) else { return false };
                self.schedule_housekeeping(self.housekeeping.pending_since.is_some());
                self.job_over(job, &result)
            }
            // Jobs survive a daemon-reexec, and so do the signals of their ends.
            Event::ManagerChanged => true,
            Event::Disconnected => {
                self.lost_systemd(&Error::Unknown("the connection was closed".to_owned()));
                false
            }
        }
    }

    fn job_over(&mut self, job: Job, result: &str) -> bool {
        self.reporter.job_over(&job, result);
        self.orders.job_over(&job.unit, result);
        if !job.is_start() {
            return self.stop_over(&job, result);
        }
        let version = self.resolution.desired.get(&job.unit).map(|desired| desired.digest);
        // What it depends on did not come up, or what it triggers is not there yet: the unit itself has not been tried.
        let untried = match (result, self.missing_triggered(&job.unit)) {
            ("dependency", _) => Some(jobs::explain(&job, result)),
            ("failed", Some(triggered)) => Some(jobs::explain_missing(&job, triggered)),
            _ => None,
        };
        if let Some(message) = untried {
            self.troubles.retry(&job.unit, version, message, Instant::now());
            self.look_again_at(self.troubles.next_retry(Instant::now()));
            return false;
        }
        if let Err(failure) = self.world.finish_start(&job.unit) {
            tracing::warn!("{failure}");
        }
        match result {
            "done" | "skipped" | "canceled" => self.troubles.clear(&job.unit),
            _ => self.troubles.give_up(&job.unit, version, jobs::explain(&job, result)),
        }
        false
    }

    /// True if the next step can come at once.
    fn stop_over(&mut self, job: &Job, result: &str) -> bool {
        if matches!(result, "done" | "canceled" | "skipped") {
            self.troubles.clear_retried(&job.unit);
            return true;
        }
        // Such as a mount that is busy.
        let version = self.resolution.desired.get(&job.unit).map(|desired| desired.digest);
        let message = format!("{} did not stop (result '{result}'); see 'journalctl -u {}'", job.unit, job.unit);
        self.troubles.retry(&job.unit, version, message, Instant::now());
        self.look_again_at(self.troubles.next_retry(Instant::now()));
        false
    }

    /// What a timer, socket or path starts, if that is not installed.
    fn missing_triggered(&self, unit: &UnitName) -> Option<&str> {
        let triggered = self.resolution.desired.get(unit)?.facts.triggers.as_deref()?;
        let is_installed = self.world.memory().installed.keys().any(|name| name.as_str() == triggered);
        (!is_installed).then_some(triggered)
    }

    fn lost_systemd(&mut self, error: &Error) {
        self.reporter.disconnected(error);
        self.world.disconnect();
        // Their ends may have been missed: what became of them has to be observed.
        self.jobs.clear();
        self.look_again_at(Some(Instant::now() + RECONNECT));
    }

    fn removal_permission(&mut self, permission: Permission, plan: &Plan) {
        let problem = match (plan.wants_removal, permission) {
            (true, Permission::Wait(until)) => {
                self.look_again_at(Some(until));
                Some("what it leaves out stays installed until it has not changed for 30 s")
            }
            (true, Permission::Ask) => Some("it is empty, so everything stays installed"),
            _ => None,
        };
        self.reporter.removal_problem(problem.map(|problem| {
            format!(
                "{} is another directory than before (replaced, or something is mounted or not mounted there): {problem}; \
                 if that is meant, run 'sculler reconcile --accept-removal'",
                self.settings.unit_dir.display()
            )
        }));
        // What has just gone missing still counts as there: until that is settled, nobody knows what another directory
        // takes away.
        if !plan.wants_removal && self.look.again.is_none() {
            self.guard.settle();
            if let Err(failure) = self.world.accept_directory(self.look.identity) {
                tracing::warn!("{failure}");
            }
        }
    }

    fn refresh_settings(&mut self) {
        match (self.read_settings)() {
            Ok(settings) => {
                self.reporter.settings_problem(None);
                if settings != self.settings {
                    tracing::info!(sculler_action = "settings", "the settings changed");
                    self.host.metadata = settings.metadata.clone();
                    self.settings = settings;
                }
            }
            Err(message) => self.reporter.settings_problem(Some(message)),
        }
    }

    /// Whether the unit directory is another one than at the last look.
    fn directory_changed(&self) -> bool {
        let identity = Identity::of_directory(&self.settings.unit_dir).ok();
        identity != Some(self.look.identity)
    }

    fn publish(&mut self) {
        let now = Instant::now();
        // The ends of many jobs come one by one, and each would cost a file with all others in it.
        let may_wait = !self.jobs.is_empty() && !self.orders.are_waiting();
        if let Some(next) = self.published.map(|at| at + PUBLISH_PAUSE).filter(|next| may_wait && now < *next) {
            self.publish_due = Some(next);
            return;
        }
        self.published = Some(now);
        self.publish_due = None;
        let invalid =
            self.resolution.verdicts.iter().filter(|verdict| matches!(verdict.ruling, Ruling::Invalid { .. }));
        let (taken, files, jobs) = (self.resolution.desired.len(), self.resolution.verdicts.len(), self.jobs.len());
        self.reporter.status_line(taken, files, invalid.count(), jobs);
        if let Some(status) =
            self.reporter.status(&self.settings, &self.look, &self.jobs, &self.blocked, &self.troubles)
        {
            self.world.publish(&status);
        }
    }

    fn look_again_at(&mut self, at: Option<Instant>) {
        if let Some(at) = at {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    fn next_due(&self) -> Instant {
        [self.due, self.housekeeping.due, self.publish_due, self.reporter.watchdog_due()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + self.settings.resync)
    }
}

/// The folder of the socket and the status.
pub fn run_directory() -> PathBuf {
    PathBuf::from(crate::config::RUN_DIRECTORY)
}
