//! A service as it was written → the same in the long forms alone, paths absolute: what can be merged with another.

use std::path::{Component, Path, PathBuf};

use crate::yaml::{Entry, Node, Value};

/// Keys that take a map or a list of `KEY=VALUE`.
const ASSIGNMENTS: [&str; 4] = ["environment", "labels", "annotations", "sysctls"];

/// Keys that take a text or a list of them.
const LISTS: [&str; 5] = ["dns", "dns_search", "tmpfs", "env_file", "label_file"];

/// A scalar at the place of another node.
pub fn scalar(at: &Node, text: impl Into<String>) -> Node {
    Node { value: Value::Scalar { text: text.into(), is_plain: true, is_binary: false }, ..at.clone() }
}

fn map(at: &Node, entries: Vec<Entry>) -> Node {
    Node { file: at.file, line: at.line, column: at.column, value: Value::Map(entries) }
}

/// An entry whose key is at the place of its value.
pub fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), file: value.file, line: value.line, column: value.column, value }
}

/// Brings a service into its long form; `folder` is that of its file, `home` what `~` stands for.
pub fn service(mut node: Node, folder: &Path, home: &str) -> Node {
    let Value::Map(entries) = &mut node.value else { return node };
    for Entry { key, value, .. } in entries {
        match key.as_str() {
            key if ASSIGNMENTS.contains(&key) => assignments(value),
            key if LISTS.contains(&key) && value.text().is_some() => listed(value),
            "depends_on" => names(value, &["condition", "service_started"]),
            "networks" => names(value, &[]),
            "extends" if value.text().is_some() => *value = map(value, vec![entry("service", value.clone())]),
            "build" => build(value, folder),
            "deploy" => each(value, &["labels"], assignments),
            _ => {}
        }
        match (key.as_str(), &mut value.value) {
            ("env_file", Value::List(items)) => {
                for item in items {
                    match &mut item.value {
                        Value::Map(_) => each(item, &["path"], |path| resolve(path, folder)),
                        _ => resolve(item, folder),
                    }
                }
            }
            ("volumes", Value::List(items)) => items.iter_mut().for_each(|item| volume(item, folder, home)),
            _ => {}
        }
    }
    node
}

/// The same for a config or secret of the top level.
pub fn file_source(node: &mut Node, folder: &Path) {
    each(node, &["file"], |path| resolve(path, folder));
}

fn each(node: &mut Node, keys: &[&str], mut change: impl FnMut(&mut Node)) {
    if let Value::Map(entries) = &mut node.value {
        entries
            .iter_mut()
            .filter(|entry| keys.contains(&entry.key.as_str()))
            .for_each(|entry| change(&mut entry.value));
    }
}

fn listed(node: &mut Node) {
    let item = node.clone();
    node.value = Value::List(vec![item]);
}

/// `- KEY=VALUE` → `KEY: VALUE`; a name alone has no value.
fn assignments(node: &mut Node) {
    let Value::List(items) = &node.value else { return };
    let mut entries: Vec<Entry> = Vec::new();
    for item in items {
        let Some(text) = item.text() else { return };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (
                name,
                Node {
                    value: Value::Scalar { text: value.to_owned(), is_plain: false, is_binary: false },
                    ..item.clone()
                },
            ),
            None => (text, scalar(item, "")),
        };
        let next = entry(name, value);
        match entries.iter_mut().find(|entry| entry.key == name) {
            Some(old) => *old = next,
            None => entries.push(next),
        }
    }
    *node = map(node, entries);
}

/// `- NAME` → `NAME:` with what the short form means.
fn names(node: &mut Node, meaning: &[&str]) {
    let Value::List(items) = &node.value else { return };
    let mut entries = Vec::new();
    for item in items {
        let Some(name) = item.text() else { return };
        let value = match meaning {
            [key, text] => map(item, vec![entry(key, scalar(item, *text))]),
            _ => scalar(item, ""),
        };
        entries.push(entry(name, value));
    }
    *node = map(node, entries);
}

fn build(node: &mut Node, folder: &Path) {
    if node.text().is_some() {
        *node = map(node, vec![entry("context", node.clone())]);
    }
    each(node, &["args", "labels"], assignments);
    if node.get("context").is_none() && node.map().is_some() {
        let context = entry("context", scalar(node, "."));
        if let Value::Map(entries) = &mut node.value {
            entries.push(context);
        }
    }
    each(node, &["context"], |context| {
        if context.text().is_some_and(|text| !is_url(text)) {
            resolve(context, folder);
        }
    });
}

/// What a builder fetches.
pub fn is_url(text: &str) -> bool {
    ["http://", "https://", "git://", "git@", "github.com/", "ssh://"].iter().any(|start| text.starts_with(start))
}

fn volume(node: &mut Node, folder: &Path, home: &str) {
    if let Some(text) = node.text() {
        if let Some((source, rest)) = text.split_once(':').filter(|(source, _)| is_path(source)) {
            let text = format!("{}:{rest}", absolute(source, folder, home));
            *node = scalar(node, text);
        }
        return;
    }
    if node.get("type").and_then(Node::text) == Some("bind") {
        each(node, &["source"], |source| {
            let text = absolute(source.text().unwrap_or_default(), folder, home);
            *source = scalar(source, text);
        });
    }
}

/// Whether the source of a volume is a path, not a name.
pub fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~'])
}

fn resolve(node: &mut Node, folder: &Path) {
    if let Some(text) = node.text() {
        let text = absolute(text, folder, "");
        *node = scalar(node, text);
    }
}

/// A path as seen from a folder, without `.` and `..`.
pub fn absolute(path: &str, folder: &Path, home: &str) -> String {
    let path = match path.strip_prefix('~').filter(|_| !home.is_empty()) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => PathBuf::from(format!("{home}{rest}")),
        _ => folder.join(path),
    };
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(clean.pop()),
            component => clean.push(component),
        }
    }
    clean.display().to_string()
}
