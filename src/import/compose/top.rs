//! Networks and volumes of the top level: what services use of them → `.network` and `.volume` files.

use std::collections::BTreeMap;

use super::log::{Log, key_place, place};
use super::names;
use super::project::Project;
use super::sheet::{Sheet, literal};
use crate::convert::quote::{Grammar, quote};
use crate::convert::{Fate, Place};
use crate::yaml::{Entry, Node};

/// Names of networks and volumes that were asked for: only these are made.
#[derive(Debug, Default)]
pub struct Used {
    networks: BTreeMap<String, ()>,
    volumes: BTreeMap<String, ()>,
}

/// Something that is not of this project: its name in the Engine.
fn external(name: &str, definition: Option<&Entry>) -> Option<String> {
    let value = &definition?.value;
    let external = value.get("external")?;
    let is_external = external.truth().unwrap_or(external.map().is_some());
    let given = value.get("name").or_else(|| external.get("name")).and_then(Node::text);
    is_external.then(|| given.unwrap_or(name).to_owned())
}

impl Used {
    /// What a line says for a network: the file, or the name of one that is there already.
    pub fn network(&mut self, project: &Project<'_>, name: &str, at: Place, log: &mut Log) -> Option<String> {
        let definition = project.definition("networks", name);
        if definition.is_none() && name != "default" {
            log.error(at, format!("there is no network '{name}' in 'networks'"));
            return None;
        }
        if let Some(external) = external(name, definition) {
            return Some(literal(&external));
        }
        self.networks.insert(name.to_owned(), ());
        Some(format!("{}.network", names::stem(&project.name, name)))
    }

    /// The same for a volume.
    pub fn volume(&mut self, project: &Project<'_>, name: &str, at: Place, log: &mut Log) -> Option<String> {
        let definition = project.definition("volumes", name);
        if definition.is_none() {
            log.error(at, format!("there is no volume '{name}' in 'volumes'; if a path is meant, write './{name}'"));
            return None;
        }
        if let Some(external) = external(name, definition) {
            return Some(external);
        }
        self.volumes.insert(name.to_owned(), ());
        Some(format!("{}.volume", names::stem(&project.name, name)))
    }
}

/// The files of all that is used, and a word about what is not.
pub fn sheets(project: &Project<'_>, root: &Node, used: &Used, log: &mut Log) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    for name in used.networks.keys() {
        sheets.push(sheet(project, name, "Network", network(project, name, log), log));
    }
    for name in used.volumes.keys() {
        sheets.push(sheet(project, name, "Volume", volume(project, name, log), log));
    }
    for (section, known) in [("networks", &used.networks), ("volumes", &used.volumes)] {
        for entry in root.get(section).and_then(Node::map).unwrap_or_default() {
            let is_external = external(&entry.key, Some(entry)).is_some();
            if !known.contains_key(&entry.key) && !is_external && entry.key != "default" && !entry.key.starts_with("x-")
            {
                log.say(key_place(entry), Fate::Dropped, format!("{}: no service uses it", entry.key));
            }
        }
    }
    sheets
}

fn sheet(
    project: &Project<'_>,
    name: &str,
    section: &'static str,
    lines: Vec<(&'static str, String)>,
    log: &mut Log,
) -> Sheet {
    let suffix = section.to_ascii_lowercase();
    if let Err(message) = names::file(&names::stem(&project.name, name), &suffix) {
        let at = project.definition(&format!("{suffix}s"), name).map_or(place(&project.root), key_place);
        log.error(at, message);
    }
    let mut sheet = Sheet {
        name: format!("{}.{suffix}", names::stem(&project.name, name)),
        comment: format!("Made by 'sculler import compose': {suffix} {name} of {}.", project.name),
        ..Sheet::default()
    };
    sheet.section(section, lines);
    sheet
}

fn labels(node: &Node, lines: &mut Vec<(&'static str, String)>, log: &mut Log) {
    let texts: Vec<String> = match node.map() {
        Some(entries) => {
            entries.iter().map(|entry| format!("{}={}", entry.key, entry.value.text().unwrap_or_default())).collect()
        }
        None => log.list(node, "labels").iter().filter_map(Node::text).map(str::to_owned).collect(),
    };
    lines.extend(texts.iter().filter_map(|text| Some(("Label", quote(&literal(text), Grammar::Arguments).ok()?))));
}

fn network(project: &Project<'_>, name: &str, log: &mut Log) -> Vec<(&'static str, String)> {
    let definition = project.definition("networks", name);
    let given = definition.and_then(|entry| entry.value.get("name")).and_then(Node::text);
    let own = given.map_or_else(|| names::resource(&project.name, name), str::to_owned);
    let mut lines = vec![("NetworkName", literal(&own))];
    let Some(definition) = definition else { return lines };
    for part in log.map(&definition.value, "networks") {
        let (at, node) = (key_place(part), &part.value);
        match part.key.as_str() {
            "name" | "external" => {}
            "driver" => match log.text(node, "driver") {
                Some("bridge" | "default") | None => {}
                Some(driver) => lines.push(("Driver", literal(driver))),
            },
            "driver_opts" => {
                for option in log.map(node, "driver_opts") {
                    let text = format!("{}={}", option.key, option.value.text().unwrap_or_default());
                    lines.extend(quote(&literal(&text), Grammar::Arguments).ok().map(|text| ("Options", text)));
                }
            }
            "internal" => {
                if log.truth(node, "internal") {
                    lines.push(("Internal", "yes".to_owned()));
                }
            }
            "enable_ipv6" => {
                if log.truth(node, "enable_ipv6") {
                    lines.push(("IPv6", "yes".to_owned()));
                }
            }
            "enable_ipv4" => {
                if !log.truth(node, "enable_ipv4") {
                    log.say(at, Fate::NotMapped, "enable_ipv4: no key does it; the network has IPv4");
                }
            }
            "attachable" => log.say(at, Fate::Dropped, "attachable: it is of Swarm's networks"),
            "labels" => labels(node, &mut lines, log),
            "ipam" => ipam(node, &mut lines, log),
            key if key.starts_with("x-") => {}
            key => log.error(at, format!("a network has no '{key}'")),
        }
    }
    lines
}

fn ipam(node: &Node, lines: &mut Vec<(&'static str, String)>, log: &mut Log) {
    for part in log.map(node, "ipam") {
        match part.key.as_str() {
            "driver" => match part.value.text() {
                Some("default") | None => {}
                Some(driver) => lines.push(("IPAMDriver", literal(driver))),
            },
            "options" => log.say(key_place(part), Fate::NotMapped, "ipam.options: no key does it"),
            "config" => {
                let mut pools: Vec<&Node> = log.list(&part.value, "config").iter().collect();
                // The nth Gateway= and IPRange= belong to the nth Subnet=: pools that have them come first.
                let lacks = |pool: &&Node, key: &str| pool.get(key).and_then(Node::text).is_none();
                pools.sort_by_key(|pool| (lacks(pool, "gateway"), lacks(pool, "ip_range")));
                for pool in pools {
                    for item in log.map(pool, "config") {
                        let key = match item.key.as_str() {
                            "subnet" => "Subnet",
                            "gateway" => "Gateway",
                            "ip_range" => "IPRange",
                            "aux_addresses" => {
                                let message = "aux_addresses: no key does it; an IPRange= leaves addresses out";
                                log.say(key_place(item), Fate::NotMapped, message);
                                continue;
                            }
                            key => {
                                log.error(key_place(item), format!("a pool of addresses has no '{key}'"));
                                continue;
                            }
                        };
                        lines.extend(log.text(&item.value, key).map(|text| (key, literal(text))));
                    }
                }
            }
            key if key.starts_with("x-") => {}
            key => log.error(key_place(part), format!("ipam has no '{key}'")),
        }
    }
}

fn volume(project: &Project<'_>, name: &str, log: &mut Log) -> Vec<(&'static str, String)> {
    let definition = project.definition("volumes", name);
    let given = definition.and_then(|entry| entry.value.get("name")).and_then(Node::text);
    let own = given.map_or_else(|| names::resource(&project.name, name), str::to_owned);
    let mut lines = vec![("VolumeName", literal(&own))];
    let Some(definition) = definition else { return lines };
    let driver = definition.value.get("driver").and_then(Node::text).unwrap_or("local");
    for part in log.map(&definition.value, "volumes") {
        let (at, node) = (key_place(part), &part.value);
        match part.key.as_str() {
            "name" | "external" => {}
            "driver" => {
                if driver != "local" {
                    lines.push(("Driver", literal(driver)));
                }
            }
            "driver_opts" => {
                for option in log.map(node, "driver_opts") {
                    let key = match option.key.as_str() {
                        "type" => "Type",
                        "device" => "Device",
                        "o" => "Options",
                        key => {
                            let message = format!(
                                "driver_opts.{key}: a .volume file has type, device and o alone; make the volume \
                                 by 'docker volume create', and name it with 'external: true'"
                            );
                            log.say(key_place(option), Fate::NotMapped, message);
                            continue;
                        }
                    };
                    lines.extend(log.text(&option.value, key).map(|text| (key, literal(text))));
                }
            }
            "labels" => labels(node, &mut lines, log),
            key if key.starts_with("x-") => {}
            key => log.error(at, format!("a volume has no '{key}'")),
        }
    }
    lines
}
