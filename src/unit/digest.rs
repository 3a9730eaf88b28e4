//! Digests of units: what decides whether anything has to be written, restarted or stopped by its old definition.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::syntax::{Entry, UnitFile};
use super::systemd_keys;

/// A SHA-256, printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest([u8; 32]);

/// Of the length that goes before each part.
const LENGTH: usize = size_of::<u64>();

impl Digest {
    /// The digest of a sequence of parts; where one part ends matters.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        // One long text is hashed faster than many short ones
        let mut buffer = [0; 1024];
        let mut filled = 0;
        for part in parts {
            if filled + LENGTH + part.len() > buffer.len() {
                hasher.update(&buffer[..filled]);
                filled = 0;
            }
            let (length, rest) =
                buffer[filled..].split_first_chunk_mut::<LENGTH>().expect("there is room for it since the last update");
            *length = (part.len() as u64).to_le_bytes();
            filled += LENGTH;
            if let Some(room) = rest.get_mut(..part.len()) {
                room.copy_from_slice(part);
                filled += part.len();
            } else {
                hasher.update(&buffer[..filled]);
                hasher.update(part);
                filled = 0;
            }
        }
        hasher.update(&buffer[..filled]);
        Self(hasher.finalize().into())
    }

    /// The first seven digits, as fleetctl's HASH column.
    pub fn short(&self) -> String {
        self.to_string()[..7].to_owned()
    }

    /// As it is printed.
    pub fn digits(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        digits
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
    digest_where(files, matters)
}

/// The same of a Quadlet file, whose limits are changed in what runs.
pub fn quadlet_run_digest(files: &[&UnitFile]) -> Digest {
    digest_where(files, |section, entry| matters(section, entry) && !(section == "Service" && is_limit(entry.key)))
}

fn matters(section: &str, entry: &Entry<'_>) -> bool {
    let is_description = section == "Unit" && matches!(entry.key, "Description" | "Documentation");
    !section.starts_with("X-") && section != "Install" && !is_description
}

/// Whether a key of `[Service]` is systemd.resource-control(5)'s: then a slice knows it, too.
pub fn is_limit(key: &str) -> bool {
    const OTHERS: [&str; 7] =
        ["BPFProgram", "CoredumpReceive", "Delegate", "DelegateSubgroup", "DisableControllers", "NFTSet", "Slice"];
    systemd_keys::kind("Slice", key).is_some() && !OTHERS.contains(&key)
}

/// The digest of how the unit stops. For services: the stop commands, what they run with, and the kill settings. For
/// other types whatever can matter at all, so that they are always stopped as they were started.
pub fn stop_digest(files: &[&UnitFile]) -> Digest {
    if !files.iter().any(|file| file.has_section("Service")) {
        return run_digest(files);
    }
    let has_commands =
        files.iter().any(|file| ["ExecStop", "ExecStopPost"].iter().any(|key| file.last("Service", key).is_some()));
    digest_where(files, |section, entry| {
        section == "Service"
            && (STOP_KEYS.contains(&entry.key)
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

fn digest_where(files: &[&UnitFile], matters: impl Fn(&str, &Entry<'_>) -> bool) -> Digest {
    let sections = files.iter().flat_map(|file| file.sections());
    Digest::of(sections.flat_map(|section| {
        let entries = section.entries().filter(|entry| matters(section.name, entry));
        entries.flat_map(move |entry| [section.name, entry.key, entry.value].map(str::as_bytes))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_length() {
        for lengths in [vec![], vec![0], vec![1016, 1], vec![1024], vec![1025], vec![9, 5000, 9], vec![300; 10]] {
            let parts: Vec<Vec<u8>> = lengths.iter().map(|length| vec![b'a'; *length]).collect();
            let mut hasher = Sha256::new();
            for part in &parts {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            let digest = Digest::of(parts.iter().map(Vec::as_slice));
            assert_eq!(digest.0[..], hasher.finalize()[..], "{lengths:?}");
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }
}
