//! Specifiers in the values of `[X-Fleet]`: fleet's `%n %N %p %i`, and those of systemd.unit(5) that make sense in a
//! selection.
//!
//! They are expanded in two steps, so that a unit is read once and can be held against any host: first what the
//! name tells, then what the host tells.

use std::borrow::Cow;

use super::name::{UnitName, unescape};
use crate::host::Host;

/// All that may be written, for messages.
pub const KNOWN: &str = "%n %N %p %i %I %j %m %H %%";

/// A specifier that is not in [`KNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownSpecifier {
    pub letter: char,
    /// Where its `%` stands in the value, in bytes.
    pub offset: usize,
}

/// What specifiers stand for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub name: &'a UnitName,
    pub host: &'a Host,
}

/// Expands all specifiers. A `%` at the very end stands for itself, as in systemd.
pub fn expand<'a>(value: &'a str, context: Context<'_>) -> Result<Cow<'a, str>, UnknownSpecifier> {
    Ok(match expand_name(value, context.name)? {
        Cow::Borrowed(text) => expand_host(text, context.host),
        Cow::Owned(text) => Cow::Owned(expand_host(&text, context.host).into_owned()),
    })
}

/// Expands what the name tells: `%n` the full name, `%N` it without its type, `%p` the part before `@`, `%j` what of it
/// follows its last `-`, `%i` the instance, `%I` the instance unescaped. `%m %H %%` are left for [`expand_host`].
pub fn expand_name<'a>(value: &'a str, name: &UnitName) -> Result<Cow<'a, str>, UnknownSpecifier> {
    replace(value, |letter| {
        let text = match letter {
            'n' => name.as_str(),
            'N' => name.stem(),
            'p' => name.prefix(),
            'j' => name.prefix().rsplit_once('-').map_or(name.prefix(), |(_, last)| last),
            'i' => name.instance().unwrap_or_default(),
            'I' => {
                let instance = name.instance().unwrap_or_default();
                // What is not well escaped stays as it is; a '%' must not be read again.
                let text = unescape(instance).unwrap_or_else(|| instance.to_owned());
                return Some(text.replace('%', "%%").into());
            }
            'm' => "%m",
            'H' => "%H",
            '%' => "%%",
            _ => return None,
        };
        Some(Cow::Borrowed(text))
    })
}

/// Expands what the host tells: `%m` the machine ID, `%H` the hostname, and `%%` to `%`.
pub fn expand_host<'a>(value: &'a str, host: &Host) -> Cow<'a, str> {
    let expanded = replace(value, |letter| match letter {
        'm' => Some(host.machine_id.as_str().into()),
        'H' => Some(host.hostname.as_str().into()),
        '%' => Some("%".into()),
        _ => None,
    });
    expanded.unwrap_or(Cow::Borrowed(value))
}

fn replace<'a, 'b>(
    value: &'a str,
    meaning: impl Fn(char) -> Option<Cow<'b, str>>,
) -> Result<Cow<'a, str>, UnknownSpecifier> {
    if !value.contains('%') {
        return Ok(Cow::Borrowed(value));
    }
    let mut expanded = String::with_capacity(value.len());
    let mut characters = value.char_indices();
    while let Some((offset, c)) = characters.next() {
        if c != '%' {
            expanded.push(c);
            continue;
        }
        match characters.next() {
            None => expanded.push('%'),
            Some((_, letter)) => expanded.push_str(&meaning(letter).ok_or(UnknownSpecifier { letter, offset })?),
        }
    }
    Ok(Cow::Owned(expanded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::MachineId;

    #[test]
    fn expansion() {
        let host = Host {
            machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
            hostname: "coreos001".into(),
            metadata: Default::default(),
        };
        // The first two lines of each: fleet: job/job_test.go TestParseRequirementsInstanceUnit
        let cases = [
            ("test.service", "%n|%N|%p|%i", "test.service|test|test|"),
            ("ssh@2.service", "%n|%N|%p|%i", "ssh@2.service|ssh@2|ssh|2"),
            ("a-b@x-y.service", "%j|%I|%i", "b|x/y|x-y"),
            (r"a@x\x2dy.service", "%j|%I", "a|x-y"),
            (r"a@\x25H.service", "%I|%H", "%H|coreos001"),
            ("a.service", "%m|%H", "df515c3682aa43b4ae2b7d2168e17d38|coreos001"),
            ("a.service", "50%%|%%H|100%", "50%|%H|100%"),
        ];
        for (name, value, expected) in cases {
            let name = UnitName::parse(name).unwrap();
            let context = Context { name: &name, host: &host };
            assert_eq!(expand(value, context).unwrap(), expected, "{name} {value}");
        }
        let name = UnitName::parse("a.service").unwrap();
        assert_eq!(expand_name("x%y", &name), Err(UnknownSpecifier { letter: 'y', offset: 1 }));
    }
}
