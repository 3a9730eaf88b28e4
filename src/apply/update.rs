//! What is recorded of the versions of a unit: the one to go back to, the one on trial, the one that was rejected. Each step
//! is a file that is replaced as a whole, and leaves a state from which the next pass goes on.

use std::path::Path;
use std::time::Duration;

use super::{Applier, Done, Failure, record_failure};
use crate::docker::{self, Engine, ServiceState};
use crate::render::Desired;
use crate::status::{Good, Memory, RecordFiles, Rejected, Trial, UnitRecord, seconds_now};
use crate::systemd::Systemd;
use crate::unit::{Digest, UnitName};

/// How long the Engine may take for what is done on the way to a start.
const PATIENCE: Duration = Duration::from_secs(10);

impl Applier<'_> {
    /// Keeps what is installed. What cannot be kept cannot be gone back to, but holds no edit up.
    pub(super) async fn keep(&mut self, desired: &Desired, run: Digest) -> Result<Done, Failure> {
        let name = &desired.name;
        let Some(installed) = self.memory.installed.get(name).cloned() else { return Ok(Done::Finished) };
        let mut record = self.memory.units.get(name).cloned().unwrap_or_default();
        record.source.clone_from(&installed.source);
        record.good = None;
        let image = if installed.is_quadlet { self.keep_image(desired).await } else { None };
        match Good::of(name, &installed, image, self.records).and_then(|good| good.write(name, self.records)) {
            Ok(()) => record.good = Some(run),
            Err(error) => tracing::warn!("the present version of {name} cannot be kept, to go back to: {error}"),
        }
        self.record_unit(name, Some(record))
    }

    /// Keeps the image that the unit's container has; its ID.
    async fn keep_image(&self, desired: &Desired) -> Option<String> {
        let name = &desired.name;
        let engine = engine(self.systemd, self.docker_socket).await?;
        let kept = async {
            let Some(container) = engine.containers_of(name.as_str()).await?.into_iter().next() else {
                return Ok(None);
            };
            let image = container.image;
            // The new version's container holds it, too.
            let next = match image_of(desired) {
                Some(next) => engine.image(&next).await?.map(|next| next.id),
                None => None,
            };
            engine.keep(name, &image, next.as_ref() == Some(&image)).await?;
            Ok::<_, docker::Error>(Some(image))
        };
        match tokio::time::timeout(PATIENCE, kept).await {
            Ok(Ok(image)) => image,
            Ok(Err(error)) => {
                tracing::warn!("the image of {name} is kept by its name alone: {error}");
                None
            }
            Err(_) => None,
        }
    }

    /// Lets the image of a unit that is gone go.
    pub(super) async fn release(&self, name: &UnitName) {
        let Some(engine) = engine(self.systemd, self.docker_socket).await else { return };
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, engine.release(name)).await {
            tracing::warn!("the image that was kept of {name} stays: {error}");
        }
    }

    pub(super) async fn trust(&mut self, name: &UnitName) -> Result<Done, Failure> {
        let Some(record) = self.memory.units.get(name) else { return Ok(Done::Finished) };
        let record = UnitRecord { trial: None, ..record.clone() };
        self.record_unit(name, Some(record))?;
        let _ = self.systemd.let_go(name.as_str()).await;
        Ok(Done::Finished)
    }

    pub(super) async fn reject(
        &mut self,
        name: &UnitName,
        run: Digest,
        was_up: bool,
        reason: &str,
    ) -> Result<Done, Failure> {
        let rejected = Rejected { run, reason: reason.to_owned(), time: seconds_now(), by_hand: false, was_up };
        reject(self.systemd, self.docker_socket, self.memory, self.records, name, rejected).await?;
        let _ = self.systemd.let_go(name.as_str()).await;
        Ok(Done::Finished)
    }

    pub(super) fn forgive(&mut self, name: &UnitName) -> Result<Done, Failure> {
        let Some(record) = self.memory.units.get(name) else { return Ok(Done::Finished) };
        let record = UnitRecord { rejected: None, ..record.clone() };
        self.record_unit(name, Some(record))
    }

    /// Records what `desired`, which is about to be written, has to show.
    pub(super) fn begin_trial(&mut self, desired: &Desired, trial: Option<Trial>) -> Result<Done, Failure> {
        let name = &desired.name;
        let record = self.memory.units.get(name).cloned().unwrap_or_default();
        let trial = trial.map(|trial| Trial { since: seconds_now() as u64, ..trial });
        let next = record_of_write(&record, desired, trial);
        if next == record { Ok(Done::Finished) } else { self.record_unit(name, Some(next)) }
    }
}

/// The record once `desired` is installed.
pub fn record_of_write(record: &UnitRecord, desired: &Desired, trial: Option<Trial>) -> UnitRecord {
    let mut next = record.clone();
    if desired.is_last_good {
        next.trial = None;
        return next;
    }
    let run = desired.run;
    next.rejected = None;
    next.accepted = record.accepted.filter(|accepted| *accepted == run);
    let trial = trial.or(record.trial.filter(|trial| trial.run == run));
    next.trial = trial.filter(|_| record.good.is_some() && next.accepted.is_none());
    if next.trial.is_some() {
        next.source.clone_from(&desired.source);
    }
    next
}

/// Records that a version is not run any more; the one before takes its place in the next pass.
pub async fn reject(
    systemd: &Systemd,
    socket: &Path,
    memory: &mut Memory,
    records: &RecordFiles,
    name: &UnitName,
    rejected: Rejected,
) -> Result<(), Failure> {
    let failed = |error| record_failure(name, error);
    let record = memory.units.get(name).cloned().unwrap_or_default();
    let mut good = match Good::read(name, records) {
        Ok(good) => good,
        Err(error) => {
            tracing::warn!("the last good version of {name} cannot be read, so nothing comes back: {error}");
            let record = UnitRecord { good: None, trial: None, ..record };
            return records.set_unit(memory, name, Some(record)).map_err(failed);
        }
    };
    if let Some(image) = &good.image
        && let Some(engine) = engine(systemd, socket).await
        && let Ok(Ok(None)) = tokio::time::timeout(PATIENCE, engine.image(image)).await
    {
        tracing::warn!("the image that {name} had ({image}) is not here any more; its name has to do");
        good = good.without_image();
        good.write(name, records).map_err(failed)?;
    }
    let record = UnitRecord { trial: None, accepted: None, rejected: Some(rejected), ..record };
    records.set_unit(memory, name, Some(record)).map_err(failed)?;
    memory.good.insert(name.clone(), std::sync::Arc::new(good));
    Ok(())
}

/// Records that a version runs whatever becomes of it.
pub fn accept(memory: &mut Memory, records: &RecordFiles, name: &UnitName, run: Digest) -> Result<(), Failure> {
    let record = memory.units.get(name).cloned().unwrap_or_default();
    let record = UnitRecord { trial: None, rejected: None, accepted: Some(run), ..record };
    records.set_unit(memory, name, Some(record)).map_err(|error| record_failure(name, error))
}

/// The Engine, if it runs: a connection to its socket would start one that somebody stopped.
async fn engine(systemd: &Systemd, socket: &Path) -> Option<Engine> {
    if docker::service_state_by(systemd).await != ServiceState::Up || !socket.exists() {
        return None;
    }
    let engine = tokio::time::timeout(PATIENCE, Engine::connect(socket)).await.ok()?;
    engine.inspect_err(|error| tracing::warn!("{error}")).ok()
}

/// The image that a version names.
fn image_of(desired: &Desired) -> Option<String> {
    let spec = desired.spec.as_ref()?.read().ok()?;
    spec.container().map(|container| container.image.clone())
}
