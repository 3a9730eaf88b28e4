//! A Quadlet file and its drop-ins as one: what podman-systemd.unit(5) reads.

use std::path::Path;
use std::sync::Arc;

use crate::unit::{Diagnostic, Entry, Finding, Section, TextFile, Unit, UnitFile};

/// A Quadlet file with its drop-ins, in the order in which they are read.
#[derive(Debug, Clone)]
pub struct Merged {
    files: Vec<Arc<TextFile>>,
    parsed: Arc<[UnitFile]>,
}

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

impl Merged {
    /// The files of a unit as they were parsed. What is wrong with their syntax is in the unit's own findings.
    pub fn of(unit: &Unit) -> Self {
        let files = std::iter::once(&unit.file).chain(&unit.drop_ins).cloned().collect();
        Self { files, parsed: unit.parsed.clone() }
    }

    /// The unit file, which relative paths start from.
    pub fn path(&self) -> &Path {
        self.files.first().map_or(Path::new("/"), |file| &file.path)
    }

    /// The parsed files, the unit file first.
    pub fn files(&self) -> impl Iterator<Item = &UnitFile> {
        self.parsed.iter()
    }

    /// All sections in their order, each with its file; a section may come several times.
    pub fn sections(&self) -> impl Iterator<Item = (&Path, Section<'_>)> + Clone {
        let files = self.files.iter().zip(&*self.parsed);
        files.flat_map(|(file, parsed)| parsed.sections().map(|section| (file.path.as_path(), section)))
    }

    /// All assignments of a section, over all its headers and files.
    pub fn section(&self, section: &str) -> Assignments<'_> {
        let mut keys = KeySet::default();
        let assignments = self.assignments(section).inspect(|found| keys.insert(found.entry.key)).collect();
        Assignments { assignments, keys }
    }

    /// The same, for those who ask once.
    pub fn assignments<'a>(&'a self, section: &str) -> impl Iterator<Item = Assignment<'a>> + Clone {
        let sections = self.sections().filter(move |(_, found)| found.name == section);
        sections.flat_map(|(path, found)| found.entries().map(move |entry| Assignment { entry, path }))
    }

    /// The assignment that counts for a key that holds one value.
    pub fn last(&self, section: &str, key: &str) -> Option<Assignment<'_>> {
        self.assignments(section).filter(|assignment| assignment.entry.key == key).last()
    }

    /// The assignments that count for a key that holds a list.
    pub fn list<'a>(&'a self, section: &str, key: &str) -> impl Iterator<Item = Assignment<'a>> {
        in_force(self.assignments(section), key)
    }
}

/// The assignments of a section, for those who ask for many keys.
#[derive(Debug)]
pub struct Assignments<'a> {
    assignments: Vec<Assignment<'a>>,
    keys: KeySet,
}

/// Which keys there may be: of the many that are asked for, few are.
#[derive(Debug, Default)]
struct KeySet(u64);

impl KeySet {
    fn insert(&mut self, key: &str) {
        self.0 |= Self::bit(key);
    }

    fn may_have(&self, key: &str) -> bool {
        self.0 & Self::bit(key) != 0
    }

    /// One for the length and some of the letters.
    fn bit(key: &str) -> u64 {
        let bytes = key.as_bytes();
        let letter = |index: usize| bytes.get(index).copied().map_or(0, u32::from);
        1 << ((key.len() as u32 * 7 + letter(0) + letter(3) * 5 + letter(key.len() / 2) * 3) % u64::BITS)
    }
}

impl<'a> Assignments<'a> {
    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Assignment<'a>> {
        self.assignments.iter()
    }

    /// The assignment that counts for a key that holds one value.
    pub fn last(&self, key: &str) -> Option<Assignment<'a>> {
        if !self.keys.may_have(key) {
            return None;
        }
        self.assignments.iter().rev().find(|assignment| assignment.entry.key == key).copied()
    }

    /// The assignments that count for a key that holds a list: an empty one forgets those before it.
    pub fn list(&self, key: &str) -> impl Iterator<Item = Assignment<'a>> {
        let assignments = if self.keys.may_have(key) { self.assignments.as_slice() } else { &[] };
        in_force(assignments.iter().copied(), key)
    }
}

/// An empty assignment forgets those before it.
fn in_force<'a>(
    assignments: impl Iterator<Item = Assignment<'a>> + Clone,
    key: &str,
) -> impl Iterator<Item = Assignment<'a>> {
    let list = assignments.filter(move |assignment| assignment.entry.key == key);
    let is_empty = |(_, assignment): &(usize, Assignment<'_>)| assignment.entry.value.is_empty();
    let forgotten = list.clone().enumerate().filter(is_empty).last().map_or(0, |(index, _)| index + 1);
    list.skip(forgotten)
}
