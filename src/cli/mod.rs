//! The command line: a file per command; they print and decide nothing.

mod agent;
mod log;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Drop a unit file into a directory, and the host it names runs it.
#[derive(Debug, Parser)]
#[command(name = "sculler", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: watch the unit directory and keep this host as it says
    Agent(agent::Agent),
}

/// Runs the command that the arguments name. Exit code 0: done, 1: failed, 2: usage.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Agent(command) => command.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sculler: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a future on this thread; nothing here needs more than one.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
