//! `sculler reconcile`

use std::io;
use std::process::ExitCode;

use anyhow::bail;

use crate::agent::{self, Order};

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
        let folder = agent::run_directory();
        let answer = super::block_on(async { Ok(agent::send(&folder, &order).await) })?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                bail!("only root may ask the agent; run it with sudo")
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                bail!("the agent is not running; run 'systemctl start sculler'")
            }
            Err(error) => bail!("the agent did not answer ({error}); see 'journalctl -u sculler'"),
        };
        answer.done.iter().for_each(|line| println!("{line}"));
        if answer.done.is_empty() && answer.problems.is_empty() {
            println!("nothing to do");
        }
        answer.problems.iter().for_each(|line| eprintln!("{line}"));
        Ok(if answer.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
