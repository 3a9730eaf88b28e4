//! What was done last: `/var/lib/sculler/bootstrap.json`.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;

const FILE: &str = "bootstrap.json";

/// How far a document got.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Of the text, its variables replaced.
    pub digest: String,
    /// Whether everything was done.
    pub is_complete: bool,
    /// When it began, in seconds since 1970.
    pub at: f64,
    /// What was done, a line each.
    pub done: Vec<String>,
    /// What stopped it.
    pub error: Option<String>,
}

impl Record {
    /// Reads it; `None` if nothing was ever done.
    pub fn read(state: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(state.join(FILE)).ok()?).ok()
    }

    /// Writes it.
    pub fn write(&self, state: &Path) -> io::Result<()> {
        std::fs::create_dir_all(state)?;
        files::replace(&state.join(FILE), &serde_json::to_vec_pretty(self)?)
    }
}
