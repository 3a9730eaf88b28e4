//! Containers that are there although their service is down. systemd stops a container with its service; what it cannot see is
//! that of a supervisor that was killed while Docker was about to start it.

use std::path::Path;

use crate::docker::{Engine, Error as DockerError, ServiceState, UNIT_LABEL, service_state_by};
use crate::systemd::{ActiveState, Error as SystemdError, Systemd};
use crate::unit::UnitName;

/// Removes them.
pub(super) async fn remove(systemd: &Systemd, socket: &Path) -> Result<(), String> {
    if service_state_by(systemd).await != ServiceState::Up {
        return Ok(());
    }
    let told = |error: DockerError| error.to_string();
    let engine = Engine::connect(socket).await.map_err(told)?;
    let mut containers = engine.containers_labelled(UNIT_LABEL).await.map_err(told)?;
    containers.retain(|(_, unit)| UnitName::parse(unit).is_ok());
    let units: Vec<&str> = containers.iter().map(|(_, unit)| unit.as_str()).collect();
    let suspects = down(systemd, &units).await.map_err(|error| error.to_string())?;
    for (id, unit) in containers.iter().filter(|(_, unit)| suspects.contains(&unit.as_str())) {
        // Docker answers only when a start that is under way is over.
        engine.container(id).await.map_err(told)?;
        if !down(systemd, &[unit]).await.map_err(|error| error.to_string())?.is_empty() {
            tracing::warn!(UNIT = %unit, "removing container {id:.12}, which is there although {unit} is down");
            engine.remove(id).await.map_err(told)?;
        }
    }
    Ok(())
}

/// Those of `units` that are down and about to stay so.
async fn down<'a>(systemd: &Systemd, units: &[&'a str]) -> Result<Vec<&'a str>, SystemdError> {
    let states = systemd.states(units).await?.into_iter();
    let is_down = |active| matches!(active, ActiveState::Inactive | ActiveState::Failed);
    Ok(states.filter(|(_, state)| state.job.is_none() && is_down(state.active)).map(|(unit, _)| unit).collect())
}
