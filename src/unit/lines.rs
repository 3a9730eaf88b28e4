//! Bytes → logical lines, as systemd's `config_parse()` reads them (systemd: src/shared/conf-parser.c,
//! `read_line()` in src/basic/fileio.c).

use std::borrow::Cow;

use super::diagnostics::Diagnostic;

/// systemd's LONG_LINE_MAX: a line together with its line end has to be shorter than this, and so has
/// what continuations join.
pub(super) const LINE_MAX: usize = 1024 * 1024;

/// What systemd takes for blank in unit files; other Unicode blanks are text.
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// One line as the parser sees it: continuations joined, comments gone.
pub(super) struct Line<'a> {
    pub text: Cow<'a, str>,
    /// Where the physical lines that it is made of begin: offset in `text`, line number.
    parts: Vec<(usize, usize)>,
    first: usize,
}

impl Line<'_> {
    /// Line and column of a byte offset in `text`.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let (start, number) =
            self.parts.iter().rev().find(|(start, _)| *start <= offset).copied().unwrap_or((0, self.first));
        (number, self.text[start..offset].chars().count() + 1)
    }

    /// Whether the line goes on in further physical lines.
    pub fn is_continued(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// Calls `each` with every logical line in turn, blank ones included; comments are left out, also within
/// continuations. Problems of the bytes themselves go to `diagnostics`; reading goes on behind them.
pub(super) fn logical_lines<'a>(
    bytes: &'a [u8],
    diagnostics: &mut Vec<Diagnostic>,
    mut each: impl FnMut(&Line<'a>, &mut Vec<Diagnostic>),
) {
    // Most files are good text; then no line has to be looked at for that.
    let whole = str::from_utf8(bytes).ok().filter(|_| !bytes.contains(&0));
    let mut pending: Option<Line<'a>> = None;
    let mut mark_seen = false;
    let mut last = 0;
    for (number, line) in physical_lines(bytes) {
        last = number;
        if line.is_too_long() {
            let message = format!("the line is longer than the {LINE_MAX} bytes that systemd reads; split it");
            diagnostics.push(Diagnostic::error(number, 1, message));
            pending = None;
            continue;
        }
        if whole.is_none() {
            report_nul(line.bytes, number, diagnostics);
        }
        if is_comment(line.bytes) {
            continue;
        }
        let mut text = match whole.and_then(|whole| whole.get(line.start..line.start + line.bytes.len())) {
            Some(text) => Cow::Borrowed(text),
            None => decode(line.bytes, number, diagnostics),
        };
        if !mark_seen && text.starts_with(BYTE_ORDER_MARK) {
            mark_seen = true;
            text = Cow::Owned(text[BYTE_ORDER_MARK.len()..].to_owned());
            if is_comment(text.as_bytes()) {
                continue;
            }
        }
        let continues = ends_in_lone_backslash(&text);
        let mut joined = match pending.take() {
            None => Line { text, parts: Vec::new(), first: number },
            Some(mut joined) => {
                joined.parts.push((joined.text.len(), number));
                joined.text.to_mut().push_str(&text);
                joined
            }
        };
        if joined.text.len() > LINE_MAX {
            let message = format!("the continued line is longer than the {LINE_MAX} bytes that systemd reads");
            diagnostics.push(Diagnostic::error(joined.first, 1, message));
            continue;
        }
        if continues {
            let text = joined.text.to_mut();
            text.pop();
            text.push(' ');
            if joined.parts.is_empty() {
                joined.parts.push((0, number));
            }
            pending = Some(joined);
        } else {
            each(&joined, diagnostics);
        }
    }
    if let Some(joined) = pending {
        let message = "the file ends within a continued line; remove the '\\' at its end, or complete it";
        diagnostics.push(Diagnostic::warning(last, 1, message));
        each(&joined, diagnostics);
    }
}

struct PhysicalLine<'a> {
    /// Where it begins in the file.
    start: usize,
    bytes: &'a [u8],
    with_end: usize,
}

impl PhysicalLine<'_> {
    fn is_too_long(&self) -> bool {
        self.with_end >= LINE_MAX
    }
}

/// Splits at `\n`, `\r`, `\r\n` and `\n\r`, as `read_line()` does, with numbers from 1.
fn physical_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, PhysicalLine<'_>)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(length);
        let end = match tail {
            [b'\n', b'\r', ..] | [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let start = bytes.len() - rest.len();
        rest = &tail[end..];
        Some(PhysicalLine { start, bytes: line, with_end: length + end })
    })
    .enumerate()
    .map(|(index, line)| (index + 1, line))
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.iter().find(|b| !matches!(b, b' ' | b'\t')), Some(b'#' | b';'))
}

/// A backslash that another one escapes does not continue the line.
fn ends_in_lone_backslash(text: &str) -> bool {
    text.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

fn report_nul(line: &[u8], number: usize, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(offset) = line.iter().position(|b| *b == 0) {
        let column = String::from_utf8_lossy(&line[..offset]).chars().count() + 1;
        let message = "a NUL byte; systemd would end the line here: remove it (is this a text file?)";
        diagnostics.push(Diagnostic::error(number, column, message));
    }
}

fn decode<'a>(line: &'a [u8], number: usize, diagnostics: &mut Vec<Diagnostic>) -> Cow<'a, str> {
    match str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let good = &line[..error.valid_up_to()];
            let column = String::from_utf8_lossy(good).chars().count() + 1;
            let byte = line.get(error.valid_up_to()).copied().unwrap_or_default();
            let message = format!("byte 0x{byte:02x} is not valid UTF-8; save the file as UTF-8");
            diagnostics.push(Diagnostic::error(number, column, message));
            String::from_utf8_lossy(line)
        }
    }
}
