//! What a unit says of this host by itself: `MachineID=`, `MachineMetadata=`, `Global=`.

use std::fmt::Write;

use super::{Candidate, Reason, Unplaced, Verdict};
use crate::host::{Host, SHORT_ID_LENGTH};
use crate::unit::fleet::{Metadata, Placement, Value};
use crate::unit::specifier::expand_host;

/// What a unit says by itself.
pub(super) enum Own {
    Taken(Reason),
    /// It goes where others are (`MachineOf=`), and nothing else speaks against it.
    Follows,
    NotTaken(Reason),
}

impl Own {
    /// The verdict of a unit that no other has to do with.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Taken(reason) => Verdict::Taken { reason },
            Self::NotTaken(reason) => Verdict::NotTaken { reason },
            Self::Follows => {
                Verdict::NotTaken { reason: Reason { line: 0, text: "the units it follows are not taken here".into() } }
            }
        }
    }
}

pub(super) fn look(candidate: &Candidate<'_>, host: &Host, unplaced: Unplaced) -> Own {
    let placement = candidate.placement;
    if !placement.selects() {
        return nothing_selects(placement, unplaced);
    }
    let id = match machine_id(candidate, host) {
        Ok(id) => id,
        Err(reason) => return Own::NotTaken(reason),
    };
    let metadata = match metadata(placement, host) {
        Ok(metadata) => metadata,
        Err(reason) => return Own::NotTaken(reason),
    };
    if !placement.machine_of.is_empty() {
        return Own::Follows;
    }
    let (line, mut text) = match (id, placement.global.filter(|flag| flag.value)) {
        (Some((line, text)), _) => (line, text),
        (None, Some(flag)) if metadata.is_some() => (flag.line, "Global=true".to_owned()),
        (None, Some(flag)) => (flag.line, "Global=true: every host".to_owned()),
        (None, None) => (0, String::new()),
    };
    let Some((metadata_line, shown)) = metadata else { return Own::Taken(Reason::new(line, text)) };
    if !text.is_empty() {
        text.push_str(", and ");
    }
    // Writing to a string cannot fail.
    let _ = write!(text, "MachineMetadata={shown} is metadata of this host ({})", host.hostname);
    Own::Taken(Reason::new(if line > 0 { line } else { metadata_line }, text))
}

fn nothing_selects(placement: &Placement, unplaced: Unplaced) -> Own {
    let (line, what) = match (placement.line, placement.global) {
        (0, _) => (0, "no [X-Fleet] section"),
        (_, Some(flag)) => (flag.line, "Global=false, and nothing else in [X-Fleet] that selects a host"),
        (line, None) => (line, "nothing in [X-Fleet] that selects a host"),
    };
    match unplaced {
        Unplaced::Run => Own::Taken(Reason::new(line, format!("{what}; taken since unplaced = \"run\""))),
        Unplaced::Skip => Own::NotTaken(Reason::new(
            line,
            format!(
                "{what}; add 'MachineID=<this host's id>' or 'Global=true' below [X-Fleet], \
                 or set unplaced = \"run\" in sculler.toml"
            ),
        )),
    }
}

/// The value that names this host, shown; `None` if there is no `MachineID=`.
fn machine_id(candidate: &Candidate<'_>, host: &Host) -> Result<Option<(u32, String)>, Reason> {
    let values = &candidate.placement.machine_ids;
    let Some(first) = values.first() else { return Ok(None) };
    for value in values {
        let id = expand_host(&value.text, host).to_ascii_lowercase();
        if host.machine_id.matches(&id) {
            let (short, more) = match id.get(..SHORT_ID_LENGTH) {
                Some(short) if short.len() < id.len() => (short, "…"),
                _ => (id.as_str(), ""),
            };
            return Ok(Some((value.line, format!("MachineID={short}{more} is this host ({})", host.hostname))));
        }
    }
    if candidate.name.is_template() && values.iter().any(|value| value.text.is_empty()) {
        let text = "MachineID is left open in the template; each instance is selected by its own";
        return Err(Reason::new(first.line, text.to_owned()));
    }
    Err(Reason::new(first.line, other_hosts(values, host)))
}

/// The reason that most units of most directories get: built in one piece.
fn other_hosts(values: &[Value], host: &Host) -> String {
    const SHOWN: usize = 3;
    let mut text = String::with_capacity(144);
    text.push_str("MachineID=");
    for (index, value) in values.iter().take(SHOWN).enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        text.push_str(&value.text);
    }
    if values.len() > SHOWN {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {} more", values.len() - SHOWN);
    }
    text.push_str(if values.len() == 1 { " is another host" } else { " are other hosts" });
    for part in ["; this one is ", host.machine_id.as_str(), " (", &host.hostname, ")"] {
        text.push_str(part);
    }
    text
}

/// What matched, shown, or why it does not; `None` if there is no `MachineMetadata=`.
fn metadata(placement: &Placement, host: &Host) -> Result<Option<(u32, String)>, Reason> {
    let wanted = &placement.metadata;
    let mut shown = String::new();
    for (index, first) in wanted.iter().enumerate() {
        let key = expand_host(&first.key, host);
        if wanted[..index].iter().any(|earlier| earlier.key == first.key) {
            continue;
        }
        let of_key = || wanted.iter().filter(|other| other.key == first.key);
        let has = host.metadata.get(&*key).filter(|has| of_key().any(|m| expand_host(&m.value, host) == has.as_str()));
        let Some(value) = has else { return Err(mismatch(&key, of_key(), host)) };
        if !shown.is_empty() {
            shown.push(' ');
        }
        // Writing to a string cannot fail.
        let _ = write!(shown, "{key}={value}");
    }
    Ok(wanted.first().map(|first| (first.line, shown)))
}

fn mismatch<'a>(key: &str, wanted: impl Iterator<Item = &'a Metadata> + Clone, host: &Host) -> Reason {
    let line = wanted.clone().next().map_or(0, |first| first.line);
    let values: Vec<String> = wanted.map(|m| format!("{key}={}", expand_host(&m.value, host))).collect();
    let has = match host.metadata.get(key) {
        Some(value) => format!("has {key}={value}"),
        None => format!("has no metadata '{key}'"),
    };
    Reason::new(line, format!("MachineMetadata={}; this host ({}) {has}", values.join(" or "), host.hostname))
}
