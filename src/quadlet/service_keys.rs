//! Keys of `[Service]` that cannot work in a Quadlet file. What sculler runs there is its supervisor, not the
//! container's process.

use super::merged::{Assignment, Merged};
use super::values::is_yes;
use crate::unit::{Finding, UnitType};

/// What is done about a key.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// Allowed with these values, the reason for the others.
    Only(&'static [&'static str], &'static str),
    /// Refused, with what to use instead.
    Refused(&'static str),
    /// Has no effect on the container.
    Warned(&'static str),
}

use Verdict::{Only, Refused, Warned};

const NOT_OURS: &str =
    "systemd runs the supervisor here, as root; for the container's process use User= and Group= of [Container]";
const HIDES_MOUNTS: &str = "it would hide the service's mounts from Docker";
const OWN_START: &str = "sculler starts the container itself; use Exec= and Entrypoint= of [Container]";

/// For `.container` files.
const CONTAINER: &[(&str, Verdict)] = &[
    ("Type", Only(&["notify", "oneshot"], "a container's service is 'notify' (the default) or 'oneshot'")),
    (
        "KillMode",
        Only(&["mixed", "control-group"], "the supervisor has to see the signal first; use 'mixed' (the default)"),
    ),
    ("User", Warned(NOT_OURS)),
    ("Group", Warned(NOT_OURS)),
    ("DynamicUser", Warned(NOT_OURS)),
    ("ExecStart", Refused(OWN_START)),
    ("ExecStop", Refused("sculler stops the container itself; use StopSignal= and StopTimeout= of [Container]")),
    ("ExecReload", Refused("sculler passes reloads on itself; use ReloadCmd= or ReloadSignal= of [Container]")),
    ("ExecReloadPost", Refused("sculler passes reloads on itself; use ReloadCmd= or ReloadSignal= of [Container]")),
    ("ExecStopPost", Warned("with it, a container whose supervisor was killed is started anew, not taken over")),
    ("RootDirectory", Refused("the container has a root of its own; use Image= and Volume= of [Container]")),
    ("RootImage", Refused("the container has a root of its own; use Image= of [Container]")),
    ("RootVerity", Refused("the container has a root of its own; use Image= of [Container]")),
    ("RootEphemeral", Refused("the container has a root of its own; use Image= of [Container]")),
    ("RootHash", Refused("the container has a root of its own; use Image= of [Container]")),
    ("PrivateTmp", Refused("use Tmpfs=/tmp of [Container]")),
    ("PrivateDevices", Refused("a container sees its own devices only; use AddDevice= of [Container]")),
    ("ProtectSystem", Refused("use ReadOnly=yes of [Container]")),
    ("ProtectHome", Refused("a container sees what Volume= of [Container] gives it only; remove it")),
    ("ProtectKernelTunables", Refused("Docker protects them; see Mask= and Unmask= of [Container]")),
    ("ProtectKernelModules", Refused("a container may not load any; see DropCapability= of [Container]")),
    ("ProtectKernelLogs", Refused("a container may not read them; see DropCapability= of [Container]")),
    ("ProtectControlGroups", Refused("a container has them read-only; remove it")),
    ("ProtectProc", Refused("a container has a /proc of its own; see Mask= of [Container]")),
    ("ProcSubset", Refused("a container has a /proc of its own; see Mask= of [Container]")),
    ("ReadWritePaths", Refused("use Volume=FOLDER:FOLDER of [Container]")),
    ("ReadOnlyPaths", Refused("use Volume=FOLDER:FOLDER:ro of [Container]")),
    ("InaccessiblePaths", Refused("use Mask= of [Container]")),
    ("ExecPaths", Refused("use Volume= of [Container]")),
    ("NoExecPaths", Refused("use Volume= of [Container]")),
    ("BindPaths", Refused("use Volume= of [Container]")),
    ("BindReadOnlyPaths", Refused("use Volume=SOURCE:TARGET:ro of [Container]")),
    ("BindLogSockets", Refused("use Volume=/dev/log:/dev/log of [Container]")),
    ("TemporaryFileSystem", Refused("use Tmpfs= of [Container]")),
    ("MountAPIVFS", Refused("a container has them; remove it")),
    ("MountFlags", Refused("use an option such as rslave of Volume= of [Container]")),
    ("MountImages", Refused("use Mount=type=image of [Container]")),
    ("ExtensionImages", Refused("use Mount=type=image of [Container]")),
    ("ExtensionDirectories", Refused("use Volume= of [Container]")),
    ("PrivateMounts", Refused("a container has mounts of its own; remove it")),
    ("LogNamespace", Refused("Docker's daemon writes the container's lines; use LogDriver= of [Container]")),
    ("PrivateIPC", Refused("a container has IPC of its own; remove it")),
    ("PrivatePIDs", Refused("a container has processes of its own; remove it")),
    ("PrivateNetwork", Refused("use Network=none of [Container]")),
    ("NetworkNamespacePath", Refused("use Network=container:NAME of [Container]")),
    ("IPCNamespacePath", Refused("a container has IPC of its own; remove it")),
    ("PrivateUsers", Refused("Docker maps users for the whole daemon; use User= of [Container]")),
];

/// For the other types: their services are one call each.
const OTHERS: &[(&str, Verdict)] = &[
    ("Type", Only(&["oneshot"], "what makes it is over when it is made; leave Type= out")),
    ("ExecStart", Refused("sculler makes it itself; remove the line")),
    ("User", Warned("systemd runs sculler here, as root")),
    ("Group", Warned("systemd runs sculler here, as root")),
    ("DynamicUser", Warned("systemd runs sculler here, as root")),
];

/// Keys that give the service mounts of its own (systemd: `exec_needs_mount_namespace()` in src/core/exec-invoke.c).
const BOOLEANS: [&str; 14] = [
    "PrivateTmp",
    "PrivateDevices",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "PrivateMounts",
    "PrivateIPC",
    "PrivatePIDs",
    "PrivateNetwork",
    "PrivateUsers",
    "DynamicUser",
    "MountAPIVFS",
    "BindLogSockets",
];

/// Reports the keys that cannot work.
pub(super) fn check(merged: Merged<'_>, unit_type: UnitType, findings: &mut Vec<Finding>) {
    let keys = if unit_type == UnitType::Container { CONTAINER } else { OTHERS };
    let assignments = merged.section("Service");
    for (key, verdict) in keys {
        for assignment in assignments.list(key) {
            findings.extend(judge(&assignment, *verdict));
        }
    }
}

fn judge(assignment: &Assignment<'_>, verdict: Verdict) -> Option<Finding> {
    let (key, value) = (assignment.entry.key, assignment.entry.value);
    match verdict {
        Only(values, _) if values.contains(&value) => None,
        Only(_, reason) => Some(assignment.error_at(0, format!("{key}={value} does not work in this file: {reason}"))),
        _ if is_off(key, value) => None,
        Warned(reason) => Some(assignment.warning(format!("{key}= of [Service]: {reason}"))),
        Refused(reason) if reason.contains("; ") => {
            Some(assignment.error(format!("{key}= of [Service] does not work in this file: {reason}")))
        }
        Refused(instead) => {
            Some(assignment.error(format!("{key}= of [Service] does not work in this file: {HIDES_MOUNTS}; {instead}")))
        }
    }
}

/// Whether a key is set to what it would be without the line.
fn is_off(key: &str, value: &str) -> bool {
    let is_word = BOOLEANS.contains(&key) || matches!(key, "ProtectSystem" | "ProtectHome");
    is_word && (["no", "false", "off", "0"].iter().any(|word| value.eq_ignore_ascii_case(word)) && !is_yes(value))
        || matches!((key, value), ("ProtectProc", "default") | ("ProcSubset", "all"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::unit;
    use super::*;
    use crate::unit::systemd_keys;

    fn messages(name: &str, lines: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let unit = unit(name, &format!("[Service]\n{lines}\n"));
        check(Merged::of(&unit), unit.name.unit_type(), &mut findings);
        findings.into_iter().map(|finding| finding.diagnostic.message).collect()
    }

    #[test]
    fn keys_are_systemd_s() {
        for (key, _) in CONTAINER.iter().chain(OTHERS).filter(|(key, _)| *key != "ExecReloadPost") {
            assert!(systemd_keys::kind("Service", key).is_some(), "{key}");
        }
    }

    #[test]
    fn what_cannot_work() {
        let cases = [
            (
                "Type=simple",
                "Type=simple does not work in this file: a container's service is 'notify' (the default) or 'oneshot'",
            ),
            (
                "KillMode=process",
                "KillMode=process does not work in this file: the supervisor has to see the signal first; use 'mixed' (the default)",
            ),
            (
                "ProtectSystem=strict",
                "ProtectSystem= of [Service] does not work in this file: it would hide the service's mounts from Docker; use ReadOnly=yes of [Container]",
            ),
            (
                "ExecStop=/bin/x",
                "ExecStop= of [Service] does not work in this file: sculler stops the container itself; use StopSignal= and StopTimeout= of [Container]",
            ),
        ];
        for (lines, expected) in cases {
            assert_eq!(messages("a.container", lines), [expected], "{lines}");
        }
        for fine in
            ["Type=oneshot", "PrivateTmp=no", "ProtectSystem=false", "ExecStop=", "Restart=always", "KillMode=mixed"]
        {
            assert!(messages("a.container", fine).is_empty(), "{fine}");
        }
        assert_eq!(messages("a.volume", "Type=notify").len(), 1);
        assert!(messages("a.container", "User=www")[0].contains("use User= and Group= of [Container]"));
    }
}
