//! The parser's events → nodes.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Entry, Node, Value};
use crate::unit::Diagnostic;

/// Nested deeper than any document that people write.
const MAX_DEPTH: usize = 100;

/// Aliases multiply what they stand for; a few kilobytes could become gigabytes.
const MAX_NODES: usize = 100_000;

/// Reads a text that holds one document; an empty one is nothing.
pub fn parse(text: &str) -> Result<Node, Diagnostic> {
    parse_file(text, 0)
}

/// The same for one of several texts; its nodes carry its number.
pub fn parse_file(text: &str, file: usize) -> Result<Node, Diagnostic> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { file, ..Builder::default() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let mark = error.marker();
            Diagnostic::error(mark.line(), mark.col() + 1, format!("this is no YAML: {}", error.info()))
        })?;
        builder.take(event, span)?;
    }
    let nothing = Node {
        file,
        line: 1,
        column: 1,
        value: Value::Scalar { text: String::new(), is_plain: true, is_binary: false },
    };
    Ok(builder.root.unwrap_or(nothing))
}

#[derive(Default)]
struct Builder {
    file: usize,
    open: Vec<Open>,
    root: Option<Node>,
    /// By the parser's number of the anchor.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

/// A list or map that is not over.
struct Open {
    line: usize,
    column: usize,
    anchor: usize,
    /// How many nodes there were before.
    before: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The entries, and a key that has no value yet.
    Map(Vec<Entry>, Option<Node>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Diagnostic::error(line, column, "one document is expected; another one begins here"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let is_binary = tag.is_some_and(|tag| tag.suffix == "binary");
                let value = Value::Scalar { text: text.into_owned(), is_plain, is_binary };
                self.put(Node { file: self.file, line, column, value }, anchor, 1)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Diagnostic::error(line, column, "this alias stands inside of what it stands for"));
                };
                // Mistakes in it are where it was written.
                self.put(node, 0, size)
            }
            Event::SequenceStart(anchor, _) => self.enter(line, column, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.enter(line, column, anchor, Content::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, line: usize, column: usize, anchor: usize, content: Content) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Diagnostic::error(line, column, "this is nested too deeply"));
        }
        self.open.push(Open { line, column, anchor, before: self.nodes, content });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Diagnostic> {
        let Some(Open { line, column, anchor, before, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(merged(entries)?),
        };
        let size = self.nodes - before + 1;
        self.nodes = before;
        self.put(Node { file: self.file, line, column, value }, anchor, size)
    }

    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Diagnostic> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(node.error("its aliases stand for too much"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, pending)) => match pending.take() {
                None => *pending = Some(node),
                Some(Node { file, line, column, value: Value::Scalar { text: key, .. } }) => {
                    if entries.iter().any(|entry| entry.key == key) {
                        return Err(Diagnostic::error(line, column, format!("'{key}' is there twice")));
                    }
                    entries.push(Entry { key, file, line, column, value: node });
                }
                Some(key) => return Err(key.error("a list or a map cannot be a key")),
            },
        }
        Ok(())
    }
}

/// Carries out `<<`: what the map says itself wins, then the first of several.
fn merged(mut entries: Vec<Entry>) -> Result<Vec<Entry>, Diagnostic> {
    let Some(index) = entries.iter().position(|entry| entry.key == "<<") else { return Ok(entries) };
    let merge = entries.remove(index);
    let sources = match merge.value.value {
        Value::List(items) => items,
        value => vec![Node { value, ..merge.value }],
    };
    for source in sources {
        let place = Node { value: Value::List(Vec::new()), ..source };
        let Value::Map(more) = source.value else { return Err(place.error("'<<' takes a map or a list of maps")) };
        for entry in more {
            if entries.iter().all(|own| own.key != entry.key) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}
