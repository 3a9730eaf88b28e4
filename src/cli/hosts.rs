//! Many hosts without a server: a command runs on each of them over ssh, all at the same time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::submission::Submission;
use super::table::{Cell, Listing};
use super::{UsageError, fleetctl};

/// What ssh itself exits with when it does not get through (ssh(1)).
const NO_ANSWER: i32 = 255;

/// Commands that ask the agent, which only root may.
const AS_ROOT: [&str; 8] = ["submit", "load", "start", "stop", "restart", "unload", "destroy", "reconcile"];

/// Of them, those that bring files along.
const WITH_FILES: [&str; 3] = ["submit", "load", "start"];

/// This host, whatever hosts.toml says: the others must not pass a command on.
const HERE: &str = ".";

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

/// Runs `command` with this process's arguments on `hosts`. `listing`: what it prints is a table.
pub fn run(hosts: &[String], command: &str, listing: Option<Listing<'_>>) -> anyhow::Result<ExitCode> {
    if command == "agent" {
        return Err(UsageError("the agent runs on its own host, as sculler.service".to_owned()).into());
    }
    let mut input = Vec::new();
    let arguments = match &listing {
        Some(listing) => listing.arguments(command),
        None => {
            let mut arguments = forwarded(command);
            if WITH_FILES.contains(&command) {
                let files = take_files(&mut arguments)?;
                if !files.is_empty() {
                    arguments.push("--bundle".to_owned());
                    input = serde_json::to_vec(&files)?;
                }
            }
            if AS_ROOT.contains(&command) && command != "reconcile" && hosts.len() > 1 {
                arguments.push("--among-hosts".to_owned());
            }
            arguments
        }
    };
    let line = remote_line(command, &arguments);
    let is_table = listing.is_some();
    let outcomes: Vec<anyhow::Result<Outcome>> = thread::scope(|scope| {
        let input = &input;
        let line = &line;
        let running: Vec<_> =
            hosts.iter().map(|host| scope.spawn(move || on_host(host, line, input, is_table))).collect();
        let lost = |_| Err(anyhow::anyhow!("a thread of this command ended"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect()
    });
    let mut failed = false;
    let mut silent = Vec::new();
    let mut rows = Vec::new();
    for (host, outcome) in hosts.iter().zip(outcomes) {
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
    }
    if let Some(listing) = &listing {
        listing.print(&merge(listing, rows))?;
    }
    if !silent.is_empty() {
        eprintln!("sculler: no answer from {}", silent.join(", "));
    }
    Ok(if failed || !silent.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How a command ended on a host; its lines only if they were kept.
struct Outcome {
    code: Option<i32>,
    output: String,
    errors: String,
}

fn on_host(host: &str, line: &str, input: &[u8], keeps_output: bool) -> anyhow::Result<Outcome> {
    let mut ssh = match host {
        HERE => Command::new("sh"),
        host => over_ssh(host),
    };
    if host == HERE {
        ssh.arg("-c");
    }
    ssh.arg(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = ssh.spawn().context("'ssh' cannot be run; install openssh-client")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A host that does not answer does not read either.
        let _ = stdin.write_all(input);
    }
    let (output, errors) = if keeps_output { collect(&mut child)? } else { pass_on(&mut child, host)? };
    let code = child.wait()?.code();
    Ok(Outcome { code, output, errors })
}

fn over_ssh(host: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
    // fleetctl wrote ports behind the host.
    match host.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') && port.parse::<u16>().is_ok() => {
            ssh.args(["-p", port, address])
        }
        _ => ssh.arg(host),
    };
    ssh
}

fn collect(child: &mut Child) -> anyhow::Result<(String, String)> {
    let read = |stream: Option<&mut dyn Read>| -> std::io::Result<String> {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            stream.read_to_end(&mut bytes)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let errors = scope.spawn(|| read(stderr.as_mut().map(|stream| stream as &mut dyn Read)));
        let output = read(stdout.as_mut().map(|stream| stream as &mut dyn Read))?;
        Ok((output, errors.join().unwrap_or_else(|_| Ok(String::new()))?))
    })
}

/// Every line as it comes, with its host; the last line of standard error is kept.
fn pass_on(child: &mut Child, host: &str) -> anyhow::Result<(String, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let host = short(host);
    Ok(thread::scope(|scope| {
        let errors = scope.spawn(|| {
            let mut last = String::new();
            for line in stderr.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok) {
                eprintln!("{host}: {line}");
                last = line;
            }
            last
        });
        for line in stdout.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok) {
            // Somebody stopped reading.
            if writeln!(std::io::stdout(), "{host}: {line}").is_err() {
                break;
            }
        }
        (String::new(), errors.join().unwrap_or_default())
    }))
}

/// `core@coreos001` → `coreos001`
fn short(host: &str) -> &str {
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

/// This process's arguments without those that choose hosts, and the command by its whole name.
fn forwarded(command: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut given = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let mut has_command = false;
    while let Some(argument) = given.next() {
        if argument == "-H" || argument == "--hosts" {
            given.next();
            continue;
        }
        if argument.starts_with("-H") || argument.starts_with("--hosts=") {
            continue;
        }
        if let Some(takes_next) = fleetctl::own_flag(&argument).filter(|_| fleetctl::is_called()) {
            if takes_next {
                given.next();
            }
        } else if !has_command && !argument.starts_with('-') {
            has_command = true;
            arguments.push(command.to_owned());
        } else {
            arguments.push(argument);
        }
    }
    arguments
}

/// The files among the arguments, which the other hosts do not have.
fn take_files(arguments: &mut Vec<String>) -> anyhow::Result<Vec<Submission>> {
    let mut taken = Vec::new();
    let mut rest = Vec::new();
    for (index, argument) in std::mem::take(arguments).into_iter().enumerate() {
        let path = Path::new(&argument);
        if index > 0 && path.is_file() {
            taken.push(Submission::read(path)?);
        } else if argument.contains('/') {
            bail!("{argument}: there is no such file");
        } else {
            rest.push(argument);
        }
    }
    *arguments = rest;
    Ok(taken)
}

/// The line for the other host's shell.
fn remote_line(command: &str, arguments: &[String]) -> String {
    let quoted: Vec<String> =
        arguments.iter().map(|argument| format!("'{}'", argument.replace('\'', r"'\''"))).collect();
    let call = format!("sculler -H {HERE} {}", quoted.join(" "));
    match AS_ROOT.contains(&command) {
        true => format!("if [ \"$(id -u)\" = 0 ]; then {call}; else sudo -n {call}; fi"),
        false => call,
    }
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
