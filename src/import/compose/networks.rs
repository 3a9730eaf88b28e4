//! Networks of a service, its ports and names.

use super::depends::other;
use super::log::{Log, key_place, place};
use super::service::Service;
use super::top;
use crate::convert::Fate;
use crate::convert::quote::Grammar;
use crate::yaml::{Entry, Node};

/// What Engine calls the name of an interface in the container.
const INTERFACE: &str = "com.docker.network.endpoint.ifname";

pub fn ports<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for item in log.list(&entry.value, "ports") {
        let value = match item.text() {
            Some(text) => text.to_owned(),
            None => match long_port(item, log) {
                Some(value) => value,
                None => continue,
            },
        };
        service.flag("publish", "ports", &value, place(item));
    }
}

fn long_port(item: &Node, log: &mut Log) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Node::text);
    for part in item.map().unwrap_or_default() {
        let key = part.key.as_str();
        match key {
            "target" | "published" | "host_ip" | "protocol" | "name" | "app_protocol" | "mode" => {}
            key if key.starts_with("x-") => {}
            key => log.error(key_place(part), format!("a port has no '{key}'")),
        }
    }
    let Some(target) = text("target") else {
        log.error(place(item), "a port takes [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL], or a map with 'target'");
        return None;
    };
    let address = text("host_ip")
        .map(|address| if address.contains(':') { format!("[{address}]:") } else { format!("{address}:") });
    let published = text("published").unwrap_or_default();
    let protocol = text("protocol").map_or_else(String::new, |protocol| format!("/{protocol}"));
    Some(match (address, published) {
        (None, "") => format!("{target}{protocol}"),
        (address, published) => format!("{}{published}:{target}{protocol}", address.unwrap_or_default()),
    })
}

/// `HOST: ADDRESS`, `HOST=ADDRESS`, `HOST:ADDRESS`; a host may have several.
pub fn extra_hosts<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    match entry.value.map() {
        Some(hosts) => {
            for host in hosts {
                let addresses = host.value.list().unwrap_or(std::slice::from_ref(&host.value));
                for address in addresses {
                    let address = log.text(address, "extra_hosts").unwrap_or_default();
                    service.flag("add-host", "extra_hosts", &format!("{}={address}", host.key), key_place(host));
                }
            }
        }
        None => {
            for item in log.list(&entry.value, "extra_hosts") {
                let text = log.text(item, "extra_hosts").unwrap_or_default();
                service.flag("add-host", "extra_hosts", text, place(item));
            }
        }
    }
}

/// `SERVICE[:ALIAS]`
pub fn links<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for item in log.list(&entry.value, "links") {
        let Some(text) = log.text(item, "links") else { continue };
        let (name, alias) = text.split_once(':').unwrap_or((text, text));
        if let Some(file) = other(service, name, true, place(item), log) {
            service.unit.extend([("Wants", file.clone()), ("After", file)]);
        }
        if alias != name {
            let message =
                format!("links: every container of their networks finds {name} as '{alias}', not this one alone");
            log.say(place(item), Fate::Note, message);
        }
    }
}

/// Joins the networks, or the one that `network_mode` says.
pub fn join<'a>(service: &mut Service<'a>, used: &mut top::Used, log: &mut Log) {
    if let Some(node) = service.get("network_mode").filter(|node| !node.is_null()) {
        return mode(service, node, log);
    }
    let empty;
    let mut networks: Vec<&Entry> = match service.get("networks").filter(|node| !node.is_null()) {
        Some(node) => log.map(node, "networks").iter().collect(),
        None => {
            empty = super::canonical::entry("default", super::canonical::scalar(&service.entry.value, ""));
            vec![&empty]
        }
    };
    // The one of the highest priority is the first.
    let priority = |entry: &&Entry| {
        let number = |key: &str| entry.value.get(key).and_then(Node::text).and_then(|text| text.parse::<i64>().ok());
        std::cmp::Reverse((number("gw_priority").unwrap_or_default(), number("priority").unwrap_or_default()))
    };
    networks.sort_by_key(priority);
    let mac = service.get("mac_address").and_then(Node::text);
    for (index, entry) in networks.into_iter().enumerate() {
        let Some(file) = used.network(service.project, &entry.key, key_place(entry), log) else { continue };
        let mut options = vec![format!("name={file}"), format!("alias={}", service.name())];
        let links = service.project.aliases.get(service.name());
        options.extend(links.into_iter().flatten().map(|alias| format!("alias={alias}")));
        if let Some(mac) = mac.filter(|_| index == 0) {
            options.push(format!("mac-address={mac}"));
        }
        for part in log.map(&entry.value, "networks") {
            option(part, &mut options, log);
        }
        service.flag("network", "networks", &options.join(","), key_place(entry));
    }
}

fn option(part: &Entry, options: &mut Vec<String>, log: &mut Log) {
    let at = key_place(part);
    match part.key.as_str() {
        "aliases" => {
            for alias in log.list(&part.value, "aliases") {
                options.extend(log.text(alias, "aliases").map(|alias| format!("alias={alias}")));
            }
        }
        "ipv4_address" => options.extend(log.text(&part.value, "ipv4_address").map(|address| format!("ip={address}"))),
        "ipv6_address" => options.extend(log.text(&part.value, "ipv6_address").map(|address| format!("ip6={address}"))),
        "mac_address" => options.extend(log.text(&part.value, "mac_address").map(|mac| format!("mac-address={mac}"))),
        "interface_name" => {
            let name = log.text(&part.value, "interface_name");
            options.extend(name.map(|name| format!("driver-opt={INTERFACE}={name}")));
        }
        "driver_opts" => {
            for option in log.map(&part.value, "driver_opts") {
                let value = log.text(&option.value, "driver_opts").unwrap_or_default();
                match option.key.as_str() {
                    INTERFACE => options.push(format!("driver-opt={INTERFACE}={value}")),
                    key => log.say(
                        key_place(option),
                        Fate::NotMapped,
                        format!("driver_opts.{key}: no option of Network= does it; it takes ip, mac, alias and interface_name"),
                    ),
                }
            }
        }
        "link_local_ips" => {
            log.say(at, Fate::NotMapped, "link_local_ips: no key does it; ip= and ip6= give addresses of the network");
        }
        "priority" => {}
        "gw_priority" => {
            let message = "gw_priority: this network is the first of the container; if the way out is another one, order the Network= lines";
            log.say(at, Fate::Note, message);
        }
        key if key.starts_with("x-") => {}
        key => log.error(at, format!("a network of a service has no '{key}'")),
    }
}

fn mode(service: &mut Service<'_>, node: &Node, log: &mut Log) {
    let Some(text) = log.text(node, "network_mode") else { return };
    let at = place(node);
    match text.split_once(':') {
        Some(("service", name)) => {
            if let Some(file) = other(service, name, true, at, log) {
                service.set_raw("Network", file.clone());
                service.unit.extend([("Requires", file.clone()), ("After", file)]);
            }
        }
        Some(("container", _)) | None if !matches!(text, "bridge" | "default") => {
            service.set("Network", Grammar::Line, text, at, log);
        }
        None => {}
        Some(_) => log.error(
            at,
            format!("network_mode '{text}' is unknown; it can be host, none, bridge, service:NAME, container:NAME"),
        ),
    }
}
