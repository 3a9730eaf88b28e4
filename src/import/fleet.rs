//! What `fleetctl cat` printed, or a folder of fleet's units → unit files. fleet wrote each section of a unit once and left
//! comments out, so that where several units stand one after the other, a section that was there begins the next one.
//! Nothing in that text names them: a comment line does, which people's loops print in between, or the caller.

use std::path::PathBuf;

use super::{Fate, File, Import, Note, Place, Placement, read};
use crate::convert;
use crate::unit::{Diagnostic, Finding, Severity, TextFile, UnitName};

/// A text, and the name if it is known.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is from.
    pub path: PathBuf,
    /// What is there.
    pub text: String,
    /// Whether the file's name is the unit's.
    pub is_named: bool,
}

/// One of the units in a text.
struct Piece {
    file: usize,
    line: usize,
    name: Option<String>,
    text: String,
}

/// Takes the units; `names` are for those that have none, in their order.
pub fn import(sources: &[Source], names: &[String], placement: &Placement) -> Result<Import, Vec<Finding>> {
    let mut pieces = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        if source.is_named {
            let name = source.path.file_name().map(|name| name.to_string_lossy().into_owned());
            pieces.push(Piece { file, line: 1, name, text: source.text.clone() });
        } else {
            split(file, &source.text, &mut pieces);
        }
    }
    let error = |file: usize, line: usize, message: String| Finding {
        path: sources.get(file).map_or_else(PathBuf::new, |source| source.path.clone()),
        diagnostic: Diagnostic::error(line, usize::from(line > 0), message),
    };
    let nameless: Vec<&Piece> = pieces.iter().filter(|piece| piece.name.is_none()).collect();
    if nameless.len() != names.len() {
        let lines: Vec<String> = nameless.iter().map(|piece| format!("line {}", piece.line)).collect();
        let message = match (nameless.len(), names.len()) {
            (0, _) => "each unit has its name already; leave the names out".to_owned(),
            (count, given) => format!(
                "fleetctl cat does not print names: name the {count} unit{} here ({}) behind the file, in this order; {given} \
                 {} given",
                if count == 1 { "" } else { "s" },
                lines.join(", "),
                if given == 1 { "is" } else { "are" },
            ),
        };
        return Err(vec![error(0, nameless.first().map_or(0, |piece| piece.line), message)]);
    }
    if pieces.is_empty() {
        return Err(vec![error(0, 0, "there is no unit in it".to_owned())]);
    }
    let mut names = names.iter();
    let (mut import, mut errors) = (Import::default(), Vec::new());
    import.sources = sources.iter().map(|source| source.path.clone()).collect();
    for piece in pieces {
        let text = piece.name.clone().or_else(|| names.next().cloned()).unwrap_or_default();
        match UnitName::parse(&text) {
            Ok(name) if import.files.iter().any(|file| file.name == name.as_str()) => {
                errors.push(error(piece.file, piece.line, format!("{name} is there twice; leave one out")));
            }
            Ok(name) => take(&name, &piece, placement, &mut import),
            Err(reason) => errors.push(error(piece.file, piece.line, format!("'{text}' is no unit name: {reason}"))),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    import.differences = DIFFERENCES.iter().map(|text| (*text).to_owned()).collect();
    Ok(import)
}

/// What fleet did that nobody does here.
const DIFFERENCES: [&str; 4] = [
    "There is no scheduler: a unit runs on every host that its [X-Fleet] selects, and when that host is gone, on no other. \
     What fleet placed on one of many hosts needs one of them, by MachineID=.",
    "A target state (inactive, loaded, launched) is each host's own: 'sculler stop' on one host says nothing to the others; \
     'sculler -H HOST,… stop UNIT' does.",
    "A file that is dropped is launched. Where fleet had a unit loaded or inactive, say so first: 'sculler load' or \
     'sculler submit'.",
    "What is dropped reaches systemd byte for byte, with its comments, which fleet left out.",
];

fn take(name: &UnitName, piece: &Piece, placement: &Placement, import: &mut Import) {
    let file = TextFile { path: name.as_str().into(), text: piece.text.as_bytes().into(), is_private: false };
    let unit = read(name.clone(), file, Vec::new());
    let place = |line: usize, column: usize| Place {
        file: piece.file,
        line: line.max(1) + piece.line - 1,
        column: column.max(1),
    };
    let mut say = |place: Place, fate: Fate, message: String| import.notes.push(Note { place, fate, message });
    for Finding { diagnostic, .. } in unit.findings.iter().cloned().chain(convert::warnings(&unit)) {
        let fate = if diagnostic.severity == Severity::Error { Fate::NotMapped } else { Fate::Note };
        say(place(diagnostic.line, diagnostic.column), fate, format!("{name}: {}", diagnostic.message));
    }
    let mut text = piece.text.clone();
    if !unit.placement.selects() {
        match placement {
            Placement::Unsaid => {
                let message = format!(
                    "{name}: nothing in [X-Fleet] selects a host, so fleet chose one; here no host takes it: add MachineID=, \
                     or import with --machine-id or --global"
                );
                say(place(1, 1), Fate::NotMapped, message);
            }
            placement => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                text += &placement.section();
                let message =
                    format!("{name}: nothing in [X-Fleet] selects a host, so fleet chose one; it is for {placement}");
                say(place(1, 1), Fate::Note, message);
            }
        }
    }
    if unit.placement.machine_of.len() + unit.placement.conflicts.len() > 0 {
        let message = format!(
            "{name}: MachineOf= and Conflicts= are judged by each host for itself: among the units that it takes, not among \
             those of all hosts"
        );
        say(place(unit.placement.line as usize, 1), Fate::Note, message);
    }
    import.files.push(File { name: name.to_string(), text: text.into_bytes() });
}

/// `# web.service`, `# /etc/systemd/system/web.service`, `==> web.service <==`: what names the unit below it.
fn named(line: &str) -> Option<String> {
    let bare =
        line.trim().trim_start_matches(['#', ';', '=', '>', '-', ' ']).trim_end_matches(['#', '=', '<', '-', ':', ' ']);
    let is_mark = line.trim_start().starts_with(['#', ';']) || line.trim_start().starts_with("==>");
    let name = bare.rsplit('/').next().unwrap_or(bare);
    (is_mark && UnitName::parse(name).is_ok()).then(|| name.to_owned())
}

fn header(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.strip_suffix(']')
}

fn split(file: usize, text: &str, pieces: &mut Vec<Piece>) {
    let mut current: Option<Piece> = None;
    let mut seen: Vec<&str> = Vec::new();
    let mut is_continued = false;
    let mut finish = |piece: Option<Piece>| {
        pieces.extend(piece.filter(|piece| piece.text.lines().any(|line| header(line).is_some())).map(|mut piece| {
            piece.text.truncate(piece.text.trim_end().len());
            piece.text.push('\n');
            piece
        }));
    };
    for (index, line) in text.lines().enumerate() {
        let begins = match (named(line), header(line)) {
            _ if is_continued => None,
            (Some(name), _) => Some(Some(name)),
            (None, Some(section)) if seen.contains(&section) => Some(None),
            _ => None,
        };
        is_continued = line.ends_with('\\');
        if let Some(name) = begins {
            seen.clear();
            // A name alone is no unit yet: the one below it is called so.
            let is_named = name.is_some();
            finish(current.take());
            current = Some(Piece { file, line: index + 1 + usize::from(is_named), name, text: String::new() });
            if is_named {
                continue;
            }
        }
        seen.extend(header(line));
        if current.is_none() && line.trim().is_empty() {
            continue;
        }
        let piece = current.get_or_insert_with(|| Piece { file, line: index + 1, name: None, text: String::new() });
        piece.text += line;
        piece.text.push('\n');
    }
    finish(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(usize, Option<String>, String)> {
        let mut pieces = Vec::new();
        split(0, text, &mut pieces);
        pieces.into_iter().map(|piece| (piece.line, piece.name, piece.text)).collect()
    }

    #[test]
    fn a_section_that_was_there_begins_the_next_unit() {
        let one = "[Unit]\nDescription=a\n\n[Service]\nExecStart=/a\n";
        assert_eq!(pieces(&format!("{one}[Unit]\nDescription=b\n\n[Service]\nExecStart=/b\n")).len(), 2);
        assert_eq!(
            pieces(&format!("\n{one}\n[Service]\nExecStart=/b\n"))[1],
            (8, None, "[Service]\nExecStart=/b\n".into())
        );
        assert_eq!(pieces("[Service]\nExecStart=/a \\\n[Service]\n").len(), 1);
        assert!(pieces("nothing\n").is_empty());
    }

    #[test]
    fn comments_name_units() {
        let text =
            "# web.service\n[Service]\nExecStart=/a\n==> db@1.service <==\n[Service]\nExecStart=/b\n# a comment\n";
        let found = pieces(text);
        assert_eq!((found[0].0, found[0].1.as_deref()), (2, Some("web.service")));
        assert_eq!((found[1].0, found[1].1.as_deref()), (5, Some("db@1.service")));
        assert!(found[1].2.contains("# a comment"));
        assert_eq!(named("# /etc/systemd/system/a.service").as_deref(), Some("a.service"));
        assert_eq!(named("# see web.service for more"), None);
    }
}
