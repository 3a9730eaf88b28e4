//! `sculler journal UNIT…`

use std::process::{Command, ExitCode};

use super::context::{self, Context};

/// The journal of units: their own lines, systemd's and sculler's.
#[derive(Debug, clap::Args)]
pub struct Journal {
    /// Units, or globs
    #[arg(required = true)]
    units: Vec<String>,
    /// How many lines
    #[arg(long, short = 'n', default_value_t = 10)]
    lines: u32,
    /// Go on with new lines as they come
    #[arg(long, short)]
    follow: bool,
    /// journalctl's output format
    #[arg(long, short, default_value = "short")]
    output: String,
    /// Run journalctl by sudo, as fleetctl did
    #[arg(long)]
    sudo: bool,
}

impl Journal {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let names = match self.units.iter().any(|text| context::is_glob(text)) {
            true => {
                let context = Context::read()?;
                context::unit_names(&self.units, &context, context.directory().as_ref())?
            }
            false => self.units.iter().map(|text| context::unit_name(text)).collect::<Result<_, _>>()?,
        };
        let mut command = if self.sudo { Command::new("sudo") } else { Command::new("journalctl") };
        if self.sudo {
            command.arg("journalctl");
        }
        command.args(["--no-pager", "--output", &self.output]);
        command.args(names.iter().flat_map(|name| ["--unit", name.as_str()]));
        command.args(["--lines", &self.lines.to_string()]);
        if self.follow {
            command.arg("--follow");
        }
        super::replace_by(command)
    }
}
