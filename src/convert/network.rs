//! Flags about networks → `Network=` and its options, `AddHost=`.

use super::draft::{Draft, Used, last};
use super::quote::Grammar;

/// Networks that are none of the user's.
const BUILT_IN: [&str; 4] = ["bridge", "default", "host", "none"];

fn is_network(used: &Used) -> bool {
    matches!(used.flag.long, "network" | "net")
}

/// `NAME`, or `name=NAME,ip=…,alias=…`.
fn is_long_form(value: &str) -> bool {
    value.split(',').all(|field| field.contains('=')) && value.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_own(value: &str) -> bool {
    !BUILT_IN.contains(&value) && !is_long_form(value) && !value.contains(':')
}

pub(super) fn network(draft: &mut Draft, used: &Used, all: &[Used]) {
    let value = used.value.as_str();
    if matches!(value, "slirp4netns" | "pasta") || value.starts_with("slirp4netns:") || value.starts_with("pasta:") {
        return draft.not_mapped(used, "Docker has no such network; without it the container is in Docker's bridge");
    }
    match value {
        "" | "default" => draft.dropped(used, "it is the default"),
        _ if is_long_form(value) => long_form(draft, used),
        _ => {
            let flags: &[(&str, &str)] = match (is_first_own(used, all), are_several(all)) {
                (false, _) => &[],
                (true, false) => &[("mac-address", "mac")],
                (true, true) => &[("mac-address", "mac"), ("ip", "ip"), ("ip6", "ip")],
            };
            let options =
                flags.iter().filter_map(|(flag, option)| Some(format!("{option}={}", last(all, flag)?.value)));
            let options: Vec<String> = options.collect();
            let separator = if options.is_empty() { "" } else { ":" };
            draft.set(used, "Network", Grammar::Line, &format!("{value}{separator}{}", options.join(",")));
        }
    }
}

/// With several networks, an address has to say which one it is in: Docker means the first.
fn are_several(all: &[Used]) -> bool {
    all.iter().any(|used| is_network(used) && is_own(&used.value))
        && all.iter().filter(|used| is_network(used)).count() > 1
}

pub(super) fn address(draft: &mut Draft, used: &Used, all: &[Used]) {
    if !are_several(all) {
        let key = if used.flag.long == "ip" { "IP" } else { "IP6" };
        draft.set(used, key, Grammar::Scalar, &used.value);
    }
}

fn is_first_own(used: &Used, all: &[Used]) -> bool {
    let first = all.iter().find(|other| is_network(other) && is_own(&other.value));
    first.is_some_and(|first| first.place == used.place && first.value == used.value)
}

fn long_form(draft: &mut Draft, used: &Used) {
    let mut name = String::new();
    let mut options = Vec::new();
    for (key, value) in used.value.split(',').filter_map(|field| field.split_once('=')) {
        match key {
            "name" => value.clone_into(&mut name),
            "ip" | "ip6" => options.push(format!("ip={value}")),
            "alias" => options.push(format!("alias={value}")),
            "mac-address" => options.push(format!("mac={value}")),
            "driver-opt" if value.starts_with("com.docker.network.endpoint.ifname=") => {
                options.push(format!("interface_name={}", value.split_once('=').map_or("", |(_, name)| name)));
            }
            _ => draft.not_mapped(
                used,
                &format!("Network= has no option for '{key}'; it takes ip, mac, alias and interface_name"),
            ),
        }
    }
    let separator = if options.is_empty() { "" } else { ":" };
    draft.set(used, "Network", Grammar::Line, &format!("{name}{separator}{}", options.join(",")));
}

pub(super) fn mac_address(draft: &mut Draft, used: &Used, all: &[Used]) {
    if !all.iter().any(|other| is_network(other) && is_own(&other.value)) {
        draft.not_mapped(used, "it is an option of a network: Network=NAME:mac=…, with a network of your own");
    }
}

/// The client takes `host=ip` and `host:[ip]` as well.
pub(super) fn add_host(draft: &mut Draft, used: &Used, _: &[Used]) {
    let line = match used.value.split_once(['=', ':']) {
        Some((host, ip)) => {
            let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
            format!("{host}:{bare}")
        }
        None => used.value.clone(),
    };
    draft.set(used, "AddHost", Grammar::Line, &line);
}
