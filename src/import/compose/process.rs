//! What runs, how it ends, where its output goes.

use super::log::{Log, key_place, place};
use super::service::Service;
use super::{top, words};
use crate::convert::Fate;
use crate::convert::quote::{Grammar, quote};
use crate::import::compose::sheet::literal;
use crate::quadlet::quantities::duration;
use crate::yaml::{Entry, Node};

/// A command: a list of words, or a text that is split.
fn words_of(node: &Node, key: &str, log: &mut Log) -> Option<Vec<String>> {
    match node.text() {
        Some(text) => words::split(text).map_err(|reason| log.error(place(node), format!("{key}: {reason}"))).ok(),
        None => Some(log.list(node, key).iter().filter_map(|item| log.text(item, key)).map(str::to_owned).collect()),
    }
}

pub fn command<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    let Some(words) = words_of(&entry.value, "command", log) else { return };
    let line: Vec<String> = words.iter().filter_map(|word| quote(&literal(word), Grammar::Arguments).ok()).collect();
    if !line.is_empty() {
        service.set_raw("Exec", line.join(" "));
    }
}

pub fn entrypoint<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    let Some(words) = words_of(&entry.value, "entrypoint", log) else { return };
    let text = match words.as_slice() {
        [word] if !word.starts_with('[') && !word.contains(char::is_control) => word.clone(),
        words => json(words),
    };
    service.set("Entrypoint", Grammar::Scalar, &text, key_place(entry), log);
}

/// Words as JSON, without blanks that nobody needs.
pub fn json(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    format!("[{}]", words.join(", "))
}

pub fn cgroup<'a>(_: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    let (fate, reason) = match entry.value.text() {
        Some("private") => (Fate::Dropped, "it is the default"),
        _ => (
            Fate::NotMapped,
            "no key does it; 'default-cgroupns-mode' of Docker's daemon.json holds for all containers",
        ),
    };
    log.say(key_place(entry), fate, format!("cgroup: {reason}"));
}

pub fn logging<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for part in log.map(&entry.value, "logging") {
        match part.key.as_str() {
            "driver" => {
                if let Some(driver) = log.text(&part.value, "driver") {
                    service.flag("log-driver", "logging", driver, key_place(part));
                }
            }
            "options" => {
                for option in log.map(&part.value, "options") {
                    let value = log.text(&option.value, "options").unwrap_or_default();
                    service.flag("log-opt", "logging", &format!("{}={value}", option.key), key_place(option));
                }
            }
            key if key.starts_with("x-") => {}
            key => log.error(key_place(part), format!("logging takes driver and options, not '{key}'")),
        }
    }
}

pub fn stop_grace_period<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    match entry.value.text().and_then(duration) {
        // The Engine counts whole seconds.
        Some(time) => {
            let seconds = (time + 999_999_999) / 1_000_000_000;
            service.set("StopTimeout", Grammar::Scalar, &seconds.to_string(), key_place(entry), log);
        }
        None => log.error(place(&entry.value), "stop_grace_period takes a time such as 30s or 1m30s"),
    }
}
