//! The command line: a file per command; they print and decide nothing.

mod address;
mod agent;
mod ask;
mod bootstrap;
mod cat;
mod context;
mod convert;
mod diff;
mod doctor;
mod eject;
mod explain;
mod fd_forward;
mod files;
mod fleetctl;
mod forward;
mod help;
mod history;
mod hosts;
mod import;
mod import_sources;
mod job;
mod journal;
mod list_machines;
mod list_unit_files;
mod list_units;
mod log;
mod outcome;
mod plan;
mod reconcile;
mod recreate;
mod remote;
mod render;
mod selection;
mod selinux;
mod ssh;
mod status;
mod submission;
mod supervise;
mod sync;
mod table;
mod user;
mod verify;

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use job::Verb;
use table::Listing;

/// Drop a unit file into /etc/sculler/units, and the host that it names runs it.
#[derive(Debug, Parser)]
#[command(name = "sculler", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Arguments {
    /// Run it there by ssh; groups are in hosts.toml
    #[arg(short = 'H', long, global = true, value_name = "USER@HOST:PORT", value_delimiter = ',')]
    hosts: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put files into the unit directory; they stay inactive
    Submit(job::WithFiles),
    /// Install units and start nothing (target state loaded)
    Load(job::WithFiles),
    /// Start units, now and at boot (target state launched)
    Start(job::Starting),
    /// Stop units, now and at boot (target state loaded)
    Stop(job::Units),
    /// Restart units
    Restart(job::Units),
    /// Go back to the last good version of units
    Rollback(job::Units),
    /// Make a volume or network anew, as its file says
    Recreate(recreate::Recreate),
    /// Stop units and uninstall them (target state inactive)
    Unload(job::Units),
    /// Stop units and remove them with their files
    Destroy(job::Units),
    /// The units installed here and their states
    ListUnits(list_units::ListUnits),
    /// Every unit file: taken or not, and why
    ListUnitFiles(list_unit_files::ListUnitFiles),
    /// This host: machine ID, address, metadata
    ListMachines(list_machines::ListMachines),
    /// The agent and what is wrong, or the state of units
    Status(status::Status),
    /// Why units run here or not, by which line, what to do
    Explain(explain::Explain),
    /// Unit files as they were dropped
    Cat(cat::Cat),
    /// What is installed against what the file says
    Diff(diff::Diff),
    /// What happened to units: when, why, how it ended
    History(history::History),
    /// Whom a container runs as, and what it may not use
    User(user::User),
    /// The journal of units
    Journal(journal::Journal),
    /// A shell or a command on the host of a unit or machine
    Ssh(ssh::Ssh),
    /// What is wrong in unit files
    Verify(verify::Verify),
    /// What this or another host would make of unit files
    Render(render::Render),
    /// The .container file for a service that runs docker run
    Convert(convert::Convert),
    /// Unit files for what ran under fleet, Compose or Podman
    Import(import::Import),
    /// What a pass would do now, and why; changes nothing
    Plan(plan::Plan),
    /// What this host lacks, and what to do about it
    Doctor(doctor::Doctor),
    /// Ask the agent for a pass now
    Reconcile(reconcile::Reconcile),
    /// Apply a CoreOS cloud-config: units, files, metadata
    Bootstrap(bootstrap::Bootstrap),
    /// Make units the host's own, which need sculler no more
    Eject(eject::Eject),
    /// Bring the unit directory to a Git repository's branch
    Sync(sync::Sync),
    /// This help, a command's, or keys of Quadlet files
    Help(help::Help),
    /// The daemon that watches the unit directory
    Agent(agent::Agent),
    /// The main process of a container's service; systemd starts it
    #[command(hide = true)]
    Supervise(supervise::Supervise),
    /// fleetctl's, as are the flags that it takes
    #[command(hide = true)]
    FdForward(fd_forward::FdForward),
    /// fleetctl's word for --version
    #[command(hide = true)]
    Version,
}

/// The command line as it is defined.
pub fn command() -> clap::Command {
    help::grouped(Arguments::command())
}

/// Runs the command that the arguments name. Exit code 0: done, 1: failed, 2: usage.
pub fn main() -> ExitCode {
    // Once per container, and each start waits for it: the whole command line is not built for that.
    if let Some(supervise) = supervise::Supervise::plain(std::env::args_os().skip(1)) {
        return exit_code(supervise.run());
    }
    end_when_nobody_reads();
    let command = command();
    let command = if fleetctl::is_called() { fleetctl::adapt(command) } else { command };
    let matches = command.get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    exit_code(run(arguments, &matches))
}

fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
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

fn run(arguments: Arguments, matches: &clap::ArgMatches) -> anyhow::Result<ExitCode> {
    let Arguments { hosts: mut names, command } = arguments;
    let mut ssh = remote::Ssh::default();
    if fleetctl::is_called() {
        fleetctl::warn(matches);
        names.extend(fleetctl::tunnel(matches));
        ssh = fleetctl::ssh(matches)?;
    }
    let word = matches.subcommand_name().unwrap_or_default();
    // These are never anywhere else.
    let is_local = matches!(command, Command::Agent(_) | Command::FdForward(_) | Command::Version);
    if is_local && !names.is_empty() && names != [remote::HERE] {
        return Err(UsageError(format!("'{word}' runs on its own host")).into());
    }
    let hosts = if is_local { Vec::new() } else { hosts::chosen(&names)? };
    match command {
        Command::Ssh(command) => command.run(&hosts, ssh),
        command if hosts.is_empty() => command.run(),
        command => hosts::run(&hosts, &ssh, word, &command),
    }
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Submit(command) => command.run(Verb::Submit),
            Self::Load(command) => command.run(Verb::Load),
            Self::Start(command) => command.run(),
            Self::Stop(command) => command.run(Verb::Stop),
            Self::Restart(command) => command.run(Verb::Restart),
            Self::Rollback(command) => command.run(Verb::Rollback),
            Self::Recreate(command) => command.run(),
            Self::Unload(command) => command.run(Verb::Unload),
            Self::Destroy(command) => command.run(Verb::Destroy),
            Self::ListUnits(command) => command.run(),
            Self::ListUnitFiles(command) => command.run(),
            Self::ListMachines(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Cat(command) => command.run(),
            Self::Diff(command) => command.run(),
            Self::History(command) => command.run(),
            Self::User(command) => command.run(),
            Self::Journal(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Render(command) => command.run(),
            Self::Convert(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Plan(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Reconcile(command) => command.run(),
            Self::Bootstrap(command) => command.run(),
            Self::Eject(command) => command.run(),
            Self::Sync(command) => command.run(),
            Self::Help(command) => command.run(),
            Self::Agent(command) => command.run(),
            Self::Supervise(command) => command.run(),
            Self::Ssh(command) => command.run(&[], remote::Ssh::default()),
            Self::FdForward(command) => command.run(),
            Self::Version => version(),
        }
    }

    /// The files that it reads, if it is about files.
    fn files(&self) -> Option<&[PathBuf]> {
        match self {
            Self::Verify(command) => Some(command.files()),
            Self::Render(command) => Some(command.files()),
            _ => None,
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

fn version() -> anyhow::Result<ExitCode> {
    let (name, word) = if fleetctl::is_called() { ("fleetctl", "version ") } else { ("sculler", "") };
    println!("{name} {word}{}", env!("CARGO_PKG_VERSION"));
    Ok(ExitCode::SUCCESS)
}

/// Arguments that make no sense although they parse.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What is printed for somebody who stopped reading, as `head` does, ends the command and is no fault: println! would panic.
fn end_when_nobody_reads() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        let is_of_print = text.is_some_and(|text| text.starts_with("failed printing to std"));
        if is_of_print {
            std::process::exit(0);
        }
        otherwise(panic);
    }));
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
