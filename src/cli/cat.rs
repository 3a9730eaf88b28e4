//! `sculler cat UNIT`

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use super::context::{self, Context};

/// A unit file as it was dropped, comments and all.
#[derive(Debug, clap::Args)]
pub struct Cat {
    /// Units, such as nginx.service or nginx
    #[arg(required = true)]
    units: Vec<String>,
}

impl Cat {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory()?;
        let mut out = std::io::stdout().lock();
        for text in &self.units {
            let name = context::unit_name(text)?;
            let Some(unit) = directory.verdict(&name).and_then(|verdict| directory.unit(verdict)) else {
                bail!("{name} is not in {}", context.settings.unit_dir.display());
            };
            for file in std::iter::once(&unit.file).chain(&unit.drop_ins) {
                if self.units.len() > 1 || !unit.drop_ins.is_empty() {
                    writeln!(out, "# {}", file.path.display())?;
                }
                out.write_all(&file.text)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
