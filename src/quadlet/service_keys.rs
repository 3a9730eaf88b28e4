//! `[Service]` keys that cannot be in a Quadlet file: those that are the supervisor's own affair, and those that would
//! give it a mount namespace, from which its mounts do not reach Docker.

use super::merged::{Assignment, Merged};
use crate::unit::values::parse_boolean;
use crate::unit::{Finding, UnitType};

/// Keys with a mount namespace, and what to do instead. Their values that ask for none are fine.
const NAMESPACE_KEYS: [(&str, &str); 29] = [
    ("BindPaths", "write Volume= in [Container]"),
    ("BindReadOnlyPaths", "write Volume=…:ro in [Container]"),
    ("DynamicUser", "write User= in [Container]"),
    ("ExecPaths", "leave it out"),
    ("ExtensionDirectories", "leave it out"),
    ("ExtensionImages", "leave it out"),
    ("InaccessiblePaths", "write Mask= in [Container]"),
    ("MountAPIVFS", "leave it out"),
    ("MountFlags", "write Volume=…:rslave in [Container]"),
    ("MountImages", "leave it out"),
    ("NoExecPaths", "leave it out"),
    ("PrivateDevices", "a container has devices of its own, see AddDevice= in [Container]"),
    ("PrivateIPC", "a container has its own"),
    ("PrivateMounts", "a container has its own"),
    ("PrivateNetwork", "write Network=none in [Container]"),
    ("PrivatePIDs", "a container has its own"),
    ("PrivateTmp", "write Tmpfs=/tmp in [Container]"),
    ("PrivateUsers", "leave it out"),
    ("ProcSubset", "leave it out"),
    ("ProtectControlGroups", "leave it out"),
    ("ProtectHome", "a container sees what Volume= gives it"),
    ("ProtectKernelLogs", "leave it out"),
    ("ProtectKernelModules", "leave it out"),
    ("ProtectKernelTunables", "write Mask= in [Container]"),
    ("ProtectProc", "leave it out"),
    ("ProtectSystem", "write ReadOnly=yes in [Container]"),
    ("ReadOnlyPaths", "write Volume=…:ro in [Container]"),
    ("ReadWritePaths", "write Volume= in [Container]"),
    ("TemporaryFileSystem", "write Tmpfs= in [Container]"),
];

/// Keys that are the supervisor's, and what to do instead.
const OWN_KEYS: [(&str, &str); 11] = [
    ("BusName", "leave it out"),
    ("ExecStart", "write Exec= in [Container]"),
    ("GuessMainPID", "leave it out"),
    ("Group", "write Group= in [Container]"),
    ("PIDFile", "leave it out"),
    ("RestartMode", "leave it out"),
    ("RootDirectory", "the container has a root of its own"),
    ("RootImage", "write Image= in [Container]"),
    ("SupplementaryGroups", "write GroupAdd= in [Container]"),
    ("User", "write User= in [Container]"),
    ("USBFunctionDescriptors", "leave it out"),
];

/// What cannot be in `[Service]` of a Quadlet file, on any host.
pub fn check(unit_type: UnitType, merged: &Merged) -> Vec<Finding> {
    let mut findings = Vec::new();
    for assignment in merged.section("Service").filter(|assignment| !assignment.entry.value.is_empty()) {
        let key = assignment.entry.key.as_str();
        let value = assignment.entry.value.as_str();
        let advice = |table: &[(&str, &'static str)]| table.iter().find(|(k, _)| *k == key).map(|(_, advice)| *advice);
        if let Some(advice) = advice(&NAMESPACE_KEYS).filter(|_| asks_for_namespace(value)) {
            let message = format!("{key}= hides the supervisor's mounts from Docker and does not reach the container");
            findings.push(assignment.error(format!("{message}; {}", of_type(unit_type, advice))));
        } else if let Some(advice) = advice(&OWN_KEYS) {
            let message = format!("{key}= would be for the supervisor, which the service runs");
            findings.push(assignment.error(format!("{message}; {}", of_type(unit_type, advice))));
        } else {
            findings.extend(check_value(unit_type, merged, &assignment));
        }
    }
    findings
}

/// The advice names keys of containers.
fn of_type(unit_type: UnitType, advice: &'static str) -> &'static str {
    if unit_type == UnitType::Container { advice } else { "leave it out" }
}

fn asks_for_namespace(value: &str) -> bool {
    parse_boolean(value) != Some(false) && !matches!(value, "default" | "all")
}

fn check_value(unit_type: UnitType, merged: &Merged, assignment: &Assignment<'_>) -> Option<Finding> {
    let is_container = unit_type == UnitType::Container;
    let value = assignment.entry.value.as_str();
    let error = |message: String| Some(assignment.error_at(0, message));
    match assignment.entry.key.as_str() {
        "Type" if is_container && !matches!(value, "notify" | "notify-reload" | "oneshot") => {
            error(format!("Type={value} is not possible for a container; write 'notify' or 'oneshot', or leave it out"))
        }
        "Type" if !is_container && value != "oneshot" => {
            error(format!("Type={value} is not possible for a .{unit_type} file, only 'oneshot'; leave it out"))
        }
        // podman: the same two.
        "KillMode" if !matches!(value, "mixed" | "control-group") => error(format!(
            "KillMode={value} would leave the supervisor behind; write 'mixed' or 'control-group', or leave it out"
        )),
        "Restart" if is_oneshot(unit_type, merged) && matches!(value, "always" | "on-success") => {
            error(format!("Restart={value} is not allowed for Type=oneshot; write 'on-failure'"))
        }
        "ExecStopPost" if is_container => Some(assignment.warning(
            "with ExecStopPost= a supervisor that is killed cannot come back to its container, which is stopped and \
             made anew; use ExecStop= if you can",
        )),
        _ => None,
    }
}

fn is_oneshot(unit_type: UnitType, merged: &Merged) -> bool {
    unit_type != UnitType::Container || super::service::is_oneshot(merged)
}
