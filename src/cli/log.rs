//! Where the agent's lines go: to the journal with their fields when systemd runs it, else to standard error.

use std::io::IsTerminal;

use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

/// Sets up logging; `SCULLER_LOG=debug` tells more.
pub fn init() {
    let level = std::env::var("SCULLER_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let registry = tracing_subscriber::registry().with(level);
    let is_service = std::env::var_os("JOURNAL_STREAM").is_some();
    if let Some(journal) = is_service.then(tracing_journald::layer).and_then(Result::ok) {
        let priorities =
            PriorityMappings { info: Priority::Informational, debug: Priority::Debug, ..PriorityMappings::new() };
        let journal = journal
            .with_field_prefix(None)
            .with_syslog_identifier("sculler".to_owned())
            .with_priority_mappings(priorities);
        registry.with(journal).init();
    } else {
        let plain = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false);
        registry.with(plain).init();
    }
}
