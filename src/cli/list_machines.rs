//! `sculler list-machines`

use std::process::ExitCode;

use super::context::Context;
use super::table::{ListOptions, Listing};

/// The columns; fleetctl's three come first.
const COLUMNS: [&str; 4] = ["machine", "ip", "metadata", "hostname"];

/// This host; there is no server that would know others.
#[derive(Debug, clap::Args)]
pub struct ListMachines {
    #[command(flatten)]
    options: ListOptions,
}

impl ListMachines {
    /// The table that it prints.
    pub fn listing(&self) -> Listing<'_> {
        Listing { known: &COLUMNS, default: 3, options: &self.options }
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let host = &context.host;
        let id = match self.options.full {
            true => host.machine_id.to_string(),
            false => format!("{}...", host.machine_id.short()),
        };
        let pairs: Vec<String> = host.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let metadata = if pairs.is_empty() { "-".to_owned() } else { pairs.join(",") };
        let address = super::address::primary().unwrap_or_else(|| "-".to_owned());
        let row = vec![id.into(), address.into(), metadata.into(), host.hostname.clone().into()];
        self.listing().print(&[row])?;
        Ok(ExitCode::SUCCESS)
    }
}
