//! The values of a section that is translated: those of [`Values`], and what translations of all types ask for.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use super::context::{Context, Resource};
use super::expand::Expander;
use super::merged::{Assignment, Merged};
use super::values::{Value, Values};
use crate::host::ApiVersion;
use crate::unit::{Finding, UnitName};

/// A section of a file that is translated.
pub struct Fields<'a> {
    values: Values<'a>,
    pub context: &'a Context<'a>,
}

impl<'a> Deref for Fields<'a> {
    type Target = Values<'a>;

    fn deref(&self) -> &Values<'a> {
        &self.values
    }
}

impl<'a> DerefMut for Fields<'a> {
    fn deref_mut(&mut self) -> &mut Values<'a> {
        &mut self.values
    }
}

impl<'a> Fields<'a> {
    /// The section of a file that becomes `service`.
    pub fn new(section: &'static str, merged: Merged<'a>, service: &'a UnitName, context: &'a Context<'a>) -> Self {
        let expander = Expander::new(merged, service, context.host, context.platform);
        Self { values: Values::new(merged, section, expander), context }
    }

    /// Hands over what was found, and the translation if none of that is an error.
    pub fn finish<T>(self, translation: Option<T>, findings: &mut Vec<Finding>) -> Option<T> {
        let is_valid = !self.values.findings.iter().any(Finding::is_error);
        findings.extend(self.values.findings);
        translation.filter(|_| is_valid)
    }

    /// Tells of an error at a value.
    pub fn report(&mut self, value: &Value<'_>, message: impl Into<String>) {
        self.values.findings.push(value.error(message));
    }

    /// The text of the last value of a key.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.scalar(key).map(|value| value.text.into_owned())
    }

    /// `NAME=VALUE` words; the last of a name counts, and a name alone has no value.
    pub fn values_by_name(&mut self, key: &'static str) -> BTreeMap<String, Option<String>> {
        self.pairs(key).iter().map(|pair| (pair.name().to_owned(), pair.assigned().map(str::to_owned))).collect()
    }

    /// Pairs in which a name alone stands for an empty value.
    pub fn labels(&mut self) -> BTreeMap<String, String> {
        self.values_by_name("Label").into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    /// A whole number.
    pub fn number(&mut self, key: &'static str) -> Option<u32> {
        let value = self.scalar(key)?;
        let number = value.text.parse().ok();
        if number.is_none() {
            self.report(&value, format!("{key} '{}' is no whole number; write digits alone", value.text));
        }
        number
    }

    /// A path of the host, relative to the folder of the unit file.
    pub fn path(&mut self, key: &'static str) -> Option<String> {
        self.scalar(key).map(|value| self.absolute(&value.text))
    }

    /// A path as seen from the folder of the unit file.
    pub fn absolute(&self, path: &str) -> String {
        let folder = self.merged().path().parent().unwrap_or(Path::new("/"));
        let path = path.strip_prefix("./").unwrap_or(path);
        folder.join(path).display().to_string()
    }

    /// A resource of another file; the error is told of.
    pub fn other(&mut self, value: &Value<'_>, file_name: &str) -> Option<Arc<Resource>> {
        match self.context.others.find(file_name) {
            Ok(resource) => Some(resource),
            Err(reason) => self.refuse(value, format!("{}: {reason}", value.key())),
        }
    }

    /// Tells that the host's Engine is too old for what a line asks; `docker` is the release that brought it.
    pub fn needs_api(&mut self, line: &Assignment<'_>, what: &str, needed: ApiVersion, docker: &str) {
        let found = self.context.platform.docker_api;
        if found < needed {
            let message = format!(
                "{what} needs version {needed} of Docker's API (Docker {docker}), and this host's Engine speaks {found}; \
                 update Docker, or remove it"
            );
            self.values.findings.push(line.error_at(0, message));
        }
    }
}
