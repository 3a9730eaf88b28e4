//! `environment:` and `env_file:`

use std::path::Path;

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

pub fn env_file<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
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
                if !is_raw {
                    compare(path, &text, item, service.project.variables, log);
                }
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
}

/// Compose takes quotes off and replaces variables; a container's environment file is taken as it stands.
fn compare(path: &str, text: &str, item: &Node, variables: &Variables, log: &mut Log) {
    let Ok(before) = dotenv::parse(text, variables) else {
        log.say(place(item), Fate::NotMapped, format!("{path}: Compose cannot read it; write NAME=VALUE lines"));
        return;
    };
    let mut now = Variables::new();
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        now.insert(name.trim_end().to_owned(), value.to_owned());
    }
    let differing: Vec<&str> =
        before.iter().filter(|(name, value)| now.get(*name) != Some(value)).map(|(name, _)| name.as_str()).collect();
    if !differing.is_empty() {
        let message = format!(
            "{path}: {} would have another value, since Compose takes quotes, blanks and comments off and replaces variables, \
             and here each line counts as it stands: write NAME=VALUE plainly",
            differing.join(", ")
        );
        log.say(place(item), Fate::NotMapped, message);
    }
}
