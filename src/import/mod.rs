//! What ran elsewhere → unit files, and what will behave differently here, by line. Pure: what has to be read on the way,
//! the caller reads.

pub mod compose;
pub mod fleet;
mod placement;
pub mod podman;

use std::path::PathBuf;
use std::sync::Arc;

pub use crate::convert::{Fate, Note, Place};
pub use placement::Placement;

use crate::quadlet;
use crate::unit::{Finding, TextFile, Unit, UnitName};

/// A file for the unit directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name; a drop-in's with its folder, `web.container.d/10-web.conf`.
    pub name: String,
    /// What is in it.
    pub text: Vec<u8>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// The files, those that others name before those.
    pub files: Vec<File>,
    /// What is not simply taken over, by place.
    pub notes: Vec<Note>,
    /// The files that places number.
    pub sources: Vec<PathBuf>,
    /// Further files whose content is in what was made.
    pub copied: Vec<PathBuf>,
    /// Of a Compose file: the project, whose containers have to go first.
    pub project: Option<String>,
    /// What behaves differently here whatever the files say.
    pub differences: Vec<String>,
}

impl Import {
    /// Whether nothing is lost.
    pub fn is_whole(&self) -> bool {
        self.notes.iter().all(|note| note.fate != Fate::NotMapped)
    }

    /// The path that a place is in.
    pub fn source(&self, place: Place) -> String {
        self.sources.get(place.file).map_or_else(|| "-".to_owned(), |path| path.display().to_string())
    }
}

/// A file of the unit directory as a unit, with everything that is wrong with it whatever the host.
fn read(name: UnitName, file: TextFile, drop_ins: Vec<Arc<TextFile>>) -> Unit {
    let unit = Unit::read(name, Arc::new(file), drop_ins);
    if unit.name.unit_type().is_quadlet() { quadlet::verified(quadlet::complete(unit, |_| Vec::new())) } else { unit }
}

/// The errors that a file would have in the unit directory.
fn errors(name: &str, text: &str) -> Vec<Finding> {
    let Ok(unit_name) = UnitName::parse(name) else { return Vec::new() };
    let file = TextFile { path: name.into(), text: text.as_bytes().into(), is_private: false };
    read(unit_name, file, Vec::new()).errors().cloned().collect()
}
