//! `environment:` and `env_file:`

use std::path::{Path, PathBuf};

use super::log::{Log, key_place, place};
use super::service::Service;
use super::{Variables, dotenv, top};
use crate::convert::Fate;
use crate::convert::quote::Grammar;
use crate::yaml::{Entry, Node};

pub fn environment<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for variable in log.map(&entry.value, "environment") {
        let name = variable.key.as_str();
        let value = match variable.value.is_null() {
            false => log.text(&variable.value, "environment"),
            // Handed on from the shell.
            true => {
                let value = service.project.variables.get(name).map(String::as_str);
                let (fate, message) = match value {
                    Some(_) => (Fate::Note, "its value is the one of this import"),
                    None => (Fate::Dropped, "it has no value in .env or here, so it was not set"),
                };
                log.say(key_place(variable), fate, format!("{name}: {message}"));
                value
            }
        };
        if let Some(value) = value {
            service.set("Environment", Grammar::Arguments, &format!("{name}={value}"), key_place(variable), log);
        }
    }
}

/// The values that files give: as Compose reads them, and as a container's environment file is read.
#[derive(Default)]
struct Values {
    before: Variables,
    now: Variables,
}

pub fn env_file<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    let mut values = Values::default();
    let mut read = Vec::new();
    for item in log.list(&entry.value, "env_file") {
        let (path, is_required, is_raw) = match item.map() {
            None => (log.text(item, "env_file"), true, false),
            Some(_) => (
                item.get("path").and_then(Node::text),
                item.get("required").is_none_or(|required| log.truth(required, "required")),
                item.get("format").and_then(Node::text) == Some("raw"),
            ),
        };
        let Some(path) = path else {
            log.error(place(item), "env_file takes a path, or a map with 'path: FILE'");
            continue;
        };
        match (service.project.read)(Path::new(path)) {
            Ok(text) => {
                if let Err((line, message)) = values.add(&text, is_raw, service.project.variables) {
                    log.say(place(item), Fate::NotMapped, format!("{path}:{line}: {message}"));
                }
                read.push(PathBuf::from(path));
            }
            Err(_) if !is_required => {
                log.say(place(item), Fate::Dropped, format!("{path}: it is not required, and not there"));
                continue;
            }
            Err(reason) => {
                log.say(place(item), Fate::Note, format!("{path}: {reason}; the unit cannot start without it"))
            }
        }
        service.set("EnvironmentFile", Grammar::Arguments, path, place(item), log);
    }
    differences(service, entry, &values, read, log);
}

/// Compose takes quotes, blanks and comments off and replaces variables; here each line of the file counts as it stands. What
/// would have another value is written down, which counts more than the file.
fn differences(service: &mut Service<'_>, entry: &Entry, values: &Values, read: Vec<PathBuf>, log: &mut Log) {
    let own = service.get("environment");
    let differs = |(name, value): &(&String, &String)| {
        values.now.get(*name) != Some(value) && own.and_then(|own| own.get(name)).is_none()
    };
    let found: Vec<(&String, &String)> = values.before.iter().filter(differs).collect();
    if found.is_empty() {
        return;
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let message = format!(
        "env_file: {} {} written as Environment=, with the value of this import: Compose took quotes, blanks and comments off and \
         replaced variables, and here each line of the file counts as it stands. Written plainly there, NAME=VALUE, it needs no \
         such line",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    );
    log.say(key_place(entry), Fate::Note, message);
    for (name, value) in found {
        service.set("Environment", Grammar::Arguments, &format!("{name}={value}"), key_place(entry), log);
    }
    log.copied.extend(read);
}

impl Values {
    fn add(&mut self, text: &str, is_raw: bool, variables: &Variables) -> Result<(), dotenv::Mistake> {
        let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let plain = lines.filter_map(|line| line.split_once('='));
        let plain: Variables = plain.map(|(name, value)| (name.trim_end().to_owned(), value.to_owned())).collect();
        self.before.extend(if is_raw { plain.clone() } else { dotenv::parse(text, variables)? });
        self.now.extend(plain);
        Ok(())
    }
}
