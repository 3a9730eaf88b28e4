//! `[X-Fleet]` → [`Placement`]: which hosts a unit is for (fleet: job/job.go, unit/unit.go).
//!
//! Repeated keys accumulate. A value that begins with `"` is a list of words at whose quotes nothing is escaped
//! (`"a=b" "c=d"`, also over tabs and several blanks); any other value is one value as it stands. An empty assignment
//! forgets those before it, as systemd's lists do, so that a drop-in can replace a value; where there is nothing to
//! forget it is an error, for it says nothing. What fleet dropped in silence is an error, too.

use super::diagnostics::Diagnostic;
use super::fleet_rules;
use super::lines::BLANKS;
use super::name::UnitName;
use super::nearest::{nearest, suggestion};
use super::specifier::{self, UnknownSpecifier};
use super::syntax::{Entry, UnitFile};
use super::values::parse_boolean;

/// The section's name.
pub const SECTION: &str = "X-Fleet";

/// The keys of fleet 1.0.
pub const KEYS: [&str; 6] = ["MachineID", "MachineOf", "MachineMetadata", "Conflicts", "Global", "Replaces"];

/// Names that fleet dropped in 0.8.0, and those that took their place.
const LEGACY_KEYS: [(&str, &str); 5] = [
    ("X-ConditionMachineID", "MachineID"),
    ("X-ConditionMachineBootID", "MachineID"),
    ("X-ConditionMachineOf", "MachineOf"),
    ("X-ConditionMachineMetadata", "MachineMetadata"),
    ("X-Conflicts", "Conflicts"),
];

/// Which hosts a unit is for. Compact, since one is kept per unit; empty lists allocate nothing.
///
/// Specifiers that the name tells are expanded; `%m`, `%H` and `%%` are left for the host's
/// ([`specifier::expand_host`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// The line of the first `[X-Fleet]`; 0 if there is none.
    pub line: u32,
    /// `MachineID=`: one that matches is enough. Lower case; empty where a template leaves its instance open.
    pub machine_ids: Box<[Value]>,
    /// `MachineOf=`: names of units, all of which have to be taken here.
    pub machine_of: Box<[Value]>,
    /// `MachineMetadata=`: one of the values per key, every key.
    pub metadata: Box<[Metadata]>,
    /// `Conflicts=`: globs over unit names.
    pub conflicts: Box<[Value]>,
    /// `Replaces=`: globs over unit names.
    pub replaces: Box<[Value]>,
    /// `Global=`, the last one.
    pub global: Option<Flag>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub text: Box<str>,
    pub line: u32,
    pub column: u32,
}

/// One `key=value` of `MachineMetadata=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub key: Box<str>,
    pub value: Box<str>,
    pub line: u32,
    pub column: u32,
}

/// A boolean and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    pub value: bool,
    pub line: u32,
    pub column: u32,
}

impl Placement {
    /// Whether anything says which hosts the unit is for. `Conflicts=` and `Replaces=` alone do not.
    pub fn selects(&self) -> bool {
        !self.machine_ids.is_empty() || !self.machine_of.is_empty() || !self.metadata.is_empty() || self.is_global()
    }

    /// Whether `Global=true` is in force.
    pub fn is_global(&self) -> bool {
        self.global.is_some_and(|flag| flag.value)
    }
}

/// Reads `[X-Fleet]` of the unit `name`. Where there are errors the placement lacks the values that they are about.
pub fn placement(file: &UnitFile, name: &UnitName) -> (Placement, Vec<Diagnostic>) {
    let mut reader = Reader { file, name, diagnostics: Vec::new() };
    reader.report_odd_keys();
    let placement = Placement {
        line: file.sections().find(|s| s.name == SECTION).map_or(0, |s| small(s.line)),
        machine_ids: reader.values("MachineID", fleet_rules::machine_id),
        machine_of: reader.values("MachineOf", fleet_rules::unit_name),
        metadata: reader.metadata(),
        conflicts: reader.globs("Conflicts"),
        replaces: reader.globs("Replaces"),
        global: reader.global(),
    };
    let mut diagnostics = reader.diagnostics;
    fleet_rules::exclusions(&placement, &mut diagnostics);
    diagnostics.sort_by_key(|d| (d.line, d.column));
    (placement, diagnostics)
}

/// A value before its key's own rule.
pub(super) struct Raw {
    /// As written, without the quotes.
    pub written: String,
    pub line: usize,
    pub column: usize,
}

impl Raw {
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.line, self.column, message)
    }
}

struct Reader<'a> {
    file: &'a UnitFile,
    name: &'a UnitName,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn report_odd_keys(&mut self) {
        for entry in self.file.section_entries(SECTION) {
            let key = entry.key;
            if KEYS.contains(&key) {
                continue;
            }
            let message = match LEGACY_KEYS.iter().find(|(legacy, _)| *legacy == key) {
                Some((_, modern)) if key.ends_with("BootID") => {
                    format!("'{key}' is deprecated and was always held against the machine ID; write '{modern}='")
                }
                Some((_, modern)) => format!("'{key}' is deprecated; write '{modern}='"),
                None => {
                    format!("unknown key '{key}' in [{SECTION}], ignored{}", suggestion(nearest(key, KEYS)))
                }
            };
            self.diagnostics.push(Diagnostic::warning(entry.line, entry.column, message));
        }
    }

    /// All values of a key and of its legacy names, in file order.
    fn raw(&mut self, key: &str) -> Vec<Raw> {
        let mut values = Vec::new();
        let mut reset = None;
        for entry in self.file.section_entries(SECTION) {
            let is_legacy = || LEGACY_KEYS.iter().any(|(legacy, modern)| *legacy == entry.key && *modern == key);
            if entry.key != key && !is_legacy() {
                continue;
            }
            if entry.value.is_empty() {
                if values.is_empty() {
                    reset = Some(entry);
                }
                values.clear();
            } else if let Err(error) = split_quoted(entry, &mut values) {
                self.diagnostics.push(error);
            }
        }
        if let Some(entry) = reset.filter(|_| values.is_empty()) {
            let message = format!("{} is empty: it {}", entry.key, fleet_rules::says_nothing(key));
            self.diagnostics.push(Diagnostic::error(entry.line, entry.value_column, message));
        }
        values
    }

    /// Expands what the name tells and applies the key's rule, which may change the text.
    fn values(&mut self, key: &str, rule: fn(&Raw, String, &UnitName) -> Result<String, Diagnostic>) -> Box<[Value]> {
        let mut values = Vec::new();
        for raw in self.raw(key) {
            let result = self.expand(&raw, &raw.written, key).and_then(|text| rule(&raw, text, self.name));
            match result {
                Ok(text) => values.push(Value { text: text.into(), line: small(raw.line), column: small(raw.column) }),
                Err(error) => self.diagnostics.push(error),
            }
        }
        values.into()
    }

    fn metadata(&mut self) -> Box<[Metadata]> {
        let mut values = Vec::new();
        for raw in self.raw("MachineMetadata") {
            // Split as written: what a specifier brings in cannot make the form wrong.
            let result = fleet_rules::metadata(&raw).and_then(|(key, value)| {
                let expand = |text| self.expand(&raw, text, "MachineMetadata");
                Ok((expand(key)?, expand(value)?))
            });
            match result {
                Ok((key, value)) => values.push(Metadata {
                    key: key.into(),
                    value: value.into(),
                    line: small(raw.line),
                    column: small(raw.column),
                }),
                Err(error) => self.diagnostics.push(error),
            }
        }
        values.into()
    }

    /// Globs; blanks part them, for no unit name holds one.
    fn globs(&mut self, key: &str) -> Box<[Value]> {
        let mut values = Vec::new();
        for raw in self.raw(key) {
            for written in raw.written.split_whitespace() {
                let result = self.expand(&raw, written, key).and_then(|text| fleet_rules::glob(&raw, text, key));
                match result {
                    Ok(text) => {
                        values.push(Value { text: text.into(), line: small(raw.line), column: small(raw.column) })
                    }
                    Err(error) => self.diagnostics.push(error),
                }
            }
        }
        values.into()
    }

    fn global(&mut self) -> Option<Flag> {
        let mut global = None;
        for entry in self.file.section_entries(SECTION).filter(|entry| entry.key == "Global") {
            let mut parts = Vec::new();
            if let Err(error) = split_quoted(entry, &mut parts) {
                self.diagnostics.push(error);
                continue;
            }
            match parse_boolean(parts.last().map_or("", |part| &part.written)) {
                Some(value) => {
                    let (line, column) = (small(entry.line), small(entry.value_column));
                    global = Some(Flag { value, line, column });
                }
                None => {
                    let message = format!("Global is '{}', which is no boolean; write 'true' or 'false'", entry.value);
                    self.diagnostics.push(Diagnostic::error(entry.line, entry.value_column, message));
                }
            }
        }
        global
    }

    fn expand(&self, raw: &Raw, text: &str, key: &str) -> Result<String, Diagnostic> {
        match specifier::expand_name(text, self.name) {
            Ok(expanded) => Ok(expanded.into_owned()),
            Err(UnknownSpecifier { letter, .. }) => Err(raw.error(format!(
                "unknown specifier '%{letter}' in {key}; [{SECTION}] knows {}, and '%%' is a percent sign",
                specifier::KNOWN
            ))),
        }
    }
}

/// One value, or the words of one that begins with `"`. fleet took the latter for a list only if it also ended
/// with `"`, parted it at single spaces alone, and made an empty value of a second one.
fn split_quoted(entry: Entry<'_>, values: &mut Vec<Raw>) -> Result<(), Diagnostic> {
    let raw = |written: String, offset| Raw { written, line: entry.line, column: entry.column_at(offset) };
    if !entry.value.starts_with('"') {
        values.push(raw(entry.value.to_owned(), 0));
        return Ok(());
    }
    let mut word: Option<(String, usize)> = None;
    let mut quote = None;
    for (offset, c) in entry.value.char_indices() {
        if c == '"' {
            quote = if quote.is_none() { Some(offset) } else { None };
            word.get_or_insert((String::new(), offset));
        } else if quote.is_none() && BLANKS.contains(&c) {
            values.extend(word.take().map(|(written, start)| raw(written, start)));
        } else {
            word.get_or_insert((String::new(), offset)).0.push(c);
        }
    }
    values.extend(word.map(|(written, start)| raw(written, start)));
    match quote {
        None => Ok(()),
        Some(offset) => {
            values.pop();
            let message = format!("{}: this quote is not closed; quote each value, as in \"a\" \"b\"", entry.key);
            Err(Diagnostic::error(entry.line, entry.column_at(offset), message))
        }
    }
}

/// Lines and columns beyond four thousand millions do not occur.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
