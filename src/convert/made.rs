//! `docker network create` and `docker volume create` → `.network` and `.volume` files.

use super::command::Call;
use super::draft::{Draft, Fate};
use super::exec::parsed;
use super::quote::{Grammar, quote};
use crate::unit::{UnitName, UnitType};

/// A file that has to be there beside the container's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// `front.network`.
    pub file_name: String,
    /// The section, and what stands in it.
    pub text: String,
}

/// Flags of `docker network create`, by the key that says the same. Those without a value are booleans.
const NETWORK: &[(&[&str], &str, Option<Grammar>)] = &[
    (&["-d", "--driver"], "Driver", Some(Grammar::Scalar)),
    (&["--subnet"], "Subnet", Some(Grammar::Line)),
    (&["--gateway"], "Gateway", Some(Grammar::Line)),
    (&["--ip-range"], "IPRange", Some(Grammar::Line)),
    (&["--ipam-driver"], "IPAMDriver", Some(Grammar::Scalar)),
    (&["-o", "--opt"], "Options", Some(Grammar::Arguments)),
    (&["--label"], "Label", Some(Grammar::Arguments)),
    (&["--internal"], "Internal", None),
    (&["--ipv6"], "IPv6", None),
];

/// The same of `docker volume create`.
const VOLUME: &[(&[&str], &str, Option<Grammar>)] =
    &[(&["-d", "--driver"], "Driver", Some(Grammar::Scalar)), (&["--label"], "Label", Some(Grammar::Arguments))];

/// What the local driver knows by `--opt`.
const VOLUME_OPTIONS: [(&str, &str); 3] = [("type", "Type"), ("device", "Device"), ("o", "Options")];

/// Puts what a call makes into a file, and that one's name into the lines that name it.
pub fn file(call: &Call, unit_type: UnitType, draft: &mut Draft) {
    let (flags, names) = parsed(call);
    let name = names.last().map_or("", |name| name.as_str());
    let shown = format!("'docker {} {name}'", call.verb);
    let file_name = format!("{name}.{unit_type}");
    // A variable is known at the start alone, and an '@' means a template.
    let is_name = UnitName::parse(&file_name).is_ok() && !name.contains('@');
    let Some(section) = unit_type.section().filter(|_| is_name) else {
        let message =
            format!("{shown}: no file can have this name; choose another one, and make it by a .{unit_type} file");
        return draft.say(call.place, Fate::NotMapped, message);
    };
    let mut text = format!("[{section}]\n{section}Name={name}\n");
    for (flag, value) in flags {
        match line(unit_type, &flag, &value) {
            Ok((key, value)) => text += &format!("{key}={value}\n"),
            Err(reason) => draft.say(
                call.place,
                Fate::NotMapped,
                format!("{shown}: '{}': {reason}", format!("{flag} {value}").trim_end()),
            ),
        }
    }
    for (key, value) in &mut draft.container {
        let rest = value.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with(':'));
        match (*key, rest) {
            ("Network" | "Volume", Some(rest)) if *key == section => *value = format!("{file_name}{rest}"),
            ("Mount", _) if section == "Volume" => {
                *value = value.replace(&format!("source={name},"), &format!("source={file_name},"));
            }
            _ => {}
        }
    }
    draft.say(call.place, Fate::Note, format!("{shown}: {file_name} makes it now, a file beside this one"));
    draft.files.push(Made { file_name, text });
}

/// The key for a flag, with its value.
fn line(unit_type: UnitType, flag: &str, value: &str) -> Result<(&'static str, String), &'static str> {
    if unit_type == UnitType::Volume && matches!(flag, "-o" | "--opt") {
        let (option, value) = value.split_once('=').unwrap_or((value, ""));
        let key = VOLUME_OPTIONS.iter().find(|(known, _)| *known == option).map(|(_, key)| *key);
        let key = key.ok_or("a .volume file has Type=, Device= and Options= for 'type', 'device' and 'o' alone")?;
        return Ok((key, quote(value, Grammar::Scalar)?));
    }
    let flags = if unit_type == UnitType::Volume { VOLUME } else { NETWORK };
    let known = flags.iter().find(|(names, ..)| names.contains(&flag)).ok_or("no key does it")?;
    Ok((known.1, known.2.map_or_else(|| Ok("true".to_owned()), |grammar| quote(value, grammar))?))
}
