//! The rules that hold between the keys of a unit, by type, and the form of command lines (systemd:
//! `service_verify()` and its like in src/core/, `config_parse_exec()` in src/core/load-fragment.c).

use super::diagnostics::Diagnostic;
use super::name::{UnitName, UnitType, escape_path};
use super::syntax::{Entry, UnitFile};
use super::words::split_words;

pub(super) fn check(file: &UnitFile, name: &UnitName, diagnostics: &mut Vec<Diagnostic>) {
    let unit_type = name.unit_type();
    if unit_type.is_quadlet() {
        return;
    }
    let Some(section) = unit_type.section() else { return };
    if !file.has_section(section) {
        // systemd-exit.service and its like consist of their SuccessAction= alone.
        let acts = unit_type == UnitType::Service && has_success_action(file);
        if unit_type != UnitType::Slice && !acts {
            let message = format!("there is no [{section}] section, without which a .{unit_type} unit does nothing");
            diagnostics.push(Diagnostic::error(0, 0, message));
            return;
        }
    }
    match unit_type {
        UnitType::Service => service(file, diagnostics),
        UnitType::Socket => needs_one_of(file, section, &LISTENS, diagnostics),
        UnitType::Timer => timer(file, diagnostics),
        UnitType::Path => needs_one_of(file, section, &PATHS, diagnostics),
        UnitType::Mount => {
            needs_one_of(file, section, &["What"], diagnostics);
            mount_point(file, section, name, diagnostics);
        }
        UnitType::Automount => mount_point(file, section, name, diagnostics),
        UnitType::Slice => slice_name(name, diagnostics),
        _ => {}
    }
}

const LISTENS: [&str; 8] = [
    "ListenStream",
    "ListenDatagram",
    "ListenSequentialPacket",
    "ListenFIFO",
    "ListenSpecial",
    "ListenNetlink",
    "ListenMessageQueue",
    "ListenUSBFunction",
];
const PATHS: [&str; 5] = ["PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty"];
const TIMES: [&str; 6] =
    ["OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"];

fn has_success_action(file: &UnitFile) -> bool {
    file.last("Unit", "SuccessAction").is_some_and(|entry| !matches!(entry.value, "" | "none"))
}

fn section_line(file: &UnitFile, section: &str) -> usize {
    file.sections().find(|s| s.name == section).map_or(0, |s| s.line)
}

fn at_section(file: &UnitFile, section: &str, message: impl Into<String>) -> Diagnostic {
    let line = section_line(file, section);
    Diagnostic::error(line, usize::from(line > 0), message)
}

fn at_value(entry: Entry<'_>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(entry.line, entry.value_column, message)
}

fn needs_one_of(file: &UnitFile, section: &str, keys: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    if keys.iter().all(|key| file.list(section, key).is_empty()) {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key}=")).collect();
        let what = if keys.len() == 1 { "has no" } else { "needs at least one of" };
        diagnostics.push(at_section(
            file,
            section,
            format!("[{section}] {what} {}; systemd refuses it", keys.join(", ")),
        ));
    }
}

/// systemd: `service_add_extras()` and `service_verify()`.
fn service(file: &UnitFile, diagnostics: &mut Vec<Diagnostic>) {
    let value = |key| file.last("Service", key).map(|entry| entry.value).filter(|value| !value.is_empty());
    let starts = file.list("Service", "ExecStart");
    let service_type = value("Type").unwrap_or_else(|| {
        if value("BusName").is_some() {
            "dbus"
        } else if starts.is_empty() {
            "oneshot"
        } else {
            "simple"
        }
    });
    let oneshot = service_type == "oneshot";
    let has_action = has_success_action(file);
    let has_stop = !file.list("Service", "ExecStop").is_empty();
    let remains = file.boolean("Service", "RemainAfterExit") == Some(true);
    let mut section_error = |message: &str| diagnostics.push(at_section(file, "Service", message));
    if starts.is_empty() {
        if !has_stop && !has_action {
            section_error("[Service] has no ExecStart=, so there is nothing to run; add one");
        } else if !oneshot {
            section_error("[Service] has no ExecStart=, which is allowed for Type=oneshot only; add one");
        } else if !remains && !has_action {
            section_error("[Service] has no ExecStart=, which needs RemainAfterExit=yes; add either");
        }
    }
    if service_type == "dbus" && value("BusName").is_none() {
        section_error("Type=dbus needs BusName=; add it");
    }
    if let Some(second) = starts.get(1).filter(|_| !oneshot) {
        diagnostics.push(Diagnostic::error(
            second.line,
            second.column,
            "more than one ExecStart=, which is allowed for Type=oneshot only; \
             use ExecStartPre= or ExecStartPost=, or empty the first by 'ExecStart='",
        ));
    }
    let of =
        |key: &str, values: &[&str]| file.last("Service", key).filter(|entry| oneshot && values.contains(&entry.value));
    for entry in [of("Restart", &["always", "on-success"]), of("ExitType", &["cgroup"])].into_iter().flatten() {
        let message =
            format!("{}={} is not allowed for Type=oneshot; systemd refuses the unit", entry.key, entry.value);
        diagnostics.push(at_value(entry, message));
    }
}

fn timer(file: &UnitFile, diagnostics: &mut Vec<Diagnostic>) {
    let on_event = |key| file.boolean("Timer", key) == Some(true);
    if !on_event("OnClockChange") && !on_event("OnTimezoneChange") {
        needs_one_of(file, "Timer", &TIMES, diagnostics);
    }
}

/// The name of a mount unit is its mount point's; without `Where=` systemd takes it from there.
fn mount_point(file: &UnitFile, section: &str, name: &UnitName, diagnostics: &mut Vec<Diagnostic>) {
    let suffix = name.unit_type().suffix();
    if name.instance().is_some() {
        let message = format!("a .{suffix} unit cannot be a template or an instance: its name is its mount point's");
        diagnostics.push(Diagnostic::error(0, 0, message));
        return;
    }
    let Some(entry) = file.last(section, "Where").filter(|entry| !entry.value.is_empty()) else {
        // systemd.mount(5) calls it mandatory, yet systemd (252: systemd-analyze verify) loads such a unit without a word.
        let message = format!(
            "[{section}] has no Where=, so the mount point is what the name says; add it, as systemd.{suffix}(5) asks"
        );
        let line = section_line(file, section);
        diagnostics.push(Diagnostic::warning(line, 1, message));
        return;
    };
    let path = entry.value;
    if path.contains('%') {
        return;
    }
    if !path.starts_with('/') {
        diagnostics.push(at_value(entry, format!("Where '{path}' is no absolute path; systemd ignores it")));
        return;
    }
    let expected = format!("{}.{suffix}", escape_path(path));
    if name.as_str() != expected {
        let message = format!("Where '{path}' does not match the unit's name; the file has to be called '{expected}'");
        diagnostics.push(at_value(entry, message));
    }
}

/// systemd: `slice_name_is_valid()` in src/basic/unit-name.c.
fn slice_name(name: &UnitName, diagnostics: &mut Vec<Diagnostic>) {
    let stem = name.stem();
    if stem == "-" {
        return;
    }
    let message = if name.instance().is_some() {
        "a .slice unit cannot be a template or an instance; systemd refuses it"
    } else if stem.starts_with('-') || stem.ends_with('-') || stem.contains("--") {
        "a slice's name is its path, with one '-' between its parts and none at an end; rename it"
    } else {
        return;
    };
    diagnostics.push(Diagnostic::error(0, 0, message));
}

/// The form of a command line (systemd: `config_parse_exec()`). A command whose failure is ignored (`-`) is not
/// checked by systemd either: it is left out with a line in the log, so here this is a warning.
pub(super) fn command(entry: Entry<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut first = true;
    let mut failure_ignored = false;
    for word in split_words(entry.value) {
        let (offset, message) = match word {
            Err(quote) => (quote.offset, format!("{}: this quote is not closed", entry.key)),
            Ok(word) if word.text == ";" => {
                first = true;
                continue;
            }
            Ok(_) if !first => continue,
            Ok(word) => {
                first = false;
                let program = word.text.trim_start_matches(['-', '@', ':', '+', '!', '|']);
                failure_ignored = word.text[..word.text.len() - program.len()].contains('-');
                match program_objection(program) {
                    None => continue,
                    Some(objection) => (word.offset, format!("{}: {objection}", entry.key)),
                }
            }
        };
        let column = entry.column_at(offset);
        diagnostics.push(if failure_ignored {
            Diagnostic::warning(entry.line, column, format!("{message}; systemd leaves this command out"))
        } else {
            Diagnostic::error(entry.line, column, format!("{message}; systemd refuses the unit"))
        });
    }
}

fn program_objection(program: &str) -> Option<String> {
    if program.is_empty() {
        return Some("there is no program; name one".into());
    }
    // What a specifier or an escape sequence stands for is not known here.
    if program.contains(['%', '\\']) {
        return None;
    }
    if program.starts_with('/') {
        return program.ends_with('/').then(|| format!("'{program}' is a folder; name a program"));
    }
    (program.contains('/') || matches!(program, "." | ".."))
        .then(|| format!("'{program}' is neither an absolute path nor a plain program name; write the full path"))
}
