//! One service → its files.

use std::collections::BTreeMap;

use super::keys::{self, Handling, Shape};
use super::log::{Log, key_place, place};
use super::project::{MAX_REPLICAS, Project};
use super::sheet::{Sheet, literal};
use super::{depends, deploy, names, networks, top};
use crate::convert::quote::{Grammar, quote};
use crate::convert::{self, Draft, Fate, Place, Used, flags};
use crate::unit::nearest::{nearest, suggestion};
use crate::yaml::{Entry, Node};

/// A service in translation.
pub struct Service<'a> {
    /// What it belongs to.
    pub project: &'a Project<'a>,
    /// Its entry.
    pub entry: &'a Entry,
    /// The lines of `[Container]` and `[Service]`.
    pub draft: Draft,
    /// The lines of `[Unit]`.
    pub unit: Vec<(&'static str, String)>,
    /// The flags of `docker run` that say the same.
    pub flags: Vec<Used>,
    /// Files that the container's names: `.image`, `.build`.
    pub more: Vec<Sheet>,
    /// How many containers.
    pub replicas: u64,
}

impl<'a> Service<'a> {
    /// Begins with nothing.
    pub fn new(project: &'a Project<'a>, entry: &'a Entry, log: &mut Log) -> Self {
        if let Err(message) = names::file(&names::stem(&project.name, &entry.key), "container") {
            log.error(key_place(entry), message);
        }
        let (draft, unit, flags, more) = (Draft::default(), Vec::new(), Vec::new(), Vec::new());
        Self { project, entry, draft, unit, flags, more, replicas: 1 }
    }

    /// Its name in the Compose file.
    pub fn name(&self) -> &'a str {
        &self.entry.key
    }

    /// The stem of its files.
    pub fn stem(&self) -> String {
        names::stem(&self.project.name, self.name())
    }

    /// One of its keys.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry.value.get(key)
    }

    /// A flag of `docker run` in the place of `key`.
    pub fn flag(&mut self, flag: &'static str, key: &str, value: &str, place: Place) {
        if let Some(flag) = flags::by_name(flag) {
            self.flags.push(Used { flag, name: key.to_owned(), value: literal(value), place });
        }
    }

    /// A line of `[Container]`.
    pub fn set(&mut self, key: &'static str, grammar: Grammar, value: &str, at: Place, log: &mut Log) {
        match quote(&literal(value), grammar) {
            Ok(text) => self.draft.container.push((key, text)),
            Err(reason) => log.say(at, Fate::NotMapped, format!("{key}={value}: {reason}")),
        }
    }

    /// A line of `[Container]` whose value names other files, which are to be found.
    pub fn set_raw(&mut self, key: &'static str, value: String) {
        self.draft.container.push((key, value));
    }

    /// Reads its keys.
    pub fn translate(&mut self, used: &mut top::Used, log: &mut Log) {
        for entry in self.entry.value.map().unwrap_or_default() {
            let Some(key) = keys::key_named(&entry.key) else {
                if !entry.key.starts_with("x-") {
                    let near = nearest(&entry.key, keys::KEYS.iter().map(|key| key.name));
                    let message = format!("Compose knows no key '{}' of a service{}", entry.key, suggestion(near));
                    log.error(key_place(entry), message);
                }
                continue;
            };
            if entry.value.is_null() {
                continue;
            }
            match key.handling {
                Handling::Flag(flag, shape) => self.flags_of(flag, shape, entry, log),
                Handling::Own(translate, _) => translate(self, entry, used, log),
                Handling::Elsewhere(_) => {}
                Handling::Dropped(reason) => {
                    log.say(key_place(entry), Fate::Dropped, format!("{}: {reason}", entry.key));
                }
                Handling::NotMapped(reason) => {
                    log.say(key_place(entry), Fate::NotMapped, format!("{}: {reason}", entry.key));
                }
            }
        }
        depends::own(self);
        networks::join(self, used, log);
        deploy::restart(self, log);
        let flags = std::mem::take(&mut self.flags);
        for used in &flags {
            convert::translate(used, &flags, &mut self.draft);
        }
        log.notes.append(&mut self.draft.notes);
    }

    fn flags_of(&mut self, flag: &'static str, shape: Shape, entry: &'a Entry, log: &mut Log) {
        let (key, node) = (entry.key.as_str(), &entry.value);
        match shape {
            Shape::Text => {
                if let Some(text) = log.text(node, key) {
                    self.flag(flag, key, text, key_place(entry));
                }
            }
            Shape::Truth => {
                let value = log.truth(node, key).to_string();
                self.flag(flag, key, &value, key_place(entry));
            }
            Shape::List => {
                for item in log.list(node, key) {
                    if let Some(text) = log.text(item, key) {
                        self.flag(flag, key, text, place(item));
                    }
                }
            }
            Shape::Assignments => {
                for entry in log.map(node, key) {
                    let value = log.text(&entry.value, key).unwrap_or_default();
                    self.flag(flag, key, &format!("{}={value}", entry.key), key_place(entry));
                }
            }
        }
    }

    /// Its files: those that the container's names, then the container's own.
    pub fn finish(mut self, log: &mut Log) -> (Vec<Sheet>, Vec<Sheet>) {
        if self.replicas > MAX_REPLICAS {
            log.error(
                key_place(self.entry),
                format!("{} containers are too many; write {MAX_REPLICAS} or less", self.replicas),
            );
            return (Vec::new(), Vec::new());
        }
        let given = self.get("container_name").and_then(Node::text).map(str::to_owned);
        let description = format!("{} of {}", self.name(), self.project.name);
        let mut unit = vec![("Description", description)];
        unit.extend(joined(std::mem::take(&mut self.unit)));
        let comment = format!("Made by 'sculler import compose': service {} of {}.", self.name(), self.project.name);
        let order = |key: &str| ["Image", "ContainerName"].iter().position(|first| *first == key).unwrap_or(usize::MAX);
        let mut sheets = Vec::new();
        for index in 1..=self.replicas {
            let name = given.clone().unwrap_or_else(|| names::container(&self.project.name, self.name(), index));
            let mut container = self.draft.container.clone();
            container.push(("ContainerName", literal(&name)));
            container.sort_by_key(|(key, _)| order(key));
            let stem = if index == 1 { self.stem() } else { format!("{}-{index}", self.stem()) };
            let mut sheet = Sheet { name: format!("{stem}.container"), comment: comment.clone(), ..Sheet::default() };
            sheet.section("Unit", unit.clone());
            sheet.section("Container", container);
            sheet.section("Service", self.draft.service.clone());
            sheets.push(sheet);
        }
        (std::mem::take(&mut self.more), sheets)
    }
}

/// Lists of units in one line for each key.
fn joined(lines: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut lists: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut rest = Vec::new();
    for (key, value) in lines {
        match key {
            "After" | "Requires" | "Wants" => {
                let list = lists.entry(key).or_default();
                if !list.contains(&value) {
                    list.push(value);
                }
            }
            _ => rest.push((key, value)),
        }
    }
    lists.into_iter().map(|(key, values)| (key, values.join(" "))).chain(rest).collect()
}
