//! `sculler status [UNIT…]`

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::process::{Command, ExitCode};

use super::context::{self, Context};
use super::explain;
use crate::docker::{self, ServiceState};
use crate::render::Ruling;
use crate::source::Problem;
use crate::status::{RecordFiles, Trouble, UnitStatus};
use crate::sync::{self, Last};
use crate::systemd::{ActiveState, Process, Systemd, UnitState};
use crate::unit::UnitName;

/// The agent, or some units in sculler's and systemd's words.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Units, or globs; without any, the agent and everything that is wrong
    units: Vec<String>,
}

impl Status {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        if self.units.is_empty() {
            return overview(&context);
        }
        let directory = context.directory();
        let names = context::unit_names(&self.units, &context, directory.as_ref())?;
        let mut is_known = true;
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                println!();
            }
            is_known &= explain::explain(&context, &directory, name, None)?;
        }
        let names = names.iter().filter(|name| !name.is_template());
        let mut names: Vec<UnitName> = names.map(|name| context::running_name(directory.as_ref(), name)).collect();
        // A container goes by the name of its file and by that of its service.
        names.dedup();
        let names: Vec<&str> = names.iter().map(UnitName::as_str).collect();
        // A template never runs, and systemctl says so in an error
        if names.is_empty() {
            return Ok(if is_known { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        println!();
        let mut command = Command::new("systemctl");
        command.args(["status", "--no-pager", "--full", "--"]).args(names);
        super::replace_by(command)
    }
}

/// How far the preparation of a new version is.
pub fn preparation(service: &str) -> String {
    let process = super::block_on(async { Ok(Systemd::connect().await?.process(service).await?) }).unwrap_or_default();
    let told = process.said().map(|text| format!(": {text}")).unwrap_or_default();
    format!("its new version is prepared while the old one runs{told}")
}

fn overview(context: &Context) -> anyhow::Result<ExitCode> {
    println!(
        "{} ({}), unit directory {}",
        context.host.hostname,
        context.host.machine_id,
        context.settings.unit_dir.display()
    );
    let mut wrong: Vec<String> = Vec::new();
    let states = super::block_on(context::states(context.memory.installed.keys()));
    let processes = match &states {
        Ok(states) => super::block_on(context::processes(states)).unwrap_or_default(),
        Err(_) => BTreeMap::new(),
    };
    let said = |unit: &str| processes.get(unit).and_then(Process::said);
    let known = states.as_ref().ok();
    match &context.agent {
        None => wrong.push("the agent is not running, so changes wait; run 'systemctl start sculler'".to_owned()),
        Some(agent) => {
            println!("agent {} is running (PID {})", agent.version, agent.pid);
            wrong.extend(agent.problems.iter().cloned());
            for (unit, status) in &agent.units {
                let state = known.and_then(|states| states.get(unit));
                let active = state.map(|state| state.active);
                // Of a unit that failed, or says how far it is, that is all that has to be said.
                let is_told = active == Some(ActiveState::Failed)
                    || active == Some(ActiveState::Activating) && said(unit).is_some();
                if let Some(kind) = status.job.as_ref().filter(|_| !is_told) {
                    println!("{unit}: {kind} under way");
                }
                if let Some(service) = &status.preparation {
                    println!("{unit}: {}", preparation(service));
                }
                if let Some(reason) = status.blocked.iter().find(|_| status.is_by_hand) {
                    println!("{unit}: {reason}");
                    continue;
                }
                // Whoever started it by hand since has mended what was given up.
                let is_mended = |trouble: &&Trouble| trouble.retry_at.is_none() && active == Some(ActiveState::Active);
                let trouble = status.trouble.as_ref().filter(|trouble| !is_mended(trouble));
                let trouble = trouble.filter(|_| !state.is_some_and(is_between_starts));
                let reasons = status.blocked.iter().chain(trouble.map(|trouble| &trouble.message));
                let says_why = active == Some(ActiveState::Failed) && said(unit).is_some();
                wrong.extend(reasons.filter(|_| !says_why).map(|reason| format!("{unit}: {reason}")));
            }
        }
    }
    match context.directory() {
        Err(error) => wrong.push(error.to_string()),
        Ok(directory) => {
            let verdicts = &directory.resolution.verdicts;
            let count = |word: &str| verdicts.iter().filter(|verdict| verdict.ruling.word() == word).count();
            let (taken, other, invalid) = (count("taken"), count("not-taken"), count("invalid"));
            println!("unit files: {taken} taken, {other} not for this host, {invalid} invalid");
            for verdict in verdicts {
                if let Ruling::Invalid { errors } = &verdict.ruling {
                    wrong.extend(errors.iter().map(ToString::to_string));
                }
            }
            for unit in context.memory.units.keys() {
                match directory.rolled_back(context, unit) {
                    Some((reason, true)) => println!("{unit}: {reason}"),
                    Some((reason, false)) => wrong.push(format!("{unit}: {reason}")),
                    None => {}
                }
            }
            for (path, problem) in &directory.look.problems {
                if let Problem::Refused(reason) = problem {
                    wrong.push(format!("{}: {reason}", path.display()));
                }
            }
        }
    }
    let last = Last::read(&sync::state_directory()).filter(|_| sync::Settings::path().exists());
    if let Some(error) = last.and_then(|last| last.error) {
        wrong.push(format!("the last sync changed nothing: {error}"));
    }
    match states {
        Err(error) => wrong.push(error.to_string()),
        Ok(states) => wrong.extend(troubles(context, &states, &processes)),
    }
    for unit in context.memory.installed.keys() {
        wrong.extend(context.failed_reload(unit).map(|event| format!("{unit}: {}", event.done)));
        wrong.extend(context.kept(unit).map(|note| format!("{unit}: {note}")));
    }
    // The agent and the files may say the same.
    let mut told = HashSet::new();
    wrong.retain(|line| told.insert(line.clone()));
    wrong.iter().for_each(|line| println!("  {line}"));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints how far starts are; the answer is what is wrong with units in systemd's view.
fn troubles(
    context: &Context,
    states: &BTreeMap<String, UnitState>,
    processes: &BTreeMap<String, Process>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (unit, state) in states {
        let name = UnitName::parse(unit).ok();
        let outdated = name.and_then(|name| context.outdated(&name, state));
        outdated.iter().for_each(|outdated| println!("{unit}: {outdated}"));
    }
    let is_any_down = states.values().any(|state| state.active != ActiveState::Active);
    let docker = || super::block_on(async { Ok(docker::service_state().await) });
    let is_docker_down = is_any_down && docker().is_ok_and(|state| state == ServiceState::Down);
    let installed = &context.memory.installed;
    let needs_docker = |unit: &str| installed.iter().any(|(name, of)| name.as_str() == unit && of.is_quadlet);
    let with_docker = if is_docker_down { waiting_for_docker(context, states) } else { BTreeSet::new() };
    if !with_docker.is_empty() {
        let units = Vec::from_iter(with_docker.iter().map(String::as_str)).join(", ");
        wrong.push(format!("Docker is down, and with it {units}; run 'systemctl start docker'"));
    }
    for (unit, state) in states.iter().filter(|(unit, _)| !with_docker.contains(*unit)) {
        let process = processes.get(unit).cloned().unwrap_or_default();
        let journal = format!("see 'sculler journal {unit}'");
        match (state.active, process.said()) {
            (ActiveState::Failed, reason) => {
                wrong.push(format!("{unit} has failed: {}", reason.unwrap_or(&journal)));
            }
            _ if is_between_starts(state) && process.result == "success" => {
                println!("{unit} ended, and is started again in its time");
            }
            (_, reason) if is_between_starts(state) => {
                let reason = reason.filter(|_| process.has_exited()).unwrap_or(&journal);
                wrong.push(format!("{unit} ended and is started again: {reason}"));
            }
            (ActiveState::Activating, Some(reason)) if is_docker_down && needs_docker(unit) => {
                wrong.push(format!("{unit}: start under way: {reason}"));
            }
            (ActiveState::Activating, Some(reason)) => println!("{unit}: start under way: {reason}"),
            _ => {}
        }
    }
    wrong
}

/// It ended, and systemd waits for RestartSec= to start it again.
fn is_between_starts(state: &UnitState) -> bool {
    state.active == ActiveState::Activating && state.sub.starts_with("auto-restart")
}

/// What comes with Docker: containers that were stopped because it was, and starts that are tried again.
fn waiting_for_docker(context: &Context, states: &BTreeMap<String, UnitState>) -> BTreeSet<String> {
    let stopped = RecordFiles::of_host().stopped_with_docker().into_iter().map(|unit| unit.to_string());
    let is_waiting = |status: &UnitStatus| status.trouble.as_ref().is_some_and(|trouble| trouble.waits_for_docker);
    let agent = context.agent.iter().flat_map(|agent| &agent.units).filter(|(_, status)| is_waiting(status));
    let is_down = |unit: &String| {
        let state = states.get(unit).map(|state| state.active);
        matches!(state, Some(ActiveState::Inactive | ActiveState::Failed))
    };
    stopped.chain(agent.map(|(unit, _)| unit.clone())).filter(is_down).collect()
}
