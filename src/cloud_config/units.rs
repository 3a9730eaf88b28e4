//! `coreos.units:`

use super::fields::Fields;
use crate::unit::{Diagnostic, UnitName, parse};
use crate::yaml::Node;

/// A unit to be written, enabled, masked, ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreosUnit {
    /// With its type, such as `web.service`, or a file of systemd-networkd's.
    pub name: String,
    /// Its file.
    pub content: Option<String>,
    /// Until the next boot only.
    pub runtime: bool,
    /// Started at boot.
    pub enable: bool,
    /// Never started.
    pub mask: bool,
    /// What is done with it at the end.
    pub command: Option<Verb>,
    /// Its drop-ins.
    pub drop_ins: Vec<DropIn>,
    /// Where the entry stands.
    pub line: usize,
    /// Where the entry stands.
    pub column: usize,
}

/// A drop-in of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIn {
    /// `NAME.conf`
    pub name: String,
    /// What is in it.
    pub content: String,
}

/// What systemd is told to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Start,
    Stop,
    Restart,
    Reload,
    TryRestart,
    ReloadOrRestart,
    ReloadOrTryRestart,
}

impl Verb {
    const ALL: [Self; 7] = [
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Reload,
        Self::TryRestart,
        Self::ReloadOrRestart,
        Self::ReloadOrTryRestart,
    ];

    /// systemctl's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::TryRestart => "try-restart",
            Self::ReloadOrRestart => "reload-or-restart",
            Self::ReloadOrTryRestart => "reload-or-try-restart",
        }
    }
}

impl CoreosUnit {
    /// A file of systemd-networkd's, which is in another folder and is neither enabled nor started.
    pub fn is_network(&self) -> bool {
        is_network(&self.name) && !self.is_placed()
    }

    /// Whether `[X-Fleet]` is in it: then it is sculler's.
    pub fn is_placed(&self) -> bool {
        let content = self.content.as_deref().unwrap_or_default();
        parse(content.as_bytes()).0.has_section("X-Fleet")
    }

    pub(super) fn read(node: &Node, errors: &mut Vec<Diagnostic>, notes: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = errors.len();
        let mut fields = Fields::of(node, errors);
        let name = fields.text("name", errors);
        let content = fields.string("content", errors);
        let runtime = fields.truth("runtime", errors);
        let enable = fields.truth("enable", errors);
        let mask = fields.truth("mask", errors);
        let command = fields.text("command", errors);
        let drop_ins = fields.list("drop_ins", errors);
        fields.rest(notes);
        let Some(name) = name else {
            notes.push(node.warning("a unit without a name is skipped, as coreos-cloudinit did"));
            return None;
        };
        let word = name.text().unwrap_or_default();
        if !is_network(word)
            && let Err(error) = UnitName::parse(word)
        {
            errors.push(name.error(error.to_string()));
        }
        let verb = command.and_then(|node| {
            let word = node.text().unwrap_or_default();
            let verb = Verb::ALL.into_iter().find(|verb| verb.word() == word);
            if verb.is_none() {
                let words = Verb::ALL.map(Verb::word).join(", ");
                errors.push(node.error(format!("'{word}' is no command; there are {words}")));
            }
            verb
        });
        let drop_ins = drop_ins.iter().filter_map(|node| DropIn::read(node, errors, notes)).collect();
        let (line, column) = (name.line, name.column);
        let unit =
            Self { name: word.to_owned(), content, runtime, enable, mask, command: verb, drop_ins, line, column };
        (errors.len() == before).then_some(unit)
    }
}

impl DropIn {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>, notes: &mut Vec<Diagnostic>) -> Option<Self> {
        let mut fields = Fields::of(node, errors);
        let (name, content) = (fields.text("name", errors), fields.string("content", errors));
        fields.rest(notes);
        let Some(name) = name else {
            errors.push(node.error("a drop-in needs a name, such as 10-limits.conf"));
            return None;
        };
        let word = name.text().unwrap_or_default();
        if !word.ends_with(".conf") || word.contains('/') || word.starts_with('.') {
            errors.push(name.error(format!("'{word}' is no name of a drop-in; systemd reads NAME.conf alone")));
            return None;
        }
        Some(Self { name: word.to_owned(), content: content.unwrap_or_default() })
    }
}

fn is_network(name: &str) -> bool {
    let stem = [".network", ".netdev", ".link"].into_iter().find_map(|suffix| name.strip_suffix(suffix));
    stem.is_some_and(|stem| !stem.is_empty() && !stem.contains('/') && !stem.starts_with('.'))
}
