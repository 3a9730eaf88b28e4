//! The dependency keys of `[Unit]`: where they name a Quadlet file, its service is meant
//! (podman: pkg/systemd/quadlet/quadlet.go, `translateUnitDependencies()`).

use super::context::Context;
use super::merged::Assignment;
use crate::unit::specifier;
use crate::unit::words::split_words;
use crate::unit::{Finding, UnitName, UnitType};

/// The keys whose values may name Quadlet files.
pub const KEYS: [&str; 15] = [
    "After",
    "Before",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "ReloadPropagatedFrom",
    "Requires",
    "Requisite",
    "StopPropagatedFrom",
    "Upholds",
    "Wants",
];

/// Types of Quadlet files that sculler does not run.
const FOREIGN_TYPES: [&str; 3] = ["pod", "kube", "artifact"];

/// The value with services in the place of Quadlet files; `None` if it names none.
pub fn translated(
    assignment: &Assignment<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    if !KEYS.contains(&assignment.entry.key.as_str()) || !has_file(&assignment.entry.value) {
        return None;
    }
    let mut words = Vec::new();
    for word in split_words(&assignment.entry.value).map_while(Result::ok) {
        if !is_file(&word.text) {
            words.push(word.text.into_owned());
            continue;
        }
        let expanded = specifier::expand(&word.text, specifier::Context { name: service, host: context.host });
        let found = match expanded {
            Ok(name) => context.others.find(&name),
            Err(unknown) => Err(format!("'%{}' means nothing here; known are {}", unknown.letter, specifier::KNOWN)),
        };
        match found {
            Ok(resource) => words.push(resource.service.to_string()),
            Err(reason) => {
                findings.push(assignment.error_at(word.offset, format!("{}: {reason}", assignment.entry.key)));
            }
        }
    }
    Some(words.join(" "))
}

fn has_file(value: &str) -> bool {
    split_words(value).map_while(Result::ok).any(|word| is_file(&word.text))
}

/// Whether a word names a Quadlet file rather than a unit.
fn is_file(word: &str) -> bool {
    let suffix = word.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    FOREIGN_TYPES.contains(&suffix) || UnitType::from_suffix(suffix).is_some_and(UnitType::is_quadlet)
}
