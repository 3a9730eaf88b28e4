//! A reload, by `systemctl reload` or because watched files changed: replaced sources are replaced in the container, the
//! check is asked, and what the file says is done.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config;
use crate::docker::Engine;
use crate::follow::complaint;
use crate::quadlet::spec::{Container, Reload};
use crate::status::history::{self, Event, Outcome, What};
use crate::systemd::Systemd;
use crate::unit::OnChange;

use super::container::short;
use super::sources::Stuck;
use super::{Failure, Job, engine, owners, sources};

/// What a command's output may add to the journal.
const OUTPUT: usize = 8 * 1024;

/// How long a check or a reload command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who says infinity means this.
const LONGEST_TRIAL: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a reload leaves behind.
#[derive(Debug)]
pub struct Reloaded {
    /// For the status line.
    pub text: String,
    /// Since when, and because of which files, an end of the container would be the reload's doing.
    pub on_trial: Option<Trial>,
}

/// A reload that the container has to survive.
#[derive(Debug)]
pub struct Trial {
    files: Vec<PathBuf>,
    begin: Instant,
    lasts: Duration,
    is_of_health: bool,
}

impl Trial {
    /// Until when it lasts.
    pub fn end(&self) -> tokio::time::Instant {
        (self.begin + self.lasts.min(LONGEST_TRIAL)).into()
    }

    /// Whether its health counts: not if it was ill before.
    pub fn is_of_health(&self) -> bool {
        self.is_of_health
    }

    /// Records that the container ended or became unhealthy after the reload, if it is not too long ago.
    pub fn failed(&self, job: &Job, how: &str) {
        let cause = match self.files.is_empty() {
            true => "a reload by hand".to_owned(),
            false => format!("a reload because of {}", shown(&self.files)),
        };
        let text = format!("{how} {:.1} s after {cause}", self.begin.elapsed().as_secs_f64());
        tracing::error!("{text}");
        let event = Event::now(What::Reload, text, self.begin.elapsed(), Outcome::Failed);
        record(job, event.because_of(self.files.clone()));
    }
}

/// How the steps ended, in a sentence.
enum Step {
    Done(String),
    Refused(String),
    Failed(String),
    /// A restart is needed, for this reason.
    Restart(String),
}

impl Step {
    /// The same where the next start would fail: then nothing is stopped for it.
    fn unfit(self, problem: &Failure) -> Self {
        let later = |text: String| format!("{text}; the next start would fail: {problem}");
        match self {
            Self::Done(text) => {
                tracing::warn!("the next start would fail: {problem}");
                Self::Done(later(text))
            }
            Self::Refused(text) => Self::Refused(later(text)),
            Self::Failed(text) => Self::Failed(later(text)),
            Self::Restart(why) => Self::Refused(format!("not restarted ({why}), since it could not start: {problem}")),
        }
    }
}

/// Reloads. `is_checked`: the container has health checks.
pub async fn reload(job: &Job, id: &str, is_checked: bool) -> Reloaded {
    let begin = Instant::now();
    let files = changes(&job.spec.unit);
    // [X-Sculler] may say something else than at the start; nothing that matters to what runs can.
    let spec = super::job(&job.spec.unit).map(|job| job.spec);
    let Some(spec) = spec.as_ref().ok().unwrap_or(&job.spec).container() else {
        return Reloaded { text: String::new(), on_trial: None };
    };
    let mut reason = String::new();
    let mut is_of_health = false;
    let step = match engine::if_up(&job.socket).await {
        None => Step::Failed("not reloaded: Docker is down".to_owned()),
        Some(engine) => {
            is_of_health = is_checked && !is_ill(&engine, id).await;
            let step = steps(job, &engine, id, spec, &files, &mut reason).await;
            // What was changed may be what a start refuses.
            match owners::check(job, spec, &engine).await {
                Ok(_) => step,
                Err(problem) => step.unfit(&problem),
            }
        }
    };
    let is_restart = matches!(step, Step::Restart(_));
    let (mut text, mut outcome) = match step {
        Step::Done(text) => (text, Outcome::Done),
        Step::Restart(why) => (format!("restarted: {why}"), Outcome::Done),
        Step::Refused(text) => (text, Outcome::Refused),
        Step::Failed(text) => (text, Outcome::Failed),
    };
    let tell = |text: &str, outcome: Outcome| {
        let cause = if files.is_empty() { String::new() } else { format!(" ({} changed)", shown(&files)) };
        match outcome {
            Outcome::Done => tracing::info!("{text}{cause}"),
            _ => tracing::error!("{text}{cause}"),
        }
        let event = Event::now(What::Reload, text, begin.elapsed(), outcome);
        record(job, event.because_of(files.clone()).since(reason.clone()));
    };
    tell(&text, outcome);
    // This process ends by it, and has said everything before.
    if is_restart && let Err(error) = restart(job).await {
        (text, outcome) = (format!("a restart is needed, and systemd refuses it: {error}"), Outcome::Failed);
        tell(&text, outcome);
    }
    let lasts = Duration::from_micros(spec.follow.rollback_usec);
    let on_trial = (outcome == Outcome::Done).then_some(Trial { files, begin, lasts, is_of_health });
    Reloaded { text, on_trial }
}

async fn steps(job: &Job, engine: &Engine, id: &str, spec: &Container, files: &[PathBuf], reason: &mut String) -> Step {
    let replaced = match sources::follow(job, engine, id, spec).await {
        Ok(replaced) => replaced,
        Err(Stuck::NeedsStart(why)) => return Step::Restart(why),
        Err(Stuck::Away(why)) => return Step::Failed(format!("not reloaded: {why}")),
    };
    if !spec.follow.check.is_empty() {
        match command(engine, id, &spec.follow.check).await {
            Ok(_) => {}
            Err(Complaint { sentence, output }) => {
                *reason = output;
                return Step::Refused(format!("not reloaded: CheckCmd= {sentence}"));
            }
        }
    }
    let swapped = match replaced.is_empty() {
        true => String::new(),
        false => format!("{} replaced in the container", replaced.join(", ")),
    };
    match (spec.follow.on_change, &spec.reload) {
        (OnChange::Restart, _) => Step::Restart("OnChange=restart".to_owned()),
        (OnChange::Reload, Some(way)) => match pass_on(engine, id, way).await {
            Ok(text) if swapped.is_empty() => Step::Done(text),
            Ok(text) => Step::Done(format!("{swapped}, {text}")),
            Err(Complaint { sentence, output }) => {
                *reason = output;
                Step::Failed(format!("reload failed: {sentence}"))
            }
        },
        _ if !swapped.is_empty() => Step::Done(swapped),
        (OnChange::None, _) => Step::Done("nothing to do: OnChange=none".to_owned()),
        // The agent asks only for what was replaced, and that may be back as it was.
        _ if !files.is_empty() => Step::Done("nothing to do".to_owned()),
        _ => Step::Failed(
            "reload failed: there is no way to reload: add ReloadCmd= or ReloadSignal= to the [Container] section"
                .to_owned(),
        ),
    }
}

async fn is_ill(engine: &Engine, id: &str) -> bool {
    let health = engine.container(id).await.ok().flatten().and_then(|container| container.state.health);
    health.is_some_and(|health| health.status == "unhealthy")
}

/// systemd restarts the service, and this process with it.
async fn restart(job: &Job) -> Result<(), crate::systemd::Error> {
    Systemd::connect().await?.restart(&job.spec.unit).await.map(|_| ())
}

/// What a command complained of: in a sentence, and all that it printed.
struct Complaint {
    sentence: String,
    output: String,
}

async fn pass_on(engine: &Engine, id: &str, way: &Reload) -> Result<String, Complaint> {
    match way {
        Reload::Signal(signal) => match engine.kill(id, signal).await {
            Ok(()) => Ok(format!("reloaded by {signal}")),
            Err(error) => Err(Complaint {
                sentence: format!("{signal} cannot be sent to container {}: {error}", short(id)),
                output: String::new(),
            }),
        },
        Reload::Command(words) => {
            let output = command(engine, id, words).await?;
            let shown = words.join(" ");
            if !output.is_empty() {
                tracing::info!("'{shown}': {output}");
            }
            Ok(format!("reloaded by '{shown}'"))
        }
    }
}

/// Runs a command in the container; what it printed.
async fn command(engine: &Engine, id: &str, words: &[String]) -> Result<String, Complaint> {
    let shown = words.join(" ");
    let complain = |sentence: String| Complaint { sentence, output: String::new() };
    let (code, output) = match tokio::time::timeout(PATIENCE, engine.exec(id, words, OUTPUT)).await {
        Err(_) => return Err(complain(format!("'{shown}' did not end within {} s", PATIENCE.as_secs()))),
        Ok(Err(error)) => return Err(complain(format!("'{shown}': {error}"))),
        Ok(Ok(done)) => done,
    };
    let output = output.trim();
    if code == 0 {
        return Ok(output.to_owned());
    }
    let line = complaint::line(output).map(|line| format!(": {line}")).unwrap_or_default();
    if output.lines().count() > 1 {
        tracing::error!("'{shown}': {output}");
    }
    Err(Complaint { sentence: format!("'{shown}' ended with exit code {code}{line}"), output: output.to_owned() })
}

/// The files because of which the agent asks for this reload; none if somebody else does.
fn changes(unit: &str) -> Vec<PathBuf> {
    let path = Path::new(config::RUN_DIRECTORY).join(config::CHANGES).join(unit);
    let files = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let _ = fs::remove_file(&path);
    files
}

/// A few of them.
fn shown(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().take(3).map(|path| path.display().to_string()).collect();
    match files.len().saturating_sub(3) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// What has just started has read its files, whatever a reload said of them before.
pub fn settle(job: &Job) {
    let events = history::read(&folder(job)).unwrap_or_default();
    if history::failed_reload(&events).is_some() {
        record(job, Event::now(What::Start, "started with its files as they are now", Duration::ZERO, Outcome::Done));
    }
}

fn folder(job: &Job) -> PathBuf {
    Path::new(config::STATE_DIRECTORY).join("units").join(&job.spec.unit)
}

fn record(job: &Job, event: Event) {
    let folder = folder(job);
    if let Err(error) = history::append(&folder, &event) {
        tracing::warn!("{}: {error}", folder.display());
    }
}
