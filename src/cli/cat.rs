//! `sculler cat UNIT`

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use super::context::{self, Context};

/// A unit file as it was dropped, comments and all.
#[derive(Debug, clap::Args)]
pub struct Cat {
    /// Units, such as nginx.service or nginx, or globs
    #[arg(required = true)]
    units: Vec<String>,
}

impl Cat {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory()?;
        let mut out = std::io::stdout().lock();
        let names = context::unit_names(&self.units, &context, Ok(&directory))?;
        for (index, name) in names.iter().enumerate() {
            let Some(unit) = directory.verdict(name).and_then(|verdict| directory.unit(verdict)) else {
                bail!("{name} is not in {}", context.settings.unit_dir.display());
            };
            let is_alone = names.len() == 1 && unit.drop_ins.is_empty();
            for (part, file) in std::iter::once(&unit.file).chain(&unit.drop_ins).enumerate() {
                if index + part > 0 {
                    writeln!(out)?;
                }
                if !is_alone {
                    writeln!(out, "# {}", file.path.display())?;
                }
                out.write_all(&file.text)?;
                if !is_alone && !file.text.ends_with(b"\n") {
                    writeln!(out)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
