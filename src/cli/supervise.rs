//! `sculler supervise`

use std::ffi::OsString;
use std::process::ExitCode;

use crate::supervise::{self, Ending};

/// Hold a container, or make a volume, network or image, as a unit's spec says.
#[derive(Debug, clap::Args)]
pub struct Supervise {
    /// The service
    #[arg(required_unless_present = "tidy")]
    unit: Option<String>,
    /// Remove what supervisors left that were killed in the middle of a start
    #[arg(long, conflicts_with_all = ["clean_up", "prepare"])]
    tidy: bool,
    /// Remove what a killed supervisor left; for ExecStopPost= where systemd cannot do it itself
    #[arg(long)]
    clean_up: bool,
    /// Make a volume, network or image as its file says now, while what uses it goes on; for ExecReload=
    #[arg(long, conflicts_with_all = ["clean_up", "prepare"])]
    reload: bool,
    /// Check that the next version could start, and pull its image, while the present one runs
    #[arg(long, value_name = "ID")]
    prepare: Option<String>,
}

impl Supervise {
    /// As services are rendered: `supervise web.service` and nothing else.
    pub fn plain(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let (word, unit) = (arguments.next()?, arguments.next()?.into_string().ok()?);
        let is_plain = word == "supervise" && !unit.starts_with('-') && arguments.next().is_none();
        is_plain.then_some(Self { unit: Some(unit), tidy: false, clean_up: false, reload: false, prepare: None })
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::log::init();
        let Some(unit) = self.unit.filter(|_| !self.tidy) else {
            supervise::tidy();
            return Ok(ExitCode::SUCCESS);
        };
        let ending = super::block_on(async {
            Ok(match &self.prepare {
                Some(id) => supervise::prepare(&unit, id).await,
                None if self.reload => supervise::reload(&unit).await,
                None if self.clean_up => supervise::clean_up(&unit).await,
                None => supervise::run(&unit).await,
            })
        })?;
        supervise::until_heard();
        match ending {
            Ending::Code(code) => Ok(ExitCode::from(code)),
            Ending::Again => {
                supervise::end_for_another_start();
                // Only a debugger would keep the signal away.
                Ok(ExitCode::from(supervise::OWN_ERROR))
            }
        }
    }
}
