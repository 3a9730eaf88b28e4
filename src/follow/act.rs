//! What a change leads to: a reload or a restart, asked of systemd.
//!
//! A container's supervisor does the rest when it is reloaded. For a plain service the check comes first, and the history is
//! written here.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Changes;
use super::check;
use crate::config;
use crate::files;
use crate::status::history::{self, Event, Outcome, What};
use crate::systemd::{ActiveState, Error, Systemd, UnitState};
use crate::unit::follow::{Actor, Follow};
use crate::unit::{OnChange, UnitName};

/// How often a unit is looked at that is on its way up.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// How many of the files that changed are named in a record.
const FILES: usize = 20;

/// Says something where `journalctl -u UNIT` finds it.
macro_rules! tell {
    ($level:ident, $unit:expr, $($message:tt)*) => {
        tracing::$level!(unit = %$unit, object_systemd_unit = %$unit, sculler_action = "follow", $($message)*)
    };
}

/// Does what a change of its files means for a unit.
pub async fn act(unit: &UnitName, follow: &Follow, changes: &Changes) {
    let mut files: Vec<PathBuf> = changes.files.iter().chain(&changes.environment).cloned().collect();
    let count = files.len();
    files.truncate(FILES);
    match comes_up(unit).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => {
            tell!(warn, unit, "{unit} cannot follow its files: {error}");
            return;
        }
    }
    if !changes.environment.is_empty() && follow.on_change != OnChange::Restart {
        let names = shown(&changes.environment, changes.environment.len());
        tell!(
            warn,
            unit,
            "{names} changed, which only a start of {unit} reads; run 'systemctl restart {unit}', or write \
             OnChange=restart"
        );
        if changes.files.is_empty() {
            return;
        }
    }
    let cause = shown(&files, count);
    match &follow.actor {
        Actor::Supervisor => {
            tell!(info, unit, "{cause} changed: reloading {unit}");
            if let Err(problem) = by_supervisor(unit, &files).await {
                tell!(warn, unit, "{unit} cannot be reloaded: {problem}");
            }
        }
        Actor::Agent { check, service } => {
            let begin = Instant::now();
            let (done, result, reason) = by_agent(unit, follow.on_change, check, service).await;
            match result {
                Outcome::Done => tell!(info, unit, "{unit}: {done} ({cause} changed)"),
                _ if reason.is_empty() => tell!(error, unit, "{unit}: {done} ({cause} changed)"),
                _ => tell!(error, unit, "{unit}: {done} ({cause} changed)\n{reason}"),
            }
            let event = Event::now(What::Reload, done, begin.elapsed(), result).because_of(files).since(reason);
            let folder = Path::new(config::STATE_DIRECTORY).join("units").join(unit.as_str());
            if let Err(error) = history::append(&folder, &event) {
                tell!(warn, unit, "{}: {error}", folder.display());
            }
        }
    }
}

async fn is_up(unit: &UnitName) -> Result<bool, Error> {
    Ok(state(&Systemd::connect().await?, unit).await?.is_some_and(|state| is_running(&state)))
}

/// Whether a unit is up, as soon as that is settled. One that is down reads its files when it starts; one that is on its way
/// may have read them already, and cannot be reloaded yet.
async fn comes_up(unit: &UnitName) -> Result<bool, Error> {
    let systemd = Systemd::connect().await?;
    loop {
        match state(&systemd, unit).await? {
            Some(state) if is_running(&state) => return Ok(true),
            Some(state) if state.active == ActiveState::Activating && !state.sub.starts_with("auto-restart") => {
                tokio::time::sleep(ON_ITS_WAY).await;
            }
            _ => return Ok(false),
        }
    }
}

async fn state(systemd: &Systemd, unit: &UnitName) -> Result<Option<UnitState>, Error> {
    Ok(systemd.states(&[unit.as_str()]).await?.remove(unit.as_str()))
}

fn is_running(state: &UnitState) -> bool {
    matches!(state.active, ActiveState::Active | ActiveState::Reloading | ActiveState::Refreshing)
}

async fn by_supervisor(unit: &UnitName, files: &[PathBuf]) -> Result<(), String> {
    let folder = Path::new(config::RUN_DIRECTORY).join(config::CHANGES);
    let path = folder.join(unit.as_str());
    let text = serde_json::to_vec(files).unwrap_or_default();
    std::fs::create_dir_all(&folder)
        .and_then(|()| files::replace_for(&path, &text, true))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let result = Systemd::finish(async |systemd| systemd.reload_unit(unit.as_str()).await).await;
    match result {
        Ok(result) if result == "done" => Ok(()),
        // Its own restart, or somebody's, took the place of the reload.
        Ok(result) if result == "canceled" => Ok(()),
        other => {
            let _ = files::remove(&path);
            other.map_err(|error| error.to_string()).and_then(|result| Err(format!("the job ended with '{result}'")))
        }
    }
}

async fn by_agent(
    unit: &UnitName,
    on_change: OnChange,
    check: &[String],
    service: &[(String, String)],
) -> (String, Outcome, String) {
    if on_change == OnChange::None {
        return (
            "nothing to do: there is no ExecReload=, and no OnChange=restart".into(),
            Outcome::Done,
            String::new(),
        );
    }
    if !check.is_empty()
        && let Err(complaint) = check::run(unit, check, service).await
    {
        return (format!("not reloaded: {}", complaint.sentence), Outcome::Refused, complaint.output);
    }
    let job = Systemd::finish(async |systemd| match on_change {
        OnChange::Restart => systemd.restart(unit.as_str()).await,
        _ => systemd.reload_unit(unit.as_str()).await,
    });
    let word = if on_change == OnChange::Restart { "restart" } else { "reload" };
    match job.await {
        Ok(result) if result == "done" => match is_up(unit).await {
            Ok(false) if on_change == OnChange::Reload => {
                (format!("it went down by its {word}"), Outcome::Failed, String::new())
            }
            _ => (format!("{word}ed"), Outcome::Done, String::new()),
        },
        Ok(result) => {
            (format!("{word} failed (result '{result}'); see 'journalctl -u {unit}'"), Outcome::Failed, String::new())
        }
        Err(error) => (format!("{word} failed: {error}"), Outcome::Failed, String::new()),
    }
}

fn shown(files: &[PathBuf], count: usize) -> String {
    let names: Vec<String> = files.iter().take(3).map(|path| path.display().to_string()).collect();
    match count.saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
