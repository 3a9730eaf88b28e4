//! A value → what stands behind `Key=` in a Quadlet file, by the key's grammar (podman: pkg/systemd/parser/unitfile.go).

/// How Quadlet reads a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// One value; an outer pair of `"` is stripped, nothing else.
    Scalar,
    /// The whole line, as it is.
    Line,
    /// Words; quotes are removed, escapes are kept.
    Words,
    /// Words; quotes are removed, C escapes are read.
    Arguments,
}

/// Writes a value so that Quadlet reads the same one, or says why no line can hold it.
pub fn quote(value: &str, grammar: Grammar) -> Result<String, &'static str> {
    if grammar == Grammar::Arguments {
        return Ok(argument(value));
    }
    if value.contains(char::is_control) {
        return Err("it has a control character, which this key cannot hold");
    }
    let has_blank_ends = value.trim() != value;
    match grammar {
        Grammar::Scalar => {
            let has_quotes = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
            let is_bare = !has_blank_ends && !has_quotes && !value.ends_with('\\');
            Ok(if is_bare { value.to_owned() } else { format!("\"{value}\"") })
        }
        Grammar::Line if value.is_empty() => Err("it is empty"),
        Grammar::Line if has_blank_ends => Err("it begins or ends with a blank, which this key cannot hold"),
        Grammar::Line if value.ends_with('\\') => Err("it ends with a backslash, which this key cannot hold"),
        Grammar::Line => Ok(value.to_owned()),
        Grammar::Words | Grammar::Arguments => words(value),
    }
}

fn words(value: &str) -> Result<String, &'static str> {
    if value.ends_with('\\') {
        return Err("it ends with a backslash, which this key cannot hold");
    }
    if !value.is_empty() && !value.contains([' ', '"', '\'']) {
        return Ok(value.to_owned());
    }
    match (value.contains('"'), value.contains('\'')) {
        (false, _) => Ok(format!("\"{value}\"")),
        (true, false) => Ok(format!("'{value}'")),
        (true, true) => Err("it has both kinds of quotes, which this key cannot hold"),
    }
}

fn argument(value: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\'' | '\\' | ';');
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' => quoted += "\\r",
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grammar_gets_its_quotes() {
        let cases = [
            (Grammar::Scalar, "a b", Ok("a b")),
            (Grammar::Scalar, "\"a\"", Ok("\"\"a\"\"")),
            (Grammar::Scalar, " a", Ok("\" a\"")),
            (Grammar::Scalar, "a\\", Ok("\"a\\\"")),
            (Grammar::Line, "/my data:/data", Ok("/my data:/data")),
            (Grammar::Line, "", Err(())),
            (Grammar::Line, "a\\", Err(())),
            (Grammar::Words, "net.x=1 2", Ok("\"net.x=1 2\"")),
            (Grammar::Words, "a\"b", Ok("'a\"b'")),
            (Grammar::Words, "a'\"", Err(())),
            (Grammar::Arguments, "A=b", Ok("A=b")),
            (Grammar::Arguments, "", Ok("\"\"")),
            (Grammar::Arguments, "A=\"b\" \\", Ok("\"A=\\\"b\\\" \\\\\"")),
            (Grammar::Arguments, "a\nb\u{1}", Ok("\"a\\nb\\u0001\"")),
            (Grammar::Arguments, "it's;", Ok("\"it's;\"")),
        ];
        for (grammar, value, expected) in cases {
            let found = quote(value, grammar).map_err(|_| ());
            assert_eq!(found, expected.map(ToOwned::to_owned), "{grammar:?} {value:?}");
        }
    }
}
