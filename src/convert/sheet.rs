//! A unit's files as a sheet: sections of blocks, each an assignment with its lines and the comments above it, so that what
//! is kept is kept as somebody wrote it.

use std::collections::BTreeMap;

use super::draft::Place;
use crate::unit::{self, Diagnostic, UnitFile, parse};

/// A part of a file: a section as one header opens it.
pub struct Part {
    /// Its name; empty for what stands above the first header.
    pub section: String,
    /// The comments above the header.
    pub comments: Vec<String>,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// An assignment, or lines that are none.
#[derive(Clone)]
pub struct Block {
    /// Whether a blank line stands above.
    pub is_apart: bool,
    /// The comments above.
    pub comments: Vec<String>,
    /// The assignment.
    pub entry: Option<Entry>,
    /// Its lines.
    pub lines: Vec<String>,
    /// Where it begins.
    pub place: Place,
}

/// An assignment, taken out of its file.
#[derive(Clone)]
pub struct Entry {
    key: String,
    value: String,
    value_column: usize,
    continued: bool,
}

/// All files of a unit, in systemd's order.
pub struct Sheet {
    /// Their parts.
    pub parts: Vec<Part>,
}

impl Sheet {
    /// Reads the files; an error of the syntax is an error here, with the file it is in.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, (usize, Diagnostic)> {
        let mut parts = Vec::new();
        for (file, bytes) in files.into_iter().enumerate() {
            let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let (parsed, diagnostics) = parse(text.as_bytes());
            if let Some(error) = diagnostics.into_iter().find(Diagnostic::is_error) {
                return Err((file, error));
            }
            read_file(file, text, &parsed, &mut parts);
        }
        Ok(Self { parts })
    }

    /// The blocks of a section, in order.
    pub fn blocks(&self, section: &str) -> impl Iterator<Item = &Block> {
        self.parts.iter().filter(move |part| part.section == section).flat_map(|part| &part.blocks)
    }

    /// The assignments that count for a key that holds a list.
    pub fn list(&self, section: &str, key: &str) -> Vec<&Block> {
        let mut list = Vec::new();
        for block in self.blocks(section).filter(|block| block.key() == Some(key)) {
            match block.value() {
                "" => list.clear(),
                _ => list.push(block),
            }
        }
        list
    }

    /// The assignment that counts for a key that holds one value; `None` if it is empty.
    pub fn last(&self, section: &str, key: &str) -> Option<&Block> {
        self.blocks(section).filter(|block| block.key() == Some(key)).last().filter(|block| !block.value().is_empty())
    }
}

impl Entry {
    fn of(entry: unit::Entry<'_>) -> Self {
        let unit::Entry { key, value, value_column, continued, .. } = entry;
        Self { key: key.to_owned(), value: value.to_owned(), value_column, continued }
    }
}

impl Block {
    /// The assignment's key.
    pub fn key(&self) -> Option<&str> {
        self.entry.as_ref().map(|entry| entry.key.as_str())
    }

    /// The assignment's value.
    pub fn value(&self) -> &str {
        self.entry.as_ref().map_or("", |entry| entry.value.as_str())
    }

    /// Where a byte of the value stands.
    pub fn place_at(&self, offset: usize) -> Place {
        let Some(entry) = &self.entry else { return self.place };
        if !entry.continued {
            let before = entry.value.get(..offset).map_or(0, |text| text.chars().count());
            return Place { column: entry.value_column + before, ..self.place };
        }
        // The value as the parser joined it, its lines' beginnings kept.
        let Some((key, _)) = self.lines.first().and_then(|line| line.split_once('=')) else { return self.place };
        let mut starts = Vec::new();
        let mut length = 0;
        let mut blanks = None;
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 && is_comment(line) {
                continue;
            }
            let skipped = if index == 0 { key.len() + 1 } else { 0 };
            let text = &line[skipped..];
            starts.push((length, index, skipped));
            // What is left of the value's first line may be a lone backslash, which joining made a blank.
            let is_blank = |c: char| c.is_whitespace();
            if blanks.is_none() && text.trim_end_matches('\\').contains(|c| !is_blank(c)) {
                blanks = Some(length + text.len() - text.trim_start_matches(is_blank).len());
            }
            length += text.len();
        }
        let at = blanks.unwrap_or_default() + offset;
        let Some((start, index, skipped)) = starts.into_iter().rev().find(|(start, ..)| *start <= at) else {
            return self.place;
        };
        let column = self.lines[index].get(..at - start + skipped).map_or(0, |text| text.chars().count()) + 1;
        Place { line: self.place.line + index, column, ..self.place }
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}

/// Whether a line ends with a backslash that no other escapes.
pub fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

fn read_file(file: usize, text: &str, parsed: &UnitFile, parts: &mut Vec<Part>) {
    let mut headers: BTreeMap<usize, unit::Section<'_>> =
        parsed.sections().map(|section| (section.line, section)).collect();
    let mut entries: BTreeMap<usize, unit::Entry<'_>> = BTreeMap::new();
    let mut part = Part { section: String::new(), comments: Vec::new(), blocks: Vec::new() };
    let mut comments: Vec<String> = Vec::new();
    let mut is_apart = false;
    let mut lines = text.split('\n').enumerate().map(|(index, line)| (index + 1, line)).peekable();
    while let Some((number, line)) = lines.next() {
        let place = Place { file, line: number, column: 1 };
        let loose =
            |comments: Vec<String>, is_apart| Block { is_apart, comments, entry: None, lines: Vec::new(), place };
        if line.trim().is_empty() {
            if !comments.is_empty() {
                part.blocks.push(loose(std::mem::take(&mut comments), is_apart));
            }
            is_apart = true;
        } else if is_comment(line) {
            comments.push(line.trim().to_owned());
        } else if let Some(section) = headers.remove(&number) {
            entries = section.entries().map(|entry| (entry.line, entry)).collect();
            let next =
                Part { section: section.name.to_owned(), comments: std::mem::take(&mut comments), blocks: Vec::new() };
            parts.push(std::mem::replace(&mut part, next));
            is_apart = false;
        } else {
            let mut text = vec![line.to_owned()];
            let mut continues = goes_on(line);
            while continues && let Some((_, next)) = lines.next() {
                continues = is_comment(next) || goes_on(next);
                text.push(next.to_owned());
            }
            let entry = entries.remove(&number);
            let column = entry.as_ref().map_or(1, |entry| entry.column);
            part.blocks.push(Block {
                is_apart,
                comments: std::mem::take(&mut comments),
                entry: entry.map(Entry::of),
                lines: text,
                place: Place { column, ..place },
            });
            is_apart = false;
        }
    }
    if !comments.is_empty() {
        let place = Place { file, ..Place::default() };
        part.blocks.push(Block { is_apart, comments, entry: None, lines: Vec::new(), place });
    }
    parts.push(part);
    // What stands above the first header is worth a part only if there is something.
    parts.retain(|part| !part.section.is_empty() || !part.blocks.is_empty());
}
