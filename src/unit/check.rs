//! What systemd would refuse to load, or log and ignore. Errors are for what could not work as written, warnings for
//! lines that do nothing. The sections of Quadlet files that are Quadlet's own are its module's part.

use super::check_kinds::Kind;
use super::check_rules;
use super::diagnostics::Diagnostic;
use super::file_kind::PODMAN_ALONE;
use super::name::{UnitName, UnitType, is_systemd_name};
use super::nearest::{nearest, suggestion};
use super::syntax::{Entry, Section, UnitFile};
use super::systemd_keys;
use super::words::split_words;

/// sculler's own sections.
const OWN_SECTIONS: [&str; 2] = ["X-Fleet", "X-Sculler"];

/// Sections that Quadlet reads in its files (podman-systemd.unit(5)).
const QUADLET_SECTIONS: [&str; 6] = ["Container", "Volume", "Network", "Image", "Build", "Quadlet"];

/// The keys of `[Unit]` whose values may name Quadlet files, in Quadlet files (podman: pkg/systemd/quadlet/quadlet.go).
pub const QUADLET_DEPENDENCIES: [&str; 15] = [
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

/// Checks everything but `[X-Fleet]` and the other sections that are not systemd's.
pub fn check(file: &UnitFile, name: &UnitName) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let allowed = sections_of(name.unit_type());
    for section in file.sections() {
        check_section_name(section, &allowed, name, &mut diagnostics);
        if allowed.contains(&section.name) && systemd_keys::is_section(section.name) {
            for entry in section.entries() {
                check_entry(section.name, entry, &allowed, &mut diagnostics);
            }
        }
    }
    // A misspelt header is what is wrong then, not what is missing for it.
    if !diagnostics.iter().any(|d| d.is_error() && d.column == 1 && file.sections().any(|s| s.line == d.line)) {
        check_rules::check(file, name, &mut diagnostics);
    }
    diagnostics.sort_by_key(|d| (d.line, d.column));
    diagnostics
}

/// The sections that are read in a file of this type.
fn sections_of(unit_type: UnitType) -> Vec<&'static str> {
    let of_quadlet: &[&str] = if unit_type.is_quadlet() { &["Service", "Quadlet"] } else { &[] };
    let own = unit_type.section();
    [&["Unit", "Install"], of_quadlet, own.as_slice()].concat()
}

fn check_section_name(section: Section<'_>, allowed: &[&str], name: &UnitName, diagnostics: &mut Vec<Diagnostic>) {
    let title = section.name;
    if title.is_empty() || allowed.contains(&title) || OWN_SECTIONS.contains(&title) {
        return;
    }
    let unit_type = name.unit_type();
    let belongs_elsewhere = systemd_keys::is_section(title) || QUADLET_SECTIONS.contains(&title);
    let candidates = || allowed.iter().copied().chain(OWN_SECTIONS);
    if belongs_elsewhere {
        let message = format!("[{title}] has no place in a .{unit_type} file, all in it is ignored; remove it");
        diagnostics.push(Diagnostic::warning(section.line, 1, message));
    } else if let Some(near) = nearest(title, candidates()) {
        let message = format!("unknown section '{title}', all in it would be ignored; did you mean '{near}'?");
        diagnostics.push(Diagnostic::error(section.line, 1, message));
    } else if !title.starts_with("X-") {
        let message = format!("unknown section '{title}', all in it is ignored; sections of your own begin with 'X-'");
        diagnostics.push(Diagnostic::warning(section.line, 1, message));
    }
}

fn check_entry(section: &str, entry: Entry<'_>, allowed: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    let key = entry.key;
    let Some(name) = systemd_keys::kind(section, key) else {
        if !key.starts_with("X-") {
            diagnostics.push(unknown_key(section, entry, allowed));
        }
        return;
    };
    // An empty assignment resets, whatever the kind.
    if entry.value.is_empty() {
        return;
    }
    match Kind::of(section, key, name) {
        None => {}
        Some(Kind::Command) => check_rules::command(entry, diagnostics),
        Some(Kind::Units) => check_units(entry, allowed.contains(&"Quadlet"), diagnostics),
        Some(kind) => {
            if let Some(objection) = kind.objection(entry.value).filter(|_| !entry.value.contains('%')) {
                let message = format!("{key} '{}' is {objection}", entry.value);
                diagnostics.push(Diagnostic::error(entry.line, entry.value_column, message));
            }
        }
    }
}

fn unknown_key(section: &str, entry: Entry<'_>, allowed: &[&str]) -> Diagnostic {
    let key = entry.key;
    let home = allowed.iter().find(|other| systemd_keys::kind(other, key).is_some());
    let advice = match home {
        Some(other) => format!("; it belongs into [{other}]"),
        None => suggestion(systemd_keys::nearest(section, key)),
    };
    let message = format!("systemd ignores unknown key '{key}' in [{section}]{advice}");
    Diagnostic::warning(entry.line, entry.column, message)
}

fn check_units(entry: Entry<'_>, is_quadlet: bool, diagnostics: &mut Vec<Diagnostic>) {
    let is_translated = QUADLET_DEPENDENCIES.contains(&entry.key);
    for word in split_words(entry.value) {
        let (offset, what) = match &word {
            Ok(word) if word.text.contains('%') || is_systemd_name(&word.text) => continue,
            // Its service is meant.
            Ok(word) if names_quadlet_file(&word.text) && is_quadlet && is_translated => continue,
            Ok(word) => (word.offset, format!("'{}', which is no unit name", word.text)),
            Err(error) => (error.offset, "the rest of the line, for this quote is not closed".to_owned()),
        };
        let advice = match &word {
            Ok(word) if names_quadlet_file(&word.text) => "; name its service".to_owned(),
            Ok(word) if is_systemd_name(&format!("{}.service", word.text)) => {
                format!("; did you mean '{}.service'?", word.text)
            }
            _ => String::new(),
        };
        let message = format!("systemd ignores {what}, in {}{advice}", entry.key);
        diagnostics.push(Diagnostic::warning(entry.line, entry.column_at(offset), message));
    }
}

/// Whether a word is the name of a file of Quadlet's, also of a type that sculler does not run.
pub fn names_quadlet_file(word: &str) -> bool {
    let suffix = word.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    PODMAN_ALONE.contains(&suffix) || UnitType::from_suffix(suffix).is_some_and(UnitType::is_quadlet)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
