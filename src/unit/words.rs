//! Values → words, as systemd's `extract_first_word()` splits them (systemd: src/basic/extract-word.c).

use std::borrow::Cow;

/// A word of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'a> {
    /// Quotes removed, backslash sequences kept as they are.
    pub text: Cow<'a, str>,
    /// Where it begins in the value, in bytes.
    pub offset: usize,
}

/// A quote that is never closed, at this offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnbalancedQuote {
    pub offset: usize,
}

/// Splits at blanks outside of `"…"` and `'…'`. A backslash keeps the next character from being a quote or a blank
/// and stays in the word (EXTRACT_UNQUOTE | EXTRACT_RETAIN_ESCAPE). After an unbalanced quote nothing follows.
pub fn split_words(value: &str) -> impl Iterator<Item = Result<Word<'_>, UnbalancedQuote>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let rest = &value[position..];
        let start = position + (rest.len() - rest.trim_start_matches(super::lines::BLANKS).len());
        if start == value.len() {
            return None;
        }
        match word_at(value, start) {
            Ok((word, end)) => {
                position = end;
                Some(Ok(word))
            }
            Err(error) => {
                position = value.len();
                Some(Err(error))
            }
        }
    })
}

fn word_at(value: &str, start: usize) -> Result<(Word<'_>, usize), UnbalancedQuote> {
    // A word without quotes is in the value as it is.
    let mut unquoted: Option<String> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut end = value.len();
    let mut characters = value[start..].char_indices();
    while let Some((index, c)) = characters.next() {
        let escaped = match (c, quote) {
            ('\\', _) => characters.next().map(|(_, escaped)| escaped),
            (_, Some((open, _))) if c == open => {
                quote = None;
                continue;
            }
            ('"' | '\'', None) => {
                quote = Some((c, start + index));
                unquoted.get_or_insert_with(|| value[start..start + index].to_owned());
                continue;
            }
            (_, None) if super::lines::BLANKS.contains(&c) => {
                end = start + index;
                break;
            }
            _ => None,
        };
        if let Some(text) = &mut unquoted {
            text.push(c);
            text.extend(escaped);
        }
    }
    if let Some((_, offset)) = quote {
        return Err(UnbalancedQuote { offset });
    }
    let text = unquoted.map_or(Cow::Borrowed(&value[start..end]), Cow::Owned);
    Ok((Word { text, offset: start }, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: &str) -> Result<Vec<String>, usize> {
        split_words(value).map(|word| word.map(|w| w.text.into_owned()).map_err(|e| e.offset)).collect()
    }

    #[test]
    fn words_quotes_and_escapes() {
        let cases: &[(&str, Result<&[&str], usize>)] = &[
            ("", Ok(&[])),
            (" a\tb  c ", Ok(&["a", "b", "c"])),
            (r#""a b" c"#, Ok(&["a b", "c"])),
            (r#"--x="a b"'c d'"#, Ok(&["--x=a bc d"])),
            (r"foo\x2dbar.service a\ b", Ok(&[r"foo\x2dbar.service", r"a\ b"])),
            (r#"a\" b"#, Ok(&[r#"a\""#, "b"])),
            (r#""""#, Ok(&[""])),
            (r#"a "b c"#, Err(2)),
            ("it's", Err(2)),
            ("ends in\\", Ok(&["ends", "in\\"])),
        ];
        for (value, expected) in cases {
            let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
            assert_eq!(words(value), expected, "{value:?}");
        }
    }
}
