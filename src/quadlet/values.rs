//! The values of a Quadlet section by the rules of each kind of key, expanded (podman: `Lookup…()` in
//! pkg/systemd/parser/unitfile.go).

use std::borrow::Cow;

use super::arguments::split_arguments;
use super::expand::{Expander, Note};
use super::merged::{Assignment, Assignments, Merged};
use super::options::{self, Kind};
use crate::unit::values::parse_boolean;
use crate::unit::words::split_words;
use crate::unit::{Finding, Severity};

/// A value, or a word of one.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    pub text: Cow<'a, str>,
    pub assignment: Assignment<'a>,
    /// Where the word begins in the assignment's value.
    offset: usize,
}

impl Value<'_> {
    /// An error at the value.
    pub fn error(&self, message: impl Into<String>) -> Finding {
        self.assignment.error_at(self.offset, message)
    }

    /// A warning at the value.
    pub fn warning(&self, message: impl Into<String>) -> Finding {
        self.assignment.warning_at(self.offset, message)
    }

    /// The key, for messages.
    pub fn key(&self) -> &str {
        self.assignment.entry.key
    }
}

/// A value of the form `NAME=VALUE`, or a name alone.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    pub value: Value<'a>,
    /// Where the `=` is.
    sign: Option<usize>,
}

impl<'a> Pair<'a> {
    fn new(value: Value<'a>) -> Self {
        Self { sign: value.text.find('='), value }
    }

    /// What stands before the `=`.
    pub fn name(&self) -> &str {
        &self.value.text[..self.sign.unwrap_or(self.value.text.len())]
    }

    /// What stands behind the `=`; `None` without one.
    pub fn assigned(&self) -> Option<&str> {
        self.sign.map(|sign| &self.value.text[sign + 1..])
    }
}

/// Reads one section.
#[derive(Debug)]
pub struct Values<'a> {
    assignments: Assignments<'a>,
    pub expander: Expander<'a>,
    pub findings: Vec<Finding>,
}

impl<'a> Values<'a> {
    pub fn new(merged: Merged<'a>, section: &'static str, expander: Expander<'a>) -> Self {
        Self { assignments: merged.section(section), expander, findings: Vec::new() }
    }

    pub fn merged(&self) -> Merged<'a> {
        self.assignments.merged
    }

    /// Keeps a finding and says whether there was none.
    pub fn check(&mut self, finding: Option<Finding>) -> bool {
        let is_fine = finding.is_none();
        self.findings.extend(finding);
        is_fine
    }

    /// An error at a value; `None`, to be returned.
    pub fn refuse<T>(&mut self, value: &Value<'_>, message: impl Into<String>) -> Option<T> {
        self.findings.push(value.error(message));
        None
    }

    /// The last value of a key, without one pair of outer quotes; `None` if it is empty.
    pub fn scalar(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.scalar_or_empty(key).filter(|value| !value.text.is_empty())
    }

    /// The same for keys to whom an empty value is one (`Entrypoint=`).
    pub fn scalar_or_empty(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.expect(key, &[Kind::Scalar]);
        let assignment = self.assignments.last(key)?;
        self.unquoted(assignment)
    }

    /// A whole value without one pair of outer quotes.
    fn unquoted(&mut self, assignment: Assignment<'a>) -> Option<Value<'a>> {
        let raw = assignment.entry.value;
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        expanded(Value { text: text.into(), assignment, offset: 0 }, &self.expander, &mut self.findings)
    }

    /// A boolean; `None` if it is not set. Podman takes what it does not know for no.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.expect(key, &[Kind::Boolean]);
        let assignment = self.assignments.last(key).filter(|found| !found.entry.value.is_empty())?;
        let value = self.unquoted(assignment)?;
        if parse_boolean(&value.text) != Some(is_yes(&value.text)) {
            let message = format!("{key} '{}' is taken for 'no', as by Podman; write 'yes' or 'no'", value.text);
            self.findings.push(value.warning(message));
        }
        Some(is_yes(&value.text))
    }

    /// Whole values, one per line.
    pub fn lines(&mut self, key: &'static str) -> Vec<Value<'a>> {
        self.expect(key, &[Kind::Lines]);
        let Self { assignments, expander, findings, .. } = self;
        let values = assignments.list(key).into_iter().filter_map(|assignment| {
            let text = assignment.entry.value.into();
            expanded(Value { text, assignment, offset: 0 }, expander, findings)
        });
        values.filter(|value| !value.text.is_empty()).collect()
    }

    /// Words of all lines; quotes are taken off, escapes stay.
    pub fn words(&mut self, key: &'static str) -> Vec<Value<'a>> {
        self.expect(key, &[Kind::Words]);
        let Self { assignments, expander, findings, .. } = self;
        let mut values = Vec::new();
        for assignment in assignments.list(key) {
            for word in split_words(assignment.entry.value) {
                match word {
                    Ok(word) => {
                        let value = Value { text: word.text, assignment, offset: word.offset };
                        values.extend(expanded(value, expander, findings));
                    }
                    Err(quote) => {
                        let message = format!("{key}: this quote is not closed; close or escape it");
                        findings.push(assignment.error_at(quote.offset, message));
                    }
                }
            }
        }
        values.retain(|value| !value.text.is_empty());
        values
    }

    /// Words of all lines, C escapes resolved.
    pub fn arguments(&mut self, key: &'static str) -> Vec<Value<'a>> {
        self.expect(key, &[Kind::Arguments]);
        let Self { assignments, expander, findings, .. } = self;
        let mut values = Vec::new();
        for assignment in assignments.list(key) {
            for word in split(assignment, findings) {
                values.extend(expanded(word, expander, findings).filter(|value| !value.text.is_empty()));
            }
        }
        values
    }

    /// A command line; only the last assignment counts. `None` if there is none.
    pub fn command(&mut self, key: &'static str) -> Option<(Vec<String>, Assignment<'a>)> {
        self.expect(key, &[Kind::Command]);
        let assignment = self.assignments.last(key).filter(|found| !found.entry.value.is_empty())?;
        let words = split(assignment, &mut self.findings);
        let is_set = !words.is_empty();
        let mut command = Vec::with_capacity(words.len());
        for word in words {
            let mut notes = Vec::new();
            self.expander.words(&word.text, &mut command, &mut notes);
            report(&word, notes, &mut self.findings);
        }
        is_set.then_some((command, assignment))
    }

    /// `NAME=VALUE` words of all lines, by name; the last one of a name counts.
    pub fn pairs(&mut self, key: &'static str) -> Vec<Pair<'a>> {
        self.expect(key, &[Kind::Assignments]);
        let Self { assignments, expander, findings, .. } = self;
        let mut pairs = Vec::new();
        for assignment in assignments.list(key) {
            for word in split(assignment, findings) {
                let Some(value) = expanded(word, expander, findings) else { continue };
                let pair = Pair::new(value);
                if pair.name().is_empty() {
                    let message = format!("{key} '{}' has no name before its '='", pair.value.text);
                    findings.push(pair.value.error(message));
                    continue;
                }
                pairs.push(pair);
            }
        }
        pairs.sort_by(|a, b| a.name().cmp(b.name()));
        pairs.dedup_by(|later, earlier| {
            let is_same = later.name() == earlier.name();
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        pairs
    }

    /// The table and the code must not say different things of a key.
    fn expect(&self, key: &str, kinds: &[Kind]) {
        debug_assert!(
            options::find(self.assignments.section, key).is_some_and(|key| kinds.contains(&key.kind)),
            "[{}] {key} is not {kinds:?}",
            self.assignments.section
        );
    }
}

/// Podman drops a value with an escape sequence that it does not know.
fn split<'a>(assignment: Assignment<'a>, findings: &mut Vec<Finding>) -> Vec<Value<'a>> {
    let key = assignment.entry.key;
    match split_arguments(assignment.entry.value) {
        Ok(split) => {
            if let Some(offset) = split.unclosed {
                let message = format!("{key}: this quote is not closed and taken to end with the line");
                findings.push(assignment.warning_at(offset, message));
            }
            let words = split.words.into_iter();
            words.map(|word| Value { text: word.text, assignment, offset: word.offset }).collect()
        }
        Err(escape) => {
            let message =
                format!("{key}: not a known escape sequence, so this line is left out; write '\\\\' for a '\\'");
            findings.push(assignment.warning_at(escape.offset, message));
            Vec::new()
        }
    }
}

/// `None` if it cannot be told what the value is: more need not be said of it.
fn expanded<'a>(mut value: Value<'a>, expander: &Expander<'_>, findings: &mut Vec<Finding>) -> Option<Value<'a>> {
    let mut notes = Vec::new();
    value.text = expander.value(value.text, &mut notes);
    let is_known = !notes.iter().any(|(severity, _)| *severity == Severity::Error);
    report(&value, notes, findings);
    is_known.then_some(value)
}

fn report(value: &Value<'_>, notes: Vec<Note>, findings: &mut Vec<Finding>) {
    for (severity, message) in notes {
        findings.push(match severity {
            Severity::Error => value.error(message),
            Severity::Warning => value.warning(message),
        });
    }
}

/// podman: `LookupBoolean()`.
pub(super) fn is_yes(value: &str) -> bool {
    ["1", "yes", "true", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
