//! `extends:`: a service on another one, of this file or another (Compose specification, "extends").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::log::{Log, place};
use super::variables::Variables;
use super::{Reader, canonical, document, merge};
use crate::yaml::{Entry, Node, Value};

/// Deeper than any chain that people write.
const MAX_DEPTH: usize = 30;

/// Files that were read on the way, by their path.
#[derive(Default)]
pub struct Files(BTreeMap<PathBuf, Option<Node>>);

/// What resolving needs.
pub struct Around<'a> {
    /// Reads another file.
    pub read: Reader<'a>,
    /// For its variables.
    pub variables: &'a Variables,
}

/// The service with what it extends below it.
pub fn resolve(
    service: Node,
    services: &Node,
    path: &Path,
    around: &Around<'_>,
    files: &mut Files,
    log: &mut Log,
    depth: usize,
) -> Node {
    let home = around.variables.get("HOME").map_or("", String::as_str);
    let mut node = canonical::service(service, path.parent().unwrap_or(Path::new("/")), home);
    let Value::Map(entries) = &mut node.value else { return node };
    let Some(index) = entries.iter().position(|entry| entry.key == "extends") else { return node };
    let Entry { value: extends, .. } = entries.remove(index);
    if depth > MAX_DEPTH {
        log.error(place(&extends), "'extends' goes in a circle; take it out of one of the services");
        return node;
    }
    let Some(name) = extends.get("service").and_then(Node::text) else {
        log.error(place(&extends), "'extends' names no service; write 'service: NAME'");
        return node;
    };
    let (services, path) = match extends.get("file").and_then(Node::text) {
        None => (Some(services.clone()), path.to_owned()),
        Some(file) => {
            let file = PathBuf::from(canonical::absolute(file, path.parent().unwrap_or(Path::new("/")), home));
            let known = files.0.contains_key(&file);
            if !known {
                let root = match (around.read)(&file) {
                    Ok(text) => document(&file, &text, around.variables, log),
                    Err(reason) => {
                        log.error(place(&extends), format!("{}: {reason}", file.display()));
                        None
                    }
                };
                files.0.insert(file.clone(), root);
            }
            let root = files.0.get(&file).cloned().flatten();
            // Why it cannot be read has been said.
            let Some(root) = root else { return node };
            (root.get("services").cloned(), file)
        }
    };
    let Some(base) = services.as_ref().and_then(|services| services.get(name)).cloned() else {
        log.error(place(&extends), format!("there is no service '{name}' in {}", path.display()));
        return node;
    };
    let empty = Node { value: Value::Map(Vec::new()), ..node.clone() };
    let base = resolve(base, services.as_ref().unwrap_or(&empty), &path, around, files, log, depth + 1);
    merge::merge(base, node)
}
