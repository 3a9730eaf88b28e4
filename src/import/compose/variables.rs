//! `${NAME:-default}` in values (Compose specification, "Interpolation").

use std::collections::{BTreeMap, BTreeSet};

use crate::yaml::{Node, Value};

/// Values by name.
pub type Variables = BTreeMap<String, String>;

/// Nested deeper than any default that people write.
const MAX_DEPTH: usize = 20;

/// What a text asked of the variables.
#[derive(Debug, Default)]
pub struct Asked {
    /// Names that have a value.
    pub used: BTreeSet<String>,
    /// Names without value and default: they are empty.
    pub unset: BTreeSet<String>,
}

/// Expands the values of a tree; keys stay. What cannot be read is told of by its node.
pub fn interpolate(node: &mut Node, variables: &Variables, tell: &mut impl FnMut(&Node, Result<Asked, String>)) {
    let mut answer = None;
    match &mut node.value {
        Value::Scalar { text, .. } if text.contains('$') => {
            let mut asked = Asked::default();
            answer = Some(match expand(text, variables, &mut asked, 0) {
                Ok(expanded) => {
                    *text = expanded;
                    Ok(asked)
                }
                Err(message) => Err(message),
            });
        }
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| interpolate(item, variables, tell)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| interpolate(&mut entry.value, variables, tell)),
    }
    if let Some(answer) = answer {
        tell(node, answer);
    }
}

/// Expands a text.
pub fn expand(text: &str, variables: &Variables, asked: &mut Asked, depth: usize) -> Result<String, String> {
    if depth > MAX_DEPTH {
        return Err("its '${' are nested too deeply".to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out += before;
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = after.strip_prefix('{') {
            let end = closing(inner).ok_or("a '${' is not closed by '}'; write '$$' for a '$'")?;
            out += &braced(&inner[..end], variables, asked, depth)?;
            rest = &inner[end + 1..];
        } else {
            let end = name_end(after);
            if end == 0 {
                return Err("a '$' names no variable; write '$$' for a '$'".to_owned());
            }
            out += &plain(&after[..end], variables, asked);
            rest = &after[end..];
        }
    }
    out += rest;
    Ok(out)
}

/// How long the name at the beginning of a text is.
fn name_end(text: &str) -> usize {
    match text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()),
        false => 0,
    }
}

/// Where the `}` of a `${` is.
fn closing(inner: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = inner.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if index > 0 && bytes[index - 1] == b'$' => depth += 1,
            b'}' if depth == 0 => return Some(index),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn plain(name: &str, variables: &Variables, asked: &mut Asked) -> String {
    match variables.get(name) {
        Some(value) => {
            asked.used.insert(name.to_owned());
            value.clone()
        }
        None => {
            asked.unset.insert(name.to_owned());
            String::new()
        }
    }
}

/// `NAME`, `NAME:-default`, `NAME-default`, `NAME:+other`, `NAME+other`, `NAME:?message`, `NAME?message`
fn braced(inner: &str, variables: &Variables, asked: &mut Asked, depth: usize) -> Result<String, String> {
    let end = name_end(inner);
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return Err(format!("'${{{inner}}}' names no variable; write '$$' for a '$'"));
    }
    if rest.is_empty() {
        return Ok(plain(name, variables, asked));
    }
    let (is_strict, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    let mut characters = rest.chars();
    let operator = characters.next();
    let other = characters.as_str();
    // With ':', an empty value is none.
    let value = variables.get(name).filter(|value| !is_strict || !value.is_empty());
    if value.is_some() {
        asked.used.insert(name.to_owned());
    }
    match (operator, value) {
        (Some('-' | '?'), Some(value)) => Ok(value.clone()),
        (Some('-'), None) | (Some('+'), Some(_)) => expand(other, variables, asked, depth + 1),
        (Some('+'), None) => Ok(String::new()),
        (Some('?'), None) => {
            let reason = expand(other, variables, asked, depth + 1)?;
            let reason = if reason.is_empty() { "it must have a value".to_owned() } else { reason };
            Err(format!(
                "the variable {name} has no value: {reason}; set it in .env, or in the environment of this command"
            ))
        }
        _ => Err(format!("'${{{inner}}}' is no form that Compose knows; write '$$' for a '$'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let variables = Variables::from([("A".into(), "a".into()), ("EMPTY".into(), String::new())]);
        for (text, expected) in [
            ("$A ${A} $$A $${A}", Ok("a a $A ${A}")),
            ("${B:-x}${EMPTY:-y}${EMPTY-z}${A:-w}", Ok("xya")),
            ("${B:-${C:-${A}}}!", Ok("a!")),
            ("${A:+set}${B+set}${EMPTY:+set}${EMPTY+set}", Ok("setset")),
            ("${B:?none}", Err("none")),
            ("${A?none}", Ok("a")),
            ("$B", Ok("")),
            ("a$", Err("'$$'")),
            ("${A", Err("not closed")),
            ("${}", Err("names no variable")),
            ("${A!}", Err("no form")),
            ("$5", Err("'$$'")),
        ] {
            let found = expand(text, &variables, &mut Asked::default(), 0);
            match expected {
                Ok(expected) => assert_eq!(found.as_deref(), Ok(expected), "{text}"),
                Err(part) => assert!(found.as_ref().is_err_and(|error| error.contains(part)), "{text}: {found:?}"),
            }
        }
    }
}
