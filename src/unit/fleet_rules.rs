//! The rules of the keys of `[X-Fleet]`, one by one and against each other (fleet: job/job.go, api/units.go).

use super::diagnostics::Diagnostic;
use super::fleet::{Placement, Raw, Value};
use super::glob::Glob;
use super::name::UnitName;
use crate::host::SHORT_ID_LENGTH;

/// How long a machine ID is (machine-id(5)).
const MACHINE_ID_LENGTH: usize = 32;

/// The end of "… is empty: it …".
pub(super) fn says_nothing(key: &str) -> &'static str {
    match key {
        "MachineID" => "names no host; give a machine ID, or remove the line",
        "MachineOf" => "names no unit; give a unit's name, or remove the line",
        "MachineMetadata" => "asks for nothing; write key=value, or remove the line",
        _ => "names nothing; give a unit's name or a glob, or remove the line",
    }
}

pub(super) fn machine_id(raw: &Raw, text: String, name: &UnitName) -> Result<String, Diagnostic> {
    let id = text.to_ascii_lowercase();
    if id.contains('%') {
        return Ok(text);
    }
    if id.is_empty() && name.is_template() {
        return Ok(id);
    }
    if id.is_empty() {
        return Err(raw.error(format!("MachineID is empty: it {}", says_nothing("MachineID"))));
    }
    let shown = if raw.written == text { format!("'{text}'") } else { format!("'{}' ('{text}')", raw.written) };
    if id.contains(char::is_whitespace) {
        return Err(raw.error(format!("MachineID {shown} holds a blank; to name several hosts, repeat the line")));
    }
    if let Some(c) = id.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(raw.error(format!(
            "MachineID {shown} holds {c:?}; a machine ID consists of hexadecimal digits (see /etc/machine-id)"
        )));
    }
    if id.len() < SHORT_ID_LENGTH {
        return Err(raw.error(format!(
            "MachineID {shown} is too short; give all {MACHINE_ID_LENGTH} digits or at least the first {SHORT_ID_LENGTH}"
        )));
    }
    if id.len() > MACHINE_ID_LENGTH {
        return Err(raw.error(format!("MachineID {shown} is too long; a machine ID has {MACHINE_ID_LENGTH} digits")));
    }
    Ok(id)
}

pub(super) fn unit_name(raw: &Raw, text: String, name: &UnitName) -> Result<String, Diagnostic> {
    if text.contains('%') || (name.is_template() && raw.written.contains('%')) {
        return Ok(text);
    }
    if text.contains(char::is_whitespace) {
        let message = format!("MachineOf '{text}' is no unit name; to name several units, repeat the line");
        return Err(raw.error(message));
    }
    match UnitName::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(raw.error(format!("MachineOf '{text}' is no unit name: {error}"))),
    }
}

/// The two sides of one `key=value`.
pub(super) fn metadata(raw: &Raw) -> Result<(&str, &str), Diagnostic> {
    let written = raw.written.as_str();
    let error = |what: &str| Err(raw.error(format!("MachineMetadata '{written}' {what}")));
    let Some((key, value)) = written.split_once('=') else {
        return error("has no '='; write key=value");
    };
    if value.contains('=') {
        return error(if value.contains(char::is_whitespace) {
            "has more than one '='; to give several, quote each: \"a=b\" \"c=d\", or repeat the line"
        } else {
            "has more than one '='; write key=value"
        });
    }
    if key.trim().is_empty() {
        return error("has no key before '='; write key=value");
    }
    if value.trim().is_empty() {
        return error("has no value after '='; write key=value");
    }
    if key.trim() != key || value.trim() != value {
        return error("has blanks around '=' or at an end, which match no host; write key=value");
    }
    Ok((key, value))
}

/// Accepts a glob if it can match a name; the same for `Conflicts=` and `Replaces=`.
pub(super) fn glob(raw: &Raw, text: String, key: &str) -> Result<String, Diagnostic> {
    // Whatever the host's specifiers stand for, it is nothing special here.
    match Glob::parse(&text.replace("%m", "m").replace("%H", "H")) {
        Ok(_) => Ok(text),
        Err(error) => Err(raw.error(format!("{key} '{text}' is no glob for unit names: {error}"))),
    }
}

/// Keys that exclude each other (fleet: api/units.go, ValidateOptions). All that apply are reported, at the later
/// of the two lines.
pub(super) fn exclusions(placement: &Placement, diagnostics: &mut Vec<Diagnostic>) {
    let place = |values: &[Value]| values.first().map(|v| (v.line, v.column));
    let machine_id = place(&placement.machine_ids);
    let machine_of = place(&placement.machine_of);
    let conflicts = place(&placement.conflicts);
    let replaces = place(&placement.replaces);
    let global = placement.global.filter(|flag| flag.value).map(|flag| (flag.line, flag.column));
    let pairs = [
        (("MachineID", machine_id), ("MachineOf", machine_of), "the one fixes the host, the other follows units"),
        (("MachineID", machine_id), ("Conflicts", conflicts), "a unit that is bound to a host cannot give way"),
        (("MachineID", machine_id), ("Global", global), "it is either for the hosts named or for every host"),
        (("MachineID", machine_id), ("Replaces", replaces), "a unit that is bound to a host takes nobody's place"),
        (("Global", global), ("MachineOf", machine_of), "it is either for every host or where other units are"),
        (("Global", global), ("Replaces", replaces), "a unit on every host would leave the replaced one nowhere"),
        (("Conflicts", conflicts), ("Replaces", replaces), "a unit either keeps away from others or takes their place"),
    ];
    for ((first, first_place), (second, second_place), why) in pairs {
        let (Some(a), Some(b)) = (first_place, second_place) else { continue };
        let ((line, column), (other, _)) = if a > b { (a, b) } else { (b, a) };
        let (later, earlier) = if a > b { (first, second) } else { (second, first) };
        let message = format!("{later} cannot be used with {earlier} (line {other}): {why}; remove one of them");
        diagnostics.push(Diagnostic::error(line as usize, column as usize, message));
    }
    for (key, globs) in [("Conflicts", &placement.conflicts), ("Replaces", &placement.replaces)] {
        for peer in &placement.machine_of {
            let Some(glob) =
                globs.iter().find(|glob| Glob::parse(&glob.text).is_ok_and(|glob| glob.matches(&peer.text)))
            else {
                continue;
            };
            let message = format!(
                "MachineOf={} and {key}={} (line {}) cannot both hold: the unit would have to be where that one is, \
                 and without it; remove one of them",
                peer.text, glob.text, glob.line
            );
            diagnostics.push(Diagnostic::error(peer.line as usize, peer.column as usize, message));
        }
    }
}
