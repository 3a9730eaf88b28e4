//! `deploy:`, `scale:`, `restart:`

use super::log::{Log, key_place, place};
use super::service::Service;
use super::{devices, top};
use crate::convert::Fate;
use crate::quadlet::quantities::duration;
use crate::yaml::{Entry, Node};

const OF_SWARM: &str = "'docker compose' does not read it either";

/// Keys without a line in the file, and why.
const REST: &[(&str, &str)] = &[
    ("endpoint_mode", OF_SWARM),
    ("labels", "they are of Swarm's services, not of containers"),
    ("rollback_config", "a version that does not stay up is taken back by [X-Sculler] Rollback="),
    ("update_config", "an edit is checked before it stops what runs"),
];

pub fn deploy<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for part in log.map(&entry.value, "deploy") {
        let at = key_place(part);
        match part.key.as_str() {
            "replicas" => replicas(service, part, log),
            "resources" => resources(service, &part.value, log),
            // With restart:, below.
            "restart_policy" => {}
            "mode" => match part.value.text() {
                Some("replicated" | "global") | None => {}
                Some(mode) => {
                    log.say(at, Fate::NotMapped, format!("deploy.mode '{mode}': a unit stays up, or is Type=oneshot"))
                }
            },
            "placement" => {
                log.say(at, Fate::NotMapped, "deploy.placement: [X-Fleet] MachineMetadata= says which hosts")
            }
            key if key.starts_with("x-") => {}
            key => match REST.iter().find(|(name, _)| *name == key) {
                Some((_, reason)) => log.say(at, Fate::Dropped, format!("deploy.{key}: {reason}")),
                None => log.error(at, format!("deploy has no '{key}'")),
            },
        }
    }
}

pub fn scale<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    replicas(service, entry, log);
}

fn replicas(service: &mut Service<'_>, entry: &Entry, log: &mut Log) {
    match entry.value.text().and_then(|text| text.parse().ok()) {
        Some(count) => {
            service.replicas = count;
            if count == 0 {
                log.say(key_place(entry), Fate::Dropped, format!("{}: no container of it is wanted", service.name()));
            }
            if count > 1 {
                let message = format!(
                    "{}: each of the {count} containers is a unit; in their networks the name '{}' is that of all of them",
                    service.name(),
                    service.name()
                );
                log.say(key_place(entry), Fate::Note, message);
            }
        }
        None => log.error(place(&entry.value), format!("{} takes a number", entry.key)),
    }
}

fn resources(service: &mut Service<'_>, node: &Node, log: &mut Log) {
    for part in log.map(node, "resources") {
        let is_limit = part.key == "limits";
        for item in log.map(&part.value, &part.key) {
            let at = key_place(item);
            let text = item.value.text().unwrap_or_default();
            match (item.key.as_str(), is_limit) {
                ("cpus", true) => service.flag("cpus", "cpus", text, at),
                ("memory", true) => service.flag("memory", "memory", text, at),
                ("pids", true) => service.flag("pids-limit", "pids", text, at),
                ("memory", false) => service.flag("memory-reservation", "memory", text, at),
                ("cpus", false) => log.say(at, Fate::Dropped, format!("reservations.cpus: {OF_SWARM}")),
                ("devices", _) => {
                    log.list(&item.value, "devices").iter().for_each(|item| devices::reserved(service, item, log));
                }
                ("generic_resources", _) => log.say(at, Fate::Dropped, format!("generic_resources: {OF_SWARM}")),
                (key, _) if key.starts_with("x-") => {}
                (key, _) => log.error(at, format!("resources have no '{key}'")),
            }
        }
    }
}

/// `restart:`, else `deploy.restart_policy:`
pub fn restart(service: &mut Service<'_>, log: &mut Log) {
    if let Some(node) = service.get("restart") {
        let text = log.text(node, "restart").unwrap_or_default();
        // Quotes are often forgotten: no is a truth then.
        let text = if node.truth() == Some(false) { "no" } else { text };
        let (policy, count) = text.split_once(':').unwrap_or((text, ""));
        match policy {
            "no" | "" => {}
            "always" | "unless-stopped" => always(service, "always", None),
            "on-failure" => {
                always(service, "on-failure", count.parse().ok());
                if !count.is_empty() {
                    let message = format!("restart: {count} attempts within ten minutes, then the unit is 'failed'");
                    log.say(place(node), Fate::Note, message);
                }
            }
            _ => log.error(
                place(node),
                format!("restart '{text}' is unknown; it can be no, always, on-failure, unless-stopped"),
            ),
        }
        return;
    }
    let Some(policy) = service.get("deploy").and_then(|deploy| deploy.get("restart_policy")) else { return };
    let text = |key: &str| policy.get(key).and_then(Node::text);
    let attempts = text("max_attempts").and_then(|text| text.parse().ok());
    match text("condition").unwrap_or("any") {
        "none" => {}
        "on-failure" => always(service, "on-failure", attempts),
        _ => always(service, "always", attempts),
    }
    for part in policy.map().unwrap_or_default() {
        match (part.key.as_str(), part.value.text().and_then(duration)) {
            ("delay", Some(time)) => {
                service.draft.service.retain(|(key, _)| *key != "RestartSec");
                service.draft.limit("RestartSec", format!("{}ms", time / 1_000_000));
            }
            ("window", Some(time)) if attempts.is_some() => {
                service.unit.retain(|(key, _)| *key != "StartLimitIntervalSec");
                service.unit.push(("StartLimitIntervalSec", format!("{}s", (time / 1_000_000_000).max(1))));
            }
            ("condition" | "max_attempts" | "window", _) => {}
            (key, _) => log.error(key_place(part), format!("'{key}' of restart_policy cannot be read")),
        }
    }
}

/// Docker restarts for ever, and so is systemd made to: its own limit is five starts in ten seconds.
fn always(service: &mut Service<'_>, policy: &str, attempts: Option<u32>) {
    // What others wait for comes to an end, and systemd refuses to restart that for ever.
    let policy = if service.project.ended_for.contains(service.name()) { "on-failure" } else { policy };
    service.draft.limit("Restart", policy);
    service.draft.limit("RestartSec", "1s");
    match attempts.filter(|attempts| *attempts > 0) {
        Some(attempts) => {
            service.unit.push(("StartLimitIntervalSec", "10min".to_owned()));
            service.unit.push(("StartLimitBurst", attempts.saturating_add(1).to_string()));
        }
        None => service.unit.push(("StartLimitIntervalSec", "0".to_owned())),
    }
}
