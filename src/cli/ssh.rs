//! `sculler ssh UNIT|MACHINE [COMMAND…]`: to the host where a unit is, or to a machine by its ID.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::context;
use super::remote::{self, HERE, NO_ANSWER};
use crate::unit::UnitName;

/// A shell or a command on the host of a unit, or on a machine; hosts are those of -H or hosts.toml.
#[derive(Debug, clap::Args)]
pub struct Ssh {
    /// The machine with this ID (its beginning is enough), hostname or address
    #[arg(long, value_name = "MACHINE", conflicts_with = "unit")]
    machine: Option<String>,
    /// The machine on which this unit is installed
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Let the other host use this one's ssh-agent
    #[arg(long, short = 'A')]
    forward_agent: bool,
    /// The port of hosts that name none
    // fleetctl has it before the command, too: the same ID and type make it one flag.
    #[arg(id = "ssh-port", long, value_name = "PORT")]
    ssh_port: Option<String>,
    /// A unit or machine, unless --unit or --machine says; then the command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "UNIT|MACHINE COMMAND")]
    words: Vec<String>,
}

/// What a host answers: two arrays, one after the other.
const QUESTION: &str = "sculler -H . list-machines --output json --full --fields machine,ip,hostname && \
                        sculler -H . list-units --output json --fields unit";

/// A row of either listing.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Row {
    Machine { machine: String, ip: String, hostname: String },
    Unit { unit: String },
}

/// What somebody is looking for.
enum Goal<'a> {
    Machine(&'a str),
    Unit(UnitName),
    Either(&'a str),
}

impl Ssh {
    /// `hosts`: where to look; none: here alone.
    pub fn run(mut self, hosts: &[String], mut ssh: remote::Ssh) -> anyhow::Result<ExitCode> {
        if let Some(port) = &self.ssh_port {
            ssh.port = Some(remote::port(port)?);
        }
        let host = match (&self.machine, &self.unit, self.words.first().cloned()) {
            (Some(machine), ..) => find(hosts, &ssh, &Goal::Machine(machine))?,
            (_, Some(unit), _) => find(hosts, &ssh, &Goal::Unit(context::unit_name(unit)?))?,
            (_, _, Some(word)) => {
                self.words.remove(0);
                find(hosts, &ssh, &Goal::Either(&word))?
            }
            (_, _, None) => {
                return Err(
                    super::UsageError("name a unit or a machine, as in 'sculler ssh web.service'".to_owned()).into()
                );
            }
        };
        let words = self.words.strip_prefix(&["--".to_owned()]).unwrap_or(&self.words);
        // As ssh does it: one line for the shell there.
        let line = words.join(" ");
        if host == HERE {
            let mut shell = std::process::Command::new(std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into()));
            if !line.is_empty() {
                shell.args(["-c", &line]);
            }
            return super::replace_by(shell);
        }
        let mut command = ssh.attended(&host, if self.forward_agent { &["-A"] } else { &[] });
        if !line.is_empty() {
            command.arg(line);
        }
        super::replace_by(command)
    }
}

/// The one host that fits.
fn find(hosts: &[String], ssh: &remote::Ssh, goal: &Goal<'_>) -> anyhow::Result<String> {
    let here = [HERE.to_owned()];
    let hosts = if hosts.is_empty() { &here[..] } else { hosts };
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for (host, outcome) in hosts.iter().zip(remote::on_all(hosts, ssh, QUESTION, &[], true)) {
        let outcome = outcome?;
        let answer = || -> serde_json::Result<Vec<Row>> {
            let arrays = serde_json::Deserializer::from_str(&outcome.output).into_iter::<Vec<Row>>();
            Ok(arrays.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        match outcome.code {
            Some(0) => {
                let rows = answer().with_context(|| format!("{host} answers with something that is no table"))?;
                if rows.iter().any(|row| goal.fits(row, host)) {
                    found.push(host.as_str());
                }
            }
            code => {
                let silence = if code == Some(NO_ANSWER) { "ssh failed" } else { "sculler failed there" };
                unknown.push(format!("{host} ({})", outcome.errors.lines().last().unwrap_or(silence).trim()));
            }
        }
    }
    if !unknown.is_empty() {
        eprintln!("sculler: no answer from {}", unknown.join(", "));
    }
    match found.as_slice() {
        [host] => Ok((*host).to_owned()),
        [] if hosts == here => bail!("{goal} is not on this host; name others with -H or in hosts.toml"),
        [] => bail!("{goal} is on none of {}", hosts.join(", ")),
        hosts => bail!("{goal} is on {}; choose one with -H or --machine", hosts.join(", ")),
    }
}

impl Goal<'_> {
    fn fits(&self, row: &Row, host: &str) -> bool {
        let is_machine = |wanted: &str| match row {
            Row::Machine { machine, ip, hostname } => {
                machine.starts_with(&wanted.to_lowercase())
                    || [ip, hostname].iter().any(|name| *name == wanted)
                    || remote::short(host) == wanted
                    || host == wanted
            }
            Row::Unit { .. } => false,
        };
        let is_unit = |wanted: &UnitName| matches!(row, Row::Unit { unit } if unit == wanted.as_str());
        match self {
            Self::Machine(wanted) => is_machine(wanted),
            Self::Unit(wanted) => is_unit(wanted),
            Self::Either(text) => is_machine(text) || context::unit_name(text).is_ok_and(|wanted| is_unit(&wanted)),
        }
    }
}

impl std::fmt::Display for Goal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Machine(text) => write!(f, "machine {text}"),
            Self::Unit(name) => write!(f, "{name}"),
            Self::Either(text) => f.write_str(text),
        }
    }
}
