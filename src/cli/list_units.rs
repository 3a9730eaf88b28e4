//! `sculler list-units`

use std::process::ExitCode;

use super::context::{self, Context};
use super::table::{self, Cell, ListOptions, Listing};
use crate::systemd::{ActiveState, LoadState};

/// The columns; fleetctl's four come first.
const COLUMNS: [&str; 7] = ["unit", "machine", "active", "sub", "load", "hash", "outdated"];

/// The units installed here.
#[derive(Debug, clap::Args)]
pub struct ListUnits {
    #[command(flatten)]
    options: ListOptions,
}

impl ListUnits {
    /// The table that it prints.
    pub fn listing(&self) -> Listing<'_> {
        Listing { known: &COLUMNS, default: 4, options: &self.options }
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let installed = &context.memory.installed;
        let states = super::block_on(context::states(installed.keys()))?;
        let machine = context.machine(self.options.full);
        let rows: Vec<Vec<Cell>> = installed
            .iter()
            .filter(|(name, _)| !name.is_template())
            .map(|(name, unit)| {
                let state = states.get(name.as_str());
                let active = state.map_or(ActiveState::Inactive, |state| state.active);
                let hash = if self.options.full { unit.digest.to_string() } else { unit.digest.short() };
                vec![
                    name.to_string().into(),
                    machine.clone().into(),
                    table::state(active.as_str()),
                    state.map_or("dead", |state| state.sub.as_str()).into(),
                    table::state(state.map_or(LoadState::NotFound, |state| state.load).as_str()),
                    hash.into(),
                    state.and_then(|state| context.outdated(name, state)).map_or("-", |_| "outdated").into(),
                ]
            })
            .collect();
        self.listing().print(&rows)?;
        // Beside the table: scripts read it.
        if let Ok(directory) = context.directory() {
            for unit in installed.keys() {
                if let Some((reason, _)) = directory.rolled_back(&context, unit) {
                    eprintln!("{unit}: {reason}");
                }
            }
        }
        for unit in installed.keys() {
            if let Some(event) = context.failed_reload(unit) {
                eprintln!("{unit}: {}", event.done);
            }
            if let Some(outdated) = states.get(unit.as_str()).and_then(|state| context.outdated(unit, state)) {
                eprintln!("{unit}: {outdated}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
