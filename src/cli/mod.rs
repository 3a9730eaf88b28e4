//! The command line: a file per command; they print and decide nothing.

mod address;
mod agent;
mod ask;
mod cat;
mod context;
mod diff;
mod explain;
mod files;
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
mod table;
mod verify;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use job::Verb;

/// Drop a unit file into /etc/sculler/units, and the host that it names runs it.
#[derive(Debug, Parser)]
#[command(name = "sculler", version, arg_required_else_help = true)]
struct Arguments {
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
    /// Ask the agent for a pass now
    Reconcile(reconcile::Reconcile),
    /// The daemon: watch the unit directory and keep this host as it says
    Agent(agent::Agent),
}

/// Runs the command that the arguments name. Exit code 0: done, 1: failed, 2: usage.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Submit(command) => command.run(Verb::Submit),
        Command::Load(command) => command.run(Verb::Load),
        Command::Start(command) => command.run(Verb::Start),
        Command::Stop(command) => command.run(Verb::Stop),
        Command::Restart(command) => command.run(Verb::Restart),
        Command::Unload(command) => command.run(Verb::Unload),
        Command::Destroy(command) => command.run(Verb::Destroy),
        Command::ListUnits(command) => command.run(),
        Command::ListUnitFiles(command) => command.run(),
        Command::ListMachines(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Cat(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Journal(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Render(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Reconcile(command) => command.run(),
        Command::Agent(command) => command.run(),
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
