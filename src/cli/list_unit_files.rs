//! `sculler list-unit-files`

use std::process::ExitCode;

use super::context::Context;
use super::table::{self, Cell, ListOptions, Listing};
use crate::render::{Desired, Ruling, TargetState};
use crate::source::Problem;
use crate::unit::{Unit, syntax};

/// The columns; fleetctl's five come first, then the reason that fleet never gave.
const COLUMNS: [&str; 10] =
    ["unit", "hash", "dstate", "state", "target", "reason", "verdict", "path", "global", "desc"];

/// Every file of the unit directory.
#[derive(Debug, clap::Args)]
pub struct ListUnitFiles {
    #[command(flatten)]
    options: ListOptions,
}

impl ListUnitFiles {
    /// The table that it prints.
    pub fn listing(&self) -> Listing<'_> {
        Listing { known: &COLUMNS, default: if super::fleetctl::is_called() { 5 } else { 6 }, options: &self.options }
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory()?;
        let machine = context.machine(self.options.full);
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for verdict in &directory.resolution.verdicts {
            let name = &verdict.runs_as;
            let is_taken = matches!(verdict.ruling, Ruling::Taken { .. });
            let installed = context.memory.installed.get(name);
            let is_installed = installed.is_some_and(|installed| installed.source == verdict.path);
            let blocked = context.unit_status(name).blocked.filter(|_| is_taken);
            let unit = directory.unit(verdict);
            let is_global = unit.is_some_and(|unit| unit.placement.is_global());
            let description = unit.map(|unit| description(unit)).unwrap_or_default();
            let digest = match directory.resolution.of_file(name) {
                Some(desired) => Some(desired.digest()),
                // What another host makes of a Quadlet file is for that host to say.
                None => unit
                    .filter(|unit| unit.service.is_none())
                    .map(|unit| Desired::new(unit, &context.host, TargetState::Launched).digest()),
            };
            let hash = digest.map_or("-".to_owned(), |digest| match self.options.full {
                true => digest.to_string(),
                false => digest.short(),
            });
            let target = if is_taken { directory.target(name) } else { TargetState::Inactive };
            let state = match (is_installed, target) {
                (false, _) => TargetState::Inactive,
                (true, TargetState::Launched) if context.memory.started.contains_key(name) => TargetState::Launched,
                (true, _) => TargetState::Loaded,
            };
            rows.push(vec![
                verdict.name.to_string().into(),
                hash.into(),
                table::state(target.as_str()),
                table::state(state.as_str()),
                if is_taken || is_installed { machine.clone().into() } else { "-".into() },
                blocked.unwrap_or_else(|| verdict.ruling.reason()).into(),
                table::state(verdict.ruling.word()),
                verdict.path.display().to_string().into(),
                if is_global { "true" } else { "false" }.into(),
                description.into(),
            ]);
        }
        for (path, problem) in &directory.look.problems {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let blank = || Cell::from("-");
            let verdict = if matches!(problem, Problem::NoUnit(_)) { "no-unit" } else { "invalid" };
            rows.push(vec![
                name.into(),
                blank(),
                blank(),
                blank(),
                blank(),
                problem.reason().into(),
                table::state(verdict),
                path.display().to_string().into(),
                blank(),
                blank(),
            ]);
        }
        self.listing().print(&rows)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn description(unit: &Unit) -> String {
    let (file, _) = syntax::parse(&unit.file.text);
    file.last("Unit", "Description").map_or("-".to_owned(), |entry| entry.value.to_owned())
}
