//! Flags that limit CPU, memory and I/O → the limits of the unit's slice, in systemd's words (systemd.resource-control(5)).

use super::draft::{Draft, Used, last};
use super::quote::Grammar;
use crate::quadlet::quantities;

const NOT_A_NUMBER: &str =
    "only a plain number can be translated; write the [Service] key by hand, see systemd.resource-control(5)";

/// CPUs, and CPU time per period in microseconds, as a share of one CPU.
fn cpu_share(draft: &mut Draft, used: &Used, share: Option<f64>) {
    match share.filter(|share| share.is_finite() && *share > 0.0) {
        // systemd takes up to two places behind the point.
        Some(share) => draft.limit("CPUQuota", format!("{}%", decimal((share * 10_000.0).round() / 100.0))),
        None => draft.not_mapped(used, NOT_A_NUMBER),
    }
}

fn decimal(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn cpus(draft: &mut Draft, used: &Used, _: &[Used]) {
    if used.value.trim_matches(['0', '.']).is_empty() {
        return draft.dropped(used, "it is no limit");
    }
    cpu_share(draft, used, used.value.parse().ok());
}

/// The kernel's period is 100 ms unless `--cpu-period` says otherwise.
pub(super) fn cpu_quota(draft: &mut Draft, used: &Used, all: &[Used]) {
    if matches!(used.value.as_str(), "0" | "-1") {
        return draft.dropped(used, "it is no limit");
    }
    let period = last(all, "cpu-period").map_or(Some(100_000.0), |period| period.value.parse::<f64>().ok());
    let quota = used.value.parse::<f64>().ok();
    cpu_share(draft, used, quota.zip(period).map(|(quota, period)| quota / period));
}

pub(super) fn cpu_period(draft: &mut Draft, used: &Used, all: &[Used]) {
    match (used.value.parse::<u64>(), last(all, "cpu-quota")) {
        (Ok(0), _) => draft.dropped(used, "it is the kernel's own period"),
        (Ok(period), Some(_)) => draft.limit("CPUQuotaPeriodSec", format!("{period}us")),
        (Ok(_), None) => draft.dropped(used, "without --cpu-quota it limits nothing"),
        (Err(_), _) => draft.not_mapped(used, NOT_A_NUMBER),
    }
}

/// systemd's own translation of the old key to the new one: 1024 shares are weight 100
/// (systemd: `cgroup_cpu_shares_to_weight()` in src/core/cgroup.c).
pub(super) fn cpu_shares(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.parse::<u64>() {
        Ok(0) => draft.dropped(used, "it is the default"),
        Ok(shares) => {
            draft.limit("CPUWeight", (shares.saturating_mul(100) / 1024).clamp(1, 10_000).to_string());
            draft.note(used, "CPUWeight=100 stands for 1024 shares; it counts beside other services and slices");
        }
        Err(_) => draft.not_mapped(used, NOT_A_NUMBER),
    }
}

pub(super) fn cpuset_cpus(draft: &mut Draft, used: &Used, _: &[Used]) {
    draft.limit("AllowedCPUs", used.value.clone());
}

pub(super) fn cpuset_mems(draft: &mut Draft, used: &Used, _: &[Used]) {
    draft.limit("AllowedMemoryNodes", used.value.clone());
}

/// `Memory=`, unless there is a limit of swap, which that key cannot say: then both are limits of the slice.
pub(super) fn memory(draft: &mut Draft, used: &Used, all: &[Used]) {
    match (swap_limit(all), bytes(&used.value)) {
        (_, Some(0)) => draft.dropped(used, "it is no limit"),
        (Some(_), Some(size)) => draft.limit("MemoryMax", size.to_string()),
        _ => draft.set(used, "Memory", Grammar::Scalar, &used.value),
    }
}

/// What `--memory-swap` leaves for swap, as systemd says it, if it says anything.
fn swap_limit(all: &[Used]) -> Option<String> {
    let total = &last(all, "memory-swap")?.value;
    if total == "-1" {
        return Some("infinity".to_owned());
    }
    let memory = bytes(&last(all, "memory")?.value).filter(|size| *size > 0)?;
    let total = bytes(total).filter(|size| *size > 0)?;
    total.checked_sub(memory).map(|swap| swap.to_string())
}

pub(super) fn memory_swap(draft: &mut Draft, used: &Used, all: &[Used]) {
    if used.value == "0" {
        return draft.dropped(used, "it is the default");
    }
    match (swap_limit(all), last(all, "memory")) {
        (Some(swap), Some(_)) => {
            draft.limit("MemorySwapMax", swap);
            draft.note(used, "both limits are the slice's, by [Service] MemoryMax= and MemorySwapMax=, since Memory= cannot say how much swap");
        }
        (_, None) => draft.not_mapped(used, "Docker takes it beside --memory only"),
        (None, _) => draft.not_mapped(used, "write [Service] MemoryMax= and MemorySwapMax= in place of Memory="),
    }
}

pub(super) fn memory_reservation(draft: &mut Draft, used: &Used, _: &[Used]) {
    match bytes(&used.value) {
        Some(0) => draft.dropped(used, "it is no limit"),
        Some(size) => draft.limit("MemoryLow", size.to_string()),
        None => draft.not_mapped(used, NOT_A_NUMBER),
    }
}

/// systemd's own translation: 500 of `blkio` are weight 100 (systemd: `cgroup_weight_blkio_to_io()`).
fn io_weight(weight: &str) -> Option<u64> {
    weight.parse::<u64>().ok().filter(|weight| *weight > 0).map(|weight| (weight / 5).clamp(1, 10_000))
}

pub(super) fn blkio_weight(draft: &mut Draft, used: &Used, _: &[Used]) {
    match io_weight(&used.value) {
        Some(weight) => {
            draft.limit("IOWeight", weight.to_string());
            draft.note(used, "IOWeight=100 stands for weight 500; it counts beside other services and slices");
        }
        None if used.value == "0" => draft.dropped(used, "it is the default"),
        None => draft.not_mapped(used, NOT_A_NUMBER),
    }
}

pub(super) fn blkio_weight_device(draft: &mut Draft, used: &Used, _: &[Used]) {
    of_device(draft, used, "IODeviceWeight", io_weight);
}

pub(super) fn read_bps(draft: &mut Draft, used: &Used, _: &[Used]) {
    of_device(draft, used, "IOReadBandwidthMax", bytes);
}

pub(super) fn write_bps(draft: &mut Draft, used: &Used, _: &[Used]) {
    of_device(draft, used, "IOWriteBandwidthMax", bytes);
}

pub(super) fn read_iops(draft: &mut Draft, used: &Used, _: &[Used]) {
    of_device(draft, used, "IOReadIOPSMax", |value| value.parse().ok());
}

pub(super) fn write_iops(draft: &mut Draft, used: &Used, _: &[Used]) {
    of_device(draft, used, "IOWriteIOPSMax", |value| value.parse().ok());
}

/// `/dev/sda:1mb`
fn of_device(draft: &mut Draft, used: &Used, key: &'static str, number: impl Fn(&str) -> Option<u64>) {
    let parts = used.value.rsplit_once(':').map(|(device, value)| (device, number(value)));
    match parts {
        Some((device, Some(number))) if device.starts_with('/') && !device.contains(char::is_whitespace) => {
            draft.limit(key, format!("{device} {number}"));
        }
        _ => draft.not_mapped(used, NOT_A_NUMBER),
    }
}

fn bytes(text: &str) -> Option<u64> {
    quantities::size(text.trim()).and_then(|size| size.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [("512m", 512 << 20), ("1.5GiB", 1536 << 20), ("1kb", 1024), ("7", 7), ("2 g", 2 << 30)] {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "m", "-1", "1x", "${SIZE}", "1e400p"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
