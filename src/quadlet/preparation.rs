//! The service that prepares a new version while the old one runs: `supervise --prepare`, once, with the rights and the
//! environment that the new supervisor will have.
//!
//! Nothing of `[Unit]` is in it: a dependency or a conflict must not start or stop anything for a version that may never run.

use std::fmt::Write as _;

use super::privileges;
use crate::unit::{Digest, UnitName, UnitType, syntax};

/// What the names of these services begin with.
pub const PREFIX: &str = "sculler-prepare-";

/// The keys of `[Service]` that count for the preparation, too: those that say what the service reads, how long it may
/// take, and what its mounts need.
const KEYS: [&str; 12] = [
    "CapabilityBoundingSet",
    "Environment",
    "EnvironmentFile",
    "ImportCredential",
    "LoadCredential",
    "LoadCredentialEncrypted",
    "PassEnvironment",
    "RestrictSUIDSGID",
    "SetCredential",
    "SetCredentialEncrypted",
    "TimeoutStartSec",
    "UnsetEnvironment",
];

/// Whether an edit of such a file can fail before what runs is stopped.
pub fn is_prepared(unit_type: UnitType) -> bool {
    matches!(unit_type, UnitType::Container | UnitType::Image | UnitType::Build)
}

/// A text of digits for a version of a unit, short enough for any unit name.
pub fn id(unit: &UnitName, version: Digest) -> String {
    let digest = Digest::of([unit.as_str().as_bytes(), version.to_string().as_bytes()]);
    digest.to_string()[..16].to_owned()
}

/// The service's name.
pub fn service_name(id: &str) -> String {
    format!("{PREFIX}{id}.service")
}

/// The service's text. `texts`: the rendered service of `unit` and its drop-ins, in systemd's order.
pub fn text<'a>(
    unit: &UnitName,
    unit_type: UnitType,
    id: &str,
    texts: impl Iterator<Item = &'a [u8]>,
) -> Option<String> {
    let files: Vec<_> = texts.map(|text| syntax::parse(text).0).collect();
    let start = &files.first()?.last("Service", "ExecStart")?.value;
    let start = start.replacen(" supervise ", &format!(" supervise --prepare {id} "), 1);
    // As long as the service itself has.
    let longest = if unit_type == UnitType::Build { "infinity" } else { "90" };
    let mut text = format!(
        "# Made by sculler for an edit of {unit}, and gone when that is done.\n[Unit]\n\
         Description=The new version of {unit}\nCollectMode=inactive-or-failed\n\n[Service]\nType=oneshot\n\
         NotifyAccess=main\nExecStart={start}\nTimeoutStartSec={longest}\nSyslogIdentifier=%N\n\
         LogExtraFields=OBJECT_SYSTEMD_UNIT={unit}\n{}",
        privileges::of(unit_type)
    );
    let entries = files.iter().flat_map(|file| file.section_entries("Service"));
    for entry in entries.filter(|entry| KEYS.contains(&entry.key)) {
        let _ = writeln!(text, "{}={}", entry.key, entry.value);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_environment_and_no_dependencies() {
        let service = "[Unit]\nConflicts=other.service\nRequires=docker.service\n[Service]\n\
                       ExecStart=/usr/bin/sculler supervise web.service\nExecStartPre=/bin/touch /x\nEnvironment=A=1\n";
        let drop_in = "[Service]\nLoadCredential=key:/etc/key\nExecStopPost=/bin/rm /x\n";
        let texts = [service.as_bytes(), drop_in.as_bytes()];
        let web = UnitName::parse("web.service").unwrap();
        let text = text(&web, UnitType::Container, "00ff", texts.into_iter()).unwrap();
        for line in [
            "ExecStart=/usr/bin/sculler supervise --prepare 00ff web.service",
            "Environment=A=1",
            "LoadCredential=key:/etc/key",
            "NoNewPrivileges=yes",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        for word in ["Conflicts", "Requires", "/x"] {
            assert!(!text.contains(word), "{word} in\n{text}");
        }
    }
}
