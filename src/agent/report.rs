//! What the agent tells: the journal, one line for each thing done; the status line; the published status.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::jobs::{Job, Jobs, explain_start};
use super::preparations::{Ended, Preparations};
use super::trouble::Troubles;
use crate::apply::{Done, Failure, Outcome};
use crate::config::Settings;
use crate::host::Platform;
use crate::plan::{Action, Blocked};
use crate::quadlet::preparation;
use crate::render::{FileVerdict, Resolution, Ruling};
use crate::source::{Look, Problem};
use crate::status::{self, AgentStatus, UnitStatus};
use crate::systemd::Error;
use crate::unit::{Finding, UnitName};

/// How many files may change their verdict in one pass before only their number is told.
const VERDICTS_AT_ONCE: usize = 20;

/// What was said last, so that nothing is said twice.
#[derive(Debug, Default)]
pub struct Reporter {
    problems: BTreeMap<PathBuf, Problem>,
    directory: Option<String>,
    settings: Option<String>,
    removal: Option<String>,
    connection: Option<String>,
    follow: Option<String>,
    status_line: String,
    published: Option<AgentStatus>,
    /// Kept while a request waits for its answer.
    log: Option<Vec<String>>,
    watchdog: Option<Watchdog>,
}

#[derive(Debug)]
struct Watchdog {
    period: Duration,
    due: Instant,
}

/// Says something about a unit in the journal, where `journalctl -u UNIT` finds it beside the unit's own lines.
macro_rules! tell {
    ($level:ident, $unit:expr, $action:expr, $($message:tt)*) => {
        $level!(
            unit = %$unit,
            object_systemd_unit = %$unit,
            sculler_action = $action,
            $($message)*
        )
    };
}

/// What goes on for units.
#[derive(Clone, Copy)]
pub struct UnderWay<'a> {
    /// Jobs in flight.
    pub jobs: &'a Jobs,
    /// New versions that are prepared.
    pub preparations: &'a Preparations,
}

impl Reporter {
    /// Starts the watchdog that the service manager expects, if it does.
    pub fn start_watchdog(&mut self) {
        self.watchdog = sd_notify::watchdog_enabled().map(|timeout| {
            let period = timeout / 2;
            Watchdog { period, due: Instant::now() + period }
        });
    }

    /// When the watchdog wants its next ping.
    pub fn watchdog_due(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.due)
    }

    /// Pings the watchdog if it is due.
    pub fn ping_watchdog(&mut self) {
        let now = Instant::now();
        if let Some(watchdog) = &mut self.watchdog
            && now >= watchdog.due
        {
            watchdog.due = now + watchdog.period;
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
    }

    /// What keeps the unit directory from being read.
    pub fn directory_problem(&mut self, problem: Option<String>) {
        tell_change(&mut self.directory, problem, "directory", "the unit directory can be read again");
    }

    /// What is wrong with the settings.
    pub fn settings_problem(&mut self, problem: Option<String>) {
        let problem = problem.map(|problem| format!("{problem}; the settings stay as they were"));
        tell_change(&mut self.settings, problem, "settings", "the settings can be read again");
    }

    /// Why nothing is removed.
    pub fn removal_problem(&mut self, problem: Option<String>) {
        tell_change(&mut self.removal, problem, "directory", "what is missing in the unit directory is removed again");
    }

    /// What cannot be watched for units that follow their files.
    pub fn follow_problem(&mut self, problem: Option<String>) {
        tell_change(&mut self.follow, problem, "follow", "everything that units follow is watched again");
    }

    /// The connection to systemd is gone.
    pub fn disconnected(&mut self, error: &Error) {
        let problem = format!("{error}; trying again");
        tell_change(&mut self.connection, Some(problem), "connect", "");
    }

    /// There is a connection.
    pub fn connected(&mut self) {
        tell_change(&mut self.connection, None, "connect", "connected to systemd again");
    }

    /// Tells every verdict that is new or has changed, and every path that says nothing.
    pub fn verdicts(&mut self, before: &Resolution, resolution: &Resolution, look: &Look) {
        let mut quiet = 0;
        let mut told = 0;
        // Both are in the order of their paths
        let mut known = before.verdicts.iter().peekable();
        for verdict in &resolution.verdicts {
            // Nearly always the next one is the same file's: equality is cheaper than order
            while known.next_if(|known| known.path != verdict.path && known.path < verdict.path).is_some() {}
            let known = known.next_if(|known| known.path == verdict.path);
            let is_told = told < VERDICTS_AT_ONCE;
            let is_same = known.is_some_and(|known| says_the_same(&known.ruling, &verdict.ruling));
            if !is_same {
                match &verdict.ruling {
                    Ruling::Invalid { errors } => {
                        for error in errors {
                            tell!(warn, verdict.runs_as, "verify", "{error}");
                        }
                    }
                    Ruling::NotTaken { reason, .. } if is_told => {
                        told += 1;
                        tell!(info, verdict.runs_as, "select", "{} is not taken: {reason}", verdict.path.display());
                    }
                    Ruling::NotTaken { .. } => quiet += 1,
                    Ruling::Taken { reason, .. } if is_told => {
                        told += 1;
                        tell!(info, verdict.runs_as, "select", "{} is taken: {reason}", verdict.path.display());
                    }
                    Ruling::Taken { .. } => {}
                }
            }
            let mut new = new_warnings(known, verdict).peekable();
            if is_told && new.peek().is_some() {
                told += usize::from(is_same);
                new.for_each(|warning| tell!(warn, verdict.runs_as, "verify", "{warning}"));
            }
        }
        if quiet > 0 {
            info!(
                sculler_action = "select",
                "{quiet} more files are not for this host; 'sculler list-unit-files' says why"
            );
        }
        for (path, problem) in &look.problems {
            if self.problems.get(path) == Some(problem) {
                continue;
            }
            let path = path.display();
            match problem {
                Problem::Refused(reason) => warn!(sculler_action = "verify", "{path}: {reason}"),
                Problem::NoUnit(reason) => info!(sculler_action = "verify", "{path} is no unit: {reason}"),
                Problem::Waiting(reason) => tracing::debug!("{path}: {reason}"),
            }
        }
        self.problems = look.problems.clone();
    }

    /// Tells for which units nothing can be done, once.
    pub fn blocked(
        &self,
        before: &BTreeMap<UnitName, Blocked>,
        now: &BTreeMap<UnitName, Blocked>,
        resolution: &Resolution,
    ) {
        for (unit, blocked) in now.iter().filter(|(unit, blocked)| before.get(*unit) != Some(*blocked)) {
            let source = resolution.desired.get(unit).map(|desired| desired.source.display().to_string());
            let source = source.unwrap_or_default();
            match blocked {
                Blocked::Invalid(reason) => tell!(warn, unit, "refuse", "{source}: {reason}"),
                Blocked::ByHand(reason) => tell!(info, unit, "respect", "{unit} is not started: {reason}"),
                Blocked::Held(reason) => tell!(info, unit, "hold", "{unit}: {reason}"),
            }
        }
    }

    /// Tells what became of an action; of a job only when it is over.
    pub fn outcome(&mut self, outcome: &Outcome) {
        let action = &outcome.action;
        let took = milliseconds(outcome.took);
        let line = match &outcome.result {
            Ok(Done::Job(..)) => return,
            Ok(_) if is_quiet(action) => {
                tracing::debug!("{action}");
                return;
            }
            Ok(_) => {
                let unit = action.unit().map(ToString::to_string).unwrap_or_default();
                match action {
                    Action::Link { units } if units.len() > 3 => {
                        info!(
                            sculler_action = action.word(),
                            took_ms = took,
                            "enable {} units: wanted at boot ({took} ms)",
                            units.len()
                        );
                    }
                    Action::Reload { units } if units.len() > 3 => {
                        info!(
                            sculler_action = action.word(),
                            took_ms = took,
                            "daemon-reload: systemd holds older texts of {} units ({took} ms)",
                            units.len()
                        );
                    }
                    Action::Reject { .. } => tell!(warn, unit, action.word(), took_ms = took, "{action}"),
                    _ if unit.is_empty() => {
                        info!(sculler_action = action.word(), took_ms = took, "{action} ({took} ms)")
                    }
                    _ => {
                        info!(unit = %unit, object_systemd_unit = %unit, sculler_action = action.word(), took_ms = took, "{action} ({took} ms)")
                    }
                }
                format!("{action} ({took} ms)")
            }
            // The connection is told of once, not for every call that it took along.
            Err(Failure::Systemd(error)) if error.is_unknown() => return,
            Err(failure) => {
                let unit = action.unit().map(ToString::to_string).unwrap_or_default();
                tell!(warn, unit, action.word(), "{action}: failed: {failure}");
                format!("{action}: failed: {failure}")
            }
        };
        self.note(line);
    }

    /// A new version can be started.
    pub fn prepared(&mut self, ended: &Ended) {
        let (unit, took) = (&ended.unit, milliseconds(ended.took));
        let line = format!("prepared the new version of {unit} ({took} ms)");
        tell!(info, unit, "prepare", took_ms = took, "{line}");
        self.note(line);
    }

    /// A new version cannot be started.
    pub fn not_prepared(&mut self, unit: &UnitName, reason: &str) {
        let line = format!("the new version of {unit} cannot start, so the old one runs on: {reason}");
        tell!(warn, unit, "prepare", "{line}");
        self.note(line);
    }

    /// Tells how a job ended.
    pub fn job_over(&mut self, job: &Job, result: &str) {
        let unit = &job.unit;
        let took = milliseconds(job.age());
        let why = job.cause.map(|cause| format!(": {}", cause.as_str())).unwrap_or_default();
        let (word, done) = match job.kind {
            crate::systemd::JobKind::Stop => ("stop", "stopped"),
            crate::systemd::JobKind::Restart => ("restart", "restarted"),
            crate::systemd::JobKind::Reload => ("reload", "reloaded"),
            _ => ("start", "started"),
        };
        let line = match result {
            "done" => format!("{done} {unit}{why} ({took} ms)"),
            "skipped" => format!("{unit} was skipped: a condition of it does not hold"),
            "canceled" => format!("the {word} of {unit} was cancelled by another job"),
            _ if job.is_start() => explain_start(job, result),
            _ => format!("the {word} of {unit} ended with '{result}' ({took} ms)"),
        };
        if matches!(result, "done" | "skipped" | "canceled") {
            tell!(info, unit, word, took_ms = took, "{line}");
        } else {
            tell!(warn, unit, word, took_ms = took, "{line}");
        }
        self.note(line);
    }

    /// Keeps what is told from now on, for an answer.
    pub fn keep_log(&mut self) {
        self.log.get_or_insert_default();
    }

    /// What was told since [`Reporter::keep_log`].
    pub fn log(&self) -> Vec<String> {
        self.log.clone().unwrap_or_default()
    }

    /// Keeps nothing more.
    pub fn drop_log(&mut self) {
        self.log = None;
    }

    fn note(&mut self, line: String) {
        if let Some(log) = &mut self.log {
            log.push(line);
        }
    }

    /// Everything that is wrong now, a line each.
    pub fn problems(
        &self,
        resolution: &Resolution,
        blocked: &BTreeMap<UnitName, Blocked>,
        troubles: &Troubles,
    ) -> Vec<String> {
        let mut lines: Vec<String> = self.host_problems();
        for verdict in &resolution.verdicts {
            if let Ruling::Invalid { errors } = &verdict.ruling {
                lines.extend(errors.iter().map(ToString::to_string));
            }
        }
        for (path, problem) in &self.problems {
            if let Problem::Refused(reason) = problem {
                lines.push(format!("{}: {reason}", path.display()));
            }
        }
        for (unit, blocked) in blocked {
            if let Blocked::Invalid(reason) = blocked {
                let source = resolution.desired.get(unit).map(|desired| desired.source.display().to_string());
                lines.push(format!("{}: {reason}", source.unwrap_or_default()));
            }
        }
        lines.extend(troubles.publish().map(|(_, trouble)| trouble.message));
        lines
    }

    /// Whether systemd answers, as far as anybody knows.
    pub fn is_connected(&self) -> bool {
        self.connection.is_none()
    }

    /// Why nothing is removed now.
    pub fn removal(&self) -> Option<&str> {
        self.removal.as_deref()
    }

    /// What is wrong with the host as a whole.
    pub fn host_problems(&self) -> Vec<String> {
        [&self.directory, &self.settings, &self.removal, &self.connection, &self.follow]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// The status to publish, if it differs from the last one; also sets the status line.
    pub fn status(
        &mut self,
        settings: &Settings,
        platform: &Platform,
        look: &Look,
        under_way: UnderWay<'_>,
        blocked: &BTreeMap<UnitName, Blocked>,
        troubles: &Troubles,
    ) -> Option<AgentStatus> {
        let mut units: BTreeMap<String, UnitStatus> = BTreeMap::new();
        for (unit, kind) in under_way.jobs.by_unit() {
            units.entry(unit.to_string()).or_default().job = Some(kind.to_string());
        }
        for (unit, version) in under_way.preparations.under_way() {
            let status = units.entry(unit.to_string()).or_default();
            status.preparation = Some(preparation::service_name(&preparation::id(unit, version)));
        }
        for (unit, blocked) in blocked {
            let (Blocked::Invalid(reason) | Blocked::ByHand(reason) | Blocked::Held(reason)) = blocked;
            let status = units.entry(unit.to_string()).or_default();
            status.blocked = Some(reason.clone());
            status.is_by_hand = !matches!(blocked, Blocked::Invalid(_));
        }
        for (unit, trouble) in troubles.publish() {
            units.entry(unit.to_string()).or_default().trouble = Some(trouble);
        }
        let status = AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            platform: platform.clone(),
            unit_dir: settings.unit_dir.clone(),
            last_pass: 0.0,
            files: look.files.len(),
            problems: self.host_problems(),
            units,
        };
        if self.published.as_ref() == Some(&status) {
            return None;
        }
        self.published = Some(status.clone());
        Some(AgentStatus { last_pass: status::seconds_now(), ..status })
    }

    /// Sets the line that `systemctl status sculler` shows.
    pub fn status_line(&mut self, taken: usize, files: usize, invalid: usize, jobs: usize) {
        let mut line = format!("{taken} of {files} unit files run here");
        if invalid > 0 {
            line += &format!(", {invalid} invalid");
        }
        if jobs > 0 {
            line += &format!(", {jobs} jobs under way");
        }
        for problem in self.host_problems() {
            line += &format!("; {problem}");
        }
        if line != self.status_line {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&line)]);
            self.status_line = line;
        }
    }
}

/// Whether an action is of no interest to anybody.
fn is_quiet(action: &Action) -> bool {
    matches!(action, Action::Adopt { .. } | Action::Forget { .. } | Action::Keep { .. } | Action::Forgive { .. })
}

/// The warnings of a taken file that were not told of it before: an edit, or a drop-in, may bring one to a file that was taken
/// already.
fn new_warnings<'a>(
    known: Option<&'a FileVerdict>,
    verdict: &'a FileVerdict,
) -> impl Iterator<Item = &'a Finding> + use<'a> {
    let is_taken = |verdict: &FileVerdict| matches!(verdict.ruling, Ruling::Taken { .. });
    let known = known.filter(|known| is_taken(known));
    // An edit moves what it does not touch.
    let says = |finding: &Finding, other: &Finding| {
        finding.path == other.path && finding.diagnostic.message == other.diagnostic.message
    };
    let is_known =
        move |warning: &Finding| known.is_some_and(|known| known.warnings.iter().any(|other| says(warning, other)));
    verdict.warnings.iter().filter(move |warning| is_taken(verdict) && !is_known(warning))
}

/// Whether there is nothing new to tell; the line that decided may be another.
fn says_the_same(known: &Ruling, now: &Ruling) -> bool {
    match (known, now) {
        (Ruling::Taken { reason: known, .. }, Ruling::Taken { reason, .. })
        | (Ruling::NotTaken { reason: known, .. }, Ruling::NotTaken { reason, .. }) => known == reason,
        _ => known == now,
    }
}

fn tell_change(known: &mut Option<String>, now: Option<String>, action: &str, mended: &str) {
    if *known == now {
        return;
    }
    match &now {
        Some(problem) => warn!(sculler_action = action, "{problem}"),
        None => info!(sculler_action = action, "{mended}"),
    }
    *known = now;
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
