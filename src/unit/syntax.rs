//! The syntax of unit files, as systemd itself reads it (systemd.syntax(7); systemd: src/shared/conf-parser.c).
//! Bytes come in, sections and assignments with their places go out; the bytes are never rewritten.
//!
//! Where systemd logs a line and goes on without it (an assignment outside a section, a missing `=`), this is an
//! error: the line would silently not be in force.

use super::diagnostics::Diagnostic;
use super::key_set::{KeySet, KeyTag};
use super::lines::{BLANKS, Line, logical_lines};
use super::values::parse_boolean;
use super::words::split_words;

/// How many diagnostics of one file are worth keeping; a file of another kind would bring one per line.
const DIAGNOSTICS_MAX: usize = 1000;

/// Most lines are longer.
const ENTRY_LENGTH: usize = 16;

/// A unit file: its sections in their order, a repeated section once per header. It is small, and kept for as long as
/// somebody may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitFile {
    /// The names of sections and the assignments, one behind the other.
    text: String,
    sections: Vec<SectionPlace>,
    entries: Vec<EntryPlace>,
}

/// Where a section is in a [`UnitFile`]; its entries end where the next one's begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SectionPlace {
    name: Span,
    line: usize,
    entries: usize,
    keys: KeySet,
}

/// Where an entry is in a [`UnitFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct EntryPlace {
    key: Span,
    value: Span,
    line: u32,
    column: u32,
    value_column: u32,
    continued: bool,
    tag: KeyTag,
}

/// One `[Name]` and what stands below it.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    pub name: &'a str,
    /// The header's line.
    pub line: usize,
    file: &'a UnitFile,
    entries: &'a [EntryPlace],
    keys: KeySet,
}

/// One `key=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a str,
    /// Without the blanks around it; a continuation's line break is a space.
    pub value: &'a str,
    pub line: usize,
    /// Where the key begins.
    pub column: usize,
    /// Where the value begins on `line`; behind the line's text if it begins on a later one.
    pub value_column: usize,
    /// Whether continuations were joined, so that columns within the value cannot be counted.
    pub continued: bool,
}

impl Entry<'_> {
    /// The column of a byte of the value; the value's own column if it stretches over several lines.
    pub fn column_at(&self, offset: usize) -> usize {
        let before = self.value.get(..offset).filter(|_| !self.continued);
        self.value_column + before.map_or(0, |text| text.chars().count())
    }
}

impl<'a> Section<'a> {
    /// Its assignments.
    pub fn entries(self) -> impl Iterator<Item = Entry<'a>> + Clone {
        self.entries.iter().map(move |place| self.file.entry(place))
    }

    /// The keys that it may have.
    pub fn keys(self) -> KeySet {
        self.keys
    }
}

/// Reads a unit file. All errors of a file are reported; what can be read is in the result even then.
pub fn parse(bytes: &[u8]) -> (UnitFile, Vec<Diagnostic>) {
    // Of the size that most files come to
    let entries = Vec::with_capacity(bytes.len() / ENTRY_LENGTH);
    let mut file = UnitFile { text: String::with_capacity(bytes.len()), entries, sections: Vec::with_capacity(8) };
    let mut diagnostics = Vec::new();
    logical_lines(bytes, &mut diagnostics, |line, diagnostics| parse_line(line, &mut file, diagnostics));
    if diagnostics.len() > DIAGNOSTICS_MAX {
        diagnostics.truncate(DIAGNOSTICS_MAX);
        diagnostics.push(Diagnostic::error(0, 0, "too many errors; the rest is not shown"));
    }
    file.text.shrink_to_fit();
    file.sections.shrink_to_fit();
    file.entries.shrink_to_fit();
    (file, diagnostics)
}

fn parse_line(line: &Line<'_>, file: &mut UnitFile, diagnostics: &mut Vec<Diagnostic>) {
    let text = line.text.trim_end_matches(BLANKS);
    let trimmed = text.trim_start_matches(BLANKS);
    if trimmed.is_empty() {
        return;
    }
    let start = text.len() - trimmed.len();
    if let Some(header) = trimmed.strip_prefix('[') {
        let name = parse_header(header, line, start, diagnostics);
        let name = file.keep(name);
        let (line, entries) = (line.place(start).0, file.entries.len());
        file.sections.push(SectionPlace { name, line, entries, keys: KeySet::default() });
        return;
    }
    let (number, column) = line.place(start);
    let Some(section) = file.sections.last() else {
        let message = "this line is outside of any section, where systemd ignores it; \
                       move it below a section header such as [Unit]";
        diagnostics.push(Diagnostic::error(number, column, message));
        return;
    };
    let Some((key, value)) = trimmed.split_once('=') else {
        if !is_foreign(file.text_at(section.name)) {
            let message = "the line has no '=', so systemd ignores it; write 'Key=value', or put '#' before a comment";
            diagnostics.push(Diagnostic::error(number, column, message));
        }
        return;
    };
    if key.is_empty() {
        if !is_foreign(file.text_at(section.name)) {
            let message = "there is no key before '=', so systemd ignores the line; write 'Key=value'";
            diagnostics.push(Diagnostic::error(number, column, message));
        }
        return;
    }
    let after_sign = start + key.len() + 1;
    let value_start = after_sign + (value.len() - value.trim_start_matches(BLANKS).len());
    let key = key.trim_end_matches(BLANKS);
    let tag = KeyTag::of(key);
    let kept = file.keep(trimmed);
    if let Some(section) = file.sections.last_mut() {
        section.keys.insert(tag);
    }
    file.entries.push(EntryPlace {
        key: kept.until(key.len()),
        value: kept.from(value_start - start),
        line: small(number),
        column: small(column),
        value_column: small(value_column(line, number, start, after_sign, value_start)),
        continued: line.is_continued(),
        tag,
    });
}

/// The value's column, held to the key's line.
fn value_column(line: &Line<'_>, number: usize, start: usize, after_sign: usize, value_start: usize) -> usize {
    [value_start, after_sign, start]
        .into_iter()
        .map(|offset| line.place(offset))
        .find(|(at, _)| *at == number)
        .map_or(1, |(_, column)| column)
}

/// The section's name, or the best guess at it, so that what stands below an ill-formed header is checked too.
fn parse_header<'a>(header: &'a str, line: &Line<'_>, start: usize, diagnostics: &mut Vec<Diagnostic>) -> &'a str {
    let mut error = |offset: usize, message: String| {
        let (number, column) = line.place(start + 1 + offset);
        diagnostics.push(Diagnostic::error(number, column, message));
    };
    let Some(name) = header.strip_suffix(']') else {
        return match header.split_once(']') {
            Some((name, rest)) => {
                let blanks = rest.len() - rest.trim_start_matches(BLANKS).len();
                let message = format!("text after the section header '[{name}]'; move it to a line of its own");
                error(name.len() + 1 + blanks, message);
                name
            }
            None => {
                error(header.len(), format!("the section header '[{header}' lacks its ']'"));
                header
            }
        };
    };
    // systemd: string_is_safe() in src/basic/string-util.c
    let is_unsafe = |c: char| c.is_ascii_control() || matches!(c, '"' | '\'' | '\\');
    if name.is_empty() {
        error(0, "the section has no name; write one such as [Service]".into());
    } else if let Some((offset, c)) = name.char_indices().find(|(_, c)| is_unsafe(*c)) {
        error(offset, format!("{c:?} is not allowed in the name of a section"));
    }
    name
}

/// Sections that belong to others; their lines may have any form.
fn is_foreign(section: &str) -> bool {
    section.starts_with("X-") && !matches!(section, "X-Fleet" | "X-Sculler")
}

/// A part of a [`UnitFile`]'s text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The part before an offset.
    fn until(self, offset: usize) -> Self {
        Self { end: self.start.saturating_add(small(offset)), ..self }
    }

    /// The part from an offset on.
    fn from(self, offset: usize) -> Self {
        Self { start: self.start.saturating_add(small(offset)), ..self }
    }
}

/// Lines, columns and offsets beyond four thousand millions do not occur.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl UnitFile {
    fn keep(&mut self, text: &str) -> Span {
        let start = small(self.text.len());
        self.text.push_str(text);
        Span { start, end: small(self.text.len()) }
    }

    fn text_at(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Whether this part of the text is `text`; in less time than [`Self::text_at`] takes.
    fn is_at(&self, span: Span, text: &str) -> bool {
        self.text.as_bytes().get(span.start as usize..span.end as usize) == Some(text.as_bytes())
    }

    /// All sections in their order.
    pub fn sections(&self) -> impl Iterator<Item = Section<'_>> + Clone {
        self.sections.iter().enumerate().map(|(index, section)| Section {
            name: self.text_at(section.name),
            line: section.line,
            file: self,
            entries: self.entries_of(index),
            keys: section.keys,
        })
    }

    /// Those of the section at this place.
    fn entries_of(&self, section: usize) -> &[EntryPlace] {
        let begin = |index: usize| self.sections.get(index).map_or(self.entries.len(), |section| section.entries);
        self.entries.get(begin(section)..begin(section + 1)).unwrap_or_default()
    }

    fn entry(&self, place: &EntryPlace) -> Entry<'_> {
        Entry {
            key: self.text_at(place.key),
            value: self.text_at(place.value),
            line: place.line as usize,
            column: place.column as usize,
            value_column: place.value_column as usize,
            continued: place.continued,
        }
    }

    pub fn has_section(&self, section: &str) -> bool {
        self.sections().any(|s| s.name == section)
    }

    /// All assignments of a section, in file order, over all its headers.
    pub fn section_entries<'a>(&'a self, section: &str) -> impl Iterator<Item = Entry<'a>> {
        self.sections().filter(move |s| s.name == section).flat_map(Section::entries)
    }

    /// All assignments to a key, in file order.
    pub fn each<'a>(&'a self, section: &str, key: &str, mut take: impl FnMut(Entry<'a>)) {
        let tag = KeyTag::of(key);
        for (index, place) in self.sections.iter().enumerate() {
            if place.keys.may_have(tag) && self.is_at(place.name, section) {
                let entries = self.entries_of(index).iter();
                let entries = entries.filter(|entry| entry.tag == tag && self.is_at(entry.key, key));
                entries.for_each(|entry| take(self.entry(entry)));
            }
        }
    }

    /// The assignment that counts for a key that holds one value.
    pub fn last(&self, section: &str, key: &str) -> Option<Entry<'_>> {
        let mut last = None;
        self.each(section, key, |entry| last = Some(entry));
        last
    }

    /// The assignments that count for a key that holds a list: an empty one forgets those before it.
    pub fn list(&self, section: &str, key: &str) -> Vec<Entry<'_>> {
        let mut list = Vec::new();
        self.each(section, key, |entry| match entry.value {
            "" => list.clear(),
            _ => list.push(entry),
        });
        list
    }

    /// The words of a list such as `WantedBy=`, quotes removed and escapes kept. Words behind an unbalanced quote
    /// are left out, as systemd does; `check` reports them.
    pub fn words(&self, section: &str, key: &str) -> Vec<String> {
        self.list(section, key)
            .into_iter()
            .flat_map(|entry| split_words(entry.value))
            .map_while(Result::ok)
            .map(|word| word.text.into_owned())
            .collect()
    }

    /// A boolean; `None` if it is not set. A value that is no boolean leaves the one before it in force, as systemd
    /// does; `check` reports it.
    pub fn boolean(&self, section: &str, key: &str) -> Option<bool> {
        let mut boolean = None;
        self.each(section, key, |entry| boolean = parse_boolean(entry.value).or(boolean));
        boolean
    }
}
