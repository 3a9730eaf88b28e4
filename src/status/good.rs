//! The last good version of a unit, in `/var/lib/sculler/units/NAME/good.json`: everything that is needed to run it again,
//! whatever the unit directory says by then. It is written as a whole, before anything that replaces what it is a copy of.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::installed::{self, Installed};
use super::memory::RecordFiles;
use crate::files;
use crate::quadlet::Spec;
use crate::quadlet::spec::{PullPolicy, Request};
use crate::quadlet::spec_text::SpecText;
use crate::render::{Desired, Late, RenderedFile, TargetState, UpdatePolicy};
use crate::unit::{Digest, Facts, MARK_FILE_NAME, UnitName};

/// A version that started and stayed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Good {
    /// [`crate::unit::Facts::run`]
    pub run: Digest,
    /// When it was installed, in seconds since 1970.
    pub time: f64,
    source: PathBuf,
    files: Vec<File>,
    /// What the supervisor works from.
    spec: Option<String>,
    /// The ID of the image that its container had: by then its name may mean another one.
    pub image: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct File {
    path: String,
    text: String,
    is_private: bool,
}

impl Good {
    /// Copies what is installed.
    pub fn of(
        name: &UnitName,
        installed: &Installed,
        image: Option<String>,
        records: &RecordFiles,
    ) -> io::Result<Self> {
        let found = installed::files_of(&installed.folder, name, installed.is_quadlet, records)?;
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        };
        let file = |(path, (bytes, is_private)): (String, installed::InstalledFile)| {
            Ok(File { path, text: text(bytes)?, is_private })
        };
        Ok(Self {
            run: installed.facts.run,
            time: installed_at(name, installed, records),
            source: installed.source.clone(),
            files: found.files.into_iter().map(file).collect::<io::Result<_>>()?,
            spec: found.spec.map(text).transpose()?,
            image,
        })
    }

    /// A copy of what was just written.
    #[cfg(test)]
    pub fn of_desired(desired: &Desired) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let file =
            |file: &RenderedFile| File { path: file.path.clone(), text: text(&file.text), is_private: file.is_private };
        Self {
            run: desired.run,
            time: 0.0,
            source: desired.source.clone(),
            files: desired.files.iter().map(file).collect(),
            spec: desired.spec_text().as_deref().map(text),
            image: None,
        }
    }

    /// Its name may mean another image by now, but the very one that ran is not here any more.
    pub fn without_image(self) -> Self {
        Self { image: None, ..self }
    }

    /// Reads what is kept of a unit.
    pub fn read(name: &UnitName, records: &RecordFiles) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(records.good(name))?)?)
    }

    /// Keeps it, for root alone.
    pub fn write(&self, name: &UnitName, records: &RecordFiles) -> io::Result<()> {
        let path = records.good(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        files::replace_for(&path, &serde_json::to_vec(self)?, true)
    }

    /// As it is to be installed again.
    pub fn desired(&self, name: &UnitName, target: TargetState) -> Desired {
        let mark = format!("{name}.d/{MARK_FILE_NAME}");
        // The mark first and the unit file last.
        let place = |path: &str| {
            if path == mark {
                0
            } else if path == name.as_str() {
                2
            } else {
                1
            }
        };
        let mut files: Vec<RenderedFile> = self
            .files
            .iter()
            .map(|file| RenderedFile {
                path: file.path.clone(),
                text: file.text.as_bytes().into(),
                is_private: file.is_private,
            })
            .collect();
        files.sort_by_key(|file| place(&file.path));
        let spec = self.spec.as_deref().map(|spec| SpecText::Whole(self.with_image(spec).into()).into());
        let texts =
            self.files.iter().map(|file| (file.path.clone(), (file.text.clone().into_bytes(), file.is_private)));
        let facts = Facts { run: self.run, ..installed::facts(name, &texts.collect()) };
        let (name, source, update) = (name.clone(), self.source.clone(), UpdatePolicy::default());
        Desired {
            name,
            source,
            texts: Vec::new(),
            files,
            spec,
            run: self.run,
            digests: Late::default(),
            facts: Late::known(facts.into()),
            target,
            follow: None,
            update,
            is_last_good: true,
        }
    }

    /// The spec with the very image that ran.
    fn with_image(&self, spec: &str) -> Vec<u8> {
        let parsed = serde_json::from_str::<Spec>(spec);
        if let (Some(image), Ok(mut parsed)) = (&self.image, parsed)
            && let Request::Container(container) = &mut parsed.request
        {
            container.image.clone_from(image);
            container.create.image.clone_from(image);
            container.pull.policy = PullPolicy::Never;
            // What it mounted has only its name.
            for mounted in
                container.mounted_images.iter_mut().filter(|mounted| mounted.pull.policy != PullPolicy::Never)
            {
                mounted.pull.policy = PullPolicy::Missing;
            }
            if let Ok(text) = serde_json::to_vec_pretty(&parsed) {
                return text;
            }
        }
        spec.as_bytes().to_vec()
    }
}

/// When the newest of its files was written.
fn installed_at(name: &UnitName, installed: &Installed, records: &RecordFiles) -> f64 {
    let paths = [installed.folder.join(name.as_str()), records.spec(name)];
    let times = paths.iter().filter_map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok());
    let newest = times.max().unwrap_or(SystemTime::UNIX_EPOCH);
    newest.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
