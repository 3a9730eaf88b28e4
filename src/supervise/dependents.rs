//! The containers that use an image that has changed.

use std::path::Path;

use super::{Job, leftovers};
use crate::config;
use crate::docker::Engine;
use crate::quadlet::Spec;
use crate::systemd::{ActiveState, Systemd};

/// Restarts the containers that require the job's unit, have an image of one of these `names`, and run another one than
/// `id`. What runs it already goes on.
pub async fn restart_onto(job: &Job, engine: &Engine, names: &[String], id: &str) {
    let result = async {
        let systemd = Systemd::connect().await?;
        let dependents = systemd.details(&job.spec.unit).await?.dependents;
        let units: Vec<&str> = dependents.iter().map(String::as_str).collect();
        let states = systemd.states(&units).await?;
        for (unit, _) in states.iter().filter(|(_, state)| state.active == ActiveState::Active) {
            if !runs_another(engine, unit, names, id).await {
                continue;
            }
            tracing::info!("restarting {unit}: the image that it uses has changed");
            // It waits for the end of this reload.
            systemd.order("try-restart", unit).await?;
        }
        Ok::<_, crate::systemd::Error>(())
    };
    if let Err(error) = result.await {
        tracing::warn!(
            "containers that use the image may run the old one: {error}; restart them by 'systemctl restart'"
        );
    }
}

async fn runs_another(engine: &Engine, unit: &str, names: &[String], id: &str) -> bool {
    let path = Path::new(config::STATE_DIRECTORY).join("units").join(unit).join("spec.json");
    let spec = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Spec>(&text).ok());
    let Some(container) = spec.as_ref().and_then(Spec::container).filter(|spec| names.contains(&spec.image)) else {
        return false;
    };
    match leftovers::running(engine, unit).await {
        Ok(Some(running)) => running.image != id,
        Ok(None) => false,
        Err(failure) => {
            tracing::warn!("whether {} runs the old image cannot be found out: {failure}", container.name);
            false
        }
    }
}
