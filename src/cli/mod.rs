//! The command line: a file per command; they print and decide nothing.

mod address;
mod agent;
mod ask;
mod cat;
mod context;
mod diff;
mod doctor;
mod explain;
mod files;
mod fleetctl;
mod help;
mod hosts;
mod job;
mod journal;
mod list_machines;
mod list_unit_files;
mod list_units;
mod log;
mod outcome;
mod plan;
mod reconcile;
mod render;
mod selection;
mod status;
mod submission;
mod supervise;
mod table;
mod verify;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use job::Verb;
use table::Listing;

/// Drop a unit file into /etc/sculler/units, and the host that it names runs it.
#[derive(Debug, Parser)]
#[command(name = "sculler", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Arguments {
    /// Run it on these hosts by ssh: user@host, or groups of ~/.config/sculler/hosts.toml
    #[arg(short = 'H', long, global = true, value_name = "HOST,…", value_delimiter = ',')]
    hosts: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put unit files into the unit directory; they stay inactive
    Submit(job::WithFiles),
    /// Install units without starting them (target state loaded)
    Load(job::WithFiles),
    /// Start units, now and at boot (target state launched)
    Start(job::WithFiles),
    /// Stop units and do not start them at boot (target state loaded)
    Stop(job::Units),
    /// Restart units
    Restart(job::Units),
    /// Stop units and take them off systemd; their files stay (target state inactive)
    Unload(job::Units),
    /// Stop units and remove them with their files
    Destroy(job::Units),
    /// The units installed here and their states
    ListUnits(list_units::ListUnits),
    /// Every file of the unit directory: taken or not, and why
    ListUnitFiles(list_unit_files::ListUnitFiles),
    /// This host: machine ID, address, metadata
    ListMachines(list_machines::ListMachines),
    /// The agent and what is wrong, or units in sculler's and systemd's words
    Status(status::Status),
    /// Why units run here or do not, by which line, and what to do
    Explain(explain::Explain),
    /// Unit files as they were dropped
    Cat(cat::Cat),
    /// What is installed against what the file says
    Diff(diff::Diff),
    /// The journal of a unit
    Journal(journal::Journal),
    /// Check unit files
    Verify(verify::Verify),
    /// What this or another host would make of unit files
    Render(render::Render),
    /// What a pass would do now, and why; changes nothing
    Plan(plan::Plan),
    /// Whether this host has what is needed, and what to do if not
    Doctor(doctor::Doctor),
    /// Ask the agent for a pass now
    Reconcile(reconcile::Reconcile),
    /// This help, a command's, or the keys of Quadlet files: help keys [SECTION]
    Help(help::Help),
    /// The daemon: watch the unit directory and keep this host as it says
    Agent(agent::Agent),
    /// The main process of a container's service; systemd starts it
    #[command(hide = true)]
    Supervise(supervise::Supervise),
}

/// Runs the command that the arguments name. Exit code 0: done, 1: failed, 2: usage.
pub fn main() -> ExitCode {
    let command = Arguments::command();
    let command = if fleetctl::is_called() { fleetctl::adapt(command) } else { command };
    let matches = command.get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let mut names = arguments.hosts.clone();
    if fleetctl::is_called() {
        fleetctl::warn(&matches);
        names.extend(fleetctl::tunnel(&matches));
    }
    let word = matches.subcommand_name().unwrap_or_default();
    let result = match hosts::chosen(&names) {
        // The daemon is never anywhere else.
        Ok(hosts) if hosts.is_empty() || word == "agent" && names.is_empty() => arguments.command.run(),
        Ok(hosts) => hosts::run(&hosts, word, arguments.command.listing()),
        Err(error) => Err(error),
    };
    match result {
        Ok(code) => code,
        // Somebody stopped reading, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sculler: {error:#}");
            if error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Submit(command) => command.run(Verb::Submit),
            Self::Load(command) => command.run(Verb::Load),
            Self::Start(command) => command.run(Verb::Start),
            Self::Stop(command) => command.run(Verb::Stop),
            Self::Restart(command) => command.run(Verb::Restart),
            Self::Unload(command) => command.run(Verb::Unload),
            Self::Destroy(command) => command.run(Verb::Destroy),
            Self::ListUnits(command) => command.run(),
            Self::ListUnitFiles(command) => command.run(),
            Self::ListMachines(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Cat(command) => command.run(),
            Self::Diff(command) => command.run(),
            Self::Journal(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Render(command) => command.run(),
            Self::Plan(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Reconcile(command) => command.run(),
            Self::Help(command) => command.run(),
            Self::Agent(command) => command.run(),
            Self::Supervise(command) => command.run(),
        }
    }

    /// The table that it prints, if that is what it does.
    fn listing(&self) -> Option<Listing<'_>> {
        match self {
            Self::ListUnits(command) => Some(command.listing()),
            Self::ListUnitFiles(command) => Some(command.listing()),
            Self::ListMachines(command) => Some(command.listing()),
            _ => None,
        }
    }
}

/// Arguments that make no sense although they parse.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Runs a future on this thread; nothing here needs more than one.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// Becomes another program, whose exit code is then this one's.
fn replace_by(mut command: std::process::Command) -> anyhow::Result<ExitCode> {
    let error = command.exec();
    let program = command.get_program().to_string_lossy().into_owned();
    Err(anyhow::Error::new(error).context(format!("'{program}' cannot be run")))
}
