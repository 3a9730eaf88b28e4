//! A Quadlet file and its drop-ins as one: what podman-systemd.unit(5) reads.

use std::path::Path;
use std::sync::Arc;

use crate::unit::{Diagnostic, Entry, Finding, Section, TextFile, Unit, UnitFile, parse};

/// A Quadlet file with its drop-ins, in the order in which they are read.
#[derive(Debug, Clone)]
pub struct Merged {
    parts: Vec<(Arc<TextFile>, UnitFile)>,
}

/// An assignment, and the file it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a> {
    pub entry: &'a Entry,
    pub path: &'a Path,
}

impl Assignment<'_> {
    /// An error at its key.
    pub fn error(&self, message: impl Into<String>) -> Finding {
        self.finding(Diagnostic::error(self.entry.line, self.entry.column, message))
    }

    /// An error at a byte of its value.
    pub fn error_at(&self, offset: usize, message: impl Into<String>) -> Finding {
        self.finding(Diagnostic::error(self.entry.line, self.entry.column_at(offset), message))
    }

    /// A warning at its key.
    pub fn warning(&self, message: impl Into<String>) -> Finding {
        self.finding(Diagnostic::warning(self.entry.line, self.entry.column, message))
    }

    /// A warning at a byte of its value.
    pub fn warning_at(&self, offset: usize, message: impl Into<String>) -> Finding {
        self.finding(Diagnostic::warning(self.entry.line, self.entry.column_at(offset), message))
    }

    fn finding(&self, diagnostic: Diagnostic) -> Finding {
        Finding { path: self.path.to_owned(), diagnostic }
    }
}

impl Merged {
    /// Reads the files of a unit. What is wrong with their syntax is in the unit's own findings.
    pub fn of(unit: &Unit) -> Self {
        let files = std::iter::once(&unit.file).chain(&unit.drop_ins);
        Self { parts: files.map(|file| (file.clone(), parse(&file.text).0)).collect() }
    }

    /// The unit file, which relative paths start from.
    pub fn path(&self) -> &Path {
        self.parts.first().map_or(Path::new("/"), |(file, _)| &file.path)
    }

    /// The parsed files, the unit file first.
    pub fn files(&self) -> impl Iterator<Item = &UnitFile> {
        self.parts.iter().map(|(_, file)| file)
    }

    /// All sections in their order, each with its file; a section may come several times.
    pub fn sections(&self) -> impl Iterator<Item = (&Path, &Section)> {
        self.parts.iter().flat_map(|(text, file)| file.sections.iter().map(|section| (text.path.as_path(), section)))
    }

    /// All assignments of a section, over all its headers and files.
    pub fn section(&self, section: &str) -> impl Iterator<Item = Assignment<'_>> {
        let sections = self.sections().filter(move |(_, found)| found.name == section);
        sections.flat_map(|(path, section)| section.entries.iter().map(move |entry| Assignment { entry, path }))
    }

    /// All assignments to a key.
    pub fn entries(&self, section: &str, key: &str) -> impl Iterator<Item = Assignment<'_>> {
        self.section(section).filter(move |assignment| assignment.entry.key == key)
    }

    /// The assignment that counts for a key that holds one value.
    pub fn last(&self, section: &str, key: &str) -> Option<Assignment<'_>> {
        self.entries(section, key).last()
    }

    /// The assignments that count for a key that holds a list: an empty one forgets those before it.
    pub fn list(&self, section: &str, key: &str) -> Vec<Assignment<'_>> {
        let mut list = Vec::new();
        for assignment in self.entries(section, key) {
            if assignment.entry.value.is_empty() {
                list.clear();
            } else {
                list.push(assignment);
            }
        }
        list
    }
}
