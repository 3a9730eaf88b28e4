//! A stop that systemd asked for.

use std::time::Duration;

use crate::docker;
use crate::quadlet::spec::Container;
use crate::status::RecordFiles;
use crate::systemd::Systemd;
use crate::unit::UnitName;

use super::container::{remove, report, short};
use super::{Ending, Failure, Job, engine, exit, tell, unblock};

/// What removing the container may take after its end.
const MARGIN: Duration = Duration::from_secs(30);

/// Stops the container, removes it, and ends as it did.
pub async fn stop(job: &Job, spec: &Container, id: &str, stop_signal: Option<&str>) -> Result<Ending, Failure> {
    let timeout = timeout(spec);
    note_if_docker_stops(job).await;
    tell::stopping(&format!("Stopping container {}", short(id)), timeout + MARGIN);
    let Some(engine) = engine::if_up(&job.socket).await else {
        return stop_without_engine(id).await;
    };
    match unblock::while_it_stops(id, engine.stop(id, timeout)).await {
        Ok(()) => {}
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(Failure(format!("Container {} cannot be stopped: {error}", short(id)))),
    }
    let state = engine.container(id).await?.map(|container| container.state).unwrap_or_default();
    remove(job, &engine, id).await;
    let verdict = exit::verdict(&state, true, stop_signal);
    report(&verdict);
    Ok(Ending::Code(verdict.code))
}

/// A stop that comes with the Engine's is nobody's will for this unit: the agent brings it back with the Engine.
pub async fn note_if_docker_stops(job: &Job) {
    if !docker::service_is_to_stop().await {
        return;
    }
    let Ok(unit) = UnitName::parse(&job.spec.unit) else { return };
    if let Err(error) = RecordFiles::of_host().note_stopped_with_docker(&unit) {
        tracing::warn!("it is not brought back with Docker, since that cannot be noted: {error}");
    }
}

/// Without an Engine, systemd stops the container's scope.
async fn stop_without_engine(id: &str) -> Result<Ending, Failure> {
    tracing::warn!("Docker is down; systemd stops container {}", short(id));
    let systemd = Systemd::connect().await.map_err(|error| Failure(error.to_string()))?;
    if let Err(error) = systemd.stop(&format!("docker-{id}.scope")).await {
        tracing::debug!("{error}");
    }
    Ok(Ending::Code(0))
}

/// How long the container may take to end.
pub fn timeout(spec: &Container) -> Duration {
    let seconds = spec.create.stop_timeout.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(docker::DEFAULT_STOP_TIMEOUT, Duration::from_secs)
}
