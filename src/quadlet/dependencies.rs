//! The dependency keys of `[Unit]`: where they name a Quadlet file, its service is meant
//! (podman: pkg/systemd/quadlet/quadlet.go, `translateUnitDependencies()`).

use super::context::Context;
use super::merged::Assignment;
use crate::unit::check::{QUADLET_DEPENDENCIES, names_quadlet_file};
use crate::unit::specifier;
use crate::unit::words::split_words;
use crate::unit::{Finding, UnitName};

/// The value with services in the place of Quadlet files; `None` if it names none.
pub fn translated(
    assignment: &Assignment<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    if !QUADLET_DEPENDENCIES.contains(&assignment.entry.key) || !names_any(assignment.entry.value) {
        return None;
    }
    let mut words = Vec::new();
    for word in split_words(assignment.entry.value).map_while(Result::ok) {
        if !names_quadlet_file(&word.text) {
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

fn names_any(value: &str) -> bool {
    split_words(value).map_while(Result::ok).any(|word| names_quadlet_file(&word.text))
}
