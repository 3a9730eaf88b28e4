//! `$private_ipv4` and its like, replaced in the text as it is (coreos-cloudinit: initialize/env.go).

use std::collections::BTreeMap;

use crate::unit::Diagnostic;

/// The variables, and what /etc/environment called them.
pub const VARIABLES: [(&str, &str); 4] = [
    ("public_ipv4", "COREOS_PUBLIC_IPV4"),
    ("private_ipv4", "COREOS_PRIVATE_IPV4"),
    ("public_ipv6", "COREOS_PUBLIC_IPV6"),
    ("private_ipv6", "COREOS_PRIVATE_IPV6"),
];

/// Values by the names of their variables.
pub type Values = BTreeMap<&'static str, String>;

/// Stands before the name of a variable without a value: a character that nobody writes.
const HOLE: char = '\u{e000}';

/// A variable without a value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    name: &'static str,
    error: Diagnostic,
}

/// The errors of those holes that are in what is to be written: an empty address would make another file than was meant.
/// What is not applied may have them.
pub fn unfilled<'a>(holes: &[Hole], written: impl IntoIterator<Item = &'a [u8]>) -> Vec<Diagnostic> {
    if holes.is_empty() {
        return Vec::new();
    }
    let texts: Vec<_> = written.into_iter().map(String::from_utf8_lossy).collect();
    let is_written = |hole: &&Hole| texts.iter().any(|text| text.contains(&format!("{HOLE}{}", hole.name)));
    holes.iter().filter(is_written).map(|hole| hole.error.clone()).collect()
}

/// Replaces the variables; `\$private_ipv4` stands for itself. What has no value is left as a hole.
pub fn substitute(text: &str, values: &Values) -> (String, Vec<Hole>) {
    let mut result = String::with_capacity(text.len());
    let mut holes = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        let (before, after) = rest.split_at(start);
        let variable = VARIABLES.iter().find(|(name, _)| after[1..].starts_with(name));
        let Some((name, environment)) = variable else {
            result += &rest[..=start];
            rest = &after[1..];
            continue;
        };
        let tail = &after[1 + name.len()..];
        match (before.strip_suffix('\\'), values.get(name)) {
            (Some(before), _) => result.extend([before, "$", name]),
            (None, Some(value)) => result.extend([before, value]),
            (None, None) => {
                let read = &text[..text.len() - after.len()];
                let line = read.matches('\n').count() + 1;
                let column = read.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                let option = name.replace('_', "-");
                let message = format!(
                    "${name} has no value here; give it by --{option} ADDRESS, or as {environment} in /etc/environment"
                );
                result.extend([before, HOLE.encode_utf8(&mut [0; 4]), name]);
                holes.push(Hole { name, error: Diagnostic::error(line, column, message) });
            }
        }
        rest = tail;
    }
    result += rest;
    (result, holes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_escaped_ones_stay() {
        let values = Values::from([("private_ipv4", "10.0.0.1".to_owned())]);
        let text = "a: $private_ipv4:4001\nb: \\$private_ipv4 $HOME $";
        assert_eq!(substitute(text, &values), ("a: 10.0.0.1:4001\nb: $private_ipv4 $HOME $".to_owned(), Vec::new()));
        let (text, holes) = substitute("a: b\nc: $public_ipv4", &values);
        let error = &unfilled(&holes, [text.as_bytes()])[0];
        assert_eq!((error.line, error.column), (2, 4));
        assert!(error.message.contains("--public-ipv4"));
        assert_eq!(unfilled(&holes, [&b"a: b"[..]]), []);
    }
}
