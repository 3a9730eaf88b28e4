//! The text of a file.

use std::fmt::Write as _;

use crate::import::Placement;

/// A file in the making.
#[derive(Debug, Default)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// What stands at its top.
    pub comment: String,
    /// Sections and their lines, in order.
    pub sections: Vec<(&'static str, Vec<(&'static str, String)>)>,
}

impl Sheet {
    /// Adds a section, if it has lines.
    pub fn section(&mut self, name: &'static str, lines: Vec<(&'static str, String)>) {
        if !lines.is_empty() {
            self.sections.push((name, lines));
        }
    }

    /// All its lines.
    pub fn lines(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.sections.iter().flat_map(|(_, lines)| lines)
    }

    /// Writes it.
    pub fn text(&self, placement: &Placement) -> String {
        let mut text = format!("# {}\n", self.comment);
        for (name, lines) in &self.sections {
            let _ = write!(text, "\n[{name}]\n");
            for (key, value) in lines {
                let _ = writeln!(text, "{key}={value}");
            }
        }
        text + &placement.section()
    }
}

/// A text in which systemd and sculler find nothing to expand.
pub fn literal(text: &str) -> String {
    text.replace('%', "%%").replace('$', "$$")
}
