//! Capabilities, SELinux, AppArmor, seccomp, and the paths that are hidden or read-only.

use super::Translation;
use crate::quadlet::values::Value;
use crate::unit::glob::Glob;
use crate::unit::nearest::{nearest, suggestion};

/// What the Engine hides by default (moby: daemon/pkg/oci/defaults.go). The per-CPU thermal_throttle of newer ones is
/// not among them: which there are, only the host tells.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// capabilities(7)
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

impl Translation<'_> {
    pub(super) fn security(&mut self) {
        let added = self.values.words("AddCapability");
        self.create.host_config.cap_add = self.capabilities(added);
        let dropped = self.values.words("DropCapability");
        self.create.host_config.cap_drop = self.capabilities(dropped);
        self.create.host_config.readonly_rootfs = self.values.boolean("ReadOnly");
        self.options();
        self.paths();
    }

    fn capabilities(&mut self, values: Vec<Value<'_>>) -> Vec<String> {
        let mut names = Vec::new();
        for value in values {
            let upper = value.text.to_ascii_uppercase();
            let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
            if CAPABILITIES.contains(&name) {
                names.push(name.to_owned());
            } else {
                let near = nearest(name, CAPABILITIES);
                let advice = if near.is_some() { suggestion(near) } else { "; see capabilities(7)".into() };
                let message = format!("{} '{}' is no capability{advice}", value.key(), value.text);
                self.values.findings.push(value.error(message));
            }
        }
        names
    }

    fn options(&mut self) {
        let mut options = Vec::new();
        if self.values.boolean("NoNewPrivileges") == Some(true) {
            options.push("no-new-privileges".to_owned());
        }
        if self.values.boolean("SecurityLabelDisable") == Some(true) {
            options.push("label=disable".to_owned());
        }
        for (key, option) in [
            ("SecurityLabelType", "label=type:"),
            ("SecurityLabelFileType", "label=filetype:"),
            ("SecurityLabelLevel", "label=level:"),
            ("AppArmor", "apparmor="),
        ] {
            if let Some(value) = self.values.scalar(key) {
                options.push(format!("{option}{}", value.text));
            }
        }
        if let Some(value) = self.values.scalar("SeccompProfile") {
            if value.text == "unconfined" {
                options.push("seccomp=unconfined".to_owned());
            } else {
                self.start.seccomp_profile = Some(self.host_path(&value.text));
            }
        }
        self.create.host_config.security_opt = options;
    }

    /// podman-run(1), `--security-opt mask=, unmask=`. The API's lists replace the Engine's own, so these are sent with
    /// what changes.
    fn paths(&mut self) {
        let mask = self.values.arguments("Mask");
        let unmask = self.values.arguments("Unmask");
        if mask.is_empty() && unmask.is_empty() {
            return;
        }
        let masks = self.path_list(&mask);
        let unmasks = self.path_list(&unmask);
        let all = unmasks.iter().any(|path| path.eq_ignore_ascii_case("ALL"));
        let keeps = |path: &&str| !all && !unmasks.iter().any(|pattern| matches(pattern, path));
        let mut masked: Vec<String> = MASKED.iter().copied().filter(keeps).map(str::to_owned).collect();
        for path in masks {
            if !masked.contains(&path) {
                masked.push(path);
            }
        }
        self.create.host_config.masked_paths = Some(masked);
        let read_only = READ_ONLY.iter().copied().filter(keeps).map(str::to_owned).collect();
        self.create.host_config.readonly_paths = Some(read_only);
    }

    fn path_list(&mut self, values: &[Value<'_>]) -> Vec<String> {
        let mut paths = Vec::new();
        for value in values {
            for path in value.text.split(':').filter(|path| !path.is_empty()) {
                let is_all = value.key() == "Unmask" && path.eq_ignore_ascii_case("ALL");
                if path.starts_with('/') || is_all {
                    paths.push(path.to_owned());
                } else {
                    let message =
                        format!("{}: '{path}' is no absolute path in the container; write it from '/' on", value.key());
                    self.values.findings.push(value.error(message));
                }
            }
        }
        paths
    }
}

/// Go: `filepath.Match()`, whose `*` ends at a `/`.
fn matches(pattern: &str, path: &str) -> bool {
    let is_match =
        |(pattern, part): (&str, &str)| pattern == part || Glob::parse(pattern).is_ok_and(|glob| glob.matches(part));
    let pattern = pattern.trim_end_matches('/');
    pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(is_match)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_paths() {
        let cases = [
            ("/proc/*", "/proc/kcore", true),
            ("/proc/kcore/", "/proc/kcore", true),
            ("/sys/*", "/sys/devices/virtual/powercap", false),
            ("/proc/k*", "/proc/keys", true),
            ("/proc", "/proc/keys", false),
            ("/proc/[", "/proc/keys", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
