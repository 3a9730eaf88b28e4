//! `sculler history UNIT…`

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::context::{self, Context};
use super::table::{self, Cell, ListOptions, Listing};
use crate::status::history::{self, Event, Outcome};
use crate::status::{RecordFiles, date};
use crate::unit::UnitName;

/// The columns; `unit` is shown where there are several.
const COLUMNS: [&str; 8] = ["time", "what", "files", "done", "took", "result", "reason", "unit"];

/// How many files are named in a table.
const FILES: usize = 3;

/// What happened to units, the newest last: starts, edits and rollbacks by sculler, reloads by whomever.
#[derive(Debug, clap::Args)]
pub struct History {
    /// Units, or globs
    #[arg(required = true)]
    units: Vec<String>,
    #[command(flatten)]
    options: ListOptions,
}

impl History {
    fn listing(&self) -> Listing<'_> {
        let is_one = self.units.len() == 1 && !self.units.iter().any(|unit| context::is_glob(unit));
        Listing { known: &COLUMNS, default: COLUMNS.len() - usize::from(is_one), options: &self.options }
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory();
        let names = context::unit_names(&self.units, &context, directory.as_ref())?;
        let mut names: Vec<UnitName> =
            names.iter().map(|name| context::running_name(directory.as_ref(), name)).collect();
        names.dedup();
        let records = RecordFiles::of_host();
        let mut events: Vec<(&UnitName, Event)> = Vec::new();
        for name in &names {
            let found = match history::read(&records.of_unit(name)) {
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    bail!("only root may read what happened to units; run it with sudo")
                }
                found => found.with_context(|| format!("the history of {name} cannot be read"))?,
            };
            if found.is_empty() && !context.memory.installed.contains_key(name) {
                bail!("there is no {name} here, and nothing is known of it; see 'sculler list-units'");
            }
            events.extend(found.into_iter().map(|event| (name, event)));
        }
        events.sort_by(|(_, one), (_, other)| one.time.total_cmp(&other.time));
        let rows: Vec<Vec<Cell>> = events.iter().map(|(name, event)| self.row(name, event)).collect();
        self.listing().print(&rows)?;
        Ok(ExitCode::SUCCESS)
    }

    fn row(&self, name: &UnitName, event: &Event) -> Vec<Cell> {
        let is_whole = self.options.full || self.options.output == table::Format::Json;
        let shown = if is_whole { event.files.len() } else { FILES };
        let mut files: Vec<String> = event.files.iter().take(shown).map(|path| path.display().to_string()).collect();
        if event.files.len() > files.len() {
            files.push(format!("and {} more", event.files.len() - files.len()));
        }
        let mut lines = event.reason.lines();
        let reason = match (is_whole, lines.next()) {
            (true, _) => event.reason.clone(),
            (false, Some(first)) if lines.next().is_some() => format!("{first} …"),
            (false, first) => first.unwrap_or_default().to_owned(),
        };
        let result = match event.result {
            Outcome::Done => table::good(event.result.as_str()),
            _ => table::bad(event.result.as_str()),
        };
        let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        vec![
            date(event.time).into(),
            event.what.as_str().into(),
            dash(files.join(", ")).into(),
            event.done.clone().into(),
            format!("{:.3} s", event.took).into(),
            result,
            dash(reason).into(),
            name.to_string().into(),
        ]
    }
}
