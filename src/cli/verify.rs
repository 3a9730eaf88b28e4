//! `sculler verify FILE…`

use std::path::PathBuf;
use std::process::ExitCode;

use super::files;
use crate::convert;

/// Check unit files: what systemd would refuse or ignore, and what [X-Fleet] cannot mean, what docker run
/// loses in a service. Needs no agent and no root.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Unit files, or folders of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Verify {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let units = files::read(&self.files)?;
        let mut is_valid = true;
        for unit in &units {
            for finding in unit.findings.iter().chain(&convert::warnings(unit)) {
                is_valid &= !finding.is_error();
                println!("{finding}");
            }
        }
        Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
