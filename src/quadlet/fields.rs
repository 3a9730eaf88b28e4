//! The values of one section, read key by key: unquoted, specifiers expanded, what is wrong with them told.

use std::collections::BTreeMap;
use std::path::Path;

use super::context::Context;
use super::merged::{Assignment, Merged};
use crate::host::ApiVersion;
use crate::unit::specifier;
use crate::unit::values::parse_boolean;
use crate::unit::words::split_words;
use crate::unit::{Diagnostic, Finding, UnitName};

/// A section of a file that is translated.
pub struct Fields<'a> {
    pub section: &'static str,
    pub merged: &'a Merged,
    pub service: &'a UnitName,
    pub context: &'a Context<'a>,
    pub findings: &'a mut Vec<Finding>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    pub assignment: Assignment<'a>,
    pub value: String,
}

impl Field<'_> {
    /// An error at the value.
    pub fn error(&self, message: impl Into<String>) -> Finding {
        self.assignment.error_at(0, message)
    }
}

impl<'a> Fields<'a> {
    /// Tells of an error.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Tells that a key is not there that has to be.
    pub fn missing(&mut self, key: &str, so: &str) {
        let place = self.merged.sections().find(|(_, section)| section.name == self.section);
        let (path, line) = place.map_or((self.merged.path(), 0), |(path, section)| (path, section.line));
        let message = format!("there is no {key}= in [{}], {so}", self.section);
        let diagnostic = Diagnostic::error(line, usize::from(line > 0), message);
        self.findings.push(Finding { path: path.to_owned(), diagnostic });
    }

    /// The last value of a key, unless it is empty.
    pub fn scalar(&mut self, key: &str) -> Option<Field<'a>> {
        let assignment = self.merged.last(self.section, key)?;
        let value = assignment.entry.value.as_str();
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        self.field(assignment, value).filter(|field| !field.value.is_empty())
    }

    /// The text of the last value of a key.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.scalar(key).map(|field| field.value)
    }

    /// All values of a key, each a whole line.
    pub fn lines(&mut self, key: &str) -> Vec<Field<'a>> {
        let list = self.merged.list(self.section, key);
        list.into_iter().filter_map(|assignment| self.field(assignment, &assignment.entry.value)).collect()
    }

    /// `NAME=VALUE` words; the last of a name counts, and a name alone has no value.
    pub fn pairs(&mut self, key: &str) -> BTreeMap<String, Option<String>> {
        let mut pairs = BTreeMap::new();
        for assignment in self.merged.list(self.section, key) {
            for word in split_words(&assignment.entry.value).map_while(Result::ok) {
                let Some(field) = self.field(assignment, &word.text) else { continue };
                match field.value.split_once('=') {
                    Some((name, value)) => pairs.insert(name.to_owned(), Some(value.to_owned())),
                    None => pairs.insert(field.value, None),
                };
            }
        }
        pairs
    }

    /// Pairs in which a name alone stands for an empty value.
    pub fn labels(&mut self) -> BTreeMap<String, String> {
        self.pairs("Label").into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    /// A boolean.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let field = self.scalar(key)?;
        let value = parse_boolean(&field.value);
        if value.is_none() {
            self.report(field.error(format!("{key} '{}' is no boolean; write 'yes' or 'no'", field.value)));
        }
        value
    }

    /// A whole number.
    pub fn number(&mut self, key: &str) -> Option<u32> {
        let field = self.scalar(key)?;
        let value = field.value.parse().ok();
        if value.is_none() {
            self.report(field.error(format!("{key} '{}' is no whole number", field.value)));
        }
        value
    }

    /// A path of the host, relative to the folder of the file that it stands in.
    pub fn path(&mut self, key: &str) -> Option<String> {
        self.scalar(key).map(|field| absolute(&field, &field.value))
    }

    /// A resource of another file; the error is told of.
    pub fn other(&mut self, field: &Field<'_>, file_name: &str) -> Option<std::sync::Arc<super::Resource>> {
        match self.context.others.find(file_name) {
            Ok(resource) => Some(resource),
            Err(reason) => {
                self.report(field.error(reason));
                None
            }
        }
    }

    /// Tells that the host's Engine is too old for a value.
    pub fn needs_api(&mut self, field: &Field<'_>, needed: ApiVersion, what: &str) {
        let found = self.context.platform.docker_api;
        if found < needed {
            let message =
                format!("{what} needs Docker's API {needed}, this host has {found}; upgrade Docker, or leave it out");
            self.report(field.error(message));
        }
    }

    fn field(&mut self, assignment: Assignment<'a>, value: &str) -> Option<Field<'a>> {
        match specifier::expand(value, specifier::Context { name: self.service, host: self.context.host }) {
            Ok(value) => Some(Field { assignment, value: value.into_owned() }),
            Err(unknown) => {
                let message = format!("'%{}' means nothing here; known are {}", unknown.letter, specifier::KNOWN);
                self.report(assignment.error_at(unknown.offset, message));
                None
            }
        }
    }
}

/// A path as seen from the folder of the file that it stands in.
pub fn absolute(field: &Field<'_>, path: &str) -> String {
    let folder = field.assignment.path.parent().unwrap_or(Path::new("/"));
    let path = path.strip_prefix("./").unwrap_or(path);
    folder.join(path).display().to_string()
}
