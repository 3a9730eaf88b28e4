//! Specifiers and variables in Quadlet's values, as systemd would have expanded them on the `ExecStart=` line that
//! Podman's generator makes of them (systemd.unit(5) "Specifiers", systemd.service(5) "Command lines"; systemd:
//! src/shared/specifier.c, `replace_env_argv()` in src/basic/env-util.c).
//!
//! Specifiers are those of the service: `%n` is `web.service`. There is no generated file that `%y` and `%Y` could
//! name: they are the Quadlet file and its folder. A `$NAME` that is a whole value stands for the variable's value; it is
//! split into words only where a command line is meant (`Exec=`, `ReloadCmd=`).
//!
//! Variables are those of `[Service] Environment=`. What `EnvironmentFile=` and `PassEnvironment=` bring is not known before the
//! start: a variable that can only come from there is an error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::arguments::split_arguments;
use super::merged::Merged;
use crate::host::{Host, Platform, System};
use crate::unit::name::unescape;
use crate::unit::words::split_words;
use crate::unit::{Severity, UnitName};

/// What is wrong or odd about a value.
pub type Note = (Severity, String);

/// What values are expanded with.
#[derive(Debug, Clone)]
pub struct Expander<'a> {
    service: &'a UnitName,
    source: &'a Path,
    host: &'a Host,
    system: Option<&'a System>,
    /// The error is a specifier's.
    variables: BTreeMap<String, Result<String, Note>>,
    /// The key of `[Service]` that may set further variables.
    open: Option<&'static str>,
}

impl<'a> Expander<'a> {
    /// For the service that is made of a Quadlet file.
    pub fn new(merged: Merged<'a>, service: &'a UnitName, host: &'a Host, platform: &'a Platform) -> Self {
        let mut expander = Self {
            service,
            source: merged.path(),
            host,
            system: platform.system.as_ref(),
            variables: BTreeMap::new(),
            open: ["EnvironmentFile", "PassEnvironment"]
                .into_iter()
                .find(|key| !merged.list("Service", key).is_empty()),
        };
        for assignment in merged.list("Service", "Environment") {
            // systemd ignores what it cannot read; the check of the unit file says so.
            for word in split_arguments(assignment.entry.value).map(|split| split.words).unwrap_or_default() {
                let mut notes = Vec::new();
                let text = expander.specifiers(&word.text, &mut notes).into_owned();
                let error = notes.into_iter().find(|(severity, _)| *severity == Severity::Error);
                if let Some((name, value)) = text.split_once('=') {
                    let value = error.map_or_else(|| Ok(value.to_owned()), Err);
                    expander.variables.insert(name.to_owned(), value);
                }
            }
        }
        for assignment in merged.list("Service", "UnsetEnvironment") {
            for word in split_words(assignment.entry.value).map_while(Result::ok) {
                expander.variables.remove(&*word.text);
            }
        }
        expander
    }

    /// Expands specifiers, then variables.
    pub fn value<'t>(&self, text: Cow<'t, str>, notes: &mut Vec<Note>) -> Cow<'t, str> {
        if !is_expandable(&text) {
            return text;
        }
        let text = self.specifiers(&text, notes);
        let value = match whole_variable(&text) {
            Some(name) => self.variable(name, notes).to_owned(),
            None => self.variables(&text, notes).into_owned(),
        };
        value.into()
    }

    /// The same for a word of a command line, of which `$NAME` makes any number of words.
    pub fn words(&self, text: &str, words: &mut Vec<String>, notes: &mut Vec<Note>) {
        if !is_expandable(text) {
            words.push(text.to_owned());
            return;
        }
        let text = self.specifiers(text, notes);
        match whole_variable(&text) {
            Some(name) => {
                let value = self.variable(name, notes);
                words.extend(split_words(value).map_while(Result::ok).map(|word| word.text.into_owned()));
            }
            None => words.push(self.variables(&text, notes).into_owned()),
        }
    }

    /// Expands specifiers alone. Unknown ones stay as they are, as in systemd.
    pub fn specifiers<'t>(&self, text: &'t str, notes: &mut Vec<Note>) -> Cow<'t, str> {
        if !text.contains('%') {
            return Cow::Borrowed(text);
        }
        let mut expanded = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            if c != '%' {
                expanded.push(c);
                continue;
            }
            let Some(letter) = characters.next() else {
                expanded.push('%');
                break;
            };
            match self.meaning(letter) {
                Meaning::Text(meaning) => expanded.push_str(&meaning),
                Meaning::Unknown => {
                    notes.push((
                        Severity::Error,
                        format!("what %{letter} stands for is known on the host itself alone; run this there"),
                    ));
                }
                Meaning::None => {
                    let message = format!("'%{letter}' is no specifier and stays as it is; write '%%' for a '%'");
                    notes.push((Severity::Warning, message));
                    expanded.extend(['%', letter]);
                }
            }
        }
        Cow::Owned(expanded)
    }

    /// systemd.unit(5), as the system's manager expands them.
    fn meaning(&self, letter: char) -> Meaning<'_> {
        let name = self.service;
        let instance = name.instance().unwrap_or_default();
        let plain = |text: &str| unescape(text).unwrap_or_else(|| text.to_owned());
        let last = |text: &'a str| text.rsplit_once('-').map_or(text, |(_, last)| last);
        let path = |path: Option<&Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
        let text: Cow<'_, str> = match letter {
            'n' => name.as_str().into(),
            'N' => name.stem().into(),
            'p' => name.prefix().into(),
            'P' => plain(name.prefix()).into(),
            'i' => instance.into(),
            'I' => plain(instance).into(),
            'j' => last(name.prefix()).into(),
            'J' => plain(last(name.prefix())).into(),
            'f' => {
                let text = plain(if instance.is_empty() { name.prefix() } else { instance });
                format!("/{}", text.trim_start_matches('/')).into()
            }
            'y' => path(Some(self.source)).into(),
            'Y' => path(self.source.parent()).into(),
            'm' => self.host.machine_id.as_str().into(),
            'H' => self.host.hostname.as_str().into(),
            'l' => self.host.hostname.split('.').next().unwrap_or_default().into(),
            't' => "/run".into(),
            'S' => "/var/lib".into(),
            'C' => "/var/cache".into(),
            'L' => "/var/log".into(),
            'E' => "/etc".into(),
            'D' => "/usr/share".into(),
            'T' => "/tmp".into(),
            'V' => "/var/tmp".into(),
            'u' | 'g' => "root".into(),
            'U' | 'G' => "0".into(),
            'h' => "/root".into(),
            'd' => format!("/run/credentials/{name}").into(),
            '%' => "%".into(),
            'q' | 'a' | 'v' | 'b' | 's' | 'o' | 'w' | 'W' | 'B' | 'M' | 'A' => return self.of_system(letter),
            _ => return Meaning::None,
        };
        Meaning::Text(text)
    }

    fn of_system(&self, letter: char) -> Meaning<'_> {
        let Some(system) = self.system else { return Meaning::Unknown };
        let release = |key: &str| system.os_release.get(key).map(String::as_str).unwrap_or_default();
        Meaning::Text(Cow::Borrowed(match letter {
            'q' if system.pretty_hostname.is_empty() => &self.host.hostname,
            'q' => &system.pretty_hostname,
            'a' => &system.architecture,
            'v' => &system.kernel,
            'b' => &system.boot_id,
            's' => &system.root_shell,
            'o' => release("ID"),
            'w' => release("VERSION_ID"),
            'W' => release("VARIANT_ID"),
            'B' => release("BUILD_ID"),
            'M' => release("IMAGE_ID"),
            _ => release("IMAGE_VERSION"),
        }))
    }

    /// Expands `${NAME}` and `$$`; any other `$` stays.
    fn variables<'t>(&self, text: &'t str, notes: &mut Vec<Note>) -> Cow<'t, str> {
        if !text.contains('$') {
            return Cow::Borrowed(text);
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                expanded.push('$');
                rest = after;
            } else if let Some((name, after)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                expanded.push_str(self.variable(name, notes));
                rest = after;
            } else {
                expanded.push('$');
                rest = after;
            }
        }
        expanded.push_str(rest);
        Cow::Owned(expanded)
    }

    fn variable(&self, name: &str, notes: &mut Vec<Note>) -> &str {
        match self.variables.get(name) {
            Some(Ok(value)) => return value,
            Some(Err(note)) => {
                notes.push(note.clone());
                return "";
            }
            None => {}
        }
        notes.push(match self.open {
            Some(key) => (
                Severity::Error,
                format!(
                    "the variable '{name}' may be set by {key}= of [Service], which is not known before the start; \
                     set it by Environment= of [Service], or write '$$' for a '$'"
                ),
            ),
            None => (
                Severity::Warning,
                format!(
                    "the variable '{name}' is not set by Environment= of [Service], so it is empty; \
                     set it there, or write '$$' for a '$' that the container is to see"
                ),
            ),
        });
        ""
    }
}

enum Meaning<'a> {
    Text(Cow<'a, str>),
    /// A fact of another host.
    Unknown,
    /// Not a specifier.
    None,
}

/// Whether there is anything to expand.
fn is_expandable(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'%' | b'$'))
}

/// The name, if a text is nothing but `$NAME`.
fn whole_variable(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| !name.starts_with(['$', '{']) && !name.is_empty())
}

#[cfg(test)]
#[path = "expand_tests.rs"]
mod tests;
