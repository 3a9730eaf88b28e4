//! What a Quadlet file is translated for: a host, its versions, and the other files that it takes.

use std::collections::HashMap;

use crate::host::{Host, Platform};
use crate::unit::UnitName;

/// What a Quadlet file is translated for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub host: &'a Host,
    pub platform: &'a Platform,
    /// The other Quadlet files of the unit directory.
    pub others: &'a Others,
}

/// The Quadlet files that one may name in another, by their file names (`data.volume`).
#[derive(Debug, Default)]
pub struct Others(HashMap<String, Other>);

/// A Quadlet file, seen from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Other {
    /// This host takes it.
    Taken(Resource),
    /// It cannot be named, with the reason: it is invalid, or not this host's.
    Unusable(String),
}

/// What a taken file makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The service that makes it: `data-volume.service`.
    pub service: UnitName,
    /// What the Engine calls it: the name of a container, volume or network; the name of an image.
    pub name: String,
    /// A volume made from an image (`Driver=image`) is mounted as that image.
    pub image: Option<String>,
}

impl Others {
    /// Makes a file known.
    pub fn insert(&mut self, file_name: String, other: Other) {
        self.0.insert(file_name, other);
    }

    /// The file of this name; the error says what is wrong with it and what to do.
    ///
    /// An instance (`data@1.volume`) that has no file of its own is looked for by its template.
    pub fn find(&self, file_name: &str) -> Result<&Resource, String> {
        match self.0.get(file_name) {
            Some(Other::Taken(resource)) => Ok(resource),
            Some(Other::Unusable(reason)) => Err(format!("{file_name} cannot be used: {reason}")),
            None => Err(format!("there is no {file_name} in the unit directory; add it, or correct the name")),
        }
    }
}
