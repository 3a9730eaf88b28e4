//! A file of variables, `.env` or an `env_file:`, as Compose reads it (compose-go: dotenv/parser.go).

use super::variables::{Asked, Variables, expand};

/// What is wrong, and in which line.
pub type Mistake = (usize, String);

/// Reads a file; `known` are values that its own may name and that count more.
pub fn parse(text: &str, known: &Variables) -> Result<Variables, Mistake> {
    let mut found = Variables::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line_of = |rest: &str| text[..text.len() - rest.len()].matches('\n').count() + 1;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        if rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let line = line_of(rest);
        let bare = rest.strip_prefix("export ").unwrap_or(rest).trim_start_matches([' ', '\t']);
        let end = bare.find(['=', ':', '\n']).unwrap_or(bare.len());
        let name = bare[..end].trim();
        let is_name = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']'));
        if !is_name {
            return Err((line, format!("'{name}' is no name of a variable; write NAME=VALUE")));
        }
        if !bare[end..].starts_with(['=', ':']) {
            // A name alone has the value that it has outside.
            found.extend(known.get(name).map(|value| (name.to_owned(), value.clone())));
            rest = &bare[end..];
            continue;
        }
        let after = bare[end + 1..].trim_start_matches([' ', '\t']);
        let (value, next) = value(after, |text| {
            let all: Variables = found.clone().into_iter().chain(known.clone()).collect();
            // A '$' that means nothing stays.
            expand(text, &all, &mut Asked::default(), 0).unwrap_or_else(|_| text.to_owned())
        })
        .map_err(|message| (line, message))?;
        found.insert(name.to_owned(), value);
        rest = next;
    }
}

/// A value, and what follows it.
fn value(text: &str, expanded: impl Fn(&str) -> String) -> Result<(String, &str), String> {
    let Some(quote @ ('"' | '\'')) = text.chars().next() else {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        let bare = line.find(" #").map_or(line, |comment| &line[..comment]);
        let bare = if bare.starts_with('#') { "" } else { bare };
        return Ok((expanded(bare.trim()), rest));
    };
    let mut out = String::new();
    let mut characters = text[1..].char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            c if c == quote => {
                let rest = &text[index + 2..];
                let rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                return Ok((if quote == '"' { expanded(&out) } else { out }, rest));
            }
            '\\' if quote == '"' => match characters.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, '$')) => out += "$$",
                Some((_, c)) => out.push(c),
                None => break,
            },
            c => out.push(c),
        }
    }
    Err(format!("a value begins with {quote} and does not end with it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "# comment\nA=1\nexport B = two words # comment\nC='$A # b'\nD=\"${A}\\n$B\"\nE=\nF\nG: yaml\nH=a#b\nI=\"x\ny\"\n";
        let known = Variables::from([("F".into(), "outside".into())]);
        let found = parse(text, &known).unwrap();
        let get = |name: &str| found.get(name).map(String::as_str);
        assert_eq!((get("A"), get("B"), get("C")), (Some("1"), Some("two words"), Some("$A # b")));
        assert_eq!((get("D"), get("E"), get("F")), (Some("1\ntwo words"), Some(""), Some("outside")));
        assert_eq!((get("G"), get("H"), get("I")), (Some("yaml"), Some("a#b"), Some("x\ny")));
        assert_eq!(parse("A=1\n\nB=\"x", &known).unwrap_err().0, 3);
        assert_eq!(parse("a b=c", &known).unwrap_err().0, 1);
    }
}
