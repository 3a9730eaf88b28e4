//! `depends_on:` → the order and the bonds of units.
//!
//! Compose looks at dependencies when it brings the project up, and at no other time. `Wants=` with `After=` is nearest to
//! that; where the start must not go on without the other (`service_healthy`, `service_completed_successfully`), it is
//! `Requires=`, which also stops and restarts this one together with the other.

use std::collections::BTreeSet;

use super::log::{Log, key_place};
use super::project::Project;
use super::service::Service;
use super::top;
use crate::convert::{Fate, Place};
use crate::yaml::{Entry, Node};

fn condition(entry: &Entry) -> &str {
    entry.value.get("condition").and_then(Node::text).unwrap_or("service_started")
}

/// Finds out what services are asked of before any of them is translated.
pub fn look(project: &mut Project<'_>, log: &mut Log) {
    let (mut healthy, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for service in &project.services {
        for on in service.value.get("depends_on").and_then(Node::map).unwrap_or_default() {
            match condition(on) {
                "service_healthy" => healthy.insert(on.key.clone()),
                "service_completed_successfully" => ended.insert(on.key.clone()),
                _ => false,
            };
        }
        for link in service.value.get("links").and_then(Node::list).unwrap_or_default() {
            if let Some((name, alias)) =
                link.text().and_then(|text| text.split_once(':')).filter(|(name, alias)| name != alias)
            {
                project.aliases.entry(name.to_owned()).or_default().insert(alias.to_owned());
            }
        }
    }
    for name in &healthy {
        if let Some(service) = project.service(name) {
            let check = service.value.get("healthcheck");
            let is_off = check.is_some_and(|check| check.get("disable").and_then(Node::truth) == Some(true));
            if is_off {
                log.error(key_place(service), format!("'{name}' has no healthcheck, and others wait for its health"));
            } else if check.is_none() {
                let message = format!(
                    "{name}: others wait for its health, and no healthcheck is here: the image has to have one"
                );
                log.say(key_place(service), Fate::Note, message);
            }
        }
    }
    project.waited_for = healthy;
    project.ended_for = ended;
}

pub fn depends_on<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for on in log.map(&entry.value, "depends_on") {
        let required = on.value.get("required").is_none_or(|required| log.truth(required, "required"));
        let Some(file) = other(service, &on.key, required, key_place(on), log) else { continue };
        let restarts = on.value.get("restart").is_some_and(|restart| log.truth(restart, "restart"));
        let bond = match condition(on) {
            _ if !required => "Wants",
            "service_started" if !restarts => "Wants",
            "service_started" | "service_healthy" | "service_completed_successfully" => "Requires",
            word => {
                log.error(
                    key_place(on),
                    format!(
                        "condition '{word}' is unknown; it can be service_started, service_healthy, service_completed_successfully"
                    ),
                );
                continue;
            }
        };
        if bond == "Requires" && !restarts {
            let message = format!("{}: a stop or a restart of it is one of this service now, too (Requires=)", on.key);
            log.say(key_place(on), Fate::Note, message);
        }
        service.unit.push((bond, file.clone()));
        service.unit.push(("After", file));
    }
}

/// What others ask of this one.
pub fn own(service: &mut Service<'_>) {
    let name = service.name();
    if service.project.ended_for.contains(name) {
        // Done once, it is done until the next boot.
        service.draft.limit("Type", "oneshot");
        service.draft.limit("RemainAfterExit", "yes");
    } else if service.project.waited_for.contains(name) {
        service.set_raw("Notify", "healthy".to_owned());
    }
}

/// The file of another service.
pub fn other(service: &Service<'_>, name: &str, required: bool, at: Place, log: &mut Log) -> Option<String> {
    if service.project.service(name).is_some() {
        return Some(service.project.container_file(name));
    }
    match service.project.left_out.get(name) {
        Some(reason) if required => {
            log.say(at, Fate::NotMapped, format!("{name}: it is left out, since it is {reason}"));
        }
        Some(_) => {}
        None if required => log.error(at, format!("there is no service '{name}'")),
        None => {}
    }
    None
}
