//! YAML text → nodes with their places. Scalars keep the text that they were written with: whether `0644` is a number and
//! `no` a truth is for the key to say, as it was for those who wrote the files. Pure.

mod build;
mod write;

use crate::unit::Diagnostic;
pub use build::{parse, parse_file};
pub use write::quoted;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Which text it is of, as whoever reads several of them counts.
    pub file: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is there.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, a number, a truth, nothing.
    Scalar {
        /// As written, escapes and folds read.
        text: String,
        /// Whether it has no quotes and is no block: only then it may be nothing, or a truth.
        is_plain: bool,
        /// Whether `!!binary` stands before it: then it is base64.
        is_binary: bool,
    },
    /// `- a`
    List(Vec<Node>),
    /// `a: b`, in the order of the file, merge keys (`<<`) carried out.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Which text it is of.
    pub file: usize,
    /// Where the key stands, from 1.
    pub line: usize,
    /// Where the key stands, from 1, in characters.
    pub column: usize,
    /// What it is set to.
    pub value: Node,
}

impl Node {
    /// Whether nothing is there: `key:`, `null` or `~`.
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, is_plain, .. } => {
                *is_plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// A scalar's text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether it is base64 by its tag.
    pub fn is_binary(&self) -> bool {
        matches!(self.value, Value::Scalar { is_binary: true, .. })
    }

    /// The items of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a map's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// A truth in any of the words of YAML 1.1, which people wrote.
    pub fn truth(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, is_plain: true, .. } => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => Some(true),
                "false" | "no" | "off" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// An error here.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.line, self.column, message)
    }

    /// A warning here.
    pub fn warning(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(self.line, self.column, message)
    }
}

impl Entry {
    /// An error at the key.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.line, self.column, message)
    }

    /// A warning at the key.
    pub fn warning(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(self.line, self.column, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(text: &str) -> Node {
        parse(text).unwrap()
    }

    #[test]
    fn scalars_keep_their_text() {
        let node = map("a: 0644\nb: '0644'\nc: yes\nd: \"yes\"\ne: ~\nf:\ng: 22:22\n");
        let text = |key| node.get(key).unwrap().text();
        assert_eq!((text("a"), text("b"), text("g")), (Some("0644"), Some("0644"), Some("22:22")));
        assert_eq!((node.get("c").unwrap().truth(), node.get("d").unwrap().truth()), (Some(true), None));
        assert!(map("a: !!binary aGk=\n").get("a").unwrap().is_binary() && !node.get("a").unwrap().is_binary());
        assert!(node.get("e").unwrap().is_null() && node.get("f").unwrap().is_null());
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        let node = map("x: &x {a: 1, b: 2}\ny: &y {c: 3, b: 4}\nz:\n  <<: [*x, *y]\n  a: own\nw: *x\n");
        let z = node.get("z").unwrap();
        let text = |key| z.get(key).and_then(Node::text).unwrap_or_default();
        assert_eq!((text("a"), text("b"), text("c")), ("own", "2", "3"));
        assert_eq!(node.get("w").unwrap().get("b").unwrap().text(), Some("2"));
    }

    #[test]
    fn places_are_those_of_the_file() {
        let node = map("a:\n  - b: ä\n    c: [d,  e]\n");
        let item = &node.get("a").unwrap().list().unwrap()[0];
        let e = &item.get("c").unwrap().list().unwrap()[1];
        assert_eq!((e.line, e.column), (3, 13));
        let key = &item.map().unwrap()[1];
        assert_eq!((key.line, key.column), (3, 5));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, line, part) in [
            ("a: b\na: c\n", 2, "'a' is there twice"),
            ("a: [b\n", 2, ""),
            ("a: *b\n", 1, ""),
            ("<<: 3\n", 1, "'<<' takes"),
            ("? [a]\n: b\n", 1, "key"),
            ("a: 1\n---\nb: 2\n", 2, "one document"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error:?}");
            assert!(error.line.abs_diff(line) <= 1, "{text}: {error:?}");
        }
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        assert!(parse(&bomb).unwrap_err().message.contains("too much"));
        assert!(parse(&"[".repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "([ \\n:\\-\\[\\]{},&*!|>'\"#%@`?<a-c0-9~\\t]|<<: |- |: ){0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_quoted_is_read_again(text in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
            let node = parse(&format!("a: {}\n", quoted(&text))).unwrap();
            let value = &node.get("a").unwrap().value;
            prop_assert_eq!(value, &Value::Scalar { text, is_plain: false, is_binary: false });
        }
    }
}
