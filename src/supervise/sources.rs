//! Bind sources that were replaced on the host are replaced in the running container.

use std::time::Instant;

use crate::docker::Engine;
use crate::mounts::identity::Identity;
use crate::mounts::swap::{self, Failure, Mounted, Outcome, Way};
use crate::quadlet::spec::{BindSource, Container, Owner};

use super::freezer::Frozen;
use super::{Job, owners, user};

/// Why sources are not followed.
pub enum Stuck {
    /// There is nothing to do it in, or nobody to ask.
    Away(String),
    /// Only a new start of the container can do it.
    NeedsStart(String),
}

impl From<String> for Stuck {
    fn from(why: String) -> Self {
        Self::NeedsStart(why)
    }
}

/// Replaces what has to be; the paths that were.
pub async fn follow(job: &Job, engine: &Engine, id: &str, spec: &Container) -> Result<Vec<String>, Stuck> {
    if spec.mounts.is_empty() {
        return Ok(Vec::new());
    }
    let pid = match engine.container(id).await {
        Ok(Some(container)) if container.state.running => container.state.pid,
        Ok(_) => return Err(Stuck::Away("the container has ended".to_owned())),
        Err(error) => return Err(Stuck::Away(error.to_string())),
    };
    let container = swap::Container { pid, id: id.to_owned() };
    let is_mapped = spec.mounts.iter().any(|mount| matches!(mount.owner, Owner::Map { .. }));
    let identity = match is_mapped {
        true => {
            let found = user::of(engine, spec).await.and_then(|found| found.ok_or_else(|| user::no_image(spec)));
            Some(found.map(|(identity, _)| identity).map_err(|failure| failure.to_string()))
        }
        false => None,
    };
    let mounts: Vec<Mounted> = spec.mounts.iter().map(|mount| mounted(spec, mount, identity.as_ref())).collect();
    let begin = Instant::now();
    let mut outcomes = replace(&container, &mounts, Way::Beneath).await?;
    let waiting: Vec<usize> =
        (0..outcomes.len()).filter(|&index| outcomes[index] == Err(Failure::NeedsFreeze)).collect();
    if !waiting.is_empty() {
        let these: Vec<Mounted> = waiting.iter().map(|&index| mounts[index].clone()).collect();
        let frozen = Frozen::freeze(&job.directory, &container).await;
        let frozen =
            frozen.map_err(|error| format!("the container cannot be frozen for an exchange of mounts: {error}"))?;
        let over = replace(&container, &these, Way::Over).await;
        drop(frozen);
        waiting.iter().zip(over?).for_each(|(&index, outcome)| outcomes[index] = outcome);
    }
    let mut replaced = Vec::new();
    let frozen = if waiting.is_empty() { "" } else { ", which was frozen meanwhile" };
    for (mount, outcome) in mounts.iter().zip(outcomes) {
        let source = mount.source.display();
        match outcome {
            Ok(Outcome::Same) => {}
            Ok(Outcome::Missing) => {
                tracing::warn!("{source} is gone; the container keeps what it has at {}", mount.target);
            }
            Ok(Outcome::Replaced) => {
                let took = begin.elapsed().as_millis();
                tracing::info!(
                    "{source} was replaced, and {} in the container with it{frozen} ({took} ms)",
                    mount.target
                );
                replaced.push(mount.target.clone());
            }
            Err(failure) => return Err(Stuck::NeedsStart(format!("{source} was replaced, but {failure}"))),
        }
    }
    Ok(replaced)
}

/// What the container is to have of a source.
fn mounted(spec: &Container, mount: &BindSource, identity: Option<&Result<Identity, String>>) -> Mounted {
    let (map, no_map) = match (&mount.owner, identity) {
        (Owner::Map { uids, gids }, Some(Ok(identity))) => match owners::map(mount, uids, gids, identity) {
            Ok(map) => (Some(map), None),
            Err(failure) => (None, Some(failure.to_string())),
        },
        (Owner::Map { .. }, Some(Err(unknown))) => (None, Some(unknown.clone())),
        _ => (None, None),
    };
    Mounted {
        source: mount.source.clone(),
        target: mount.target.clone(),
        read_only: mount.read_only,
        map,
        refused: no_map.or_else(|| refusal(spec, &mount.target)),
    }
}

/// Why a mount cannot be made anew beside a running container as the Engine made it.
fn refusal(spec: &Container, target: &str) -> Option<String> {
    let options = spec.create.host_config.mounts.iter().find(|mount| mount.target == target)?.bind_options.as_ref()?;
    let propagation = options.propagation.as_deref().filter(|kind| !kind.ends_with("private"))?;
    Some(format!("it is mounted with {propagation}, which a mount of sculler's would not have"))
}

async fn replace(
    container: &swap::Container,
    mounts: &[Mounted],
    way: Way,
) -> Result<Vec<Result<Outcome, Failure>>, String> {
    let (container, mounts) = (container.clone(), mounts.to_vec());
    // A source may lie on a file system that does not answer.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = sender.send(swap::replace(&container, &mounts, way));
    });
    match receiver.await {
        Ok(Ok(outcomes)) => Ok(outcomes),
        Ok(Err(error)) => Err(format!("the container's mounts cannot be reached: {error}")),
        Err(error) => Err(error.to_string()),
    }
}
