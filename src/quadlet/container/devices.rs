//! `AddDevice=`: devices by their paths, some only if they exist, and devices of the Container Device Interface.

use super::Translation;
use crate::host::ApiVersion;
use crate::quadlet::create::{Device, DeviceRequest};
use crate::quadlet::values::Value;

impl Translation<'_> {
    pub(super) fn devices(&mut self) {
        let mut names = Vec::new();
        for value in self.values.words("AddDevice") {
            let (is_optional, text) = match value.text.strip_prefix('-') {
                Some(text) => (true, text),
                None => (false, &*value.text),
            };
            if is_device_name(text) {
                names.extend(self.device_name(&value, text, is_optional));
                continue;
            }
            match device(text) {
                Ok(device) if is_optional => self.start.optional_devices.push(device),
                Ok(device) => self.create.host_config.devices.push(device),
                Err(message) => self.values.findings.push(value.error(format!("AddDevice '{text}' {message}"))),
            }
        }
        if !names.is_empty() {
            let request = DeviceRequest { driver: "cdi".into(), device_ids: names };
            self.create.host_config.device_requests.push(request);
        }
    }

    fn device_name(&mut self, value: &Value<'_>, text: &str, is_optional: bool) -> Option<String> {
        if is_optional {
            let message =
                format!("AddDevice '-{text}': only paths can be left out if they do not exist; remove the '-'");
            return self.values.refuse(value, message);
        }
        self.needs_api(value, "a device of the Container Device Interface", ApiVersion(1, 44), "25.0")
            .then(|| text.to_owned())
    }
}

/// `vendor.com/class=name` (container-device-interface: pkg/parser)
fn is_device_name(text: &str) -> bool {
    !text.starts_with('/')
        && text
            .split_once('=')
            .is_some_and(|(kind, name)| !name.is_empty() && kind.contains('/') && !kind.ends_with('/'))
}

/// `HOST[:CONTAINER][:PERMISSIONS]` (docker/cli: parseDevice)
fn device(text: &str) -> Result<Device, &'static str> {
    let is_permissions = |text: &str| !text.is_empty() && text.chars().all(|c| matches!(c, 'r' | 'w' | 'm'));
    let parts: Vec<&str> = text.split(':').collect();
    let (host, container, permissions) = match parts[..] {
        [host] => (host, host, "rwm"),
        [host, second] if is_permissions(second) => (host, host, second),
        [host, second] => (host, second, "rwm"),
        [host, container, permissions] if is_permissions(permissions) => (host, container, permissions),
        [_, _, _] => return Err("has permissions other than r, w and m; write such as /dev/fuse:/dev/fuse:rw"),
        _ => return Err("has too many parts; write HOST[:CONTAINER][:rwm]"),
    };
    if !host.starts_with('/') || !container.starts_with('/') {
        return Err("is no absolute path; write one such as /dev/ttyUSB0, or a CDI name such as nvidia.com/gpu=all");
    }
    Ok(Device {
        path_on_host: host.into(),
        path_in_container: container.into(),
        cgroup_permissions: permissions.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let cases = [
            ("/dev/a", Some("/dev/a /dev/a rwm")),
            ("/dev/a:r", Some("/dev/a /dev/a r")),
            ("/dev/a:/dev/b", Some("/dev/a /dev/b rwm")),
            ("/dev/a:/dev/b:rw", Some("/dev/a /dev/b rw")),
            ("/dev/a:/dev/b:x", None),
            ("/dev/a:b", None),
            ("dev/a", None),
            ("/dev/a:", None),
            ("/a:/b:r:w", None),
        ];
        for (text, expected) in cases {
            let found = device(text).ok();
            let show = |d: Device| format!("{} {} {}", d.path_on_host, d.path_in_container, d.cgroup_permissions);
            assert_eq!(found.map(show).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("nvidia.com/gpu=all", true),
            ("/dev/a=b", false),
            ("vendor.com/class", false),
            ("a=b", false),
            ("a/=b", false),
        ] {
            assert_eq!(is_device_name(text), expected, "{text}");
        }
    }
}
