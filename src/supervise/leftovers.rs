//! What an earlier supervisor of the same unit left. Nothing that is not labelled as ours is ever touched.

use crate::docker::{Container, Engine};
use crate::quadlet::Spec;

use super::{Failure, label};

/// What was found of this unit.
pub enum Found {
    /// It runs as the spec says: it is taken over.
    Adoptable(Box<Container>),
    /// It has to go before another is made.
    Outdated(Vec<String>),
}

/// Looks for what is of this unit.
pub async fn find(engine: &Engine, spec: &Spec) -> Result<Found, Failure> {
    let ids = engine.containers_with(label::UNIT, &spec.unit).await?;
    if let [id] = ids.as_slice()
        && let Some(container) = engine.container(id).await?
        && container.state.running
        && label::is_current(&container, spec)
    {
        return Ok(Found::Adoptable(Box::new(container)));
    }
    Ok(Found::Outdated(ids))
}

/// The container of `unit` that runs.
pub async fn running(engine: &Engine, unit: &str) -> Result<Option<Container>, Failure> {
    for id in engine.containers_with(label::UNIT, unit).await? {
        if let Some(container) = engine.container(&id).await?.filter(|container| container.state.running) {
            return Ok(Some(container));
        }
    }
    Ok(None)
}

/// Removes containers of this unit.
pub async fn remove(engine: &Engine, ids: &[String]) -> Result<(), Failure> {
    for id in ids {
        tracing::info!("removing container {}, which an earlier start left", super::container::short(id));
        engine.remove(id).await?;
    }
    Ok(())
}

/// Removes all containers of `unit`.
pub async fn remove_all(engine: &Engine, unit: &str) -> Result<(), Failure> {
    let ids = engine.containers_with(label::UNIT, unit).await?;
    remove(engine, &ids).await
}
