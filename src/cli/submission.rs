//! Unit files on their way into the unit directory.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::diff;
use crate::files;
use crate::quadlet;
use crate::sync;
use crate::unit::{Unit, UnitName};

/// A unit file with its drop-ins, read and found valid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Submission {
    /// The file's name.
    pub name: String,
    /// The unit that systemd runs for it; as the file, if it is not given.
    #[serde(default)]
    runs_as: Option<String>,
    text: String,
    /// File names and texts.
    drop_ins: Vec<(String, String)>,
}

impl Submission {
    /// Reads `path`, with the drop-ins in `NAME.d` beside it. What systemd would not load is refused here already.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let units = super::files::read(&[path.to_owned()])?.units;
        let [unit] = units.as_slice() else { bail!("{}: it is no unit file", path.display()) };
        let errors = unit.errors().cloned().chain(quadlet::errors(unit));
        let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
        if !errors.is_empty() {
            bail!("{}", errors.join("\n"));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let drop_ins = unit.drop_ins.iter().map(|file| (file.file_name().to_owned(), text(&file.text)));
        let runs_as = unit.service.as_ref().map(ToString::to_string);
        Ok(Self { name: unit.name.to_string(), runs_as, text: text(&unit.file.text), drop_ins: drop_ins.collect() })
    }

    /// The unit that systemd runs for it.
    pub fn runs_as(&self) -> anyhow::Result<UnitName> {
        let name = self.runs_as.as_ref().unwrap_or(&self.name);
        UnitName::parse(name).with_context(|| format!("'{name}' is no unit name"))
    }

    /// What another host's command has sent: [`Submission`]s as JSON on standard input.
    pub fn read_bundle() -> anyhow::Result<Vec<Self>> {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("standard input cannot be read")?;
        serde_json::from_slice(&text).context("standard input holds no unit files")
    }

    /// How `present`, which is in the unit directory, would change; empty if it would not.
    pub fn difference(&self, present: &Unit) -> String {
        let new = std::iter::once((self.name.clone(), &self.text))
            .chain(self.drop_ins.iter().map(|(file, text)| (format!("{}.d/{file}", self.name), text)))
            .map(|(key, text)| (key.clone(), (key, text.clone().into_bytes())))
            .collect();
        let mut old = diff::unit_files(present);
        // Drop-ins of a prefix or of the template lie elsewhere and are no part of a submission.
        let own = present.file.path.with_file_name(format!("{}.d", self.name));
        old.retain(|key, (path, _)| *key == self.name || Path::new(path).parent() == Some(&own));
        diff::unified(&old, &new)
    }

    /// Puts everything there: drop-ins first, so that the unit is never seen without them.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let failed = |path: &Path| format!("{} cannot be written; see 'sculler doctor'", path.display());
        let folder = path.with_file_name(format!("{}.d", self.name));
        if !self.drop_ins.is_empty() {
            std::fs::create_dir_all(&folder).with_context(|| failed(&folder))?;
        }
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_ours = self.drop_ins.iter().any(|(file, _)| entry.file_name() == file.as_str());
            if !is_ours && entry.path().extension().is_some_and(|extension| extension == "conf") {
                files::remove(&entry.path()).with_context(|| failed(&entry.path()))?;
            }
        }
        for (file, text) in &self.drop_ins {
            let path = folder.join(file);
            files::replace(&path, text.as_bytes()).with_context(|| failed(&path))?;
        }
        files::replace(path, self.text.as_bytes()).with_context(|| failed(path))
    }
}

/// Takes a unit file out of the unit directory, with its own drop-ins.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    files::remove(path).with_context(|| format!("{} cannot be removed", path.display()))?;
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    let folder = PathBuf::from(folder);
    files::remove_folder(&folder).with_context(|| format!("{} cannot be removed", folder.display()))
}

/// Says that whatever feeds the folders of these files will undo what is done there by hand.
pub fn warn_of_sync<'a>(files: impl Iterator<Item = &'a Path>, done: &str) {
    let checkout = |folder: &Path| {
        let real = std::fs::canonicalize(folder).ok()?;
        real.ancestors()
            .find(|folder| folder.join(".git").exists() || sync::Marker::read(folder).is_some())
            .map(PathBuf::from)
    };
    let checkouts: BTreeSet<PathBuf> = files.filter_map(Path::parent).filter_map(checkout).collect();
    for checkout in checkouts {
        eprintln!(
            "sculler: {} comes from Git, so the next sync will undo this; {done} it there as well",
            checkout.display()
        );
    }
}
