//! `image:`, `pull_policy:`, `platform:`

use super::log::{Log, key_place, place};
use super::service::Service;
use super::sheet::{Sheet, literal};
use super::top;
use crate::convert::Fate;
use crate::convert::quote::{Grammar, quote};
use crate::yaml::{Entry, Node};

pub fn image<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    // The name that what is built gets.
    if service.get("build").is_some() {
        return;
    }
    let Some(text) = log.text(&entry.value, "image") else { return };
    let Some(platform) = service.get("platform").and_then(Node::text) else {
        return service.set("Image", Grammar::Scalar, text, place(&entry.value), log);
    };
    let name = format!("{}.image", service.stem());
    let mut lines = vec![("Image", literal(text))];
    lines.extend(parts(platform));
    if let Some(policy) = service.get("pull_policy").and_then(Node::text).and_then(policy) {
        lines.push(("Policy", policy.to_owned()));
    } else {
        lines.push(("Policy", "missing".to_owned()));
    }
    let comment = format!("Made by 'sculler import compose': the image of {}, of one platform.", service.name());
    let mut sheet = Sheet { name: name.clone(), comment, ..Sheet::default() };
    sheet.section("Image", lines);
    service.more.push(sheet);
    service.set_raw("Image", name);
}

/// `linux/arm64/v8` → keys.
pub fn parts(platform: &str) -> Vec<(&'static str, String)> {
    let mut parts = platform.split('/');
    let first = parts.next().unwrap_or_default();
    // 'arm64' alone is an architecture.
    let (os, arch) = match parts.next() {
        Some(arch) => (Some(first), arch),
        None if matches!(first, "linux" | "windows") => (Some(first), ""),
        None => (None, first),
    };
    let lines = [("OS", os), ("Arch", Some(arch)), ("Variant", parts.next())];
    lines
        .into_iter()
        .filter_map(|(key, value)| Some((key, literal(value.filter(|value| !value.is_empty())?))))
        .collect()
}

fn policy(text: &str) -> Option<&'static str> {
    match text {
        "always" => Some("always"),
        "never" => Some("never"),
        "missing" | "if_not_present" => Some("missing"),
        _ => None,
    }
}

pub fn pull_policy<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    let Some(text) = log.text(&entry.value, "pull_policy") else { return };
    let is_elsewhere = service.get("platform").is_some() || service.get("build").is_some();
    match (text, policy(text)) {
        (_, Some(_)) if is_elsewhere => {}
        (_, Some(policy)) => {
            if let Ok(text) = quote(policy, Grammar::Scalar) {
                service.set_raw("Pull", text);
            }
        }
        ("build", _) if service.get("build").is_some() => {}
        (text, None) if matches!(text, "daily" | "weekly") || text.starts_with("every_") => {
            let message = format!(
                "pull_policy '{text}': Pull=newer asks the registry at each start of the unit; a timer that restarts it does so \
                 regularly"
            );
            log.say(key_place(entry), Fate::NotMapped, message);
        }
        (text, None) => {
            log.error(
                place(&entry.value),
                format!("pull_policy '{text}' is unknown; it can be always, never or missing"),
            );
        }
    }
}
