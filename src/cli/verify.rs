//! `sculler verify FILE…`

use std::path::PathBuf;
use std::process::ExitCode;

use super::files;
use crate::convert;
use crate::quadlet::{self, translation};

/// Check unit files: what systemd would refuse or ignore, and what [X-Fleet] cannot mean, what docker run
/// loses in a service. Needs no agent and no root.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Unit files, or folders of them
    #[arg(required_unless_present = "bundle")]
    files: Vec<PathBuf>,
    /// Read the files from standard input, as another host's sculler sends them
    #[arg(long, hide = true)]
    bundle: bool,
}

impl Verify {
    /// The files that it reads.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let read = if self.bundle { files::read_bundle()? } else { files::read(&self.files)? };
        let files::Files { units, is_whole: mut is_valid } = read;
        for unit in &units {
            let more = translation::verify(unit).into_iter().filter(|finding| !finding.is_error());
            let more = quadlet::errors(unit).into_iter().chain(more).chain(convert::warnings(unit));
            for finding in unit.findings.iter().cloned().chain(more) {
                is_valid &= !finding.is_error();
                println!("{finding}");
            }
        }
        Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
