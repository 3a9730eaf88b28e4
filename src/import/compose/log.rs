//! What has to be said, by place.

use std::path::PathBuf;

use crate::convert::{Fate, Note, Place};
use crate::unit::{Diagnostic, Finding};
use crate::yaml::{Entry, Node};

/// What is wrong and what became of things.
#[derive(Debug, Default)]
pub struct Log {
    /// The files, as nodes count them.
    pub files: Vec<PathBuf>,
    /// What Compose itself would refuse.
    pub errors: Vec<Finding>,
    /// Files beside them whose content is in what is made.
    pub copied: Vec<PathBuf>,
    /// What is not simply taken over.
    pub notes: Vec<Note>,
}

/// Where a node begins.
pub fn place(node: &Node) -> Place {
    Place { file: node.file, line: node.line, column: node.column }
}

/// Where a key stands.
pub fn key_place(entry: &Entry) -> Place {
    Place { file: entry.file, line: entry.line, column: entry.column }
}

impl Log {
    /// An error at a place.
    pub fn error(&mut self, at: Place, message: impl Into<String>) {
        let path = self.files.get(at.file).cloned().unwrap_or_default();
        let finding = Finding { path, diagnostic: Diagnostic::error(at.line, at.column, message) };
        if !self.errors.contains(&finding) {
            self.errors.push(finding);
        }
    }

    /// Something to say.
    pub fn say(&mut self, place: Place, fate: Fate, message: impl Into<String>) {
        let note = Note { place, fate, message: message.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The text of a scalar; anything else is an error.
    pub fn text<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        let text = node.text();
        if text.is_none() && !node.is_null() {
            self.error(place(node), format!("{what} takes a text"));
        }
        text
    }

    /// The items of a list; nothing is none.
    pub fn list<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match node.list() {
            Some(items) => items,
            None if node.is_null() => &[],
            None => {
                self.error(place(node), format!("{what} takes a list, '- item'"));
                &[]
            }
        }
    }

    /// The entries of a map; nothing is none.
    pub fn map<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Entry] {
        match node.map() {
            Some(entries) => entries,
            None if node.is_null() => &[],
            None => {
                self.error(place(node), format!("{what} takes a map, 'key: value'"));
                &[]
            }
        }
    }

    /// A truth.
    pub fn truth(&mut self, node: &Node, what: &str) -> bool {
        // After a variable was replaced the quotes do not count.
        let truth = node.truth().or(match node.text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        });
        if truth.is_none() && !node.is_null() {
            self.error(place(node), format!("{what} is true or false"));
        }
        truth.unwrap_or_default()
    }
}
