//! What a volume or network holds and who uses it, before the operator has it made anew.

use std::path::Path;

use super::remembered::{self, Recreation};
use super::volume::{self, Holds};
use super::{Failure, label, network, words};
use crate::config::Settings;
use crate::docker::{Engine, VolumeInfo};
use crate::quadlet::spec::Request;
use crate::unit::UnitName;

/// What there is now.
#[derive(Debug)]
pub struct Survey {
    /// `volume data`, `network lan`.
    pub what: String,
    /// Whether it is there at all.
    pub exists: bool,
    /// What would be lost with it, in words.
    pub loss: Option<String>,
    /// The containers that use it.
    pub users: Vec<User>,
}

/// A container that uses it.
#[derive(Debug)]
pub struct User {
    /// Its name.
    pub container: String,
    /// The unit that it is of, if it is one of sculler's.
    pub unit: Option<String>,
}

/// Looks at what a request would make; `None` if that is neither a volume nor a network.
pub async fn survey(request: &Request, settings: &Settings) -> Result<Option<Survey>, Failure> {
    let engine = Engine::connect(&settings.docker_socket).await?;
    Ok(match request {
        Request::Volume(spec) => Some(of_volume(&engine, &spec.create.name).await?),
        Request::Network(spec) => Some(of_network(&engine, &spec.create.name).await?),
        _ => None,
    })
}

/// Lets the next start of `unit` make its volume or network anew.
pub fn allow(unit: &UnitName, delete_data: bool) -> Result<(), Failure> {
    remembered::allow_recreation(unit, Recreation { delete_data })
}

/// Takes that back, if no start has made use of it; whether that is so.
pub fn forbid(unit: &UnitName) -> bool {
    remembered::forbid_recreation(unit)
}

async fn of_volume(engine: &Engine, name: &str) -> Result<Survey, Failure> {
    let what = format!("volume {name}");
    let Some(found) = engine.volume(name).await? else {
        return Ok(Survey { what, exists: false, loss: None, users: Vec::new() });
    };
    let users = engine.containers_of_volume(name, label::UNIT).await?;
    let users: Vec<User> = users.into_iter().map(|(container, unit)| User { container, unit }).collect();
    Ok(Survey { what, exists: true, loss: loss(&found, users.is_empty()), users })
}

fn loss(volume: &VolumeInfo, is_unused: bool) -> Option<String> {
    match volume::holds(volume, is_unused) {
        Holds::Nothing => None,
        Holds::Unknown if volume.driver == "local" => {
            let place = Path::new(&volume.mountpoint).display();
            Some(format!("holds what cannot be seen in {place}"))
        }
        Holds::Unknown => Some(format!("may hold data, which its driver '{}' decides on", volume.driver)),
        Holds::Data { files, bytes } => {
            let paths = words::count(files, "file or folder", "files and folders");
            Some(format!("holds {paths}, {}, in {}", words::size(bytes), volume.mountpoint))
        }
    }
}

async fn of_network(engine: &Engine, name: &str) -> Result<Survey, Failure> {
    let what = format!("network {name}");
    let Some(found) = engine.network(name).await? else {
        return Ok(Survey { what, exists: false, loss: None, users: Vec::new() });
    };
    let mut users = Vec::new();
    for container in network::attached(&found) {
        let unit = engine.container(&container).await?.and_then(|found| found.label(label::UNIT).map(str::to_owned));
        users.push(User { container, unit });
    }
    Ok(Survey { what, exists: true, loss: None, users })
}
