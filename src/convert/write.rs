//! The sheet and the draft → the text of the file.

use super::draft::{Draft, Place};
use super::rest::Rest;
use super::sheet::{Block, Sheet, goes_on};
use super::start::Start;

/// Names for the comment at the top.
pub struct Names<'a> {
    /// The unit's.
    pub unit: &'a str,
    /// Its drop-ins, as `NAME.d/FILE.conf`.
    pub drop_ins: &'a [String],
    /// The container's.
    pub container: Option<&'a str>,
}

/// Writes the file: sections in the order of the unit, `[Container]` before `[Service]`.
pub fn write(sheet: &Sheet, start: &Start<'_>, rest: &[(Place, Rest)], draft: &Draft, names: &Names<'_>) -> String {
    let mut out = Writer { text: head(names), drop_ins: names.drop_ins, is_fresh: false };
    let mut done: Vec<&str> = Vec::new();
    for part in &sheet.parts {
        let section = part.section.as_str();
        if done.contains(&section) {
            continue;
        }
        done.push(section);
        if section == "Service" {
            out.container(start, draft);
        }
        let parts = || sheet.parts.iter().filter(|other| other.section == section);
        let comments: Vec<&String> = parts().flat_map(|part| &part.comments).collect();
        let kept: Vec<(&Block, Option<&str>)> =
            parts().flat_map(|part| &part.blocks).filter_map(|block| kept(block, rest)).collect();
        let added: &[(&str, String)] = if section == "Service" { &draft.service } else { &[] };
        if !section.is_empty()
            && !kept.iter().any(|(block, _)| !block.lines.is_empty())
            && added.is_empty()
            && comments.is_empty()
        {
            continue;
        }
        out.section(section, &comments);
        for (block, value) in kept {
            out.block(block, value);
        }
        for (key, value) in added {
            out.line(&format!("{key}={value}"));
        }
    }
    out.text
}

/// A file beside the container's: it is taken where that one is.
pub fn beside(sheet: &Sheet, names: &Names<'_>, container: &str, section: &str) -> String {
    let is_placed = sheet.parts.iter().any(|part| part.section == "X-Fleet");
    let placement = if is_placed { format!("[X-Fleet]\nMachineOf={container}\n\n") } else { String::new() };
    format!("# Proposed by 'sculler convert {}', to be put beside {container}.\n\n{placement}{section}", names.unit)
}

fn head(names: &Names<'_>) -> String {
    let stem = names.unit.strip_suffix(".service").unwrap_or(names.unit);
    let mut text = format!("# Proposed by 'sculler convert {}': look it through, then stop that unit, ", names.unit);
    // A container with a variable in its name has to be found by who knows the variable.
    if let Some(name) = names.container.filter(|name| !name.contains(['%', '$'])) {
        text += &format!("remove what it\n# leaves ('docker rm -f {name}'), ");
    }
    text += &format!(
        "and put this into the unit directory as\n# {stem}.container in its place. The unit is still called {}.\n",
        names.unit
    );
    text
}

/// What stays of a block, with the new value if it changes.
fn kept<'a>(block: &'a Block, rest: &'a [(Place, Rest)]) -> Option<(&'a Block, Option<&'a str>)> {
    if block.entry.is_none() {
        return Some((block, None));
    }
    match rest.iter().find(|(place, _)| *place == block.place).map(|(_, rest)| rest) {
        Some(Rest::Gone) => None,
        Some(Rest::Changed(value)) => Some((block, Some(value))),
        Some(Rest::Kept) | None => Some((block, None)),
    }
}

struct Writer<'a> {
    text: String,
    drop_ins: &'a [String],
    /// Nothing but a header was written last.
    is_fresh: bool,
}

impl Writer<'_> {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
        self.is_fresh = false;
    }

    fn section(&mut self, name: &str, comments: &[&String]) {
        self.line("");
        comments.iter().for_each(|comment| self.line(comment));
        if !name.is_empty() {
            self.line(&format!("[{name}]"));
        }
        self.is_fresh = true;
    }

    fn block(&mut self, block: &Block, value: Option<&str>) {
        if block.is_apart && !self.is_fresh {
            self.line("");
        }
        let mut comments: Vec<&str> = block.comments.iter().map(String::as_str).collect();
        let from = block
            .place
            .file
            .checked_sub(1)
            .and_then(|index| self.drop_ins.get(index))
            .map(|file| format!("# from {file}"));
        comments.extend(from.as_deref().filter(|_| !block.lines.is_empty()));
        comments.iter().for_each(|comment| self.line(comment));
        match value {
            Some(value) => self.line(&format!("{}={value}", block.key().unwrap_or_default())),
            None => {
                let last = block.lines.len().saturating_sub(1);
                for (index, line) in block.lines.iter().enumerate() {
                    // A file may end within a continued line; here more lines follow.
                    let is_open = index == last && goes_on(line);
                    let line = if is_open { &line[..line.len() - 1] } else { line };
                    self.line(if index == last { line.trim_end() } else { line });
                }
            }
        }
    }

    fn container(&mut self, start: &Start<'_>, draft: &Draft) {
        self.section("Container", &[]);
        let inner =
            start.block.lines.iter().skip(1).map(|line| line.trim()).filter(|line| line.starts_with(['#', ';']));
        let comments: Vec<&str> = start.block.comments.iter().map(String::as_str).chain(inner).collect();
        comments.iter().for_each(|comment| self.line(comment));
        for (key, value) in &draft.container {
            self.line(&format!("{key}={value}"));
        }
    }
}
