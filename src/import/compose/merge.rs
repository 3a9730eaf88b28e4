//! One service, network or file over another (Compose specification, "Merge").

use crate::yaml::{Entry, Node, Value};

/// What is replaced as a whole although it is a list.
const REPLACED: [&str; 4] = ["command", "entrypoint", "test", "logging"];

/// Puts `over` on `base`: maps are merged, lists come one after the other, anything else is replaced.
pub fn merge(base: Node, over: Node) -> Node {
    merged("", base, over)
}

fn merged(key: &str, base: Node, over: Node) -> Node {
    if over.is_null() && base.map().is_some() {
        return base;
    }
    match (base.value, over.value) {
        (Value::Map(mut entries), Value::Map(more)) if !(key == "logging" && is_another_driver(&entries, &more)) => {
            for entry in more {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => {
                        let old = std::mem::replace(&mut known.value, entry.value.clone());
                        *known = Entry { value: merged(&entry.key, old, entry.value.clone()), ..entry };
                    }
                    None => entries.push(entry),
                }
            }
            Node { value: Value::Map(entries), file: base.file, line: base.line, column: base.column }
        }
        (Value::List(mut items), Value::List(more)) if !REPLACED.contains(&key) => {
            for item in more {
                let target = target(key, &item);
                items.retain(|old| *old != item && (target.is_none() || self::target(key, old) != target));
                items.push(item);
            }
            Node { value: Value::List(items), file: over.file, line: over.line, column: over.column }
        }
        (_, value) => Node { value, file: over.file, line: over.line, column: over.column },
    }
}

fn is_another_driver(base: &[Entry], over: &[Entry]) -> bool {
    let driver = |entries: &[Entry]| {
        entries.iter().find(|entry| entry.key == "driver").and_then(|entry| entry.value.text().map(str::to_owned))
    };
    driver(over).is_some_and(|driver_over| driver(base) != Some(driver_over))
}

/// What an item of a list is for: of two for the same, the later one counts.
fn target(key: &str, item: &Node) -> Option<String> {
    match (key, item.text()) {
        ("volumes" | "devices", Some(text)) => {
            let mut parts = text.split(':');
            let first = parts.next();
            parts.next().or(first).map(str::to_owned)
        }
        ("configs" | "secrets", Some(text)) => Some(text.to_owned()),
        ("volumes" | "devices" | "configs" | "secrets", None) => {
            item.get("target").or_else(|| item.get("source")).and_then(Node::text).map(str::to_owned)
        }
        ("dns" | "dns_search" | "cap_add" | "cap_drop" | "expose" | "group_add" | "security_opt", text) => {
            text.map(str::to_owned)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{parse, parse_file};

    #[test]
    fn maps_lists_and_what_is_replaced() {
        let base = parse(
            "{a: 1, m: {x: 1, y: 2}, volumes: ['v:/a', 'v:/b'], command: [a, b], logging: {driver: x, options: {o: 1}}}",
        );
        let over = parse_file("{a: 2, m: {y: 3}, volumes: ['w:/b:ro'], command: [c], logging: {driver: y}}", 1);
        let node = merge(base.unwrap(), over.unwrap());
        let text = |node: &Node| node.text().unwrap_or_default().to_owned();
        let list = |key: &str| node.get(key).unwrap().list().unwrap().iter().map(text).collect::<Vec<_>>();
        assert_eq!(text(node.get("a").unwrap()), "2");
        assert_eq!(node.get("a").unwrap().file, 1);
        assert_eq!(text(node.get("m").unwrap().get("x").unwrap()), "1");
        assert_eq!(list("volumes"), ["v:/a", "w:/b:ro"]);
        assert_eq!(list("command"), ["c"]);
        assert!(node.get("logging").unwrap().get("options").is_none());
    }
}
