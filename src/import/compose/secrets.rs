//! `configs:` and `secrets:` of a service.
//!
//! A config's file is mounted, as Compose does, so that its changes can be followed. A secret is a credential of the service
//! (systemd.exec(5)): root alone reads its file, and owner and mode in the container are as they are written.

use super::log::{Log, key_place, place};
use super::service::Service;
use super::sheet::literal;
use super::top;
use crate::convert::quote::{Grammar, quote};
use crate::convert::{Fate, Place};
use crate::yaml::{Entry, Node};

/// Where a host keeps its credentials (systemd.exec(5), `LoadCredential=`).
const STORE: &str = "/etc/credstore";

/// One that a service is granted.
struct Grant<'a> {
    name: &'a str,
    target: Option<&'a str>,
    /// `uid=…`, `gid=…`, `mode=…`
    owner: Vec<String>,
    at: Place,
}

fn grants<'a>(entry: &'a Entry, log: &mut Log) -> Vec<Grant<'a>> {
    let mut grants = Vec::new();
    for item in log.list(&entry.value, &entry.key) {
        let text = |key: &str| item.get(key).and_then(Node::text);
        let Some(name) = item.text().or_else(|| text("source")) else {
            log.error(place(item), format!("{} takes names, or maps with 'source'", entry.key));
            continue;
        };
        let mut owner: Vec<String> =
            ["uid", "gid"].into_iter().filter_map(|key| Some(format!("{key}={}", text(key)?))).collect();
        owner.extend(text("mode").map(|mode| format!("mode={}", octal(mode))));
        grants.push(Grant { name, target: text("target"), owner, at: place(item) });
    }
    grants
}

/// `0440` and `440` are what people mean by it; `288` is what YAML makes of it for other programs.
fn octal(mode: &str) -> String {
    let digits = mode.trim_start_matches("0o");
    match digits.parse::<u32>() {
        Ok(number) if digits.contains(['8', '9']) => format!("{number:04o}"),
        _ => digits.to_owned(),
    }
}

pub fn configs<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for grant in grants(entry, log) {
        let Some(definition) = service.project.definition("configs", grant.name) else {
            log.error(grant.at, format!("there is no config '{}' in 'configs'", grant.name));
            continue;
        };
        let target = match grant.target {
            Some(target) => target.to_owned(),
            None => format!("/{}", grant.name),
        };
        let text = |key: &str| definition.value.get(key).and_then(Node::text);
        match (text("file"), text("content"), text("environment")) {
            (Some(file), ..) => {
                if !grant.owner.is_empty() {
                    let message = format!("{}: owner and mode are those of {file}, as Compose had it", grant.name);
                    log.say(grant.at, Fate::Dropped, message);
                }
                service.set("Volume", Grammar::Line, &format!("{file}:{target}:ro"), grant.at, log);
            }
            (None, Some(content), _) => set(service, &grant, content, &target, log),
            (None, None, Some(variable)) => match service.project.variables.get(variable).cloned() {
                Some(content) => set(service, &grant, &content, &target, log),
                None => log
                    .error(key_place(definition), format!("the variable {variable} has no value here; set it in .env")),
            },
            _ => {
                let message = format!("{}: its text is not here; write it as 'file' or 'content'", grant.name);
                log.say(grant.at, Fate::NotMapped, message);
            }
        }
    }
}

/// A text that stands in the unit.
fn set(service: &mut Service<'_>, grant: &Grant<'_>, content: &str, target: &str, log: &mut Log) {
    // What systemd resolves in a credential's text are C escapes.
    let escaped = content.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    if escaped.contains(char::is_control) {
        return log.say(
            grant.at,
            Fate::NotMapped,
            format!("{}: it has control characters; write it as 'file'", grant.name),
        );
    }
    service.draft.limit("SetCredential", format!("{}:{}", grant.name, escaped.replace('%', "%%")));
    secret(service, grant, target);
}

fn secret(service: &mut Service<'_>, grant: &Grant<'_>, target: &str) {
    let mut parts = vec![literal(grant.name)];
    if target != grant.name {
        parts.push(format!("target={}", literal(target)));
    }
    parts.extend(grant.owner.iter().cloned());
    if let Ok(line) = quote(&parts.join(","), Grammar::Arguments) {
        service.set_raw("Secret", line);
    }
}

pub fn secrets<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for grant in grants(entry, log) {
        let Some(definition) = service.project.definition("secrets", grant.name) else {
            log.error(grant.at, format!("there is no secret '{}' in 'secrets'", grant.name));
            continue;
        };
        let text = |key: &str| definition.value.get(key).and_then(Node::text);
        let path = match text("file") {
            Some(file) => file.to_owned(),
            None => {
                let path = format!("{STORE}/{}.{}", service.project.name, grant.name);
                let from = text("environment").map_or_else(String::new, |name| format!(", from the variable {name},"));
                let message = format!(
                    "{}: its text is in no file; put it{from} into {path}, for root alone: 'install -D -m 600 /dev/stdin {path}'",
                    grant.name
                );
                log.say(key_place(definition), Fate::NotMapped, message);
                path
            }
        };
        service.draft.limit("LoadCredential", format!("{}:{}", grant.name, path.replace('%', "%%")));
        let target = grant.target.unwrap_or(grant.name).to_owned();
        secret(service, &grant, &target);
    }
}
