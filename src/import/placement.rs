//! Which hosts imported files are for: the `[X-Fleet]` that they get.

use std::fmt;

/// Which hosts are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Placement {
    /// Nothing is said: `unplaced = "run"` takes such files.
    #[default]
    Unsaid,
    /// Hosts by their machine IDs.
    Machines(Vec<String>),
    /// Every host with one of the values of each key, `role=web`.
    Metadata(Vec<String>),
    /// Every host.
    Global,
}

impl Placement {
    /// The section, with an empty line above it.
    pub fn section(&self) -> String {
        let lines = |key: &str, values: &[String]| -> String {
            values.iter().map(|value| format!("{key}={value}\n")).collect::<String>()
        };
        let lines = match self {
            Self::Unsaid => return String::new(),
            Self::Machines(ids) => lines("MachineID", ids),
            Self::Metadata(pairs) => lines("MachineMetadata", pairs),
            Self::Global => "Global=true\n".to_owned(),
        };
        format!("\n[X-Fleet]\n{lines}")
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsaid => f.write_str("no host"),
            Self::Machines(ids) => write!(f, "MachineID={}", ids.join(", ")),
            Self::Metadata(pairs) => write!(f, "hosts with {}", pairs.join(", ")),
            Self::Global => f.write_str("every host"),
        }
    }
}
