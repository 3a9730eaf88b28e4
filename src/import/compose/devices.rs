//! Devices, GPUs, ulimits and limits of I/O.

use super::log::{Log, key_place, place};
use super::service::Service;
use super::top;
use crate::convert::Fate;
use crate::yaml::{Entry, Node};

pub fn devices<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for item in log.list(&entry.value, "devices") {
        let value = match item.text() {
            Some(text) => text.to_owned(),
            None => {
                let part = |key: &str| item.get(key).and_then(Node::text);
                let Some(source) = part("source") else {
                    log.error(place(item), "a device takes HOST[:CONTAINER[:PERMISSIONS]], or a map with 'source'");
                    continue;
                };
                let parts = [Some(source), part("target").or(Some(source)), part("permissions")];
                parts.into_iter().flatten().collect::<Vec<_>>().join(":")
            }
        };
        service.flag("device", "devices", &value, place(item));
    }
}

pub fn gpus<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    match entry.value.text() {
        Some(text) => service.flag("gpus", "gpus", text, key_place(entry)),
        None => log.list(&entry.value, "gpus").iter().for_each(|item| reserved(service, item, log)),
    }
}

/// A device that is asked for by what it can do: a GPU, as far as anybody has one.
pub fn reserved(service: &mut Service<'_>, item: &Node, log: &mut Log) {
    let ids: Vec<&str> =
        item.get("device_ids").and_then(Node::list).into_iter().flatten().filter_map(Node::text).collect();
    let driver = item.get("driver").and_then(Node::text).unwrap_or("nvidia");
    let count = item.get("count").and_then(Node::text).unwrap_or("all");
    if driver != "nvidia" || ids.is_empty() && !matches!(count, "all" | "-1") {
        let message = "no key does it; name the devices by AddDevice=, such as nvidia.com/gpu=0";
        return log.say(place(item), Fate::NotMapped, format!("devices: {message}"));
    }
    let value = if ids.is_empty() { "all".to_owned() } else { format!("device={}", ids.join(",")) };
    service.flag("gpus", "devices", &value, place(item));
}

pub fn ulimits<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for limit in log.map(&entry.value, "ulimits") {
        let part = |key: &str| limit.value.get(key).and_then(Node::text);
        let value = match (limit.value.text(), part("soft"), part("hard")) {
            (Some(both), ..) => both.to_owned(),
            (None, Some(soft), Some(hard)) => format!("{soft}:{hard}"),
            (None, Some(one), None) | (None, None, Some(one)) => one.to_owned(),
            _ => {
                log.error(key_place(limit), "a ulimit takes a number, or a map with 'soft' and 'hard'");
                continue;
            }
        };
        service.flag("ulimit", "ulimits", &format!("{}={value}", limit.key), key_place(limit));
    }
}

pub fn blkio<'a>(service: &mut Service<'a>, entry: &'a Entry, _: &mut top::Used, log: &mut Log) {
    for part in log.map(&entry.value, "blkio_config") {
        let flag = match part.key.as_str() {
            "weight" => {
                let text = log.text(&part.value, "weight").unwrap_or_default();
                service.flag("blkio-weight", "weight", text, key_place(part));
                continue;
            }
            "weight_device" => "blkio-weight-device",
            "device_read_bps" => "device-read-bps",
            "device_write_bps" => "device-write-bps",
            "device_read_iops" => "device-read-iops",
            "device_write_iops" => "device-write-iops",
            key => {
                log.error(key_place(part), format!("blkio_config has no '{key}'"));
                continue;
            }
        };
        for item in log.list(&part.value, &part.key) {
            let text = |key: &str| item.get(key).and_then(Node::text);
            match (text("path"), text("rate").or_else(|| text("weight"))) {
                (Some(path), Some(rate)) => service.flag(flag, &part.key, &format!("{path}:{rate}"), place(item)),
                _ => log.error(place(item), format!("{} takes maps with 'path' and 'rate' or 'weight'", part.key)),
            }
        }
    }
}
