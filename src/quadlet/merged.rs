//! A Quadlet file and its drop-ins as one: what podman-systemd.unit(5) reads.

use std::path::Path;

use crate::unit::key_set::{KeySet, KeyTag};
use crate::unit::{Diagnostic, Entry, Finding, Section, Unit, UnitFile};

/// A Quadlet file with its drop-ins, in the order in which they are read.
#[derive(Debug, Clone, Copy)]
pub struct Merged<'a>(&'a Unit);

/// An assignment, and the file it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a> {
    pub entry: Entry<'a>,
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

impl<'a> Merged<'a> {
    /// The files of a unit as they were parsed. What is wrong with their syntax is in the unit's own findings.
    pub fn of(unit: &'a Unit) -> Self {
        Self(unit)
    }

    /// The unit file, which relative paths start from.
    pub fn path(self) -> &'a Path {
        &self.0.file.path
    }

    /// The files and what is in them, the unit file first.
    fn files(self) -> impl Iterator<Item = (&'a Path, &'a UnitFile)> + Clone {
        let files = std::iter::once(&self.0.file).chain(&self.0.drop_ins).zip(&*self.0.parsed);
        files.map(|(file, parsed)| (file.path.as_path(), parsed))
    }

    /// All sections in their order, each with its file; a section may come several times.
    pub fn sections(self) -> impl Iterator<Item = (&'a Path, Section<'a>)> + Clone {
        self.files().flat_map(|(path, parsed)| parsed.sections().map(move |section| (path, section)))
    }

    /// A section, over all its headers and files.
    pub fn section(self, name: &'a str) -> Assignments<'a> {
        let named = self.sections().filter(|(_, section)| section.name == name);
        let keys = named.fold(KeySet::default(), |keys, (_, section)| keys.with(section.keys()));
        Assignments { merged: self, section: name, keys }
    }

    /// The assignment that counts for a key that holds one value.
    pub fn last(self, section: &str, key: &str) -> Option<Assignment<'a>> {
        let mut last = None;
        self.each(section, key, |assignment| last = Some(assignment));
        last
    }

    /// The assignments that count for a key that holds a list: an empty one forgets those before it.
    pub fn list(self, section: &str, key: &str) -> Vec<Assignment<'a>> {
        let mut list = Vec::new();
        self.each(section, key, |assignment| match assignment.entry.value {
            "" => list.clear(),
            _ => list.push(assignment),
        });
        list
    }

    fn each(self, section: &str, key: &str, mut take: impl FnMut(Assignment<'a>)) {
        for (path, parsed) in self.files() {
            parsed.each(section, key, |entry| take(Assignment { entry, path }));
        }
    }
}

/// The assignments of a section, over all its headers and files.
#[derive(Debug, Clone, Copy)]
pub struct Assignments<'a> {
    pub merged: Merged<'a>,
    /// Its name.
    pub section: &'a str,
    keys: KeySet,
}

impl<'a> Assignments<'a> {
    /// All of them, in their order.
    pub fn iter(self) -> impl Iterator<Item = Assignment<'a>> + Clone {
        let sections = self.merged.sections().filter(move |(_, found)| found.name == self.section);
        sections.flat_map(|(path, found)| found.entries().map(move |entry| Assignment { entry, path }))
    }

    /// See [`Merged::last`].
    pub fn last(self, key: &str) -> Option<Assignment<'a>> {
        self.keys.may_have(KeyTag::of(key)).then(|| self.merged.last(self.section, key))?
    }

    /// See [`Merged::list`].
    pub fn list(self, key: &str) -> Vec<Assignment<'a>> {
        if self.keys.may_have(KeyTag::of(key)) { self.merged.list(self.section, key) } else { Vec::new() }
    }
}
