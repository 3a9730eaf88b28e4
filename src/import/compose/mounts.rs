//! `volumes:` of a service.

use super::canonical::is_path;
use super::log::{Log, key_place, place};
use super::service::Service;
use super::top;
use crate::convert::Fate;
use crate::yaml::{Entry, Node};

pub fn volumes<'a>(service: &mut Service<'a>, entry: &'a Entry, used: &mut top::Used, log: &mut Log) {
    for item in log.list(&entry.value, "volumes") {
        match item.text() {
            Some(text) => short(service, text, item, used, log),
            None => long(service, item, used, log),
        }
    }
}

/// `[SOURCE:]TARGET[:OPTIONS]`
fn short(service: &mut Service<'_>, text: &str, item: &Node, used: &mut top::Used, log: &mut Log) {
    let at = place(item);
    match text.split_once(':') {
        None => anonymous(service, text, item, log),
        Some((source, _)) if is_path(source) => service.flag("volume", "volumes", text, at),
        Some((source, rest)) => {
            if let Some(source) = used.volume(service.project, source, at, log) {
                service.flag("volume", "volumes", &format!("{source}:{rest}"), at);
            }
        }
    }
}

fn anonymous(service: &mut Service<'_>, target: &str, item: &Node, log: &mut Log) {
    let message =
        format!("{target}: it has no name, so it is new and empty at each start; Compose kept it: give it a name");
    log.say(place(item), Fate::Note, message);
    service.flag("volume", "volumes", target, place(item));
}

/// A map with `type:`
fn long(service: &mut Service<'_>, item: &Node, used: &mut top::Used, log: &mut Log) {
    let at = place(item);
    let text = |key: &str| item.get(key).and_then(Node::text);
    let of = |section: &str, key: &str| item.get(section).and_then(|section| section.get(key));
    let Some(target) = text("target") else {
        return log.error(at, "a volume has no 'target'");
    };
    let is_read_only = item.get("read_only").is_some_and(|value| log.truth(value, "read_only"));
    let kind = text("type").unwrap_or("volume");
    check_keys(item, kind, log);
    let mut options: Vec<String> = is_read_only.then(|| "ro".to_owned()).into_iter().collect();
    match kind {
        "volume" => {
            if of("volume", "nocopy").is_some_and(|value| log.truth(value, "nocopy")) {
                options.push("nocopy".to_owned());
            }
            options.extend(of("volume", "subpath").and_then(Node::text).map(|path| format!("subpath={path}")));
            match text("source") {
                None if options.is_empty() => return anonymous(service, target, item, log),
                None => options.insert(0, String::new()),
                Some(_) => {}
            }
            let source = match text("source") {
                Some(name) => used.volume(service.project, name, at, log),
                None => Some(String::new()),
            };
            let Some(source) = source else { return };
            line(service, &source, target, &options, item);
        }
        "bind" => {
            let Some(source) = text("source") else { return log.error(at, "a bind has no 'source'") };
            options.extend(of("bind", "propagation").and_then(Node::text).map(str::to_owned));
            options.extend(of("bind", "selinux").and_then(Node::text).map(str::to_owned));
            if of("bind", "recursive").and_then(Node::text) == Some("disabled") {
                options.push("bind".to_owned());
            }
            if source.contains(':') || target.contains(':') {
                let mut value = format!("type=bind,source={source},target={target}");
                if is_read_only {
                    value += ",readonly";
                }
                return service.flag("mount", "volumes", &value, at);
            }
            line(service, source, target, &options, item);
        }
        "tmpfs" => {
            let size = of("tmpfs", "size").and_then(Node::text).map(|size| format!("size={size}"));
            let mode = of("tmpfs", "mode").and_then(Node::text).map(|mode| format!("mode={}", octal(mode)));
            let options: Vec<String> = options.into_iter().chain(size).chain(mode).collect();
            let separator = if options.is_empty() { "" } else { ":" };
            service.flag("tmpfs", "volumes", &format!("{target}{separator}{}", options.join(",")), at);
        }
        "image" => {
            let Some(source) = text("source") else { return log.error(at, "a mount of an image has no 'source'") };
            let subpath = of("image", "subpath").and_then(Node::text);
            if subpath.is_some() {
                log.say(at, Fate::NotMapped, "image.subpath: the whole image is mounted; name the folder in it");
            }
            service.flag("mount", "volumes", &format!("type=image,source={source},target={target}"), at);
        }
        "npipe" => log.say(at, Fate::NotMapped, "volumes: 'npipe' is of Windows"),
        "cluster" => log.say(at, Fate::NotMapped, "volumes: 'cluster' is of Swarm; use a named volume with a driver"),
        kind => log.error(at, format!("type '{kind}' is unknown; it can be volume, bind, tmpfs, image")),
    }
}

fn line(service: &mut Service<'_>, source: &str, target: &str, options: &[String], item: &Node) {
    let options: Vec<&str> = options.iter().map(String::as_str).filter(|option| !option.is_empty()).collect();
    let separator = if options.is_empty() { "" } else { ":" };
    service.flag("volume", "volumes", &format!("{source}:{target}{separator}{}", options.join(",")), place(item));
}

/// YAML 1.2 reads `01777` as a decimal number, and a plain `511` is `0777`.
fn octal(mode: &str) -> String {
    match mode.parse::<u32>() {
        Ok(number) if !mode.starts_with('0') => format!("{number:o}"),
        _ => mode.trim_start_matches("0o").to_owned(),
    }
}

fn check_keys(item: &Node, kind: &str, log: &mut Log) {
    const KNOWN: [(&str, &[&str]); 4] = [
        ("bind", &["propagation", "create_host_path", "selinux", "recursive"]),
        ("volume", &["nocopy", "subpath", "labels"]),
        ("tmpfs", &["size", "mode"]),
        ("image", &["subpath"]),
    ];
    for part in item.map().unwrap_or_default() {
        let known = KNOWN.iter().find(|(name, _)| *name == part.key);
        match (part.key.as_str(), known) {
            ("type" | "source" | "target" | "read_only" | "consistency", _) => {}
            (key, _) if key.starts_with("x-") => {}
            (key, Some((_, keys))) => {
                for option in part.value.map().unwrap_or_default() {
                    if option.key == "labels" {
                        log.say(
                            key_place(option),
                            Fate::NotMapped,
                            "volume.labels: write them in 'volumes' of the top level",
                        );
                    } else if !keys.contains(&option.key.as_str()) && !option.key.starts_with("x-") {
                        log.error(key_place(option), format!("{key} of a volume has no '{}'", option.key));
                    }
                }
                if key != kind {
                    log.say(key_place(part), Fate::Dropped, format!("{key}: it says nothing for the type {kind}"));
                }
            }
            (key, None) => log.error(key_place(part), format!("a volume has no '{key}'")),
        }
    }
}
