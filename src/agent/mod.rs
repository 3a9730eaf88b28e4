//! The one loop. Every pass is the same, whatever woke it: look → parse → select → render → observe → plan → apply.
//! Lost events, restarts and crashes need no code of their own.

mod chronicle;
mod engine;
mod housekeeping;
mod inbox;
mod jobs;
mod orders;
mod orphans;
mod outcomes;
mod preparations;
mod removal;
mod report;
mod request;
mod run;
#[cfg(test)]
mod tests;
mod trouble;
mod versions;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

pub use request::{Answer, Order, SOCKET, UnitAnswer, UnitOrder, Wish, send};
pub use run::run;

use crate::config::Settings;
use crate::docker;
use crate::host::{Host, Platform};
use crate::plan::{self, Action, Blocked, Inputs, Plan, Situation};
use crate::render::{self, Resolution, Ruling};
use crate::source::units::Library;
use crate::source::{Identity, Look};
use crate::systemd::Error;
use crate::unit::UnitName;
use chronicle::Chronicle;
use housekeeping::Housekeeping;
use inbox::{Inbox, Signal, Wake};
use jobs::Jobs;
use orders::Orders;
use preparations::Preparations;
use removal::{Guard, Permission};
use report::{Reporter, UnderWay};
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
    platform: Platform,
    settings: Settings,
    read_settings: ReadSettings,
    library: Library,
    look: Look,
    resolution: Resolution,
    jobs: Jobs,
    preparations: Preparations,
    troubles: Troubles,
    blocked: BTreeMap<UnitName, Blocked>,
    bring_back: BTreeMap<UnitName, Vec<String>>,
    /// Units whose last start was not even tried, and why.
    unstarted: BTreeMap<UnitName, String>,
    chronicle: Chronicle,
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
    /// Containers with a start that was canceled since the last pass.
    canceled: BTreeSet<UnitName>,
    /// When to look for containers without a service; none: at once.
    orphans_due: Option<Instant>,
}

impl<W: World> Agent<W> {
    /// An agent that has not looked yet.
    pub fn new(world: W, host: Host, settings: Settings, read_settings: ReadSettings) -> Self {
        Self {
            world,
            host,
            platform: Platform::default(),
            settings,
            read_settings,
            library: Library::default(),
            look: Look::default(),
            resolution: Resolution::default(),
            jobs: Jobs::default(),
            preparations: Preparations::default(),
            troubles: Troubles::default(),
            blocked: BTreeMap::new(),
            bring_back: BTreeMap::new(),
            unstarted: BTreeMap::new(),
            chronicle: Chronicle::default(),
            guard: Guard::default(),
            reporter: Reporter::default(),
            orders: Orders::default(),
            pass_is_complete: false,
            due: None,
            housekeeping: Housekeeping::default(),
            published: None,
            publish_due: None,
            canceled: BTreeSet::new(),
            orphans_due: None,
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
        self.platform = self.world.platform().await;
        if !self.canceled.is_empty() {
            self.world.starts_canceled(std::mem::take(&mut self.canceled)).await;
        }
        self.bring_back_with_docker().await;
        if self.orphans_due.is_none_or(|due| now >= due) && self.world.remove_orphans() {
            self.orphans_due = Some(now + self.settings.resync);
        }
        let memory = self.world.memory();
        let (sources, targets) = (memory.sources(), memory.targets());
        let inputs = render::Inputs {
            host: &self.host,
            platform: &self.platform,
            unplaced: self.settings.unplaced,
            installed: &sources,
            targets: &targets,
        };
        let before = std::mem::take(&mut self.resolution);
        self.resolution = render::resolve_again(&before, &units, &inputs);
        self.choose_versions().await;
        self.chronicle.compare(&before, &self.resolution);
        self.reporter.verdicts(&before, &self.resolution, &self.look);
        let desired = &self.resolution.desired;
        self.troubles.keep_current(|unit| desired.get(unit).map(|desired| desired.digest()));
        let installed = &self.world.memory().installed;
        self.preparations.keep_current(|unit, version| {
            let is_installed = installed.get(unit).is_some_and(|installed| installed.digest == version);
            !is_installed && desired.get(unit).is_some_and(|desired| desired.digest() == version)
        });

        let waiting = self.waiting_for_docker(now).await;
        self.troubles.wait_for_docker(&waiting);
        let jobs = self.jobs.by_unit();
        let holds = |path: &Path| self.look.holds(path);
        let asked = &self.orders.asked;
        let memory = self.world.memory();
        let inputs = Inputs { resolution: &self.resolution, memory, jobs: &jobs, asked, holds: &holds };
        let query = plan::in_question(&inputs);
        let observed = match self.world.observe(&query).await {
            Ok(observed) => observed,
            Err(error) => return self.lost_systemd(&error),
        };
        self.reporter.connected();
        let permission = self.guard.check(self.world.memory().directory.as_ref(), &self.look, now);
        let plan = plan::plan(&Situation {
            resolution: &self.resolution,
            memory: self.world.memory(),
            observed: &observed,
            jobs: &jobs,
            preparations: &self.preparations.by_unit(),
            unstarted: &self.unstarted,
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
        let put_off = plan.put_off.clone();
        self.look_again_at(plan.look_again.map(|after| now + after));
        self.carry_out(plan).await;
        self.follow();
        self.orders_after_pass(&observed, &put_off);
        self.look_again_at(self.troubles.next_retry(Instant::now()));
    }

    /// What is to be tried again and would start an Engine that somebody stopped, or take that stop back. A start of the
    /// Engine is a change that the next pass comes from.
    async fn waiting_for_docker(&mut self, now: Instant) -> BTreeSet<UnitName> {
        let desired = &self.resolution.desired;
        let starts_docker = |unit: &&UnitName| {
            let desired = desired.get(*unit).filter(|desired| desired.is_launched());
            !self.orders.asked.contains_key(*unit) && desired.is_some_and(|desired| desired.starts(docker::SERVICE))
        };
        // What an agent before this one was to try again has a start that is not over.
        let started = self.world.memory().started.iter().filter(|(_, started)| !started.is_done());
        let left: BTreeSet<UnitName> = match self.published {
            None => started.map(|(unit, _)| unit).filter(starts_docker).cloned().collect(),
            Some(_) => BTreeSet::new(),
        };
        let retried: BTreeSet<UnitName> = self.troubles.retried().filter(starts_docker).chain(&left).cloned().collect();
        if retried.is_empty() || !self.world.docker_is_stopped().await {
            return BTreeSet::new();
        }
        for unit in left {
            let version = self.resolution.desired.get(&unit).map(|desired| desired.digest());
            self.troubles.retry(&unit, version, jobs::explain(&unit, "dependency"), now);
        }
        retried
    }

    fn follow(&mut self) {
        let desired = self.resolution.desired.iter();
        let units = desired.filter_map(|(unit, desired)| {
            // The copy of a version that stayed up has the file's own place.
            let desired = self.resolution.of_file(unit).unwrap_or(desired);
            Some((unit.clone(), desired.follow.clone()?))
        });
        let problem = self.world.follow(units.collect(), &self.resolution.kept);
        self.reporter.follow_problem(problem);
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

    fn lost_systemd(&mut self, error: &Error) {
        self.reporter.disconnected(error);
        self.world.disconnect();
        // Their ends may have been missed: what became of them has to be observed.
        self.jobs.clear();
        self.preparations.forget_jobs();
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
        let known = self.world.memory().directory.as_ref();
        let mount = known.and_then(|known| known.other_mounts(&self.look.identity).next());
        let directory = mount.unwrap_or(&self.settings.unit_dir);
        self.reporter.removal_problem(problem.map(|problem| {
            format!(
                "{} is another directory than before (replaced, or something is mounted or not mounted there): {problem}; \
                 if that is meant, run 'sculler reconcile --accept-removal'",
                directory.display()
            )
        }));
        // What has just gone missing still counts as there: until that is settled, nobody knows what another directory
        // takes away.
        if !plan.wants_removal && self.look.again.is_none() {
            self.guard.settle();
            if let Err(failure) = self.world.accept_directory(&self.look.identity) {
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

    /// Whether the unit directory, or a folder below it, is another one than at the last look.
    fn directory_changed(&self) -> bool {
        let is_another = |(path, known): (&PathBuf, &Identity)| Identity::of_directory(path).ok() != Some(*known);
        is_another((&self.settings.unit_dir, &self.look.identity.root)) || self.look.folders.iter().any(is_another)
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
        let under_way = UnderWay { jobs: &self.jobs, preparations: &self.preparations };
        let (settings, platform, look) = (&self.settings, &self.platform, &self.look);
        if let Some(status) = self.reporter.status(settings, platform, look, under_way, &self.blocked, &self.troubles) {
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
