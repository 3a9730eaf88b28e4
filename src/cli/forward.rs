//! What another host gets of this command: its arguments, and the files that are only here.

use std::path::Path;

use anyhow::bail;

use super::submission::Submission;
use super::{Command, files, fleetctl};
use crate::unit::file_kind::{FileKind, file_kind};

/// Commands that change units: among many hosts, a unit of another one is no failure.
const FOR_UNITS: [&str; 8] = ["submit", "load", "start", "stop", "restart", "rollback", "unload", "destroy"];

/// Of them, those that bring files along.
const WITH_FILES: [&str; 3] = ["submit", "load", "start"];

/// For another host's sculler.
#[derive(Debug, Default)]
pub struct Sent {
    /// Its arguments, the command first.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: Vec<u8>,
}

/// What to send for `command`, which is called `word`. `is_one_of_many`: other hosts get it, too.
pub fn sent(word: &str, command: &Command, is_one_of_many: bool) -> anyhow::Result<Sent> {
    if let Some(listing) = command.listing() {
        return Ok(Sent { arguments: listing.arguments(word), input: Vec::new() });
    }
    let mut arguments = forwarded(word);
    let mut input = Vec::new();
    if WITH_FILES.contains(&word) {
        let taken = take_files(&mut arguments)?;
        if !taken.is_empty() {
            input = serde_json::to_vec(&taken)?;
        }
    } else if let Some(paths) = command.files() {
        let given: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
        arguments.retain(|argument| !given.iter().any(|path| path == argument));
        input = files::bundle(paths)?;
    }
    if !input.is_empty() {
        arguments.insert(1, "--bundle".to_owned());
    }
    if FOR_UNITS.contains(&word) && is_one_of_many {
        arguments.insert(1, "--among-hosts".to_owned());
    }
    Ok(Sent { arguments, input })
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
        } else if fleetctl::is_called() && argument.starts_with("--") && argument.ends_with("=false") {
            // What only fleetctl knows is how switches are turned off.
        } else if let Some(switch) = argument.strip_suffix("=true").filter(|_| fleetctl::is_called()) {
            arguments.push(switch.to_owned());
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
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // A folder that happens to be called `web` is not what `start web` means.
        let is_meant = argument.contains('/') || matches!(file_kind(name), FileKind::Unit(_));
        if index > 0 && is_meant && path.is_file() {
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
