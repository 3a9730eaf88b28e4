//! `sculler verify FILE…`

use std::path::PathBuf;
use std::process::ExitCode;

use super::files;
use crate::quadlet::{Quadlet, translation};

/// Check unit files: what systemd would refuse or ignore, and what [X-Fleet] cannot mean. Needs no agent and no root.
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
            // Its errors are in the unit's own findings.
            let more =
                translation::verify(unit, &Quadlet::read(unit)).into_iter().filter(|finding| !finding.is_error());
            for finding in unit.findings.iter().cloned().chain(more) {
                is_valid &= !finding.is_error();
                println!("{finding}");
            }
        }
        Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
