//! The preparation of a new version: a service of its own, which the agent starts and whose end it hears of. What it needs
//! lies below /run but for the new spec, which may hold secrets.

use std::path::{Path, PathBuf};

use super::{Applier, Done, Failure, at, record_failure};
use crate::files;
use crate::quadlet::preparation;
use crate::render::Desired;
use crate::status::RecordFiles;
use crate::systemd::{Error, JobKind};
use crate::unit::{Digest, UnitName};

/// Where its unit file lies.
const FOLDER: &str = "/run/systemd/system.attached";

impl Applier<'_> {
    pub(super) async fn prepare(&mut self, desired: &Desired) -> Result<Done, Failure> {
        let Some((name, text)) = desired.preparation() else { return Ok(Done::Finished) };
        self.records
            .set_next_spec(&desired.name, desired.spec_text().as_deref())
            .map_err(|error| record_failure(&desired.name, error))?;
        let is_private = desired.files.iter().any(|file| file.is_private);
        let path = unit_file(&name);
        at(&path, std::fs::create_dir_all(FOLDER))?;
        at(&path, files::replace_for(&path, text.as_bytes(), is_private))?;
        Ok(Done::Job(self.systemd.start(&name).await?, JobKind::Start))
    }

    pub(super) async fn abandon(&mut self, unit: &UnitName, version: Digest) -> Result<Done, Failure> {
        let name = preparation::service_name(&preparation::id(unit, version));
        match self.systemd.stop(&name).await {
            Ok(_) | Err(Error::NotLoadable { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        over(self.records, unit, version);
        Ok(Done::Finished)
    }
}

/// Takes away what a preparation left; why it failed, if it said so.
pub fn over(records: &RecordFiles, unit: &UnitName, version: Digest) -> Option<String> {
    let id = preparation::id(unit, version);
    let path = records.preparation(&id);
    let reason = std::fs::read_to_string(&path).ok();
    for path in [path, records.next_spec(unit), unit_file(&preparation::service_name(&id))] {
        if let Err(error) = files::remove(&path) {
            tracing::warn!("{}: {error}", path.display());
        }
    }
    reason
}

/// Takes away the unit files that an earlier agent left; what it had begun goes on to its end.
pub fn clean_up() {
    for entry in std::fs::read_dir(FOLDER).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(preparation::PREFIX));
        if is_ours && let Err(error) = files::remove(&entry.path()) {
            tracing::warn!("{}: {error}", entry.path().display());
        }
    }
}

fn unit_file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
