//! A service that runs `docker run` → the `.container` file that does the same, and what of it no key says; and, for
//! services that stay as they are, what `docker run` under systemd loses. Pure.

mod arguments;
mod command;
mod draft;
mod exec;
pub mod flags;
pub mod keys;
mod limits;
mod made;
mod mounts;
mod network;
pub mod quote;
mod rest;
mod sheet;
mod start;
mod values;
mod warnings;
mod write;

pub use draft::{Draft, Fate, Note, Place, Used};
pub use made::Made;
pub use warnings::warnings;

use std::sync::Arc;

use crate::quadlet;
use crate::unit::{Diagnostic, Finding, TextFile, Unit, UnitName, UnitType};
use flags::Fate as FlagFate;
use quote::{Grammar, quote};
use sheet::Sheet;

/// What a service is as a `.container` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The name that the file needs for the unit to keep its own: `nginx.container`.
    pub file_name: String,
    /// The file.
    pub text: String,
    /// Further files, which make what this one names.
    pub files: Vec<Made>,
    /// What became of what is not simply taken over, by place.
    pub notes: Vec<Note>,
}

impl Conversion {
    /// Whether nothing of the unit is lost.
    pub fn is_whole(&self) -> bool {
        self.notes.iter().all(|note| note.fate != Fate::NotMapped)
    }
}

/// Converts a service; if it runs no container by `docker run`, or in a way that cannot be followed, the reason.
pub fn convert(unit: &Unit) -> Result<Conversion, Finding> {
    let refusal = |place: Place, message: &str| {
        let file = place.file.checked_sub(1).and_then(|index| unit.drop_ins.get(index)).unwrap_or(&unit.file);
        let column = usize::from(place.line > 0).max(place.column);
        Finding { path: file.path.clone(), diagnostic: Diagnostic::error(place.line, column, message) }
    };
    if unit.name.unit_type() != UnitType::Service {
        let message = format!("a .{} unit runs no container; name a .service", unit.name.unit_type());
        return Err(refusal(Place::default(), &message));
    }
    let sheet = read(unit)
        .map_err(|(file, error)| refusal(Place { file, line: error.line, column: error.column }, &error.message))?;
    let start = start::find(&sheet).map_err(|(place, message)| refusal(place, &message))?;
    let mut draft = Draft {
        folder: sheet
            .last("Service", "WorkingDirectory")
            .map_or_else(|| "/".to_owned(), |block| block.value().to_owned()),
        has_restart: sheet.last("Service", "Restart").is_some(),
        ..Draft::default()
    };
    let run = arguments::read(&start.words, &mut draft);
    let Some(image) = &run.image else {
        return Err(refusal(start.place, "docker run names no image; add it behind the flags"));
    };
    start::check_variables(&sheet, &start, &mut draft);
    let Ok(image) = quote(&image.text, Grammar::Scalar) else {
        return Err(refusal(image.place, "this is no name of an image"));
    };
    for used in &run.flags {
        translate(used, &run.flags, &mut draft);
    }
    draft.container.sort_by_key(|(key, _)| *key != "ContainerName");
    draft.container.insert(0, ("Image", image.clone()));
    let command: Vec<String> =
        run.command.iter().filter_map(|word| quote(&word.text, Grammar::Arguments).ok()).collect();
    let rest = rest::judge(&sheet, &start, &run, &image, &mut draft);
    if !command.is_empty() {
        draft.container.push(("Exec", command.join(" ")));
    }
    draft.notes.sort_by_key(|note| note.place);
    let files: Vec<String> = unit.drop_ins.iter().map(|file| format!("{}.d/{}", unit.name, file.file_name())).collect();
    let name = draft::last(&run.flags, "name").map(|used| used.value.as_str());
    let names = write::Names { unit: unit.name.as_str(), drop_ins: &files, container: name };
    let text = write::write(&sheet, &start, &rest, &draft, &names);
    let file_name = format!("{}.container", unit.name.stem());
    let mut notes = refusals(unit, &file_name, "file", &text);
    let mut files = draft.files;
    for file in &mut files {
        file.text = write::beside(&sheet, &names, &file_name, &file.text);
        notes.extend(refusals(unit, &file.file_name, &file.file_name, &file.text));
    }
    notes.extend(draft.notes);
    Ok(Conversion { file_name, text, files, notes })
}

/// Why the proposed file would not run as it is: what Docker's client leaves to the Engine or to a shell, or what has to
/// be there beside the file.
fn refusals(unit: &Unit, file_name: &str, shown: &str, text: &str) -> Vec<Note> {
    let Ok(name) = UnitName::parse(file_name) else { return Vec::new() };
    let path = unit.file.path.with_file_name(file_name);
    let file = TextFile { path, text: text.as_bytes().into(), is_private: unit.file.is_private };
    let proposed = quadlet::complete(Unit::read(name, Arc::new(file), Vec::new()), |_| Vec::new());
    let proposed = quadlet::verified(proposed);
    let note = |finding: &Finding| {
        let Diagnostic { line, message, .. } = &finding.diagnostic;
        let message = format!("line {line} of the proposed {shown} has to be changed before it runs: {message}");
        Note { place: Place::default(), fate: Fate::NotMapped, message }
    };
    proposed.errors().map(note).collect()
}

fn read(unit: &Unit) -> Result<Sheet, (usize, Diagnostic)> {
    Sheet::read(std::iter::once(&unit.file).chain(&unit.drop_ins).map(|file| &*file.text))
}

/// Does to the draft what a flag says; `all` are the flags beside it.
pub fn translate(used: &Used, all: &[Used], draft: &mut Draft) {
    // A switch that is off says what is the default, but for the one that Podman has on.
    let is_off = !used.flag.takes_value && !used.is_on();
    match used.flag.fate {
        FlagFate::Translated(translation) => translation(draft, used, all),
        FlagFate::Key(key @ "HttpProxy", grammar) if is_off => draft.set(used, key, grammar, "false"),
        _ if is_off => {}
        FlagFate::Key(key, grammar) => {
            let value = if used.flag.takes_value { used.value.as_str() } else { "true" };
            draft.set(used, key, grammar, value);
        }
        FlagFate::Dropped(reason) => draft.dropped(used, reason),
        FlagFate::Unmapped(reason) => draft.not_mapped(used, reason),
    }
}
