//! Containers that are there although their service is down. systemd stops a container with its service; what it cannot see is
//! that of a supervisor that was killed while Docker was about to start it.

use std::path::Path;

use crate::docker::{Engine, Error, ServiceState, service_state_by};
use crate::systemd::{ActiveState, Systemd};
use crate::unit::UnitName;

/// Removes them.
pub(super) async fn remove(systemd: &Systemd, socket: &Path) -> Result<(), String> {
    if service_state_by(systemd).await != ServiceState::Up {
        return Ok(());
    }
    let told = |error: Error| error.to_string();
    let engine = Engine::connect(socket).await.map_err(told)?;
    let mut units = engine.units_of_containers().await.map_err(told)?;
    units.retain(|unit| UnitName::parse(unit).is_ok());
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    for unit in down(systemd, &units).await? {
        for container in engine.containers_of(unit).await.map_err(told)? {
            // It may have been started meanwhile, and have taken over what it found.
            if down(systemd, &[unit]).await?.is_empty() {
                break;
            }
            tracing::warn!(UNIT = %unit, "removing container {:.12}, which is there although {unit} is down", container.id);
            engine.remove(&container.id).await.map_err(told)?;
        }
    }
    Ok(())
}

/// Those of `units` that are down and about to stay so.
async fn down<'a>(systemd: &Systemd, units: &[&'a str]) -> Result<Vec<&'a str>, String> {
    let states = systemd.states(units).await.map_err(|error| error.to_string())?.into_iter();
    let is_down = |active| matches!(active, ActiveState::Inactive | ActiveState::Failed);
    Ok(states.filter(|(_, state)| state.job.is_none() && is_down(state.active)).map(|(unit, _)| unit).collect())
}
