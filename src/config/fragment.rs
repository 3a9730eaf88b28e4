//! One source of settings, nothing filled in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// Why the settings could not be read.
#[derive(Debug, Error)]
pub enum Error {
    /// A file is there and cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file holds something else than settings.
    #[error("{path}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A setting has a value that makes no sense.
    #[error("{origin}: {message}")]
    Value {
        /// The file or the variable.
        origin: String,
        /// What is wrong and what to write instead.
        message: String,
    },
}

impl Error {
    /// What the parser says of a TOML file.
    pub fn of_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        Self::at(path, text, error.span().map_or(0, |span| span.start), error.message())
    }

    /// A mistake at a byte of a file.
    pub fn at(path: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        Self::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            message: message.into(),
        }
    }
}

/// Settings as one file or the environment gives them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fragment {
    /// Where it came from, for messages.
    #[serde(skip)]
    pub origin: String,
    /// The folder of unit files, absolute.
    pub unit_dir: Option<PathBuf>,
    /// `"a=b,c=d"` as fleet had it, or a table.
    pub metadata: Option<Metadata>,
    /// `skip` or `run`: what becomes of units that select no host.
    pub unplaced: Option<String>,
    /// Folders below which sculler may change owners.
    pub chown_roots: Option<Vec<PathBuf>>,
    /// Users beside root who may write unit files.
    pub trusted_uids: Option<Vec<u32>>,
    /// Seconds between full passes without a cause.
    pub resync_sec: Option<u64>,
    /// The socket of the Docker Engine.
    pub docker_socket: Option<PathBuf>,
}

/// Both ways of writing metadata.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "metadata is \"key=value,key=value\" or a table of strings")]
pub enum Metadata {
    /// fleet's way.
    List(String),
    /// TOML's way.
    Table(BTreeMap<String, String>),
}

impl Fragment {
    /// Reads a TOML file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut fragment: Self = toml::from_str(text).map_err(|error| Error::of_toml(path, text, &error))?;
        fragment.origin = path.display().to_string();
        Ok(fragment)
    }

    /// Reads `SCULLER_UNIT_DIR`, `SCULLER_METADATA`, … Lists are separated by `:` (paths) or `,` (numbers).
    pub fn from_environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Error> {
        let mut fragment = Self { origin: "the environment".to_owned(), ..Self::default() };
        for (variable, value) in variables {
            let Some(setting) = variable.to_str().and_then(|name| name.strip_prefix("SCULLER_")) else { continue };
            let wrong = |message: &str| Error::Value {
                origin: format!("SCULLER_{setting}"),
                message: format!("'{}' {message}", value.to_string_lossy()),
            };
            let text = value.to_str().ok_or_else(|| wrong("is not UTF-8"))?;
            match setting {
                "UNIT_DIR" => fragment.unit_dir = Some(text.into()),
                "METADATA" => fragment.metadata = Some(Metadata::List(text.to_owned())),
                "UNPLACED" => fragment.unplaced = Some(text.to_owned()),
                "CHOWN_ROOTS" => fragment.chown_roots = Some(text.split(':').map(PathBuf::from).collect()),
                "TRUSTED_UIDS" => {
                    let uids = text.split(',').filter(|uid| !uid.is_empty()).map(|uid| uid.trim().parse());
                    let uids: Result<_, _> = uids.collect();
                    fragment.trusted_uids = Some(uids.map_err(|_| wrong("is not a list of numbers"))?);
                }
                "RESYNC_SEC" => {
                    fragment.resync_sec = Some(text.parse().map_err(|_| wrong("is not a number of seconds"))?);
                }
                "DOCKER_SOCKET" => fragment.docker_socket = Some(text.into()),
                // The variables of tests and of later versions are none of its business.
                _ => {}
            }
        }
        Ok(fragment)
    }
}
