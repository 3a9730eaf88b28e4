//! `sculler explain UNIT`

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::context::{self, Context, Directory};
use super::status;
use crate::render::{FileVerdict, Ruling};
use crate::source::ScanError;
use crate::status::RecordFiles;
use crate::systemd::{ActiveState, Process, UnitState};
use crate::unit::UnitName;

/// Why a unit runs here or does not: the line that decides, what was done, what went wrong and what to do.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Units, such as nginx.service or nginx, or globs
    #[arg(required = true)]
    units: Vec<String>,
}

impl Explain {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory();
        let names: Vec<UnitName> = context::unit_names(&self.units, &context, directory.as_ref())?;
        // Files tell most; what systemd adds is left out if it does not answer.
        let running: Vec<UnitName> = names.iter().map(|name| context::running_name(directory.as_ref(), name)).collect();
        let states = super::block_on(context::states(&running)).unwrap_or_default();
        let processes = super::block_on(context::processes(&states)).unwrap_or_default();
        let mut is_known = true;
        for (index, (name, running)) in names.iter().zip(&running).enumerate() {
            if index > 0 {
                println!();
            }
            let said = processes.get(running.as_str()).and_then(Process::said);
            let state = states.get(running.as_str()).map(|state| (state, said));
            is_known &= explain(&context, &directory, name, state)?;
        }
        Ok(if is_known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Prints everything that is known of a unit; false if nothing is.
pub fn explain(
    context: &Context,
    directory: &Result<Directory, ScanError>,
    name: &UnitName,
    state: Option<(&UnitState, Option<&str>)>,
) -> anyhow::Result<bool> {
    println!("{name} on {} ({})", context.host.hostname, context.host.machine_id);
    let mut is_known = true;
    match directory {
        Err(error) => println!("  {error}"),
        Ok(directory) => {
            let verdicts = directory.resolution.verdicts.iter().filter(|verdict| verdict.is_about(name));
            let problems = directory.look.problems.iter().filter(|(path, _)| path.ends_with(name.as_str()));
            if verdicts.clone().next().is_none() && problems.clone().next().is_none() {
                println!("  there is no file {name} in {}", context.settings.unit_dir.display());
                is_known = false;
            }
            verdicts.for_each(print_verdict);
            for (path, problem) in problems {
                let reason = problem.reason();
                println!("  {}: {reason}", path.display());
            }
        }
    }
    let name = &context::running_name(directory.as_ref(), name);
    if let Some(installed) = context.memory.installed.get(name) {
        is_known = true;
        let target =
            context.memory.units.get(name).and_then(|record| record.linked).map_or("", |_| ", started at boot");
        println!("  installed as {}/{name}{target}", installed.folder.display());
        let rolled_back = directory.as_ref().ok().and_then(|directory| directory.rolled_back(context, name));
        match rolled_back {
            Some((reason, _)) => println!("  {reason}"),
            None => print_difference(directory, name, installed.digest),
        }
        if context.memory.units.get(name).is_some_and(|record| record.trial.is_some()) {
            println!("  its new version is on trial: if it does not stay up (RollbackSec=), the one before comes back");
        }
    }
    if let Some((state, reason)) = state {
        let hint = match state.active {
            ActiveState::Failed => format!("; see 'sculler journal {name}'"),
            _ => String::new(),
        };
        println!("  systemd: {} ({}), {}{hint}", state.active, state.sub, state.load);
        reason.iter().for_each(|reason| println!("  it said: {reason}"));
    }
    if context.is_noted(name)
        && let Ok(states) = super::block_on(context::states([name]))
    {
        let outdated = states.get(name.as_str()).and_then(|state| context.outdated(name, state));
        outdated.iter().for_each(|outdated| println!("  {outdated}"));
    }
    let status = context.unit_status(name);
    if let Some(kind) = status.job {
        println!("  a {kind} is under way");
    }
    if let Some(service) = &status.preparation {
        println!("  {}", status::preparation(service));
    }
    if let Some(reason) = status.blocked {
        println!("  {}: {reason}", if status.is_by_hand { "left alone" } else { "refused" });
    }
    let may_be_down =
        state.is_none_or(|(state, _)| matches!(state.active, ActiveState::Inactive | ActiveState::Failed));
    if let Some(trouble) = status.trouble {
        println!("  {} ({} ago)", trouble.message, since(trouble.since));
        match trouble.retry_at {
            Some(_) if trouble.waits_for_docker => {
                println!("  it is tried again once Docker is up; run 'systemctl start docker'");
            }
            Some(_) => println!("  it is tried again by itself"),
            None => println!("  it is not tried again before the file changes; or run 'systemctl start {name}'"),
        }
    } else if may_be_down && RecordFiles::of_host().stopped_with_docker().contains(name) {
        println!("  it went down with Docker and comes back with it; run 'systemctl start docker'");
    }
    if let Some(event) = context.failed_reload(name) {
        println!("  {} ({} ago)", event.done, since(event.time));
        event.reason.lines().for_each(|line| println!("    {line}"));
        println!("  what runs has not taken up its files; it will as soon as they, their owners or modes change");
    }
    if let Some(note) = context.kept(name) {
        println!("  {note}");
    }
    if context.agent.is_none() {
        println!("  the agent is not running, so changes wait; run 'systemctl start sculler'");
    }
    Ok(is_known)
}

fn print_verdict(verdict: &FileVerdict) {
    let path = verdict.path.display();
    match &verdict.ruling {
        Ruling::Taken { line, reason } => println!("  taken: {reason} ({})", place(&path.to_string(), *line)),
        Ruling::NotTaken { line, reason } => println!("  not taken: {reason} ({})", place(&path.to_string(), *line)),
        Ruling::Invalid { errors } => {
            println!("  invalid, so the last good version stays:");
            errors.iter().for_each(|error| println!("    {error}"));
        }
    }
    verdict.warnings.iter().for_each(|warning| println!("  {warning}"));
}

fn place(path: &str, line: usize) -> String {
    if line == 0 { path.to_owned() } else { format!("{path}:{line}") }
}

fn print_difference(directory: &Result<Directory, ScanError>, name: &UnitName, installed: crate::unit::Digest) {
    let Ok(directory) = directory else { return };
    match directory.resolution.desired.get(name) {
        Some(desired) if desired.digest() != installed => println!("  the file has changed since; see 'sculler plan'"),
        _ => {}
    }
}

/// How long ago a moment was, in seconds since 1970.
fn since(time: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    in_words(Duration::from_secs_f64((now - time).max(0.0)))
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
