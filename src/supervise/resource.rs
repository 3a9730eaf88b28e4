//! Volumes, networks, images and builds: oneshot services.

use std::path::Path;

use crate::docker::Engine;
use crate::quadlet::spec::{Build, Image, Request};

use super::prepare::{pull_now, take_prepared};
use super::{Failure, Job, build, container, dependents, engine, image, network, remembered, tell, volume};

/// On which occasion a resource is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Its service starts: nothing that requires it is up.
    Start,
    /// Its file changed, or somebody reloads it; what requires it goes on.
    Reload,
}

/// Makes what the spec asks for, as far as it is not there already.
pub async fn make(job: &Job, occasion: Occasion) -> Result<(), Failure> {
    let engine = match occasion {
        Occasion::Start => engine::for_start(&job.socket).await,
        Occasion::Reload => engine::when_up(&job.socket).await,
    };
    // Whatever is wrong with it is found out anew.
    let result = match &job.spec.request {
        Request::Container(_) => Err(Failure("a container is no oneshot request".into())),
        Request::Volume(spec) => volume::make(job, &engine, spec, occasion).await,
        Request::Network(spec) => network::make(job, &engine, spec, occasion).await,
        Request::Image(spec) => provide_image(job, &engine, spec, occasion).await,
        Request::Build(spec) => provide_build(job, &engine, spec, occasion).await,
    };
    match &result {
        Ok(Made { text, note }) => {
            remembered::keep_note(&job.spec, note.as_deref());
            match note {
                Some(note) => tracing::warn!("{note}"),
                None => tracing::info!("{text}"),
            }
            tell::status(note.as_ref().unwrap_or(text));
        }
        // Of a start that failed, systemd itself tells.
        Err(failure) if occasion == Occasion::Reload => remembered::keep_note(&job.spec, Some(&failure.to_string())),
        Err(_) => remembered::keep_note(&job.spec, None),
    }
    result.map(|_| ())
}

/// Takes away, when the service stops, what is not to stay.
pub async fn undo(job: &Job) -> Result<(), Failure> {
    match &job.spec.request {
        Request::Network(spec) => {
            // The file is removed before its unit is stopped for good.
            let is_gone = !job.spec.source.exists();
            if !spec.delete_on_stop && !is_gone {
                return Ok(());
            }
            match engine::if_up(&job.socket).await {
                Some(engine) => network::remove(job, &engine, spec).await,
                None => {
                    let name = &spec.create.name;
                    tracing::warn!("Docker is down, so network {name} stays; 'docker network rm {name}' removes it");
                    Ok(())
                }
            }
        }
        _ => Ok(()),
    }
}

/// What became of a resource.
#[derive(Debug)]
pub struct Made {
    /// For the status line.
    pub text: String,
    /// In what it is not as its file says, and what to do about it.
    pub note: Option<String>,
}

impl Made {
    /// It is as its file says.
    pub fn as_wanted(text: impl Into<String>) -> Self {
        Self { text: text.into(), note: None }
    }

    /// It is not.
    pub fn otherwise(note: impl Into<String>) -> Self {
        Self { text: String::new(), note: Some(note.into()) }
    }
}

/// The file that makes a resource, as commands take its name.
pub fn file_name(job: &Job) -> String {
    let name = job.spec.source.file_name().map(Path::new).map(|name| name.display().to_string());
    name.unwrap_or_else(|| job.spec.unit.clone())
}

async fn provide_image(job: &Job, engine: &Engine, spec: &Image, occasion: Occasion) -> Result<Made, Failure> {
    let name = spec.tag.as_ref().unwrap_or(&spec.image);
    let before = id(engine, name).await?;
    image::provide(engine, &spec.image, &pull_now(&spec.pull, take_prepared(job)), spec.all_tags).await?;
    if let Some(tag) = &spec.tag {
        image::tag(engine, &spec.image, tag).await?;
    }
    let made = Made::as_wanted(format!("Image {name} is here"));
    // Of all tags nobody knows which one is meant.
    match id(engine, name).await? {
        Some(id) if occasion == Occasion::Reload && before.is_some_and(|before| before != id) => {
            dependents::restart_onto(job, engine, std::slice::from_ref(name), &id).await;
            Ok(made)
        }
        _ => Ok(made),
    }
}

async fn provide_build(job: &Job, engine: &Engine, spec: &Build, occasion: Occasion) -> Result<Made, Failure> {
    let name = spec.tags.first().map(String::as_str).unwrap_or_default();
    let built = match build::prepared(job, engine).await? {
        Some(id) => Ok(id),
        None => build::build(job, engine, spec).await,
    };
    let id = match built {
        Ok(id) => id,
        // At boot a registry may be away, and what requires the image would stay down with it.
        Err(failure) if occasion == Occasion::Start && !remembered::was_built_since_boot(&job.spec) => {
            let Some(last) = last_image(job, engine, name).await else { return Err(failure) };
            let (short, unit) = (short(&last), &job.spec.unit);
            return Ok(Made::otherwise(format!(
                "{failure}; the image of its last build ({short}) is used until 'systemctl reload {unit}' succeeds"
            )));
        }
        Err(failure) => return Err(failure),
    };
    build::tag(engine, spec, &id).await?;
    if let Err(failure) = remembered::keep_last_image(&job.spec, &id) {
        tracing::warn!("a build that fails at the next boot will leave no image: {failure}");
    }
    if occasion == Occasion::Reload {
        dependents::restart_onto(job, engine, &spec.tags, &id).await;
    }
    Ok(Made::as_wanted(format!("Image {name} is built ({})", short(&id))))
}

/// What this very version built last, if `image` still means that.
async fn last_image(job: &Job, engine: &Engine, image: &str) -> Option<String> {
    let last = remembered::last_image(&job.spec)?;
    id(engine, image).await.ok().flatten().filter(|id| *id == last)
}

/// An image's ID, as `docker images` shows it.
fn short(id: &str) -> &str {
    container::short(id.trim_start_matches("sha256:"))
}

async fn id(engine: &Engine, image: &str) -> Result<Option<String>, Failure> {
    Ok(engine.image(image).await?.map(|image| image.id))
}
