//! A [`Spec`] as text: JSON with a line for each value, so that two versions can be compared.

use std::cell::Cell;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::spec::{Request, Spec};
use crate::unit::Digest;

/// A [`Spec`] as text. What was written before is not equal to its parts; their digests are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecText {
    /// As it was written before.
    Whole(Box<[u8]>),
    /// What was made of a Quadlet file.
    Parts {
        /// All but what is asked for.
        head: Box<[u8]>,
        /// What is asked for: `container`.
        kind: &'static str,
        /// The lines of that, which is most of the text.
        request: Box<[u8]>,
    },
}

/// All of a [`Spec`] but what is asked for.
#[derive(Debug, Serialize)]
pub struct Head<'a> {
    pub version: u32,
    pub unit: &'a str,
    pub source: &'a Path,
    pub run: &'a Digest,
}

impl SpecText {
    /// Writes a spec. Texts and numbers in maps with texts for keys: JSON has a way to write them all.
    pub fn new(head: &Head<'_>, request: &Request) -> serde_json::Result<Self> {
        let head = write(head)?;
        let (kind, request) = match request {
            Request::Container(container) => ("container", write(container)?),
            Request::Volume(volume) => ("volume", write(volume)?),
            Request::Network(network) => ("network", write(network)?),
            Request::Image(image) => ("image", write(image)?),
            Request::Build(build) => ("build", write(build)?),
        };
        Ok(Self::Parts { head, kind, request })
    }

    /// The whole text.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Whole(text) => text.to_vec(),
            Self::Parts { head, kind, request } => {
                // A quarter for the deeper indent
                let mut text = Vec::with_capacity(head.len() + request.len() * 5 / 4 + 32);
                text.extend_from_slice(head.strip_suffix(b"\n}").unwrap_or(head));
                text.extend([",\n  \"", kind, "\": "].concat().into_bytes());
                for line in request.split_inclusive(|byte| *byte == b'\n') {
                    text.extend_from_slice(line);
                    if line.ends_with(b"\n") {
                        text.extend_from_slice(b"  ");
                    }
                }
                text.extend_from_slice(b"\n}");
                text
            }
        }
    }

    /// What it says.
    pub fn read(&self) -> serde_json::Result<Spec> {
        serde_json::from_slice(&self.to_bytes())
    }
}

/// So many bytes are pushed one by one.
const FEW: usize = 16;

/// What most specs fit into, which spares growing them in small steps.
const SIZE: usize = 4096;

thread_local! {
    /// For one spec after the other: a new buffer of this size would be memory from the kernel each time.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn write(value: &impl Serialize) -> serde_json::Result<Box<[u8]>> {
    let mut text = BUFFER.take();
    text.clear();
    text.reserve(SIZE);
    value.serialize(&mut Serializer::with_formatter(Text(&mut text), Lines::default()))?;
    let written = text.as_slice().into();
    BUFFER.set(text);
    Ok(written)
}

/// Nearly all that serde_json writes is a few bytes long, which are pushed in less time than a copy takes to begin.
struct Text<'a>(&'a mut Vec<u8>);

impl io::Write for Text<'_> {
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
    use crate::quadlet::spec::{VERSION, Volume};

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
        let Spec { version, unit, source, run, request } = &spec();
        let text = SpecText::new(&Head { version: *version, unit, source, run }, request).unwrap();
        assert_eq!(String::from_utf8(text.to_bytes()).unwrap(), serde_json::to_string_pretty(&spec()).unwrap());
        assert_eq!(text.read().unwrap(), spec());
        let (SpecText::Parts { request: written, .. }, Request::Volume(volume)) = (&text, request) else {
            panic!("it is a volume that was written")
        };
        assert_eq!(**written, *serde_json::to_vec_pretty(volume).unwrap());
        assert_eq!(SpecText::Whole(text.to_bytes().into()).read().unwrap(), spec());
        let deep = serde_json::json!({"a": [], "b": {}, "c": [1, {"d": [[]], "e": "f"}], "g": [[2], {"h": null}]});
        let text = write(&deep).unwrap();
        assert_eq!(String::from_utf8(text.into()).unwrap(), serde_json::to_string_pretty(&deep).unwrap());
    }
}
