//! The slice of a container's own: systemd's limits are for it, so that they bind the container and not only the
//! supervisor. It is the container's cgroup parent, too.

use std::fmt::Write as _;

use super::merged::{Assignment, Merged};
use crate::unit::digest::is_limit;
use crate::unit::{Digest, Finding, UnitName};

/// A container's slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `sculler-web.slice`.
    pub name: String,
    /// The keys of `[Service]` that are limits, in their order.
    pub limits: Vec<(String, String)>,
}

/// The longest name that systemd takes (systemd: UNIT_NAME_MAX).
const NAME_MAX: usize = 255;

impl Slice {
    /// The slice of a service; `None` if `[Service]` names another one, which cannot have limits of this service.
    pub fn of(service: &UnitName, merged: Merged<'_>, findings: &mut Vec<Finding>) -> Option<Self> {
        let limits = merged.section("Service").iter().filter(|assignment| is_limit(assignment.entry.key));
        if let Some(given) = given(merged) {
            let slice = given.entry.value;
            findings.extend(limits.map(|limit| {
                let key = limit.entry.key;
                limit.error(format!(
                    "{key}= would bind the supervisor alone, since Slice={slice} holds the container; put it into \
                     {slice}, or leave Slice= out"
                ))
            }));
            return None;
        }
        let limits = limits.map(|limit| (limit.entry.key.to_owned(), limit.entry.value.to_owned())).collect();
        Some(Self { name: name(service), limits })
    }

    /// Whether a key of `[Service]` is in the slice's file instead.
    pub fn takes(&self, key: &str) -> bool {
        is_limit(key) || key == "Slice"
    }

    /// The slice's file; `None` where there is nothing to say.
    pub fn text(&self, service: &UnitName) -> Option<String> {
        if self.limits.is_empty() {
            return None;
        }
        let mut text = format!("# The limits of {service} and its container.\n[Slice]\n");
        for (key, value) in &self.limits {
            let _ = writeln!(text, "{key}={value}");
        }
        Some(text)
    }
}

/// `Slice=` of `[Service]`.
pub fn given(merged: Merged<'_>) -> Option<Assignment<'_>> {
    merged.last("Service", "Slice").filter(|assignment| !assignment.entry.value.is_empty())
}

/// The name of a service's slice. A `-` would nest it, `@` is not allowed in it (systemd.slice(5)), and runc parts the
/// cgroup's path at `:`. A `\` is escaped too, so that no two units share a slice.
pub fn name(service: &UnitName) -> String {
    const BEFORE: &str = "sculler-";
    const AFTER: &str = ".slice";
    let stem = service.stem();
    let mut name = String::with_capacity(BEFORE.len() + stem.len() * 4 + AFTER.len());
    name.push_str(BEFORE);
    for byte in stem.bytes() {
        match byte {
            b'-' | b'@' | b':' | b'\\' => {
                let _ = write!(name, "\\x{byte:02x}");
            }
            byte => name.push(char::from(byte)),
        }
    }
    name.push_str(AFTER);
    if name.len() <= NAME_MAX {
        return name;
    }
    format!("{BEFORE}{}{AFTER}", Digest::of([service.as_str().as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_slices() {
        for (service, slice) in [
            ("web.service", "sculler-web.slice"),
            ("my-web.service", r"sculler-my\x2dweb.slice"),
            ("web@1.service", r"sculler-web\x401.slice"),
            ("a:b.service", r"sculler-a\x3ab.slice"),
            (r"a\x2db.service", r"sculler-a\x5cx2db.slice"),
        ] {
            assert_eq!(name(&UnitName::parse(service).unwrap()), slice);
        }
        let long = format!("{}.service", "-".repeat(200));
        assert!(name(&UnitName::parse(&long).unwrap()).len() <= NAME_MAX);
    }

    #[test]
    fn limits_are_what_slices_know() {
        for limit in ["MemoryMax", "CPUQuota", "TasksMax", "IOWeight", "IPAddressDeny"] {
            assert!(is_limit(limit), "{limit}");
        }
        for other in ["Slice", "Delegate", "Restart", "LimitNOFILE", "OOMPolicy"] {
            assert!(!is_limit(other), "{other}");
        }
    }
}
