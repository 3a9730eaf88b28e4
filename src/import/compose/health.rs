//! `healthcheck:`

use super::log::{Log, key_place, place};
use super::process::json;
use super::service::Service;
use super::top;
use crate::convert::quote::Grammar;
use crate::quadlet::quantities::duration;
use crate::yaml::{Entry, Node};

/// A start that takes longer than systemd waits by itself needs a limit of its own.
const USUAL_START: i64 = 60;

pub fn healthcheck<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    let node = &entry.value;
    for part in log.map(node, "healthcheck") {
        let at = key_place(part);
        match part.key.as_str() {
            "test" => {
                if let Some(command) = test(&part.value, log) {
                    service.set("HealthCmd", Grammar::Scalar, &command, at, log);
                }
            }
            "disable" => {
                if log.truth(&part.value, "disable") {
                    service.set("HealthCmd", Grammar::Scalar, "none", at, log);
                }
            }
            key @ ("interval" | "timeout" | "retries" | "start_period" | "start_interval") => {
                let flag = match key {
                    "interval" => "health-interval",
                    "timeout" => "health-timeout",
                    "retries" => "health-retries",
                    "start_period" => "health-start-period",
                    _ => "health-start-interval",
                };
                if let Some(text) = log.text(&part.value, key) {
                    service.flag(flag, key, text, at);
                }
            }
            key if key.starts_with("x-") => {}
            key => log.error(at, format!("a healthcheck has no '{key}'")),
        }
    }
    if service.project.waited_for.contains(service.name())
        && let Some(seconds) = longest(node).filter(|seconds| *seconds > USUAL_START)
    {
        service.draft.limit("TimeoutStartSec", (seconds + 30).to_string());
    }
}

/// How long it may take until the container is healthy, or known not to be.
fn longest(node: &Node) -> Option<i64> {
    let time = |key: &str, default: i64| match node.get(key) {
        Some(value) => value.text().and_then(duration).map(|time| time / 1_000_000_000),
        None => Some(default),
    };
    let retries = node.get("retries").and_then(Node::text).map_or(Some(3), |text| text.parse::<i64>().ok())?;
    let each = time("interval", 30)?.saturating_add(time("timeout", 30)?);
    Some(time("start_period", 0)?.saturating_add(each.saturating_mul(retries)).min(86_400))
}

/// Quadlet's form of the command: a text for a shell, or a JSON array.
fn test(node: &Node, log: &mut Log) -> Option<String> {
    if let Some(text) = node.text() {
        return Some(shell(text));
    }
    let words: Vec<String> =
        log.list(node, "test").iter().filter_map(|item| log.text(item, "test")).map(str::to_owned).collect();
    match words.split_first() {
        Some((first, [])) if first == "NONE" => Some("none".to_owned()),
        Some((first, [command])) if first == "CMD-SHELL" => Some(shell(command)),
        Some((first, rest)) if first == "CMD" && !rest.is_empty() => Some(json(&words)),
        _ => {
            log.error(place(node), "test begins with NONE, CMD or CMD-SHELL, or is one text for a shell");
            None
        }
    }
}

/// A command of a shell as it stands, unless Quadlet would read something else in it.
fn shell(command: &str) -> String {
    let first = command.split(' ').next().unwrap_or_default().to_ascii_uppercase();
    let is_plain = !matches!(first.as_str(), "NONE" | "CMD" | "CMD-SHELL") && !command.starts_with('[');
    if is_plain && !command.contains(char::is_control) {
        return command.to_owned();
    }
    json(&["CMD-SHELL".to_owned(), command.to_owned()])
}
