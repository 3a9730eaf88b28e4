//! What a Quadlet file is translated for: a host, its versions, and the other files that it takes.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::host::{Host, Platform};
use crate::unit::{FileKind, UnitName, file_kind};

/// What a Quadlet file is translated for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub host: &'a Host,
    pub platform: &'a Platform,
    /// The other Quadlet files of the unit directory.
    pub others: &'a Others<'a>,
}

/// The Quadlet files that one may name in another, by their file names (`data.volume`).
#[derive(Default)]
pub struct Others<'a> {
    known: HashMap<String, Other>,
    /// Knows the rest: looked at only if a name is in none of the files that were made known.
    rest: Option<Rest<'a>>,
    asked: RefCell<Asked>,
}

type Rest<'a> = Box<dyn Fn(&str) -> Option<Other> + 'a>;

/// What one file asked of others, and what it was told.
pub type Asked = BTreeMap<String, Result<Arc<Resource>, String>>;

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
    /// `Copy=no` of a volume: it is not filled with what the image has at the target.
    pub no_copy: bool,
}

impl<'a> Others<'a> {
    /// Others of which `rest` tells when they are asked for: few of many files are ever named.
    pub fn asking(rest: impl Fn(&str) -> Option<Other> + 'a) -> Self {
        Self { rest: Some(Box::new(rest)), ..Self::default() }
    }

    /// Makes a file known.
    pub fn insert(&mut self, file_name: String, other: Other) {
        self.known.insert(file_name, other);
    }

    /// The file of this name; the error says what is wrong with it and what to do.
    ///
    /// An instance (`data@1.volume`) that has no file of its own is made from its template.
    pub fn find(&self, file_name: &str) -> Result<Arc<Resource>, String> {
        if let Some(answer) = self.asked.borrow().get(file_name) {
            return answer.clone();
        }
        let known = self.known.get(file_name).cloned();
        let answer = match known.or_else(|| self.rest.as_ref().and_then(|rest| rest(file_name))) {
            Some(Other::Taken(resource)) => Ok(Arc::new(resource)),
            Some(Other::Unusable(reason)) => Err(format!("{file_name} cannot be used: {reason}")),
            None => Err(match file_kind(file_name) {
                // A type that only Podman has, or a name that no file can have.
                FileKind::Other(reason) | FileKind::Refused(reason) => format!("{file_name} cannot be used: {reason}"),
                FileKind::Invalid(error) => format!("{file_name} cannot be used: {error}"),
                _ => format!("there is no {file_name} in the unit directory; add it, or correct the name"),
            }),
        };
        self.asked.borrow_mut().insert(file_name.to_owned(), answer.clone());
        answer
    }

    /// Everything that was asked for.
    pub fn into_asked(self) -> Asked {
        self.asked.into_inner()
    }

    /// What was asked for until now.
    pub fn asked(&self) -> Asked {
        self.asked.borrow().clone()
    }
}

impl fmt::Debug for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Others").field("known", &self.known).finish_non_exhaustive()
    }
}
