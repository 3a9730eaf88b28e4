//! A taken unit → what systemd gets. Pure.
//!
//! The unit file reaches systemd byte for byte, and its drop-ins with it; sculler adds one drop-in of its own, the
//! mark, by which it knows its units again.

mod circles;
mod follow;
mod late;
mod quadlets;
mod resolve;
mod update;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use late::Late;
pub use resolve::{FileVerdict, Inputs, Resolution, Ruling, resolve, resolve_again};
pub use update::UpdatePolicy;

use crate::host::{Host, MachineId};
use crate::quadlet::spec_text::SpecText;
use crate::quadlet::{Translation, preparation};
use crate::unit::follow::Follow;
use crate::unit::{Digest, Facts, MARK_FILE_NAME, TextFile, Unit, UnitName, UnitType, syntax};

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
    /// It and its drop-ins, as they were read.
    pub texts: Vec<Arc<TextFile>>,
    /// Everything that is installed, the mark first and the unit file last.
    pub files: Vec<RenderedFile>,
    /// What the supervisor works from, if the unit comes from a Quadlet file.
    pub spec: Option<Arc<SpecText>>,
    /// Of what can matter to the running process: [`Facts::run`].
    pub run: Digest,
    /// See [`Desired::digest`].
    pub digests: Late<Digests>,
    /// See [`Desired::facts`].
    pub facts: Late<Arc<Facts>>,
    /// How far it goes.
    pub target: TargetState,
    /// The files that it follows.
    pub follow: Option<Arc<Follow>>,
    /// What an edit to it may do.
    pub update: UpdatePolicy,
    /// Whether it is the copy of a version that stayed up, in the place of what the file says.
    pub is_last_good: bool,
}

impl Desired {
    /// Renders a unit for a host.
    pub fn new(unit: &Unit, host: &Host, target: TargetState) -> Self {
        let unit_file = RenderedFile {
            path: unit.name.to_string(),
            text: unit.file.text.clone(),
            is_private: unit.file.is_private,
        };
        let follow = follow::of_service(unit, host).map(Arc::new);
        let facts = Late::known(unit.facts.clone());
        let run = unit.facts.run;
        Self { follow, facts, ..Self::of_files(unit, &unit.drop_ins, host, vec![unit_file], None, run, target) }
    }

    /// The service of a Quadlet file.
    fn of_quadlet(unit: &Unit, translation: &Translation, host: &Host, target: TargetState) -> Self {
        // Whoever may not read the source may not read what was made of it.
        let is_private = unit.drop_ins.iter().chain([&unit.file]).any(|file| file.is_private);
        let slice = translation.slice.iter().map(|(name, text)| (name.clone(), text.clone()));
        let made = slice.chain([(translation.service.to_string(), translation.text.clone())]);
        let made = made.map(|(path, text)| RenderedFile { path, text, is_private }).collect();
        let spec = Some(translation.spec.clone());
        let follow = translation.follow.clone();
        Self { follow, ..Self::of_files(unit, &unit.service_drop_ins, host, made, spec, translation.run, target) }
    }

    fn of_files(
        unit: &Unit,
        drop_ins: &[Arc<TextFile>],
        host: &Host,
        own: Vec<RenderedFile>,
        spec: Option<Arc<SpecText>>,
        run: Digest,
        target: TargetState,
    ) -> Self {
        let name = unit.runs_as().clone();
        let source = unit.file.path.clone();
        let drop_in = |file_name: &str| [name.as_str(), ".d/", file_name].concat();
        let mark = RenderedFile {
            path: drop_in(MARK_FILE_NAME),
            text: mark(&source, &host.machine_id).as_bytes().into(),
            is_private: false,
        };
        let drop_ins = drop_ins.iter().map(|file| RenderedFile {
            path: drop_in(file.file_name()),
            text: file.text.clone(),
            is_private: file.is_private,
        });
        let mut files = Vec::with_capacity(1 + drop_ins.len() + own.len());
        files.push(mark);
        files.extend(drop_ins);
        files.extend(own);
        let update = UpdatePolicy::of(&unit.policy);
        let texts = [&unit.file].into_iter().chain(&unit.drop_ins).chain(&unit.service_drop_ins).cloned().collect();
        Self {
            name,
            source,
            texts,
            files,
            spec,
            run,
            digests: Late::default(),
            facts: Late::default(),
            target,
            follow: None,
            update,
            is_last_good: false,
        }
    }

    /// Whether it was rendered from the very files that `unit` was read from.
    fn is_of(&self, unit: &Unit, target: TargetState) -> bool {
        let sources = || unit.drop_ins.iter().chain([&unit.file]);
        // The mark comes first
        let files = self.files.get(1..).unwrap_or_default();
        self.target == target
            && self.spec.is_none()
            && self.source == unit.file.path
            && files.len() == unit.drop_ins.len() + 1
            && files
                .iter()
                .zip(sources())
                .all(|(file, source)| Arc::ptr_eq(&file.text, &source.text) && file.is_private == source.is_private)
    }

    /// Whether it was rendered from this very translation; another one has other drop-ins, too.
    fn is_of_translation(&self, unit: &Unit, translation: &Translation, target: TargetState) -> bool {
        let is_same = self.spec.as_ref().is_some_and(|own| Arc::ptr_eq(own, &translation.spec));
        is_same && self.target == target && self.source == unit.file.path
    }

    /// Of `files` and `spec`: the same digest, the same installation.
    pub fn digest(&self) -> Digest {
        self.digests().whole
    }

    /// Of `files` alone: the same digest, nothing new for systemd.
    pub fn text_digest(&self) -> Digest {
        self.digests().text
    }

    fn digests(&self) -> &Digests {
        self.digests.get(|| {
            let files = self.files.iter().map(|file| (file.path.as_str(), &*file.text, file.is_private));
            let text = digest_of(files);
            Digests { whole: digest_with_spec(text, self.spec_text().as_deref()), text }
        })
    }

    /// What the supervisor works from, as it is written; `None` if the unit comes from no Quadlet file.
    pub fn spec_text(&self) -> Option<Vec<u8>> {
        self.spec.as_ref().map(|spec| spec.to_bytes())
    }

    /// What planning compares.
    pub fn facts(&self) -> &Arc<Facts> {
        self.facts.get(|| {
            let drop_ins = self.drop_ins().map(|file| &file.text);
            facts(self.run, &self.name, self.files.last().map(|file| &file.text).into_iter().chain(drop_ins)).into()
        })
    }

    /// Its files below `NAME.d`, less the mark.
    fn drop_ins(&self) -> impl Iterator<Item = &RenderedFile> {
        self.files.iter().skip(1).filter(|file| file.path.contains('/'))
    }

    /// Whether it is to be started at all; a template never is.
    pub fn is_launched(&self) -> bool {
        self.target == TargetState::Launched && !self.name.is_template()
    }

    /// Whether a start of it starts another unit, by its own words. All that is made of Quadlet files starts the Engine.
    pub fn starts(&self, other: &str) -> bool {
        let texts = self.drop_ins().map(|file| &*file.text).chain([self.text()]);
        texts.map(|text| syntax::parse(text).0).any(|file| {
            let words = ["Requires", "Wants", "BindsTo"].into_iter().flat_map(|key| file.words("Unit", key));
            words.into_iter().any(|word| word == other)
        })
    }

    /// The type of the file in the unit directory.
    fn source_type(&self) -> Option<UnitType> {
        self.source.extension().and_then(|suffix| suffix.to_str()).and_then(UnitType::from_suffix)
    }

    /// Whether a start of it can fail in ways that can be known before anything is stopped.
    pub fn is_prepared(&self) -> bool {
        self.spec.is_some() && self.source_type().is_some_and(preparation::is_prepared)
    }

    /// Whether it is no process but something that the Engine keeps: a volume, network or image.
    pub fn is_made_in_place(&self) -> bool {
        let made = [UnitType::Volume, UnitType::Network, UnitType::Image, UnitType::Build];
        self.spec.is_some() && self.source_type().is_some_and(|unit_type| made.contains(&unit_type))
    }

    /// The name and the text of the service that prepares it.
    pub fn preparation(&self) -> Option<(String, String)> {
        let unit_type = self.source_type().filter(|unit_type| preparation::is_prepared(*unit_type))?;
        let id = preparation::id(&self.name, self.digest());
        let texts = std::iter::once(self.text()).chain(self.drop_ins().map(|file| &*file.text));
        Some((preparation::service_name(&id), preparation::text(&self.name, unit_type, &id, texts)?))
    }

    /// The unit file itself.
    pub fn text(&self) -> &[u8] {
        self.files.last().map_or(&[], |file| &file.text)
    }
}

/// The digests of an installation.
#[derive(Debug, Clone, Copy)]
pub struct Digests {
    whole: Digest,
    text: Digest,
}

/// The facts of a service: its text, then its drop-ins.
fn facts<'a>(run: Digest, service: &UnitName, texts: impl Iterator<Item = &'a Arc<[u8]>>) -> Facts {
    let files: Vec<_> = texts.map(|text| syntax::parse(text).0).collect();
    Facts::with_run(run, service, &files.iter().collect::<Vec<_>>())
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

/// The digest of an installation with what the supervisor works from.
pub fn digest_with_spec(text: Digest, spec: Option<&[u8]>) -> Digest {
    let Some(spec) = spec else { return text };
    Digest::of([text.to_string().as_bytes(), spec])
}

const MARK_SECTION: &str = "X-Sculler-Installed";
const MARK_SOURCE: &str = "Source";

/// The text of the mark: it names the source file, and a condition keeps a cloned disk from starting its twin's units.
pub fn mark(source: &Path, machine_id: &MachineId) -> String {
    let source = &source.to_string_lossy();
    [
        "# Installed by sculler from ",
        source,
        "\n# Change that file, not this one.\n[Unit]\nConditionHost=",
        machine_id.as_str(),
        "\n\n[",
        MARK_SECTION,
        "]\n",
        MARK_SOURCE,
        "=",
        source,
        "\n",
    ]
    .concat()
}

/// The source file that a mark names; `None` if the text is no mark.
pub fn marked_source(text: &[u8]) -> Option<PathBuf> {
    let (file, _) = syntax::parse(text);
    file.last(MARK_SECTION, MARK_SOURCE).map(|entry| PathBuf::from(&entry.value))
}
