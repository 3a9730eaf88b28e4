//! Digests of units: what decides whether anything has to be written, restarted or stopped by its old definition.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::syntax::{Entry, UnitFile};

/// A SHA-256, printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a sequence of parts; where one part ends matters.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The first seven digits, as fleetctl's HASH column.
    pub fn short(&self) -> String {
        self.to_string()[..7].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err("a digest has 64 hexadecimal digits");
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| "not hexadecimal")?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| "not hexadecimal")?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The digest of everything that can matter to the running process: all but comments, blanks, `[X-…]` sections,
/// `[Install]`, `Description=` and `Documentation=`. `files` are the unit file and its drop-ins, in systemd's order.
pub fn run_digest(files: &[&UnitFile]) -> Digest {
    run_digest_without(files, |_, _| false)
}

/// [`run_digest`], less the keys of a section that are changed in what runs.
pub fn run_digest_without(files: &[&UnitFile], is_changed_live: impl Fn(&str, &str) -> bool) -> Digest {
    digest_where(files, |section, entry| {
        let is_description = section == "Unit" && matches!(entry.key.as_str(), "Description" | "Documentation");
        let is_harmless = section.starts_with("X-") || section == "Install" || is_description;
        !is_harmless && !is_changed_live(section, &entry.key)
    })
}

/// The digest of how the unit stops. For services: the stop commands, what they run with, and the kill settings. For
/// other types whatever can matter at all, so that they are always stopped as they were started.
pub fn stop_digest(files: &[&UnitFile]) -> Digest {
    if !files.iter().any(|file| file.has_section("Service")) {
        return run_digest(files);
    }
    let has_commands = files
        .iter()
        .any(|file| ["ExecStop", "ExecStopPost"].iter().any(|key| file.entries("Service", key).next().is_some()));
    digest_where(files, |section, entry| {
        section == "Service"
            && (STOP_KEYS.contains(&entry.key.as_str())
                || has_commands && STOP_COMMAND_CONTEXT.iter().any(|prefix| entry.key.starts_with(prefix)))
    })
}

/// The digest of `[Install]`.
pub fn install_digest(files: &[&UnitFile]) -> Digest {
    digest_where(files, |section, _| section == "Install")
}

const STOP_KEYS: [&str; 13] = [
    "ExecStop",
    "ExecStopPost",
    "FinalKillSignal",
    "GuessMainPID",
    "KillMode",
    "KillSignal",
    "PIDFile",
    "RestartKillSignal",
    "SendSIGHUP",
    "SendSIGKILL",
    "TimeoutSec",
    "TimeoutStopFailureMode",
    "TimeoutStopSec",
];

/// Beginnings of the keys that a stop command depends on.
const STOP_COMMAND_CONTEXT: [&str; 9] = [
    "DynamicUser",
    "Environment",
    "Group",
    "LoadCredential",
    "PassEnvironment",
    "Root",
    "SupplementaryGroups",
    "User",
    "WorkingDirectory",
];

fn digest_where(files: &[&UnitFile], matters: impl Fn(&str, &Entry) -> bool) -> Digest {
    let sections = files.iter().flat_map(|file| &file.sections);
    Digest::of(sections.flat_map(|section| {
        let entries = section.entries.iter().filter(|entry| matters(&section.name, entry));
        entries.flat_map(|entry| [section.name.as_bytes(), entry.key.as_bytes(), entry.value.as_bytes()])
    }))
}
