//! `sculler submit`, `load`, `start`, `stop`, `restart`, `unload`, `destroy`: the flow that they share.
//!
//! Files first, except that the agent learns a new unit's target state before it can see the file; then the order; then
//! what really happened.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::context::{self, Context, Directory};
use super::fleetctl;
use super::outcome;
use super::remote::REPORT;
use super::selection::{self, Change, Reading, Selected};
use super::submission::{self, Submission};
use crate::agent::{Order, UnitAnswer, UnitOrder, Wish};
use crate::files;
use crate::quadlet::names;
use crate::render::TargetState;
use crate::unit::UnitName;

/// Options of commands that may bring files along.
#[derive(Debug, clap::Args)]
pub struct WithFiles {
    #[command(flatten)]
    units: Units,
    /// Put a file in the place of one that differs
    #[arg(long)]
    replace: bool,
    /// Read the files from standard input, as another host's sculler sends them
    #[arg(long, hide = true)]
    bundle: bool,
    /// fleetctl had it, for nothing
    #[arg(long, hide = true)]
    sign: bool,
}

/// Options of `start`.
#[derive(Debug, clap::Args)]
pub struct Starting {
    #[command(flatten)]
    files: WithFiles,
    /// Run what the file says whatever becomes of it: no way back to the last good version by itself
    #[arg(long)]
    force: bool,
}

impl Starting {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.files.run(if self.force { Verb::Force } else { Verb::Start })
    }
}

/// Options of commands that are about units that are there.
#[derive(Debug, clap::Args)]
pub struct Units {
    /// Names (web.service or web), files, or globs such as 'web-*'
    units: Vec<String>,
    /// Do not wait for what becomes of it
    #[arg(long)]
    no_block: bool,
    /// fleetctl's; how long a job takes is for the unit to say
    #[arg(long, hide = true)]
    block_attempts: Option<u32>,
    /// One of several hosts: a unit of another one is no failure
    #[arg(long, hide = true)]
    among_hosts: bool,
}

/// Which command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Submit,
    Load,
    Start,
    Stop,
    Restart,
    /// `start --force`
    Force,
    Rollback,
    Unload,
    Destroy,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Load => "load",
            Self::Start | Self::Force => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Rollback => "rollback",
            Self::Unload => "unload",
            Self::Destroy => "destroy",
        }
    }

    fn wish(self) -> Wish {
        match self {
            Self::Submit => Wish::Keep,
            Self::Load => Wish::Load,
            Self::Start => Wish::Start,
            Self::Stop => Wish::Stop,
            Self::Restart => Wish::Restart,
            Self::Force => Wish::Force,
            Self::Rollback => Wish::Rollback,
            Self::Unload => Wish::Unload,
            Self::Destroy => Wish::Forget,
        }
    }
}

impl WithFiles {
    pub fn run(self, verb: Verb) -> anyhow::Result<ExitCode> {
        let bundle = if self.bundle { Submission::read_bundle()? } else { Vec::new() };
        let reading = Reading { may_add: true, prefers_files: verb == Verb::Submit, may_replace: self.replace };
        run(verb, &self.units, &bundle, reading)
    }
}

impl Units {
    /// Whether a unit is named as itself, not by a glob.
    fn names(&self, name: &UnitName) -> bool {
        self.units.iter().any(|text| {
            context::unit_name(text).is_ok_and(|named| {
                named == *name || named.unit_type().is_quadlet() && names::default_service(&named).as_ref() == Ok(name)
            })
        })
    }

    pub fn run(self, verb: Verb) -> anyhow::Result<ExitCode> {
        run(verb, &self, &[], Reading { may_add: false, prefers_files: false, may_replace: false })
    }
}

fn run(verb: Verb, options: &Units, bundle: &[Submission], reading: Reading) -> anyhow::Result<ExitCode> {
    if options.units.is_empty() && bundle.is_empty() {
        // Scripts hand it lists that may be empty (`fleet: fleetctl/stop.go`).
        if fleetctl::is_called() {
            eprintln!("No units given");
            return Ok(ExitCode::SUCCESS);
        }
        let message = format!("no units given; name some, as in 'sculler {} web.service'", verb.word());
        return Err(super::UsageError(message).into());
    }
    let context = Context::read()?;
    let directory = context.directory()?;
    let selected = selection::select(&context, &directory, &options.units, bundle, reading)?;
    refuse(verb, &selected, &directory)?;
    let (idle, selected): (Vec<_>, Vec<_>) =
        selected.into_iter().partition(|unit| verb == Verb::Stop && is_unloaded(&context, unit));
    let mut has_failed = false;
    for unit in idle.iter().filter(|unit| options.names(&unit.name)) {
        eprintln!("sculler: stop {}: it is not loaded, so there is nothing to stop", unit.name);
        has_failed = true;
    }
    change_files(verb, &selected)?;

    let since = crate::status::seconds_now();
    let wishes = selected.iter().map(|unit| (unit.name.to_string(), order(unit, verb.wish()))).collect();
    let answer = super::ask::ask(&Order { wait: !options.no_block, units: wishes, ..Order::default() })?;
    let machine = context.machine(false);
    let mut to_watch = Vec::new();
    let mut elsewhere = Vec::new();
    for unit in &selected {
        let name = &unit.name;
        let answer = answer.units.get(name.as_str()).cloned().unwrap_or_default();
        if answer.is_elsewhere && matches!(verb, Verb::Load | Verb::Start | Verb::Force | Verb::Restart) {
            eprintln!("Unit {name} is not for this host: {}", answer.problem.unwrap_or_default());
            has_failed |= !options.among_hosts;
            elsewhere.push(name.as_str());
            continue;
        }
        if let Err(reason) = outcome::check(verb.wish(), &answer) {
            outcome::tell_failure(name, verb.word(), &reason);
            has_failed = true;
            continue;
        }
        let is_launched = answer.target == TargetState::Launched;
        let is_to_be_up = matches!(verb, Verb::Start | Verb::Force | Verb::Restart)
            || matches!(verb, Verb::Submit | Verb::Rollback) && is_launched;
        if options.no_block {
            println!("{}", triggered(verb, unit));
        } else if is_to_be_up && !name.is_template() {
            to_watch.push((unit, answer));
        } else {
            println!("{}", sentence(verb, unit, &answer, &machine));
        }
    }
    let names: Vec<_> = to_watch.iter().map(|(unit, _)| &unit.name).collect();
    let failures = super::block_on(outcome::watch(&names, since))?;
    for (unit, answer) in &to_watch {
        match failures.get(&unit.name) {
            None => println!("{}", sentence(verb, unit, answer, &machine)),
            Some(reason) => {
                has_failed = true;
                outcome::tell_failure(&unit.name, verb.word(), reason);
            }
        }
    }
    if options.among_hosts {
        println!("{REPORT}{}", serde_json::to_string(&elsewhere)?);
    }
    if fleetctl::is_called() && !options.no_block && !has_failed {
        summarize(verb, &selected);
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// fleetctl's last words, on standard error as there (`fleet: fleetctl/stop.go`, `unload.go`).
fn summarize(verb: Verb, selected: &[Selected]) {
    let done = match verb {
        Verb::Stop => "stopped",
        Verb::Unload => "unloaded",
        _ => return,
    };
    let names: Vec<&str> = selected.iter().map(|unit| unit.name.as_str()).collect();
    eprintln!("Successfully {done} units [{}].", names.join(" "));
}

/// Target state inactive: a stop would load it (`fleet: fleetctl/stop.go` refused that too).
fn is_unloaded(context: &Context, unit: &Selected) -> bool {
    let record = context.memory.units.get(&unit.name);
    record.is_some_and(|record| record.target == Some(TargetState::Inactive))
}

/// What cannot be meant.
fn refuse(verb: Verb, selected: &[Selected], directory: &Directory) -> anyhow::Result<()> {
    let is_template = |path: &Path| path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b"@"));
    if verb == Verb::Destroy
        && let Some(unit) = selected.iter().find(|unit| !unit.name.is_template() && is_template(&unit.path))
    {
        let path = unit.path.display();
        bail!("{} is there by DefaultInstance= of {path}; remove that line, or destroy the template", unit.name);
    }
    for unit in selected.iter().filter(|unit| unit.name.is_template()) {
        if matches!(verb, Verb::Stop | Verb::Restart | Verb::Rollback) {
            bail!("{} is a template, which never runs; name an instance of it", unit.name);
        }
        if verb != Verb::Destroy {
            continue;
        }
        let instance = directory.units.iter().find(|instance| {
            instance.runs_as().template().as_ref() == Some(&unit.name)
                && instance.file.path.is_symlink()
                && !selected.iter().any(|other| other.name == *instance.runs_as())
        });
        if let Some(instance) = instance {
            bail!("{} is a link to {}; destroy it first, or together with it", instance.name, unit.name);
        }
    }
    Ok(())
}

fn order(unit: &Selected, wish: Wish) -> UnitOrder {
    UnitOrder { wish, source: unit.path.clone(), is_replaced: matches!(unit.file, Change::Write(_)) }
}

/// Does to the unit directory what has to be done, if the agent is there to see it.
fn change_files(verb: Verb, selected: &[Selected]) -> anyhow::Result<()> {
    let changes = selected.iter().filter(|unit| !matches!(unit.file, Change::None));
    if verb == Verb::Destroy {
        super::ask::ask(&Order::default())?;
        submission::warn_of_sync(selected.iter().map(|unit| &*unit.path), "remove");
        for unit in selected {
            submission::remove(&unit.path)?;
        }
    } else if changes.clone().next().is_some() {
        // Without it a new file would be launched as soon as it is seen.
        let first = if verb == Verb::Submit { Wish::Unload } else { verb.wish() };
        let new = changes.clone().filter(|unit| !unit.is_present);
        let units: BTreeMap<_, _> = new.map(|unit| (unit.name.to_string(), order(unit, first))).collect();
        super::ask::ask(&Order { units, ..Order::default() })?;
        submission::warn_of_sync(changes.clone().map(|unit| &*unit.path), "commit");
        for unit in changes {
            match &unit.file {
                Change::None => {}
                Change::Write(submission) => submission.write(&unit.path)?,
                Change::Link(template) => files::link(&unit.path, template.as_str().as_ref())
                    .with_context(|| format!("{} cannot be made", unit.path.display()))?,
            }
        }
    }
    Ok(())
}

/// fleetctl's sentences (`fleet: fleetctl/fleetctl.go`, `destroy.go`).
fn sentence(verb: Verb, unit: &Selected, answer: &UnitAnswer, machine: &str) -> String {
    let name = &unit.name;
    let state = match verb {
        Verb::Destroy => return format!("Destroyed {name}"),
        Verb::Start | Verb::Force | Verb::Restart if !name.is_template() => TargetState::Launched,
        Verb::Rollback => {
            return format!(
                "Unit {name} is back at its last good version, until its file changes or 'sculler start --force {name}'"
            );
        }
        _ => answer.target,
    };
    match state {
        TargetState::Inactive => format!("Unit {name} inactive"),
        state => format!("Unit {name} {} on {machine}", state.as_str()),
    }
}

fn triggered(verb: Verb, unit: &Selected) -> String {
    match verb {
        Verb::Destroy => format!("Destroyed {}", unit.name),
        verb => format!("Triggered unit {} {}", unit.name, verb.word()),
    }
}
