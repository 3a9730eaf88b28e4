//! Flags whose value a key takes in another form, or not at all.

use super::draft::{Draft, Used, last};
use super::quote::Grammar::{Arguments, Line, Scalar, Words};

pub(super) fn disable_content_trust(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.is_on() {
        true => draft.dropped(used, "it is the default"),
        false => draft.not_mapped(used, "the Engine checks no signatures; name the image by its digest"),
    }
}

/// Docker takes one word. Quadlet would read one that begins with `[` as a JSON array.
pub(super) fn entrypoint(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.starts_with('[') {
        true => {
            let word = used.value.replace('\\', "\\\\").replace('"', "\\\"");
            draft.set(used, "Entrypoint", Scalar, &format!("[\"{word}\"]"));
        }
        false => draft.set(used, "Entrypoint", Scalar, &used.value),
    }
}

/// The client reads a relative path from its folder, Quadlet from the unit file's.
pub(super) fn env_file(draft: &mut Draft, used: &Used, _: &[Used]) {
    let path = draft.absolute(&used.value);
    draft.set(used, "EnvironmentFile", Arguments, &path);
}

/// The Container Device Interface names what `--gpus` asked a hook of NVIDIA's for.
pub(super) fn gpus(draft: &mut Draft, used: &Used, _: &[Used]) {
    let value = used.value.trim_matches(['"', '\'']);
    let names: Vec<&str> = match value.strip_prefix("device=") {
        Some(devices) => devices.split(',').collect(),
        None if value == "all" => vec!["all"],
        None => Vec::new(),
    };
    if names.is_empty() || names.iter().any(|name| name.is_empty() || name.contains('=')) {
        return draft.not_mapped(used, "no key does it; name the GPUs by AddDevice=nvidia.com/gpu=0 and so on");
    }
    for name in names {
        draft.set(used, "AddDevice", Words, &format!("nvidia.com/gpu={name}"));
    }
    draft.note(
        used,
        "it needs the GPUs' CDI file (nvidia-ctk cdi generate) and an Engine with CDI (25, on by default from 28.2)",
    );
}

/// Durations and counts; Docker takes 0 for "as the image says".
pub(super) fn health(draft: &mut Draft, used: &Used, _: &[Used]) {
    if matches!(used.value.as_str(), "0" | "0s") {
        return draft.dropped(used, "it is the default");
    }
    let key = match used.flag.long {
        "health-interval" => "HealthInterval",
        "health-retries" => "HealthRetries",
        "health-start-period" => "HealthStartPeriod",
        "health-timeout" => "HealthTimeout",
        _ => "HealthStartupInterval",
    };
    draft.set(used, key, Scalar, &used.value);
}

pub(super) fn no_healthcheck(draft: &mut Draft, used: &Used, _: &[Used]) {
    if used.is_on() {
        draft.set(used, "HealthCmd", Scalar, "none");
    }
}

pub(super) fn ipc(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.as_str() {
        "" | "private" => draft.dropped(used, "the container has an IPC namespace of its own"),
        _ => draft.not_mapped(
            used,
            "no key does it; the container has an IPC namespace of its own, ShmSize= makes its /dev/shm larger",
        ),
    }
}

pub(super) fn isolation(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.as_str() {
        "" | "default" => draft.dropped(used, "it is the default"),
        _ => draft.not_mapped(used, "Docker on Windows alone reads it"),
    }
}

pub(super) fn log_driver(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.as_str() {
        "none" => draft.dropped(used, "it kept lines from being stored twice; they reach the journal once now"),
        "journald" => draft.dropped(used, "it is the default"),
        driver => {
            draft.set(used, "LogDriver", Scalar, driver);
            draft.note(used, "journalctl -u does not show the container's lines then; without LogDriver= it does");
        }
    }
}

/// Options of another driver than journald go with that driver. Without `--log-driver` they were the daemon's default
/// driver's.
pub(super) fn log_opt(draft: &mut Draft, used: &Used, all: &[Used]) {
    let driver = last(all, "log-driver").map_or("", |driver| driver.value.as_str());
    let name = used.value.split('=').next().unwrap_or_default();
    let is_journald = matches!(name, "tag" | "labels" | "labels-regex" | "env" | "env-regex");
    if !matches!(driver, "" | "none" | "journald") || is_journald && driver != "none" {
        draft.set(used, "LogOpt", Words, &used.value);
    } else {
        draft.dropped(used, "lines go to the journal, whose size journald.conf limits");
    }
}

pub(super) fn pull(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.as_str() {
        "always" | "missing" | "never" | "newer" => draft.set(used, "Pull", Scalar, &used.value),
        "" => draft.dropped(used, "it is the default"),
        _ => draft.not_mapped(used, "Pull= takes always, missing, never and newer"),
    }
}

/// Quadlet gives a read-only container writable /tmp, /var/tmp and /run; Docker does not.
pub(super) fn read_only(draft: &mut Draft, used: &Used, all: &[Used]) {
    if used.is_on() {
        draft.set(used, "ReadOnly", Scalar, "true");
        if last(all, "read-only-tmpfs").is_none() {
            draft.set(used, "ReadOnlyTmpfs", Scalar, "false");
        }
    }
}

pub(super) fn read_only_tmpfs(draft: &mut Draft, used: &Used, _: &[Used]) {
    draft.set(used, "ReadOnlyTmpfs", Scalar, if used.is_on() { "true" } else { "false" });
}

/// Docker restarted the container behind systemd's back; now systemd does it.
pub(super) fn restart(draft: &mut Draft, used: &Used, _: &[Used]) {
    if draft.has_restart {
        return draft.dropped(used, "systemd restarts it, by the Restart= of [Service]");
    }
    let (policy, count) = used.value.split_once(':').unwrap_or((&used.value, ""));
    match policy {
        "" | "no" => draft.limit("Restart", "no"),
        "always" | "unless-stopped" => draft.limit("Restart", "always"),
        "on-failure" => draft.limit("Restart", "on-failure"),
        _ => return draft.not_mapped(used, "Docker has no such policy; write [Service] Restart="),
    }
    if !count.is_empty() {
        draft.not_mapped(
            used,
            "systemd counts starts within a time: [Unit] StartLimitBurst= and StartLimitIntervalSec=",
        );
    }
}

pub(super) fn sdnotify(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.as_str() {
        "container" => draft.set(used, "Notify", Scalar, "true"),
        "healthy" => draft.set(used, "Notify", Scalar, "healthy"),
        _ => draft.dropped(used, "the unit is ready as soon as its container runs"),
    }
}

/// `NAME`, `NAME=VALUE` or, as long ago, `NAME:VALUE`.
pub(super) fn security_opt(draft: &mut Draft, used: &Used, _: &[Used]) {
    let (name, value) = used.value.split_once(['=', ':']).unwrap_or((&used.value, ""));
    match (name, value) {
        ("no-new-privileges", "" | "true") => draft.set(used, "NoNewPrivileges", Scalar, "true"),
        ("no-new-privileges", "false") => draft.dropped(used, "it is the default"),
        ("apparmor", profile) => draft.set(used, "AppArmor", Scalar, profile),
        ("seccomp", "builtin") => draft.dropped(used, "it is the default"),
        ("seccomp", "unconfined") => draft.set(used, "SeccompProfile", Scalar, "unconfined"),
        ("seccomp", path) => {
            let path = draft.absolute(path);
            draft.set(used, "SeccompProfile", Scalar, &path);
        }
        ("systempaths", "unconfined") => draft.set(used, "Unmask", Arguments, "ALL"),
        ("mask", paths) => draft.set(used, "Mask", Arguments, paths),
        ("unmask", paths) => draft.set(used, "Unmask", Arguments, paths),
        ("label", "disable") => draft.set(used, "SecurityLabelDisable", Scalar, "true"),
        ("label", label) => match label.split_once(':') {
            Some(("type", label)) => draft.set(used, "SecurityLabelType", Scalar, label),
            Some(("level", label)) => draft.set(used, "SecurityLabelLevel", Scalar, label),
            Some(("filetype", label)) => draft.set(used, "SecurityLabelFileType", Scalar, label),
            _ => draft.not_mapped(
                used,
                "there are keys for the label's type, level and filetype (SecurityLabelType= and so on)",
            ),
        },
        _ => draft.not_mapped(used, "no key does it"),
    }
}

/// `USER[:GROUP]`
pub(super) fn user(draft: &mut Draft, used: &Used, _: &[Used]) {
    let (user, group) =
        used.value.split_once(':').map_or((used.value.as_str(), None), |(user, group)| (user, Some(group)));
    if user.is_empty() {
        return draft.not_mapped(used, "Group= needs User=; write both");
    }
    draft.set(used, "User", Scalar, user);
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        draft.set(used, "Group", Scalar, group);
    }
}

pub(super) fn userns(draft: &mut Draft, used: &Used, _: &[Used]) {
    match used.value.as_str() {
        "" => draft.dropped(used, "it is the default"),
        "host" => draft.set(used, "UserNS", Line, "host"),
        _ => draft.not_mapped(
            used,
            "Docker has one mapping of users for all containers; User= with the UID that owns the files",
        ),
    }
}
