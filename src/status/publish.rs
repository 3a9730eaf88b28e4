//! `/run/sculler/status.json`: what the agent knows and nobody else can, readable by all, without secrets.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::host::Platform;

/// The file's name below `/run/sculler`.
pub const STATUS_FILE: &str = "status.json";

/// What the agent publishes after each pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentStatus {
    /// sculler's version.
    pub version: String,
    /// The agent's process.
    pub pid: u32,
    /// What it renders for.
    pub platform: Platform,
    /// The unit directory that it watches.
    pub unit_dir: PathBuf,
    /// The last pass, in seconds since 1970.
    pub last_pass: f64,
    /// How many files it saw.
    pub files: usize,
    /// What is wrong with the host as a whole: the directory, the settings, the connection.
    pub problems: Vec<String>,
    /// Units of which there is something to say.
    pub units: BTreeMap<String, UnitStatus>,
}

/// What the agent has to say of a unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitStatus {
    /// The job in flight: `start`, `stop`, `restart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The service that prepares its new version, while that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preparation: Option<String>,
    /// Why nothing is done for it: it is refused on this host, or masked or disabled by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Whether that is somebody's will and nothing wrong.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_by_hand: bool,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// Something that went wrong with a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// What, and what to do.
    pub message: String,
    /// Since when, in seconds since 1970.
    pub since: f64,
    /// When it is tried again, in seconds since 1970; `None`: not before the file changes.
    pub retry_at: Option<f64>,
    /// Whether the next try waits for somebody to start the Engine.
    #[serde(default)]
    pub waits_for_docker: bool,
}

/// Now, in seconds since 1970.
pub fn seconds_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Writes the status below `folder`.
pub fn publish(folder: &Path, status: &AgentStatus) -> io::Result<()> {
    files::replace(&folder.join(STATUS_FILE), &serde_json::to_vec(status)?)
}

/// Reads what an agent published below `folder`.
pub fn read(folder: &Path) -> io::Result<AgentStatus> {
    Ok(serde_json::from_slice(&std::fs::read(folder.join(STATUS_FILE))?)?)
}
