//! `sculler agent`

use std::process::ExitCode;

/// The daemon.
#[derive(Debug, clap::Args)]
pub struct Agent {}

impl Agent {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::log::init();
        super::block_on(crate::agent::run())?;
        Ok(ExitCode::SUCCESS)
    }
}
