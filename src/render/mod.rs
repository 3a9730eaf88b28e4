//! A taken unit → what systemd gets. Pure.
//!
//! The unit file reaches systemd byte for byte, and its drop-ins with it; sculler adds one drop-in of its own, the
//! mark, by which it knows its units again.

mod resolve;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use resolve::{FileVerdict, Resolution, Ruling, resolve, resolve_again};

use crate::host::MachineId;
use crate::unit::{Digest, Facts, MARK_FILE_NAME, Unit, UnitName, syntax};

/// fleet's target states (`fleet: Documentation/states.md`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// Not installed.
    #[default]
    Inactive,
    /// Installed; something else starts it, or nothing does.
    Loaded,
    /// Installed, and wanted by `sculler.target`.
    Launched,
}

impl TargetState {
    /// fleet's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Loaded => "loaded",
            Self::Launched => "launched",
        }
    }
}

/// A file as it is to be installed, below the folder of unit files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// `NAME` or `NAME.d/FILE.conf`.
    pub path: String,
    /// Its bytes.
    pub text: Arc<[u8]>,
    /// Whether only root may read it.
    pub is_private: bool,
}

/// A unit that this host runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Its name.
    pub name: UnitName,
    /// The file in the unit directory.
    pub source: PathBuf,
    /// Everything that is installed, the mark first and the unit file last.
    pub files: Vec<RenderedFile>,
    /// Of `files`: the same digest, the same installation.
    pub digest: Digest,
    /// What planning compares.
    pub facts: Facts,
    /// How far it goes.
    pub target: TargetState,
}

impl Desired {
    /// Renders a unit for the host with `machine_id`.
    pub fn new(unit: &Unit, machine_id: &MachineId, target: TargetState) -> Self {
        let folder = format!("{}.d", unit.name);
        let source = unit.file.path.clone();
        let mut files = vec![RenderedFile {
            path: format!("{folder}/{MARK_FILE_NAME}"),
            text: mark(&source, machine_id).into_bytes().into(),
            is_private: false,
        }];
        files.extend(unit.drop_ins.iter().map(|drop_in| RenderedFile {
            path: format!("{folder}/{}", drop_in.file_name()),
            text: drop_in.text.clone(),
            is_private: drop_in.is_private,
        }));
        let is_private = unit.file.is_private;
        files.push(RenderedFile { path: unit.name.to_string(), text: unit.file.text.clone(), is_private });
        let digest = digest_of(files.iter().map(|file| (file.path.as_str(), &*file.text, file.is_private)));
        Self { name: unit.name.clone(), source, files, digest, facts: unit.facts.clone(), target }
    }

    /// Whether it was rendered from the very files that `unit` was read from.
    fn is_of(&self, unit: &Unit, target: TargetState) -> bool {
        let sources = || unit.drop_ins.iter().chain([&unit.file]);
        // The mark comes first
        let files = self.files.get(1..).unwrap_or_default();
        self.target == target
            && self.source == unit.file.path
            && files.len() == unit.drop_ins.len() + 1
            && files
                .iter()
                .zip(sources())
                .all(|(file, source)| Arc::ptr_eq(&file.text, &source.text) && file.is_private == source.is_private)
    }

    /// Whether it is to be started at all; a template never is.
    pub fn is_launched(&self) -> bool {
        self.target == TargetState::Launched && !self.name.is_template()
    }

    /// The unit file itself.
    pub fn text(&self) -> &[u8] {
        self.files.last().map_or(&[], |file| &file.text)
    }
}

/// The digest of an installation: paths, bytes and whether they are private, in any order.
pub fn digest_of<'a>(files: impl Iterator<Item = (&'a str, &'a [u8], bool)>) -> Digest {
    let mut files: Vec<_> = files.collect();
    files.sort_unstable();
    Digest::of(files.into_iter().flat_map(|(path, text, is_private)| {
        let readers: &[u8] = if is_private { b"root" } else { b"all" };
        [path.as_bytes(), text, readers]
    }))
}

const MARK_SECTION: &str = "X-Sculler-Installed";
const MARK_SOURCE: &str = "Source";

/// The text of the mark: it names the source file, and a condition keeps a cloned disk from starting its twin's units.
pub fn mark(source: &Path, machine_id: &MachineId) -> String {
    let source = source.display();
    format!(
        "# Installed by sculler from {source}\n# Change that file, not this one.\n[Unit]\nConditionHost={machine_id}\n\n\
         [{MARK_SECTION}]\n{MARK_SOURCE}={source}\n"
    )
}

/// The source file that a mark names; `None` if the text is no mark.
pub fn marked_source(text: &[u8]) -> Option<PathBuf> {
    let (file, _) = syntax::parse(text);
    file.last(MARK_SECTION, MARK_SOURCE).map(|entry| PathBuf::from(&entry.value))
}
