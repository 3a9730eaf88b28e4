//! Values → words with C escapes resolved, as Quadlet splits `Exec=`, `Mount=` or `Environment=` (podman:
//! `splitString()` in pkg/systemd/parser/split.go, which follows systemd: src/basic/extract-word.c and
//! src/basic/escape.c). An empty word is one, as in systemd; Podman 5.4 ends the line there.

use std::borrow::Cow;

/// A word, unquoted and unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument<'a> {
    pub text: Cow<'a, str>,
    /// Where it begins in the value, in bytes.
    pub offset: usize,
}

/// A backslash before something that makes no escape sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedEscape {
    pub offset: usize,
}

/// The words of a value; a quote that is not closed ends with the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments<'a> {
    pub words: Vec<Argument<'a>>,
    /// Where a quote was opened that is never closed.
    pub unclosed: Option<usize>,
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Splits at blanks outside of quotes (SplitRelax | SplitUnquote | SplitCUnescape).
pub fn split_arguments(value: &str) -> Result<Arguments<'_>, UnsupportedEscape> {
    let is_special = |c: char| BLANKS.contains(&c) || matches!(c, '"' | '\'' | '\\');
    let mut split = Arguments::default();
    let mut word: Option<Word<'_>> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut offset = 0;
    while let Some(c) = value[offset..].chars().next() {
        let after = offset + c.len_utf8();
        let mut next = after;
        match quote {
            None if BLANKS.contains(&c) => finish(&mut word, &mut split.words)?,
            Some((open, _)) if open == c => quote = None,
            None if matches!(c, '"' | '\'') => {
                word.get_or_insert(Word { bytes: Cow::default(), offset });
                quote = Some((c, offset));
            }
            _ => {
                let Word { bytes, .. } = word.get_or_insert(Word { bytes: Cow::default(), offset });
                if c != '\\' {
                    next += value[after..].find(is_special).unwrap_or(value.len() - after);
                    let plain = &value.as_bytes()[offset..next];
                    // Most words are in the value as they are.
                    if bytes.is_empty() {
                        *bytes = Cow::Borrowed(plain);
                    } else {
                        bytes.to_mut().extend_from_slice(plain);
                    }
                } else if after < value.len() {
                    let length = unescape_one(&value[after..], bytes.to_mut()).ok_or(UnsupportedEscape { offset })?;
                    next = after + length;
                }
            }
        }
        offset = next;
    }
    split.unclosed = quote.map(|(_, offset)| offset);
    finish(&mut word, &mut split.words)?;
    Ok(split)
}

/// A word that is being read.
struct Word<'a> {
    bytes: Cow<'a, [u8]>,
    offset: usize,
}

/// What bytes make no UTF-8 together could not be sent to the Engine.
fn finish<'a>(word: &mut Option<Word<'a>>, words: &mut Vec<Argument<'a>>) -> Result<(), UnsupportedEscape> {
    if let Some(Word { bytes, offset }) = word.take() {
        let text = match bytes {
            Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        words.push(Argument { text: text.ok_or(UnsupportedEscape { offset })?, offset });
    }
    Ok(())
}

/// Resolves the sequence after a backslash; its length (systemd: `cunescape_one()`).
fn unescape_one(rest: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let code = |start: usize, length: usize, radix: u32| {
        let digits = rest.get(start..start + length)?;
        digits.chars().all(|c| c.is_digit(radix)).then_some(())?;
        u32::from_str_radix(digits, radix).ok().filter(|code| *code != 0)
    };
    let simple = match rest.chars().next()? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        's' => b' ',
        '\\' => b'\\',
        '"' => b'"',
        '\'' => b'\'',
        'x' => {
            bytes.push(u8::try_from(code(1, 2, 16)?).ok()?);
            return Some(3);
        }
        kind @ ('u' | 'U') => {
            let length = if kind == 'u' { 4 } else { 8 };
            let character = char::from_u32(code(1, length, 16)?)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(1 + length);
        }
        '0'..='7' => {
            bytes.push(u8::try_from(code(0, 3, 8)?).ok()?);
            return Some(3);
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_escapes() {
        let cases: &[(&str, Result<&[&str], usize>)] = &[
            ("", Ok(&[])),
            (" a\tb  c ", Ok(&["a", "b", "c"])),
            (r#""a b" c'd e'f"#, Ok(&["a b", "cd ef"])),
            (r#"'' """#, Ok(&["", ""])),
            (r#"a\"b a\ b"#, Err(6)),
            (r#"a\sb "x\ty""#, Ok(&["a b", "x\ty"])),
            (r"\x41\u00e9\U0001f600\101", Ok(&["A\u{e9}\u{1f600}A"])),
            (r"\xc3\xa9", Ok(&["\u{e9}"])),
            (r"a \xff", Err(2)),
            (r"\x00", Err(0)),
            (r"\q", Err(0)),
            (r"\u12", Err(0)),
            ("a 'b c", Ok(&["a", "b c"])),
            ("ends in\\", Ok(&["ends", "in"])),
        ];
        for (value, expected) in cases {
            let found = split_arguments(value);
            let found = found.map(|split| split.words.into_iter().map(|word| word.text).collect::<Vec<_>>());
            let expected = expected.map(|words| words.iter().copied().map(Cow::from).collect());
            assert_eq!(found.map_err(|error| error.offset), expected, "{value:?}");
        }
        assert_eq!(split_arguments("a 'b c").unwrap().unclosed, Some(2));
    }
}
