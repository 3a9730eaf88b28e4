//! Containers that are there although their service is down. systemd stops a container with its service; what it cannot know of is
//! one that Docker starts after its supervisor was killed.

use std::path::Path;

use crate::docker::{Container, Engine, ServiceState, service_is_to_stop_by, service_state_by};
use crate::systemd::{Error, Systemd};
use crate::unit::UnitName;

/// Stops and removes them.
pub(super) async fn remove(systemd: &Systemd, socket: &Path) -> anyhow::Result<()> {
    if !may_ask(systemd).await {
        return Ok(());
    }
    let engine = Engine::connect(socket).await?;
    let mut units = engine.units_of_containers().await?;
    units.retain(|unit| UnitName::parse(unit).is_ok());
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    for unit in down(systemd, &units).await? {
        // That may have taken its time.
        if !may_ask(systemd).await {
            break;
        }
        for container in engine.containers_of(unit).await? {
            // It may have been started meanwhile, and have taken over what it found.
            if down(systemd, &[unit]).await?.is_empty() {
                break;
            }
            tracing::warn!(UNIT = %unit, "removing container {:.12}, which is there although {unit} is down", container.id);
            if let Err(error) = end(&engine, &container).await {
                tracing::warn!(UNIT = %unit, "container {:.12} cannot be removed: {error}", container.id);
            }
        }
    }
    Ok(())
}

/// Whether a question to the Engine does not start one that is to be down.
async fn may_ask(systemd: &Systemd) -> bool {
    service_state_by(systemd).await == ServiceState::Up && !service_is_to_stop_by(systemd).await
}

async fn end(engine: &Engine, container: &Container) -> Result<(), crate::docker::Error> {
    if container.state.running {
        engine.stop(&container.id, container.stop_timeout()).await?;
    }
    engine.remove(&container.id).await
}

/// Those of `units` that are down and about to stay so.
async fn down<'a>(systemd: &Systemd, units: &[&'a str]) -> Result<Vec<&'a str>, Error> {
    let states = systemd.states(units).await?.into_iter();
    Ok(states.filter(|(_, state)| state.job.is_none() && !state.is_up()).map(|(unit, _)| unit).collect())
}
