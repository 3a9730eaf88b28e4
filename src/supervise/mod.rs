//! The main process of a container's service: starts the container, says when it is up, passes on reload and stop, and
//! ends as it ended.
//!
//! It works from the spec that rendering wrote and decides nothing that the spec can say. At rest it holds one connection
//! to the Engine and waits on it.

mod advice;
mod at_start;
mod build;
mod container;
mod dependents;
mod difference;
mod engine;
mod environment;
mod exit;
mod follow;
mod freezer;
mod health;
mod host_user;
mod image;
mod inspection;
mod label;
mod leftovers;
mod network;
mod notify_socket;
mod owners;
mod ports;
mod prepare;
mod reload;
mod remembered;
mod resource;
mod secrets;
mod signals;
mod sources;
mod stop;
mod survey;
mod tell;
mod unblock;
mod user;
mod volume;
mod words;

use std::path::{Path, PathBuf};

pub use inspection::{Inspection, inspect};
pub use owners::tidy;
pub use prepare::run as prepare;
pub use survey::{Survey, User, allow, forbid, survey};
pub use tell::until_heard;

use nix::sys::signal::{Signal, raise};

use crate::config;
use crate::quadlet::Spec;
use crate::quadlet::spec::Request;
use crate::status::{RecordFiles, outdated};
use crate::unit::UnitName;
use resource::Occasion;

/// The exit code for what is wrong with the request or its surroundings, not with the container (docker-run(1)).
pub const OWN_ERROR: u8 = 125;

/// How the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code.
    Code(u8),
    /// By SIGUSR2, for which the unit has RestartForceExitStatus=: the Engine took the container with it.
    Again,
}

/// What went wrong before or beside the container, in a sentence for the status line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl From<crate::docker::Error> for Failure {
    fn from(error: crate::docker::Error) -> Self {
        Self(advice::with_advice(&error.to_string()))
    }
}

/// What a supervisor works with.
struct Job {
    spec: Spec,
    socket: PathBuf,
    /// Below these, owners may be changed.
    chown_roots: Vec<PathBuf>,
    /// The folder below /run for what the container sees of this host: secrets, the notify socket.
    directory: PathBuf,
}

/// Does what the spec of `unit` says.
pub async fn run(unit: &str) -> Ending {
    let result = match job(unit) {
        Ok(job) => serve(&job).await,
        Err(failure) => Err(failure),
    };
    result.unwrap_or_else(|failure| {
        tell::failure(&failure);
        Ending::Code(OWN_ERROR)
    })
}

async fn serve(job: &Job) -> Result<Ending, Failure> {
    let mut signals = signals::Signals::new()?;
    match &job.spec.request {
        Request::Container(container) => container::run(job, container, &mut signals).await,
        _ => tokio::select! {
            made = resource::make(job, Occasion::Start) => made.map(|()| {
                made_anew(job);
                Ending::Code(0)
            }),
            () = signals.stop() => {
                tell::cut_off();
                Ok(Ending::Code(0))
            }
        },
    }
}

/// What runs is from now on what the spec says.
fn made_anew(job: &Job) {
    let cleared = UnitName::parse(&job.spec.unit).map(|unit| outdated::clear(&RecordFiles::of_host(), &unit));
    if let Ok(Err(error)) = cleared {
        tracing::warn!("{} is shown as outdated, and is not: {error}", job.spec.unit);
    }
}

/// Makes a volume, network or image anew as its file says now, as far as nothing that uses it has to be stopped for it.
pub async fn reload(unit: &str) -> Ending {
    let result = async {
        let job = job(unit)?;
        resource::make(&job, Occasion::Reload).await.map(|()| made_anew(&job))
    };
    match result.await {
        Ok(()) => Ending::Code(0),
        Err(failure) => {
            tell::failure(&failure);
            Ending::Code(OWN_ERROR)
        }
    }
}

/// Removes what is not to stay when `unit` has stopped: the container that a killed supervisor left, the network that goes
/// with its service.
pub async fn clean_up(unit: &str) -> Ending {
    let result = async {
        let job = job(unit)?;
        if job.spec.container().is_none() {
            return resource::undo(&job).await;
        }
        freezer::thaw_leftover(&job.directory);
        match engine::if_up(&job.socket).await {
            Some(engine) => leftovers::remove_all(&engine, &job.spec.unit).await,
            // Whoever starts the unit again removes it.
            None => Ok(()),
        }
    };
    match result.await {
        Ok(()) => Ending::Code(0),
        Err(failure) => {
            tracing::error!("{failure}");
            Ending::Code(OWN_ERROR)
        }
    }
}

/// Ends this process by the signal that the unit's RestartForceExitStatus= names.
pub fn end_for_another_start() {
    let _ = raise(Signal::SIGUSR2);
}

fn job(unit: &str) -> Result<Job, Failure> {
    // The name becomes part of paths.
    let unit =
        UnitName::parse(unit).map_err(|error| Failure(format!("'{unit}' is not the name of a unit: {error}")))?;
    let path = Path::new(config::STATE_DIRECTORY).join("units").join(unit.as_str()).join("spec.json");
    job_of(&unit, &path, Path::new("/run/sculler/containers").join(unit.as_str()))
}

/// The job that the spec at `path` describes.
fn job_of(unit: &UnitName, path: &Path, directory: PathBuf) -> Result<Job, Failure> {
    let settings = config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())
        .map_err(|error| Failure(error.to_string()))?;
    let text = std::fs::read(path).map_err(|error| {
        Failure(format!("{}: {error}; the agent writes it: see 'sculler explain {unit}'", path.display()))
    })?;
    let spec: Spec = serde_json::from_slice(&text).map_err(|error| {
        Failure(format!("{}: {error}; written by another version of sculler? Restart sculler.service", path.display()))
    })?;
    if spec.unit != unit.as_str() {
        return Err(Failure(format!("{} is for {}, not for {unit}", path.display(), spec.unit)));
    }
    Ok(Job { spec, socket: settings.docker_socket, chown_roots: settings.chown_roots, directory })
}
