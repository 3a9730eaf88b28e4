//! Volumes, networks, images and builds: oneshot services.

use crate::docker::Engine;
use crate::quadlet::spec::{Image, Network, Request, Volume};

use super::{Failure, Job, engine, image, label, tell};

/// Makes what the spec asks for, if it is not there.
pub async fn make(job: &Job) -> Result<(), Failure> {
    let engine = engine::when_up(&job.socket).await;
    match &job.spec.request {
        Request::Container(_) => Err(Failure("a container is no oneshot request".into())),
        Request::Volume(volume) => make_volume(job, &engine, volume).await,
        Request::Network(network) => make_network(job, &engine, network).await,
        Request::Image(image) => provide_image(&engine, image).await,
        Request::Build(_) => Err(Failure("builds are not there yet; build the image by 'docker build'".into())),
    }
}

async fn make_volume(job: &Job, engine: &Engine, volume: &Volume) -> Result<(), Failure> {
    let name = &volume.create.name;
    if let Some(found) = engine.volume(name).await? {
        let labels = found.labels.unwrap_or_default();
        if labels.get(label::UNIT) == Some(&job.spec.unit) && labels.get(label::RUN) != Some(&job.spec.run.to_string())
        {
            let text = format!(
                "The volume {name} was made by an older version of the file and is kept as it is, with its data; to \
                 make it anew and empty: 'sculler recreate {}'",
                job.spec.unit
            );
            tracing::warn!("{text}");
            tell::status(&text);
            return Ok(());
        }
        tell::status(&format!("Volume {name} is there"));
        return Ok(());
    }
    let mut body = volume.create.clone();
    body.labels.extend(label::of(&job.spec));
    let made = engine.create_volume(&body).await?;
    if volume.uid.is_some() || volume.gid.is_some() {
        if made.mountpoint.is_empty() {
            return Err(Failure(format!(
                "UID= and GID=: the driver of volume {name} does not tell where its files are"
            )));
        }
        std::os::unix::fs::lchown(&made.mountpoint, volume.uid, volume.gid)
            .map_err(|error| Failure(format!("the owner of {} cannot be set: {error}", made.mountpoint)))?;
    }
    tell::status(&format!("Volume {name} was made"));
    Ok(())
}

async fn make_network(job: &Job, engine: &Engine, network: &Network) -> Result<(), Failure> {
    let name = &network.create.name;
    if let Some(found) = engine.network(name).await? {
        let labels = found.labels.unwrap_or_default();
        let is_ours = labels.get(label::UNIT) == Some(&job.spec.unit);
        if !is_ours || labels.get(label::RUN) == Some(&job.spec.run.to_string()) {
            tell::status(&format!("Network {name} is there"));
            return Ok(());
        }
        let attached: Vec<String> =
            found.containers.unwrap_or_default().into_values().map(|container| container.name).collect();
        if !attached.is_empty() {
            let text = format!(
                "The network {name} was made by an older version of the file and is kept, since {} is attached to it; \
                 to make it anew: 'sculler recreate {}'",
                attached.join(", "),
                job.spec.unit
            );
            tracing::warn!("{text}");
            tell::status(&text);
            return Ok(());
        }
        tracing::info!("removing network {name}, which an older version of the file made");
        engine.remove_network(name).await?;
    }
    let mut body = network.create.clone();
    body.labels.extend(label::of(&job.spec));
    engine.create_network(&body).await?;
    tell::status(&format!("Network {name} was made"));
    Ok(())
}

async fn provide_image(engine: &Engine, spec: &Image) -> Result<(), Failure> {
    image::provide(engine, &spec.image, &spec.pull, spec.all_tags).await?;
    if let Some(tag) = &spec.tag {
        let (repository, tag) = match tag.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (tag.as_str(), "latest"),
        };
        engine.tag(&spec.image, repository, tag).await?;
    }
    tell::status(&format!("Image {} is here", spec.image));
    Ok(())
}
