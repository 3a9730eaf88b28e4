//! The files that a plain service follows.

use std::path::PathBuf;
use std::sync::Arc;

use crate::host::Host;
use crate::unit::follow::{Actor, Follow};
use crate::unit::{OnChange, TextFile, Unit, UnitFile, UnitType, parse};

/// Keys of `[Service]` that mean nothing to a check, or would do harm: it is another process, which runs once.
const NOT_FOR_CHECKS: [&str; 14] = [
    "BusName",
    "FileDescriptorStoreMax",
    "GuessMainPID",
    "NotifyAccess",
    "PIDFile",
    "RemainAfterExit",
    "RuntimeDirectoryPreserve",
    "Sockets",
    "StandardError",
    "StandardInput",
    "StandardOutput",
    "SuccessExitStatus",
    "Type",
    "WatchdogSec",
];

/// Beginnings of such keys.
const NOT_FOR_CHECKS_FROM: [&str; 4] = ["Exec", "Restart", "TTY", "Timeout"];

/// What a service with `Watch=` follows; `None` for anything else.
pub fn of_service(unit: &Unit, host: &Host) -> Option<Follow> {
    if unit.policy.watch.is_empty() || unit.name.unit_type() != UnitType::Service || unit.name.is_template() {
        return None;
    }
    let texts = [&unit.file].into_iter().chain(&unit.drop_ins);
    let files: Vec<UnitFile> = texts.map(|file: &Arc<TextFile>| parse(&file.text).0).collect();
    let entries = || files.iter().flat_map(|file| file.section_entries("Service"));
    let can_reload = entries().any(|entry| match entry.key {
        "ExecReload" => !entry.value.is_empty(),
        "Type" => entry.value == "notify-reload",
        _ => false,
    });
    let default = if can_reload { OnChange::Reload } else { OnChange::None };
    let is_for_checks = |key: &str| {
        !NOT_FOR_CHECKS.contains(&key) && !NOT_FOR_CHECKS_FROM.iter().any(|beginning| key.starts_with(beginning))
    };
    let service = entries().filter(|entry| is_for_checks(entry.key));
    let actor = Actor::Agent {
        check: unit.policy.check.clone(),
        service: service.map(|entry| (entry.key.to_owned(), entry.value.to_owned())).collect(),
    };
    let mut follow = Follow::new(&unit.policy, host, unit.policy.on_change.unwrap_or(default), actor);
    // What systemd expands is left to it.
    let is_plain = |path: &&str| path.starts_with('/') && !path.contains(['%', '*', '?', '[']);
    let files = entries().filter(|entry| entry.key == "EnvironmentFile");
    follow.environment =
        files.map(|entry| entry.value.trim_start_matches('-')).filter(is_plain).map(PathBuf::from).collect();
    Some(follow)
}
