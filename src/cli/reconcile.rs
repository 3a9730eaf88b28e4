//! `sculler reconcile`

use std::process::ExitCode;

use crate::agent::Order;

/// Ask the agent for a pass now.
#[derive(Debug, clap::Args)]
pub struct Reconcile {
    /// Wait until the jobs of the pass are over
    #[arg(long)]
    wait: bool,
    /// Remove units although the unit directory is another one than before
    #[arg(long)]
    accept_removal: bool,
}

impl Reconcile {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let order = Order { wait: self.wait, accept_removal: self.accept_removal, ..Order::default() };
        let answer = super::ask::ask(&order)?;
        answer.done.iter().for_each(|line| println!("{line}"));
        if answer.done.is_empty() && answer.problems.is_empty() {
            println!("nothing to do");
        }
        answer.problems.iter().for_each(|line| eprintln!("{line}"));
        Ok(if answer.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
