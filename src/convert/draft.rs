//! The file in the making: lines of `[Container]` and `[Service]`, and what has to be said about them.

use super::flags::Flag;
use super::made::Made;
use super::quote::{Grammar, quote};

/// Where something stands in the unit: which of its files (0: the unit file, then its drop-ins), line, column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index of the file.
    pub file: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// What became of a part of the unit that is not simply taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is lost: somebody has to decide.
    NotMapped,
    /// Nothing is lost without it.
    Dropped,
    /// It is taken over, and something about that is good to know.
    Note,
}

/// Something to say about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What became of it.
    pub fate: Fate,
    /// What it is, why, and what to do.
    pub message: String,
}

/// A flag as it was used.
#[derive(Clone)]
pub struct Used {
    /// Its entry in the table.
    pub flag: &'static Flag,
    /// As it was written, such as `-v`.
    pub name: String,
    /// Its value; `true` or `false` for a boolean.
    pub value: String,
    /// Where it stands.
    pub place: Place,
}

impl Used {
    /// A boolean's value.
    pub fn is_on(&self) -> bool {
        !matches!(self.value.as_str(), "0" | "f" | "F" | "false" | "FALSE" | "False")
    }

    /// Flag and value, for messages.
    pub fn shown(&self) -> String {
        match self.flag.takes_value {
            true => format!("'{} {}'", self.name, self.value),
            false => format!("'{}'", self.name),
        }
    }
}

/// The last use of a flag: what counts where Docker takes one value.
pub fn last<'a>(all: &'a [Used], long: &str) -> Option<&'a Used> {
    all.iter().rev().find(|used| used.flag.long == long)
}

/// The file in the making.
#[derive(Default)]
pub struct Draft {
    /// Lines of `[Container]`.
    pub container: Vec<(&'static str, String)>,
    /// Lines of `[Service]` that a flag became.
    pub service: Vec<(&'static str, String)>,
    /// Files beside it.
    pub files: Vec<Made>,
    /// What has to be said.
    pub notes: Vec<Note>,
    /// The unit's `WorkingDirectory=`, against which the client read relative paths.
    pub folder: String,
    /// Whether the unit has a `Restart=` of its own.
    pub has_restart: bool,
    /// Whether a command of `ExecStop=` that stops the container was met: those behind it find it stopped.
    pub is_stopped: bool,
}

impl Draft {
    /// Adds a line to `[Container]`, quoted as its key wants.
    pub fn set(&mut self, used: &Used, key: &'static str, grammar: Grammar, value: &str) {
        match quote(value, grammar) {
            Ok(text) => self.container.push((key, text)),
            Err(reason) => self.not_mapped(used, reason),
        }
    }

    /// Sets a key of `[Container]` that holds one value, in place of what a flag said.
    pub fn replace(&mut self, key: &'static str, value: String) {
        self.container.retain(|(known, _)| *known != key);
        self.container.push((key, value));
    }

    /// Adds a line to `[Service]`.
    pub fn limit(&mut self, key: &'static str, value: impl Into<String>) {
        self.service.push((key, value.into()));
    }

    /// Says that a flag is lost.
    pub fn not_mapped(&mut self, used: &Used, reason: &str) {
        self.say(used.place, Fate::NotMapped, format!("{}: {reason}", used.shown()));
    }

    /// Says that a flag is not needed.
    pub fn dropped(&mut self, used: &Used, reason: &str) {
        self.say(used.place, Fate::Dropped, format!("{}: {reason}", used.shown()));
    }

    /// Says something about a flag that is taken over.
    pub fn note(&mut self, used: &Used, text: &str) {
        self.say(used.place, Fate::Note, format!("{}: {text}", used.shown()));
    }

    /// Says something about a place.
    pub fn say(&mut self, place: Place, fate: Fate, message: String) {
        let note = Note { place, fate, message };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether `[Container]` has the key.
    pub fn has(&self, key: &str) -> bool {
        self.container.iter().any(|(known, _)| *known == key)
    }

    /// A path as the client would have read it.
    pub fn absolute(&self, path: &str) -> String {
        if path.starts_with(['/', '%', '$']) {
            return path.to_owned();
        }
        let mut parts: Vec<&str> = self.folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let is_specifier = parts.first().is_some_and(|part| part.starts_with(['%', '$']));
        format!("{}{}", if is_specifier { "" } else { "/" }, parts.join("/"))
    }
}
