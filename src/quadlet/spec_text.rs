//! A [`Spec`] as text: JSON with a line for each value, so that two versions can be compared.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};

use super::spec::Spec;

/// So many bytes are pushed one by one.
const FEW: usize = 16;

/// What most specs fit into, which spares growing them in small steps.
const SIZE: usize = 4096;

thread_local! {
    /// For one spec after the other: a new buffer of this size would be memory from the kernel each time.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes a spec. Texts and numbers in maps with texts for keys: JSON has a way to write them all.
pub fn write(spec: &Spec) -> serde_json::Result<Arc<[u8]>> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    buffer.reserve(SIZE);
    let mut text = Text(buffer);
    spec.serialize(&mut Serializer::with_formatter(&mut text, Lines::default()))?;
    let written = text.0.as_slice().into();
    BUFFER.set(text.0);
    Ok(written)
}

/// Nearly all that serde_json writes is a few bytes long, which are pushed in less time than a copy takes to begin.
struct Text(Vec<u8>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes {
            [byte] => self.0.push(*byte),
            few if few.len() <= FEW => self.0.extend(few.iter().copied()),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of what is asked for, with their ends, and its name in the spec: `container`.
pub fn request(spec: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    // A member of the outermost object, and the only one that is an object itself
    let is_start = |line: &&str| line.starts_with("  \"") && line.ends_with("{\n");
    let mut lines = spec.split_inclusive('\n').skip_while(move |line| !is_start(line));
    let name = lines.next()?.split('"').nth(1)?;
    let inner = lines.map(|line| line.strip_prefix("  ").unwrap_or(line)).take_while(|line| *line != "}\n");
    Some((name, ["{\n"].into_iter().chain(inner).chain(["}\n"])))
}

/// What serde_json's `PrettyFormatter` writes; that one writes each step of an indent by itself.
#[derive(Default)]
struct Lines {
    depth: usize,
    has_value: bool,
}

/// What goes before a line: a comma but for the first one, and blanks for as deep as a spec gets.
const BEFORE: &[u8] = b",\n                                        ";

impl Lines {
    fn open(&mut self, out: &mut (impl io::Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        out.write_all(bracket)
    }

    fn close(&mut self, out: &mut (impl io::Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.line(out, true)?;
        }
        self.has_value = true;
        out.write_all(bracket)
    }

    fn line(&mut self, out: &mut (impl io::Write + ?Sized), is_first: bool) -> io::Result<()> {
        self.has_value = true;
        let end = BEFORE.len().min(2 + 2 * self.depth);
        out.write_all(&BEFORE[usize::from(is_first)..end])
    }
}

impl Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, out: &mut W, is_first: bool) -> io::Result<()> {
        self.line(out, is_first)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, out: &mut W, is_first: bool) -> io::Result<()> {
        self.line(out, is_first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quadlet::create::VolumeBody;
    use crate::quadlet::spec::{Request, VERSION, Volume};
    use crate::unit::Digest;

    fn spec() -> Spec {
        let driver_opts = [("device".to_owned(), "a\"{\n".to_owned())].into();
        let create = VolumeBody { name: "a".into(), driver_opts, ..VolumeBody::default() };
        let run = Digest::of([b"a".as_slice()]);
        let (unit, source) = ("a.service".to_owned(), "/a{".into());
        Spec {
            version: VERSION,
            unit,
            source,
            run,
            request: Request::Volume(Volume { create, uid: Some(1), gid: None }),
        }
    }

    #[test]
    fn it_is_written_as_serde_json_would() {
        let expected = serde_json::to_string_pretty(&spec()).unwrap();
        assert_eq!(String::from_utf8(write(&spec()).unwrap().to_vec()).unwrap(), expected);
        let deep = serde_json::json!({"a": [], "b": {}, "c": [1, {"d": [[]], "e": "f"}], "g": [[2], {"h": null}]});
        let mut text = Vec::new();
        deep.serialize(&mut Serializer::with_formatter(&mut text, Lines::default())).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string_pretty(&deep).unwrap());
    }

    #[test]
    fn what_is_asked_for_is_found() {
        let text = String::from_utf8(write(&spec()).unwrap().to_vec()).unwrap();
        let (name, lines) = request(&text).unwrap();
        assert_eq!(name, "volume");
        let Request::Volume(volume) = spec().request else { panic!("it is a volume") };
        assert_eq!(lines.collect::<String>(), serde_json::to_string_pretty(&volume).unwrap() + "\n");
    }
}
