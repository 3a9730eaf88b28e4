//! What is remembered: in the unit directory, where it is from, so that both change at once; beside the repository, how
//! the last attempt went.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::tree::Digests;
use super::{Error, io_error};
use crate::files;

/// The marker's name in the unit directory; nothing reads files whose names begin with a dot.
pub const MARKER: &str = ".sculler-sync.json";

const LAST: &str = "last.json";

/// That a unit directory is from a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The commit.
    pub commit: String,
    /// The files as they were in it.
    pub files: Digests,
}

impl Marker {
    /// Reads it; `None` if the directory is not from a repository.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(MARKER)).ok()?).ok()
    }

    /// Writes it.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(MARKER);
        let text = serde_json::to_vec(self).map_err(|error| io_error(&path, &error.into()))?;
        files::replace(&path, &text).map_err(|error| io_error(&path, &error))
    }
}

/// How the last attempt went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The commit that is live, if one is.
    pub commit: Option<String>,
    /// Why the unit directory stayed as it was.
    pub error: Option<String>,
}

impl Last {
    /// Reads it; `None` if there was no attempt.
    pub fn read(state: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(state.join(LAST)).ok()?).ok()
    }

    /// Writes it; that must not make an attempt fail.
    pub fn write(&self, state: &Path) {
        let written = serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::create_dir_all(state).and_then(|()| files::replace(&state.join(LAST), &text)));
        if let Err(error) = written {
            tracing::warn!("{}: {error}", state.join(LAST).display());
        }
    }
}
