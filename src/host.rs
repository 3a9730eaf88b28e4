//! Who this host is: its machine ID, hostname and metadata. Selection reads nothing else of a host.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The host as selection sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `/etc/machine-id` (machine-id(5)).
    pub machine_id: MachineId,
    /// The static hostname, as `%H` in unit files.
    pub hostname: String,
    /// `metadata` of sculler.toml, for `MachineMetadata=`.
    pub metadata: BTreeMap<String, String>,
}

/// The versions and settings of the host's systemd and Docker Engine: what is rendered depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// systemd's version: 257.
    pub systemd: u32,
    /// The newest API version that the Engine speaks.
    pub docker_api: ApiVersion,
    /// Whether containers outlive a restart of the Engine.
    pub live_restore: bool,
    /// The command that supervises containers: sculler itself.
    pub executable: PathBuf,
    /// What specifiers tell of the host beyond who it is; `None` if the host is not this one: a file that asks is invalid.
    #[serde(skip)]
    pub system: Option<System>,
}

/// What specifiers such as `%v` stand for (systemd.unit(5), "Specifiers"), read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System {
    /// `%a`, in systemd's words: `x86-64`.
    pub architecture: String,
    /// `%v`, as `uname -r`.
    pub kernel: String,
    /// `%b`, 32 hexadecimal digits.
    pub boot_id: String,
    /// `%q` of machine-info(5); empty: the hostname.
    pub pretty_hostname: String,
    /// os-release(5), for `%o %w %W %B %M %A`.
    pub os_release: BTreeMap<String, String>,
    /// `%s`, root's shell.
    pub root_shell: String,
}

/// Where packages put sculler. The agent tells where it really is.
pub const EXECUTABLE: &str = "/usr/bin/sculler";

/// A version of Docker Engine's API: `1.45`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiVersion(pub u16, pub u16);

impl Default for Platform {
    /// The newest of each, without live-restore.
    fn default() -> Self {
        Self {
            systemd: u32::MAX,
            docker_api: ApiVersion(u16::MAX, u16::MAX),
            live_restore: false,
            executable: EXECUTABLE.into(),
            system: None,
        }
    }
}

impl System {
    /// Reads this host's. What cannot be read is empty, as in systemd.
    pub fn read() -> Self {
        let line = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let assignments = |paths: &[&str]| {
            let text = paths.iter().find_map(|path| std::fs::read_to_string(path).ok());
            assignments(&text.unwrap_or_default())
        };
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "x86-64",
            "aarch64" => "arm64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64-le",
            "powerpc64" => "ppc64",
            other => other,
        };
        // systemd: default_root_shell() in src/basic/user-util.c
        let root_shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
        Self {
            architecture: architecture.to_owned(),
            kernel: line("/proc/sys/kernel/osrelease"),
            boot_id: line("/proc/sys/kernel/random/boot_id").replace('-', ""),
            pretty_hostname: assignments(&["/etc/machine-info"]).remove("PRETTY_HOSTNAME").unwrap_or_default(),
            os_release: assignments(&["/etc/os-release", "/usr/lib/os-release"]),
            root_shell: root_shell.to_owned(),
        }
    }
}

/// `KEY=value` lines as os-release(5) has them, without the quotes around values.
fn assignments(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), unquote(value).to_owned())).collect()
}

fn unquote(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

impl std::str::FromStr for ApiVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed =
            text.split_once('.').and_then(|(major, minor)| Some(Self(major.parse().ok()?, minor.parse().ok()?)));
        parsed.ok_or("a version of Docker's API is written as 1.45")
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// A machine ID: 32 lower-case hexadecimal digits (machine-id(5)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MachineId(String);

/// Where a host's machine ID is (machine-id(5)).
pub const MACHINE_ID_FILE: &str = "/etc/machine-id";

/// How many leading characters of a machine ID are enough to name a host
/// (`fleet: machine/state.go`, which took exactly these 8).
pub const SHORT_ID_LENGTH: usize = 8;

/// What is wrong with a machine ID.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MachineIdError {
    /// Not 32 hexadecimal digits.
    #[error("'{0}' is not a machine ID: it must be 32 hexadecimal digits")]
    Malformed(String),
    /// `/etc/machine-id` has no ID (yet): `uninitialized`, empty or missing.
    #[error("{path} holds no machine ID ({reason}); run 'systemd-machine-id-setup'")]
    Missing {
        /// The file that was read.
        path: String,
        /// What was found instead.
        reason: String,
    },
}

impl Host {
    /// Reads who this host is; `metadata` comes from the settings.
    pub fn read(metadata: BTreeMap<String, String>) -> Result<Self, MachineIdError> {
        let machine_id = MachineId::read(Path::new(MACHINE_ID_FILE))?;
        let hostname = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { machine_id, hostname, metadata })
    }
}

impl MachineId {
    /// Reads a machine ID as machine-id(5) writes it; upper case and surrounding blanks are accepted.
    pub fn parse(text: &str) -> Result<Self, MachineIdError> {
        let id = text.trim().to_ascii_lowercase();
        if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(id))
        } else {
            Err(MachineIdError::Malformed(text.trim().to_owned()))
        }
    }

    /// Reads `path`, normally `/etc/machine-id`.
    pub fn read(path: &Path) -> Result<Self, MachineIdError> {
        let missing = |reason: String| MachineIdError::Missing { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| missing(error.to_string()))?;
        match text.trim() {
            "" => Err(missing("the file is empty".into())),
            "uninitialized" => Err(missing("it says 'uninitialized'".into())),
            id => Self::parse(id),
        }
    }

    /// Whether `wanted` names this host: the whole ID or at least its first [`SHORT_ID_LENGTH`] characters.
    pub fn matches(&self, wanted: &str) -> bool {
        wanted.len() >= SHORT_ID_LENGTH && self.0.starts_with(wanted)
    }

    /// All 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first [`SHORT_ID_LENGTH`] digits, as fleetctl prints it.
    pub fn short(&self) -> &str {
        &self.0[..SHORT_ID_LENGTH]
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_characters_or_more_name_a_host() {
        let id = MachineId::parse("DF515c3682aa43b4ae2b7d2168e17d38\n").unwrap();
        assert!(id.matches("df515c3682aa43b4ae2b7d2168e17d38"));
        assert!(id.matches("df515c36"));
        assert!(id.matches("df515c3682"));
        assert!(!id.matches("df515c3"));
        assert!(!id.matches(""));
        assert!(!id.matches("df515c3682aa43b4ae2b7d2168e17d380"));
        assert_eq!(id.short(), "df515c36");
    }

    #[test]
    fn lines_of_os_release() {
        let found = assignments("NAME=\"Debian GNU/Linux\"\n# ID=x\nID=debian\nVERSION_ID='13'\nODD=\"\n");
        let expected = [("NAME", "Debian GNU/Linux"), ("ID", "debian"), ("VERSION_ID", "13"), ("ODD", "\"")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn anything_but_32_digits_is_refused() {
        for text in ["", "df515c36", "zz515c3682aa43b4ae2b7d2168e17d38", "uninitialized"] {
            assert!(MachineId::parse(text).is_err(), "{text:?}");
        }
    }
}
