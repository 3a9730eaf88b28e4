//! Docker Engine over its API: the only place that talks to it.
//!
//! Out go what the Engine has and what becomes of it; in come requests that somebody else decided on. The Engine is
//! reached by its Unix socket, with a connection for each request: at rest a supervisor holds the one that waits for its
//! container. What is sent and read are types of our own, with the few fields that are used; hyper speaks HTTP.

mod build;
mod containers;
mod credentials;
mod engine;
mod events;
mod http;
mod images;
mod keep;
#[cfg(test)]
pub(crate) mod played;
mod resources;
mod service;
mod stream;
#[cfg(test)]
mod tests;
mod upload;

pub use build::{BuildQuery, Building, Output};
pub use containers::{Container, ContainerState, DEFAULT_STOP_TIMEOUT, Exit, UNIT_LABEL, Waiting};
pub use credentials::{
    Credentials, all_credentials_from, credential_helper, credentials_from, registry_config, registry_of,
};
pub use engine::{Engine, Facts, engine_facts};
pub use events::{Event, Events};
pub use images::{ImageInfo, Progress, Pulling};
pub use resources::{IpamInfo, NetworkInfo, PoolInfo, VolumeInfo};
pub use service::{
    SERVICE, ServiceState, service_has_process, service_is_stopped_by, service_is_to_stop, service_is_to_stop_by,
    service_state, service_state_by,
};
pub use upload::{Sent, Upload, Writer, upload};

use std::path::PathBuf;

use thiserror::Error;

/// Why a request to the Engine failed.
#[derive(Debug, Error)]
pub enum Error {
    /// Nobody answers, or the connection broke: what became of the request is unknown.
    #[error("Docker does not answer at {}: {reason}", socket.display())]
    Unreachable {
        /// Where it was looked for.
        socket: PathBuf,
        /// What happened.
        reason: String,
    },
    /// It answered that it will not or cannot.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The Engine's own sentence.
        message: String,
    },
    /// It reported a failure in the middle of a stream that had begun well.
    #[error("{0}")]
    Failed(String),
    /// It said what this version of sculler does not understand.
    #[error("Docker's answer to {request} is not understood: {reason}")]
    Malformed {
        /// What was asked.
        request: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl Error {
    /// Whether nothing is known, since the Engine went away or never answered.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether it stands against what is there: a name in use, a container that runs.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }
}
