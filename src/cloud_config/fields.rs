//! A map of the document, read key by key: each key is taken once, and what is left is named.

use crate::unit::Diagnostic;
use crate::unit::nearest;
use crate::yaml::{Entry, Node};

/// The keys of a map; `-` and `_` are the same in each (coreos-cloudinit: config/config.go).
pub struct Fields<'a> {
    entries: Vec<(String, &'a Entry)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Nothing at all is an empty map.
    pub fn of(node: &'a Node, errors: &mut Vec<Diagnostic>) -> Self {
        let entries = match node.map() {
            Some(entries) => entries,
            None => {
                if !node.is_null() {
                    errors.push(node.error("this must be a map, 'key: value'"));
                }
                &[]
            }
        };
        let entries = entries.iter().map(|entry| (entry.key.replace('-', "_"), entry)).collect();
        Self { entries, known: Vec::new() }
    }

    /// The entry of a key.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(index).1).filter(|entry| !entry.value.is_null())
    }

    /// The text of a key.
    pub fn text(&mut self, key: &'static str, errors: &mut Vec<Diagnostic>) -> Option<&'a Node> {
        let entry = self.entry(key)?;
        if entry.value.text().is_none() {
            errors.push(entry.value.error(format!("{key} takes a text")));
            return None;
        }
        Some(&entry.value)
    }

    /// A key's text without its place.
    pub fn string(&mut self, key: &'static str, errors: &mut Vec<Diagnostic>) -> Option<String> {
        self.text(key, errors).and_then(Node::text).map(str::to_owned)
    }

    /// A truth; what is not there is not true.
    pub fn truth(&mut self, key: &'static str, errors: &mut Vec<Diagnostic>) -> bool {
        let Some(entry) = self.entry(key) else { return false };
        entry.value.truth().unwrap_or_else(|| {
            errors.push(entry.value.error(format!("{key} is true or false")));
            false
        })
    }

    /// The items of a list.
    pub fn list(&mut self, key: &'static str, errors: &mut Vec<Diagnostic>) -> &'a [Node] {
        let Some(entry) = self.entry(key) else { return &[] };
        entry.value.list().unwrap_or_else(|| {
            errors.push(entry.value.error(format!("{key} takes a list, '- item'")));
            &[]
        })
    }

    /// The texts of a list.
    pub fn strings(&mut self, key: &'static str, errors: &mut Vec<Diagnostic>) -> Vec<String> {
        let items = self.list(key, errors);
        let mut texts = Vec::new();
        for item in items {
            match item.text() {
                Some(text) => texts.push(text.to_owned()),
                None => errors.push(item.error(format!("{key} takes a list of texts"))),
            }
        }
        texts
    }

    /// What nobody asked for: coreos-cloudinit ignored such keys.
    pub fn rest(self, notes: &mut Vec<Diagnostic>) {
        for (name, entry) in self.entries {
            let near = nearest::nearest(&name, self.known.iter().copied());
            let advice = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            notes.push(entry.warning(format!("coreos-cloudinit knows no key '{}' here{advice}", entry.key)));
        }
    }
}
