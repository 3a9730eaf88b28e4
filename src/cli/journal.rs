//! `sculler journal UNIT`

use std::process::{Command, ExitCode};

use super::context::{self, Context};

/// The journal of a unit: its own lines, systemd's and sculler's.
#[derive(Debug, clap::Args)]
pub struct Journal {
    /// The unit
    unit: String,
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
        let mut name = context::unit_name(&self.unit)?;
        if name.unit_type().is_quadlet() {
            let context = Context::read()?;
            name = context::running_name(context.directory().as_ref(), &name);
        }
        let mut command = if self.sudo { Command::new("sudo") } else { Command::new("journalctl") };
        if self.sudo {
            command.arg("journalctl");
        }
        command.args(["--no-pager", "--unit", name.as_str(), "--output", &self.output]);
        command.args(["--lines", &self.lines.to_string()]);
        if self.follow {
            command.arg("--follow");
        }
        super::replace_by(command)
    }
}
