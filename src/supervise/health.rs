//! Health checks, where somebody acts on them. The connection for it is made only then.

use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use crate::docker::{Container as Inspected, Engine, Event};
use crate::quadlet::spec::{Container, Notify, OnUnhealthy};

use super::container::short;
use super::stop::timeout;
use super::{Job, engine};

/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_millis(500);

/// The verdicts of a container's health checks as they change; none if nobody needs them.
pub struct Health(Option<mpsc::Receiver<String>>);

impl Health {
    pub fn watch(job: &Job, spec: &Container, container: &Inspected) -> Self {
        let is_needed = spec.notify == Notify::Healthy && !spec.oneshot || spec.on_unhealthy != OnUnhealthy::None;
        if !is_needed {
            return Self::unwatched();
        }
        Self::of(job, &container.id)
    }

    /// Nobody needs them.
    pub fn unwatched() -> Self {
        Self(None)
    }

    /// Whether they are told.
    pub fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Those of a container that has health checks.
    pub fn of(job: &Job, id: &str) -> Self {
        let (verdicts, receiver) = mpsc::channel(4);
        let (socket, id) = (job.socket.clone(), id.to_owned());
        tokio::spawn(async move {
            let mut last = String::new();
            while !verdicts.is_closed() {
                if let Some(engine) = engine::if_up(&socket).await
                    && let Err(error) = listen(&engine, &id, &verdicts, &mut last).await
                {
                    tracing::debug!("{error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self(Some(receiver))
    }

    /// The next verdict: `healthy`, `unhealthy`.
    pub async fn next(&mut self) -> String {
        match &mut self.0 {
            Some(receiver) => match receiver.recv().await {
                Some(verdict) => verdict,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// `HealthOnFailure=`; whether it was done.
    pub async fn act(&self, job: &Job, id: &str, spec: &Container) -> bool {
        let Some(engine) = engine::if_up(&job.socket).await else { return false };
        let (word, done) = match spec.on_unhealthy {
            OnUnhealthy::None => return false,
            OnUnhealthy::Kill => ("killed", engine.kill(id, "SIGKILL").await),
            OnUnhealthy::Restart => ("restarted", engine.restart(id, timeout(spec)).await),
            OnUnhealthy::Stop => ("stopped", engine.stop(id, timeout(spec)).await),
        };
        match &done {
            Ok(()) => tracing::warn!("container {} is unhealthy and was {word} (HealthOnFailure=)", short(id)),
            Err(error) => tracing::error!("unhealthy container {} cannot be {word}: {error}", short(id)),
        }
        done.is_ok()
    }
}

/// Passes on what changes until the connection breaks.
async fn listen(
    engine: &Engine,
    id: &str,
    verdicts: &mpsc::Sender<String>,
    last: &mut String,
) -> Result<(), crate::docker::Error> {
    let mut events = engine.events_since(id, SystemTime::now()).await?;
    // What changed before anybody listened.
    let health = engine.container(id).await?.and_then(|container| container.state.health);
    let mut next = health.map(|health| health.status);
    loop {
        if let Some(verdict) = next.take()
            && *last != verdict
        {
            last.clone_from(&verdict);
            if verdicts.send(verdict).await.is_err() {
                return Ok(());
            }
        }
        match events.next().await? {
            Some(Event::Health(verdict)) => next = Some(verdict),
            // A container that was started again is judged anew.
            Some(Event::Start) => last.clear(),
            Some(_) => {}
            None => return Ok(()),
        }
    }
}
