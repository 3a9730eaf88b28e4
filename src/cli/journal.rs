//! `sculler journal UNIT…`

use std::process::{Command, ExitCode};

use super::context::{self, Context};
use crate::unit::UnitName;

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
        let given = self.units.iter().map(|text| context::unit_name(text));
        let is_plain = |text: &String| !context::is_glob(text) && !is_quadlet(text);
        let names: Vec<UnitName> = if self.units.iter().all(is_plain) {
            given.collect::<Result<_, _>>()?
        } else {
            let context = Context::read()?;
            let directory = context.directory();
            let names = context::unit_names(&self.units, &context, directory.as_ref())?;
            names.iter().map(|name| context::running_name(directory.as_ref(), name)).collect()
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

fn is_quadlet(text: &str) -> bool {
    context::unit_name(text).is_ok_and(|name| name.unit_type().is_quadlet())
}
