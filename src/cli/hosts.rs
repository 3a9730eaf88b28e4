//! Many hosts without a server: a command runs on each of them over ssh, all at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;

use super::UsageError;
use super::forward::{self, Sent};
use super::remote::{self, HERE, NO_ANSWER, Ssh, short};
use super::table::{Cell, Listing};

/// Commands that ask the agent, or read what only root may.
const AS_ROOT: [&str; 13] = [
    "submit",
    "load",
    "start",
    "stop",
    "restart",
    "rollback",
    "recreate",
    "unload",
    "destroy",
    "reconcile",
    "eject",
    "sync",
    "history",
];

/// The group of hosts.toml that counts when nobody names hosts.
const DEFAULT: &str = "default";

/// `~/.config/sculler/hosts.toml`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    /// Groups of hosts by name.
    #[serde(default)]
    hosts: BTreeMap<String, Vec<String>>,
}

/// The hosts that `names` (hosts and groups) stand for; none: this one.
pub fn chosen(names: &[String]) -> anyhow::Result<Vec<String>> {
    let groups = configuration()?.hosts;
    let default = [DEFAULT.to_owned()];
    let names = if names.is_empty() && groups.contains_key(DEFAULT) { &default[..] } else { names };
    let mut hosts: Vec<String> = Vec::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        let members = groups.get(name).cloned().unwrap_or_else(|| vec![name.clone()]);
        for host in members {
            if host.starts_with('-') {
                return Err(UsageError(format!("'{host}' is no host")).into());
            }
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    if hosts == [HERE] {
        hosts.clear();
    }
    Ok(hosts)
}

fn configuration() -> anyhow::Result<Configuration> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let Some(path) = folder.map(|folder| folder.join("sculler/hosts.toml")) else {
        return Ok(Configuration::default());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).with_context(|| path.display().to_string()),
        Err(_) => Ok(Configuration::default()),
    }
}

/// Runs `command` with this process's arguments on `hosts`.
pub fn run(hosts: &[String], ssh: &Ssh, word: &str, command: &super::Command) -> anyhow::Result<ExitCode> {
    let listing = command.listing();
    let Sent { arguments, input } = forward::sent(word, command, hosts.len() > 1)?;
    let line = remote::line(&arguments, AS_ROOT.contains(&word));
    let mut failed = false;
    let mut silent = Vec::new();
    let mut rows = Vec::new();
    let mut elsewhere: Option<BTreeSet<String>> = None;
    for (host, outcome) in hosts.iter().zip(remote::on_all(hosts, ssh, &line, &input, listing.is_some())) {
        let outcome = outcome?;
        match outcome.code {
            Some(0) => {}
            Some(NO_ANSWER) => {
                silent.push(format!("{host} ({})", outcome.errors.lines().last().unwrap_or("ssh failed").trim()));
                continue;
            }
            _ => failed = true,
        }
        if let Some(listing) = &listing {
            outcome.errors.lines().for_each(|line| eprintln!("{}: {line}", short(host)));
            if !outcome.output.is_empty() {
                let context = || format!("{host} answers with something that is no table");
                rows.extend(listing.rows(&outcome.output).with_context(context)?);
            }
        }
        let report: BTreeSet<String> =
            outcome.report.and_then(|report| serde_json::from_str(&report).ok()).unwrap_or_default();
        elsewhere = Some(match elsewhere {
            None => report,
            Some(others) => others.intersection(&report).cloned().collect(),
        });
    }
    if let Some(listing) = &listing {
        listing.print(&merge(listing, rows))?;
    }
    for unit in elsewhere.into_iter().flatten() {
        let which = if silent.is_empty() { "these hosts" } else { "the hosts that answered" };
        eprintln!("sculler: none of {which} is the one that {unit} is for");
        failed = true;
    }
    if !silent.is_empty() {
        eprintln!("sculler: no answer from {}", silent.join(", "));
    }
    Ok(if failed || !silent.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A unit file is everybody's: it is shown where it is taken, or once.
fn merge(listing: &Listing<'_>, rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let column = |name: &str| listing.known.iter().position(|known| *known == name);
    let (Some(unit), Some(verdict)) = (column("unit"), column("verdict")) else { return rows };
    let mut by_unit: BTreeMap<String, Vec<Vec<Cell>>> = BTreeMap::new();
    for row in rows {
        by_unit.entry(row[unit].text().to_owned()).or_default().push(row);
    }
    let mut merged = Vec::new();
    for (_, mut rows) in by_unit {
        let is_telling = |row: &Vec<Cell>| row[verdict].text() != "not-taken";
        match rows.iter().any(is_telling) {
            true => rows.retain(is_telling),
            false => rows.truncate(1),
        }
        merged.extend(rows);
    }
    merged
}
