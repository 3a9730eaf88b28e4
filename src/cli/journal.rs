//! `sculler journal UNIT…`

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};

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
        // journalctl finds nothing wrong with a name that nothing has; one that is gone may still have lines.
        for name in &names {
            if !self.follow && !self.has_lines(name)? && !Context::read()?.memory.installed.contains_key(name) {
                bail!("there is no {name} here, and the journal has no lines of it; see 'sculler list-units'");
            }
        }
        let mut command = self.journalctl();
        command.args(["--no-pager", "--output", &self.output]);
        command.args(names.iter().flat_map(|name| ["--unit", name.as_str()]));
        command.args(["--lines", &self.lines.to_string()]);
        if self.follow {
            command.arg("--follow");
        }
        super::replace_by(command)
    }

    fn journalctl(&self) -> Command {
        if !self.sudo {
            return Command::new("journalctl");
        }
        let mut command = Command::new("sudo");
        command.arg("journalctl");
        command
    }

    fn has_lines(&self, name: &UnitName) -> anyhow::Result<bool> {
        let mut command = self.journalctl();
        command.args(["--quiet", "--no-pager", "--lines=1", "--unit", name.as_str()]);
        let output = command.stderr(Stdio::inherit()).output().context("journalctl cannot be run")?;
        Ok(!output.status.success() || !output.stdout.is_empty())
    }
}

fn is_quadlet(text: &str) -> bool {
    context::unit_name(text).is_ok_and(|name| name.unit_type().is_quadlet())
}
