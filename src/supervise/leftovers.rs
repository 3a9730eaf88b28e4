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
    let mut found = engine.containers_of(&spec.unit).await?;
    match found.pop_if(|last| last.state.running && label::is_current(last, spec)) {
        Some(container) if found.is_empty() => Ok(Found::Adoptable(Box::new(container))),
        last => Ok(Found::Outdated(found.into_iter().chain(last).map(|container| container.id).collect())),
    }
}

/// The container of `unit` that runs.
pub async fn running(engine: &Engine, unit: &str) -> Result<Option<Container>, Failure> {
    Ok(engine.containers_of(unit).await?.into_iter().find(|container| container.state.running))
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
    let found = engine.containers_of(unit).await?;
    remove(engine, &found.into_iter().map(|container| container.id).collect::<Vec<_>>()).await
}
