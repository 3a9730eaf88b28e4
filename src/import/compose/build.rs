//! `build:` → a `.build` file.

use super::log::{Log, key_place};
use super::service::Service;
use super::sheet::{Sheet, literal};
use super::{canonical, image, names, top};
use crate::convert::Fate;
use crate::convert::quote::{Grammar, quote};
use crate::yaml::{Entry, Node};

const NO_BUILDKIT: &str =
    "Docker's build API has no such thing; build with 'docker build', and name the image by Image=";
const OF_BUILDER: &str = "the builder decides it";

/// Keys without a line in the file, and why.
const REST: &[(&str, Fate, &str)] = &[
    ("dockerfile_inline", Fate::NotMapped, "write it into a file, and name that by 'dockerfile'"),
    ("entitlements", Fate::NotMapped, NO_BUILDKIT),
    ("ssh", Fate::NotMapped, NO_BUILDKIT),
    ("secrets", Fate::NotMapped, NO_BUILDKIT),
    ("additional_contexts", Fate::NotMapped, NO_BUILDKIT),
    ("platforms", Fate::NotMapped, "an image of one platform is built: that of the host, or of 'platform'"),
    ("cache_from", Fate::Dropped, "it makes builds faster, no others"),
    ("cache_to", Fate::Dropped, "it makes builds faster, no others"),
    ("no_cache", Fate::NotMapped, "no key does it; 'docker builder prune' empties the cache"),
    ("provenance", Fate::Dropped, OF_BUILDER),
    ("sbom", Fate::Dropped, OF_BUILDER),
    ("shm_size", Fate::NotMapped, NO_BUILDKIT),
    ("extra_hosts", Fate::NotMapped, "no key does it; name the addresses in the Dockerfile, or use Network=host"),
    ("isolation", Fate::NotMapped, "Docker on Windows alone reads it"),
    ("privileged", Fate::NotMapped, NO_BUILDKIT),
    ("ulimits", Fate::NotMapped, NO_BUILDKIT),
];

pub fn build<'a>(service: &mut Service<'a>, entry: &'a Entry, used: &mut top::Used, log: &mut Log) {
    let name = format!("{}.build", service.stem());
    let tag = match service.get("image").and_then(Node::text) {
        Some(image) => image.to_owned(),
        None => service.stem(),
    };
    let mut lines = vec![("ImageTag", literal(&tag))];
    let context = entry.value.get("context").and_then(Node::text).unwrap_or_default().to_owned();
    lines.push(("SetWorkingDirectory", literal(&context)));
    for part in log.map(&entry.value, "build") {
        let at = key_place(part);
        match part.key.as_str() {
            "context" => {}
            "dockerfile" => {
                let path = log.text(&part.value, "dockerfile").unwrap_or_default();
                let is_there = canonical::is_url(&context) || path.starts_with('/');
                let path = if is_there { path.to_owned() } else { format!("{}/{path}", context.trim_end_matches('/')) };
                lines.push(("File", literal(&path)));
            }
            key @ ("args" | "labels") => {
                let own = if key == "args" { "BuildArg" } else { "Label" };
                for pair in log.map(&part.value, key) {
                    let value = match pair.value.is_null() {
                        true => service.project.variables.get(&pair.key).cloned(),
                        false => log.text(&pair.value, key).map(str::to_owned),
                    };
                    let text = value.map(|value| literal(&format!("{}={value}", pair.key)));
                    lines.extend(text.and_then(|text| Some((own, quote(&text, Grammar::Arguments).ok()?))));
                }
            }
            "target" => lines.extend(log.text(&part.value, "target").map(|text| ("Target", literal(text)))),
            "pull" => {
                if log.truth(&part.value, "pull") {
                    lines.push(("Pull", "always".to_owned()));
                }
            }
            "tags" => {
                for tag in log.list(&part.value, "tags") {
                    lines.extend(log.text(tag, "tags").map(|tag| ("ImageTag", literal(tag))));
                }
            }
            "network" => {
                let network = log.text(&part.value, "network").unwrap_or_default();
                match network {
                    "default" => {}
                    "host" | "none" => lines.push(("Network", network.to_owned())),
                    network => {
                        lines.extend(used.network(service.project, network, at, log).map(|file| ("Network", file)))
                    }
                }
            }
            key if key.starts_with("x-") => {}
            key => match REST.iter().find(|(name, ..)| *name == key) {
                Some((_, fate, reason)) => log.say(at, *fate, format!("build.{key}: {reason}")),
                None => log.error(at, format!("a build has no '{key}'")),
            },
        }
    }
    // Compose's name for it; Podman would look for a Containerfile first.
    if !lines.iter().any(|(key, _)| *key == "File") && !canonical::is_url(&context) {
        lines.push(("File", literal(&format!("{}/Dockerfile", context.trim_end_matches('/')))));
    }
    if let Some(platform) = service.get("platform").and_then(Node::text) {
        lines.extend(image::parts(platform).into_iter().filter(|(key, _)| *key != "OS"));
    }
    if let Err(message) = names::file(&service.stem(), "build") {
        log.error(key_place(entry), message);
    }
    let comment = format!("Made by 'sculler import compose': the image of {}.", service.name());
    let mut sheet = Sheet { name: name.clone(), comment, ..Sheet::default() };
    sheet.section("Build", lines);
    service.more.push(sheet);
    service.set_raw("Image", name);
}
