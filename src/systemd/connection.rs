//! One connection to the system bus, with its signals pumped by a task of its own: zbus stops reading the socket when a
//! signal stream is not polled, and the next call would never get its answer.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use zbus::export::ordered_stream::OrderedStreamExt as _;
use zbus::proxy::CacheProperties;
use zbus::{OwnedObjectPath, OwnedVariant};

use super::proxy::{ListedUnit, ManagerProxy};
use super::{ActiveState, Error, JobKind, LoadState, UnitState};

/// A daemon-reload takes 2.8 s with 1,000 running services; what takes longer than this is not going to answer.
const METHOD_TIMEOUT: Duration = Duration::from_secs(90);

/// Names in one `ListUnitsByNames` call; a bus message has a size limit, and PID 1 should not be held for long.
const NAMES_PER_CALL: usize = 2000;

/// What systemd tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job is over.
    JobRemoved {
        /// Its number.
        id: u32,
        /// The unit it was for.
        unit: String,
        /// `done`, `canceled`, `timeout`, `failed`, `dependency`, `skipped`, …
        result: String,
    },
    /// systemd came back under another bus name (daemon-reexec), and is subscribed to again.
    ManagerChanged,
    /// The connection is gone.
    Disconnected,
}

/// The Manager.
#[derive(Clone)]
pub struct Systemd {
    manager: ManagerProxy<'static>,
}

impl Systemd {
    /// Connects to the system bus; for commands that only ask.
    pub async fn connect() -> Result<Self, Error> {
        let connection = zbus::connection::Builder::system()
            .method_timeout(METHOD_TIMEOUT)
            .max_queued(NonZeroUsize::new(1024).unwrap_or(NonZeroUsize::MIN))
            .build()
            .await?;
        let manager = ManagerProxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
        Ok(Self { manager })
    }

    /// Connects and subscribes; every [`Event`] goes to `events` until the connection is gone, or until it is given up by
    /// the handle.
    pub async fn connect_and_subscribe(events: mpsc::UnboundedSender<Event>) -> Result<(Self, AbortHandle), Error> {
        let systemd = Self::connect().await?;
        let mut jobs = systemd.manager.receive_job_removed().await?;
        let mut owners = systemd.manager.inner().receive_owner_changed().await?;
        systemd.manager.subscribe().await?;
        let manager = systemd.manager.clone();
        let pump = tokio::spawn(async move {
            loop {
                tokio::select! {
                    job = jobs.next() => {
                        let Some(signal) = job else { break };
                        let Ok(arguments) = signal.args() else { continue };
                        let _ = events.send(Event::JobRemoved {
                            id: arguments.id,
                            unit: arguments.unit,
                            result: arguments.result,
                        });
                    }
                    owner = owners.next() => match owner {
                        None => break,
                        // Nobody owns the name for a moment: the next owner will be announced.
                        Some(None) => {}
                        Some(Some(_)) => {
                            // A subscription can survive a daemon-reexec: then systemd refuses a second one.
                            if manager.subscribe().await.map_err(Error::from).is_err_and(|error| error.is_unknown()) {
                                break;
                            }
                            let _ = events.send(Event::ManagerChanged);
                        }
                    },
                }
            }
            let _ = events.send(Event::Disconnected);
        });
        Ok((systemd, pump.abort_handle()))
    }

    /// The state of each of `names`, by the name that was asked for.
    pub async fn states<'a>(&self, names: &[&'a str]) -> Result<HashMap<&'a str, UnitState>, Error> {
        let mut states = HashMap::with_capacity(names.len());
        for names in names.chunks(NAMES_PER_CALL) {
            match self.manager.list_units_by_names(names).await.map_err(Error::from) {
                // systemd answers in the order of the names, and skips those that it does not understand.
                Ok(rows) if rows.len() == names.len() => {
                    states.extend(names.iter().copied().zip(rows.into_iter().map(unit_state)));
                }
                Err(error) if error.is_unknown() => return Err(error),
                // One name that systemd does not load must not keep the others from their answers.
                _ => {
                    for name in names {
                        match self.manager.list_units_by_names(&[name]).await.map_err(Error::from) {
                            Ok(rows) => states.extend(rows.into_iter().map(|row| (*name, unit_state(row)))),
                            Err(error) if error.is_unknown() => return Err(error),
                            Err(error) => tracing::debug!("systemd says nothing of {name}: {error}"),
                        }
                    }
                }
            }
        }
        Ok(states)
    }

    /// Some properties of a unit, as text: its `FragmentPath`, `LoadError` and the like.
    pub async fn details(&self, name: &str) -> Result<Details, Error> {
        Ok(Details::new(self.properties(name, "org.freedesktop.systemd1.Unit").await?))
    }

    /// What a service's process came to.
    pub async fn process(&self, name: &str) -> Result<Process, Error> {
        Ok(Process::new(self.properties(name, "org.freedesktop.systemd1.Service").await?))
    }

    async fn properties(&self, name: &str, interface: &'static str) -> Result<HashMap<String, OwnedVariant>, Error> {
        let path = self.manager.load_unit(name).await?;
        let properties = zbus::fdo::PropertiesProxy::builder(self.manager.inner().connection())
            .destination("org.freedesktop.systemd1")
            .path(path)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let interface = zbus::names::InterfaceName::from_static_str_unchecked(interface);
        Ok(properties.get_all(interface).await.map_err(zbus::Error::from)?)
    }

    /// Queues a start; the job's number.
    pub async fn start(&self, name: &str) -> Result<u32, Error> {
        job_id(self.manager.start_unit(name, "replace").await?)
    }

    /// Queues a stop; the job's number.
    pub async fn stop(&self, name: &str) -> Result<u32, Error> {
        job_id(self.manager.stop_unit(name, "replace").await?)
    }

    /// Takes back the start of a unit that is queued, without a stop in its place; whether there was one. A stop that took the
    /// place of a start before it began is taken back as well: whoever asked for the start is told of its end only then.
    pub async fn cancel_start(&self, name: &str) -> Result<bool, Error> {
        let rows = self.manager.list_units_by_names(&[name]).await?;
        for (_, _, _, active, _, _, _, job, job_kind, _) in rows {
            let kind = JobKind::parse(&job_kind);
            let has_not_begun = ActiveState::parse(&active) == ActiveState::Inactive;
            if job != 0 && (kind == JobKind::Start || kind == JobKind::Stop && has_not_begun) {
                self.manager.cancel_job(job).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Queues a restart; the job's number.
    pub async fn restart(&self, name: &str) -> Result<u32, Error> {
        job_id(self.manager.restart_unit(name, "replace").await?)
    }

    /// Queues a reload of a unit; the job's number.
    pub async fn reload_unit(&self, name: &str) -> Result<u32, Error> {
        job_id(self.manager.reload_unit(name, "replace").await?)
    }

    /// Queues a job by `queue`, over a connection of its own, and waits for its end; systemd's word for the result.
    pub async fn finish(queue: impl AsyncFnOnce(&Self) -> Result<u32, Error>) -> Result<String, Error> {
        let (events, mut told) = mpsc::unbounded_channel();
        let (systemd, pump) = Self::connect_and_subscribe(events).await?;
        let waited = async {
            let job = queue(&systemd).await?;
            while let Some(event) = told.recv().await {
                match event {
                    Event::JobRemoved { id, result, .. } if id == job => return Ok(result),
                    Event::Disconnected => break,
                    _ => {}
                }
            }
            Err(Error::Unknown("the connection ended before the job did".to_owned()))
        };
        let result = waited.await;
        pump.abort();
        result
    }

    /// Queues the job that systemctl's word for it queues; the job's number.
    pub async fn order(&self, word: &str, name: &str) -> Result<u32, Error> {
        let (manager, mode) = (&self.manager, "replace");
        job_id(match word {
            "start" => manager.start_unit(name, mode).await?,
            "stop" => manager.stop_unit(name, mode).await?,
            "reload" => manager.reload_unit(name, mode).await?,
            "try-restart" => manager.try_restart_unit(name, mode).await?,
            "reload-or-restart" => manager.reload_or_restart_unit(name, mode).await?,
            "reload-or-try-restart" => manager.reload_or_try_restart_unit(name, mode).await?,
            _ => manager.restart_unit(name, mode).await?,
        })
    }

    /// Whether and how a unit is enabled, in systemctl's word.
    pub async fn file_state(&self, name: &str) -> Result<String, Error> {
        Ok(self.manager.get_unit_file_state(name).await?)
    }

    /// Carries out `[Install]`, over links that are there already; whether anything changed.
    pub async fn enable_by_force(&self, name: &str, runtime: bool) -> Result<bool, Error> {
        let (_, changes) = self.manager.enable_unit_files(&[name], runtime, true).await?;
        Ok(!changes.is_empty())
    }

    /// Keeps a unit in memory after its end: what it came to is forgotten otherwise.
    pub async fn hold(&self, name: &str) -> Result<(), Error> {
        Ok(self.manager.ref_unit(name).await?)
    }

    /// The end of [`Systemd::hold`].
    pub async fn let_go(&self, name: &str) -> Result<(), Error> {
        Ok(self.manager.unref_unit(name).await?)
    }

    /// Forgets that a unit failed. A unit that is not in memory has nothing to forget.
    pub async fn reset_failed(&self, name: &str) -> Result<(), Error> {
        match self.manager.reset_failed_unit(name).await.map_err(Error::from) {
            Err(Error::NotLoadable { .. }) => Ok(()),
            result => result,
        }
    }

    /// daemon-reload.
    pub async fn reload(&self) -> Result<(), Error> {
        Ok(self.manager.reload().await?)
    }

    /// Carries out `[Install]` of each.
    pub async fn enable(&self, names: &[&str]) -> Result<(), Error> {
        self.manager.enable_unit_files(names, false, false).await?;
        Ok(())
    }

    /// Removes every link to a unit, in /etc and in /run.
    pub async fn disable(&self, names: &[&str]) -> Result<bool, Error> {
        let persistent = self.manager.disable_unit_files(names, false).await?;
        let runtime = self.manager.disable_unit_files(names, true).await?;
        Ok(!(persistent.is_empty() && runtime.is_empty()))
    }

    /// Makes `target` want each of `names` at boot.
    pub async fn add_wants(&self, names: &[&str], target: &str) -> Result<(), Error> {
        self.manager.add_dependency_unit_files(names, target, "Wants", false, false).await?;
        Ok(())
    }

    /// systemd's version, such as `257.7-1`.
    pub async fn version(&self) -> Result<String, Error> {
        Ok(self.manager.version().await?)
    }
}

/// What is asked of a single unit when a list does not say enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The file it was read from; empty for units that systemd made itself.
    pub fragment_path: String,
    /// Its drop-ins, in the order in which they count.
    pub drop_in_paths: Vec<String>,
    /// The unit's own name, when an alias was asked for.
    pub id: String,
    /// Why it could not be loaded; empty if it could.
    pub load_error: String,
    /// Identifies the run since the last start, 32 hexadecimal digits; empty if it never ran.
    pub invocation_id: String,
    /// Whether it left the inactive state since boot.
    pub has_run: bool,
    /// When its last start began, in microseconds of the monotonic clock; 0: never since it is in memory.
    pub started_at: u64,
    /// When it last became active, in microseconds of the monotonic clock; 0: never.
    pub active_since: u64,
    /// When it last became active, in microseconds since 1970.
    pub active_at: u64,
    /// When it last ceased to be active, in microseconds of the monotonic clock.
    pub active_until: u64,
    /// Whether a file of it is newer than what PID 1 holds.
    pub needs_reload: bool,
    /// Units that a stop of this one stops too and a start does not bring back: `RequiredBy=`, `BoundBy=`,
    /// `ConsistsOf=`; observation keeps those that are up.
    pub dependents: Vec<String>,
}

const CLD_EXITED: i32 = 1;

/// What is asked of a service alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its status line (sd_notify(3)).
    pub status_text: String,
    /// `success`, `exit-code`, `signal`, `timeout`, …
    pub result: String,
    /// `Type=`
    pub kind: String,
    /// How the main process ended: CLD_EXITED (1) with an exit code, or CLD_KILLED (2) or CLD_DUMPED (3) with a signal.
    pub ended: Option<(i32, i32)>,
    /// When the main process ended, in microseconds of the monotonic clock; 0: it has not.
    pub ended_at: u64,
    /// How often systemd has started it again by itself since the last start.
    pub restarts: u32,
    /// `LogRateLimitBurst=`; 0 if it has none of its own, and journald.conf(5)'s counts.
    pub log_burst: u32,
}

impl Process {
    /// Its status line, if it has one.
    pub fn said(&self) -> Option<&str> {
        Some(self.status_text.as_str()).filter(|text| !text.is_empty())
    }

    /// Whether the main process ended by an exit code of its own: then it said last why.
    pub fn has_exited(&self) -> bool {
        self.ended.is_some_and(|(code, _)| code == CLD_EXITED)
    }

    fn new(mut all: HashMap<String, OwnedVariant>) -> Self {
        let mut text = |key: &str| all.remove(key).and_then(|value| String::try_from(value).ok()).unwrap_or_default();
        let (status_text, result, kind) = (text("StatusText"), text("Result"), text("Type"));
        let mut number = |key: &str| all.remove(key).and_then(|value| i32::try_from(value).ok()).unwrap_or_default();
        let (code, status) = (number("ExecMainCode"), number("ExecMainStatus"));
        let ended_at = all
            .remove("ExecMainExitTimestampMonotonic")
            .and_then(|value| u64::try_from(value).ok())
            .unwrap_or_default();
        let mut count = |key: &str| all.remove(key).and_then(|value| u32::try_from(value).ok()).unwrap_or_default();
        let (restarts, log_burst) = (count("NRestarts"), count("LogRateLimitBurst"));
        let ended = (code != 0).then_some((code, status));
        Self { status_text, result, kind, ended, ended_at, restarts, log_burst }
    }
}

impl Details {
    fn new(mut all: HashMap<String, OwnedVariant>) -> Self {
        let mut text = |key: &str| all.remove(key).and_then(|value| String::try_from(value).ok()).unwrap_or_default();
        let fragment_path = text("FragmentPath");
        let id = text("Id");
        let invocation_id = match all.remove("InvocationID").and_then(|value| Vec::<u8>::try_from(value).ok()) {
            Some(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            None => String::new(),
        };
        let load_error = all
            .remove("LoadError")
            .and_then(|value| <(String, String)>::try_from(value).ok())
            .map(|(_, message)| message)
            .unwrap_or_default();
        let mut number = |key: &str| all.remove(key).and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
        let (active_since, active_until) =
            (number("ActiveEnterTimestampMonotonic"), number("ActiveExitTimestampMonotonic"));
        let active_at = number("ActiveEnterTimestamp");
        let started_at = number("InactiveExitTimestampMonotonic");
        let has_run = started_at != 0 || active_since != 0;
        let needs_reload =
            all.remove("NeedDaemonReload").and_then(|value| bool::try_from(value).ok()).unwrap_or_default();
        let mut list =
            |key: &str| all.remove(key).and_then(|value| Vec::<String>::try_from(value).ok()).unwrap_or_default();
        let drop_in_paths = list("DropInPaths");
        let mut dependents = Vec::new();
        for key in ["RequiredBy", "BoundBy", "ConsistsOf"] {
            dependents.extend(list(key));
        }
        dependents.sort();
        dependents.dedup();
        Self {
            fragment_path,
            drop_in_paths,
            id,
            load_error,
            invocation_id,
            has_run,
            started_at,
            active_since,
            active_at,
            active_until,
            needs_reload,
            dependents,
        }
    }
}

fn unit_state(row: ListedUnit) -> UnitState {
    let (id, description, load, active, sub, _, _, job, job_kind, _) = row;
    UnitState {
        id,
        load: LoadState::parse(&load),
        active: ActiveState::parse(&active),
        sub,
        description,
        job: (job != 0).then(|| JobKind::parse(&job_kind)),
    }
}

/// `/org/freedesktop/systemd1/job/724` → 724.
fn job_id(path: OwnedObjectPath) -> Result<u32, Error> {
    path.as_str()
        .rsplit('/')
        .next()
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Error::Unknown(format!("'{path}' is not a job")))
}
