//! `sculler status [UNIT…]`

use std::collections::{BTreeMap, HashSet};
use std::process::{Command, ExitCode};

use super::context::{self, Context, Directory};
use super::explain;
use crate::docker;
use crate::render::{Ruling, TargetState};
use crate::source::Problem;
use crate::sync::{self, Last};
use crate::systemd::{ActiveState, Systemd, UnitState};
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
    let told = super::block_on(async { Ok(Systemd::connect().await?.process(service).await?.status_text) });
    let told = told.ok().filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default();
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
    let said = match &states {
        Ok(states) => super::block_on(context::reasons(states)).unwrap_or_default(),
        Err(_) => BTreeMap::new(),
    };
    let known = states.as_ref().ok();
    match &context.agent {
        None => wrong.push("the agent is not running, so changes wait; run 'systemctl start sculler'".to_owned()),
        Some(agent) => {
            println!("agent {} is running (PID {})", agent.version, agent.pid);
            wrong.extend(agent.problems.iter().cloned());
            for (unit, status) in &agent.units {
                // Of a unit that failed or says why it did, that is all that has to be said.
                let is_failed = known.is_some_and(|states| is(ActiveState::Failed, states, unit));
                match &status.job {
                    Some(kind) if kind != "start" => println!("{unit}: {kind} under way"),
                    Some(_) if !is_failed && !said.contains_key(unit) => println!("{unit}: start under way"),
                    _ => {}
                }
                if let Some(service) = &status.preparation {
                    println!("{unit}: {}", preparation(service));
                }
                if let Some(reason) = status.blocked.iter().find(|_| status.is_by_hand) {
                    println!("{unit}: {reason}");
                    continue;
                }
                // Whoever started it by hand since has mended what was given up.
                let is_up = known.is_some_and(|states| is(ActiveState::Active, states, unit));
                let trouble = status.trouble.as_ref().filter(|trouble| trouble.retry_at.is_some() || !is_up);
                let reasons = status.blocked.iter().chain(trouble.map(|trouble| &trouble.message));
                wrong.extend(
                    reasons
                        .filter(|_| !(is_failed && said.contains_key(unit)))
                        .map(|reason| format!("{unit}: {reason}")),
                );
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
            wrong.extend(known.and_then(|states| without_docker(&directory, states)));
        }
    }
    let last = Last::read(&sync::state_directory()).filter(|_| sync::Settings::path().exists());
    if let Some(error) = last.and_then(|last| last.error) {
        wrong.push(format!("the last sync changed nothing: {error}"));
    }
    match states {
        Err(error) => wrong.push(error.to_string()),
        Ok(states) => {
            for (unit, state) in &states {
                let name = UnitName::parse(unit).ok();
                let outdated = name.and_then(|name| context.outdated(&name, state));
                outdated.iter().for_each(|outdated| println!("{unit}: {outdated}"));
            }
            for (unit, state) in &states {
                let reason = said.get(unit).map_or_else(|| format!("see 'sculler journal {unit}'"), String::clone);
                match state.active {
                    ActiveState::Failed => wrong.push(format!("{unit} has failed: {reason}")),
                    ActiveState::Activating if state.sub.starts_with("auto-restart") => {
                        wrong.push(format!("{unit} ended and is started again: {reason}"));
                    }
                    ActiveState::Activating if said.contains_key(unit) => {
                        println!("{unit}: start under way: {reason}");
                    }
                    _ => {}
                }
            }
        }
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

fn is(active: ActiveState, states: &BTreeMap<String, UnitState>, unit: &str) -> bool {
    states.get(unit).is_some_and(|state| state.active == active)
}

/// The containers that are down because Docker is.
fn without_docker(directory: &Directory, states: &BTreeMap<String, UnitState>) -> Option<String> {
    let wanted = directory.resolution.desired.values();
    let down: Vec<&str> = wanted
        .filter(|desired| desired.spec.is_some() && desired.target == TargetState::Launched)
        .map(|desired| desired.name.as_str())
        .filter(|unit| is(ActiveState::Inactive, states, unit) || is(ActiveState::Failed, states, unit))
        .collect();
    if down.is_empty() {
        return None;
    }
    let docker = UnitName::parse(docker::SERVICE).ok()?;
    let state = super::block_on(context::states([&docker])).ok()?;
    let is_down =
        is(ActiveState::Inactive, &state, docker::SERVICE) || is(ActiveState::Failed, &state, docker::SERVICE);
    is_down.then(|| format!("Docker is down, and with it {}; run 'systemctl start docker'", down.join(", ")))
}
