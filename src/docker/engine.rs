//! The Engine, with the version of the API that both sides speak.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::http::{Request, Response};
use super::service::{ServiceState, service_state_by};
use crate::host::ApiVersion;
use crate::systemd::Systemd;

/// The newest version that this code was written for; a newer Engine is asked in this one.
const NEWEST: ApiVersion = ApiVersion(1, 51);

/// How long an Engine that is up may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long somebody who has other things to do waits for it.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A Docker Engine that answered.
#[derive(Debug, Clone)]
pub struct Engine {
    socket: PathBuf,
    api: ApiVersion,
    prefix: String,
}

/// What rendering has to know of an Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The newest version of the API that it speaks.
    pub api: ApiVersion,
    /// Whether containers outlive its restart.
    pub live_restore: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    api_version: String,
    #[serde(rename = "MinAPIVersion", default)]
    min_api_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    live_restore_enabled: bool,
    #[serde(default)]
    security_options: Option<Vec<String>>,
}

impl Engine {
    /// Finds out which version of the API to speak. Connecting starts an Engine that its socket unit would start.
    pub async fn connect(socket: &Path) -> Result<Self, Error> {
        let newest = newest(socket).await?;
        if newest <= NEWEST {
            return Ok(Self::speaking(socket, newest));
        }
        let engine = Self::speaking(socket, NEWEST);
        match engine.send(Request::get("/_ping")).await {
            // It has left our newest behind: nobody knows how far, and what it then refuses it says itself.
            Err(Error::Refused { status: 400, .. }) => Ok(Self::speaking(socket, oldest(socket).await?.max(NEWEST))),
            answer => answer.map(|_| engine),
        }
    }

    fn speaking(socket: &Path, api: ApiVersion) -> Self {
        Self { socket: socket.to_owned(), api, prefix: format!("/v{api}") }
    }

    /// The version that is spoken.
    pub fn api(&self) -> ApiVersion {
        self.api
    }

    /// Whether containers outlive a restart of the Engine, as it is set now.
    pub async fn live_restore(&self) -> Result<bool, Error> {
        let info: Info = self.send(Request::get("/info")).await?.json().await?;
        Ok(info.live_restore_enabled)
    }

    /// Whether users of containers are other users of the host (userns-remap).
    pub async fn remaps_users(&self) -> Result<bool, Error> {
        let info: Info = self.send(Request::get("/info")).await?.json().await?;
        Ok(info.security_options.unwrap_or_default().iter().any(|option| option.starts_with("name=userns")))
    }

    pub(super) async fn send(&self, request: Request) -> Result<Response, Error> {
        request.send(&self.socket, &self.prefix).await
    }
}

/// What rendering has to know of the Engine; `None` if it is not up, or does not answer at once: it is never started by
/// asking, and nobody waits for it.
pub async fn engine_facts(systemd: &Systemd, socket: &Path) -> Option<(Engine, Facts)> {
    if service_state_by(systemd).await != ServiceState::Up || !socket.exists() {
        return None;
    }
    let asked = async {
        let engine = Engine::connect(socket).await?;
        let api = newest(socket).await?;
        let live_restore = engine.live_restore().await?;
        Ok::<_, Error>((engine, Facts { api, live_restore }))
    };
    match tokio::time::timeout(AT_ONCE, asked).await {
        Ok(Ok(facts)) => Some(facts),
        Ok(Err(error)) => {
            tracing::debug!("{error}");
            None
        }
        Err(_) => None,
    }
}

/// The newest version that the Engine speaks: `/version` tells it as well, but runs two programs for that.
async fn newest(socket: &Path) -> Result<ApiVersion, Error> {
    let answer = Request::get("/_ping").patience(PATIENCE).send(socket, "").await?;
    match answer.api_version() {
        Some(version) => parsed(version),
        None => parsed(&version(socket).await?.api_version),
    }
}

/// The oldest version that it speaks.
async fn oldest(socket: &Path) -> Result<ApiVersion, Error> {
    version(socket).await?.min_api_version.as_deref().map_or(Ok(NEWEST), parsed)
}

async fn version(socket: &Path) -> Result<Version, Error> {
    Request::get("/version").patience(PATIENCE).send(socket, "").await?.json().await
}

fn parsed(text: &str) -> Result<ApiVersion, Error> {
    text.parse().map_err(|_| Error::Malformed {
        request: "GET /version".into(),
        reason: format!("'{text}' is not a version of the API"),
    })
}
