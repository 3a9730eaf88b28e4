//! The Engine, with the version of the API that both sides speak.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::Error;
use super::http::{Request, Response};
use super::service::{ServiceState, service_state_by};
use crate::host::ApiVersion;
use crate::systemd::Systemd;

/// The newest version that this code was written for; a newer Engine is asked in this one.
const NEWEST: ApiVersion = ApiVersion(1, 51);

/// How long an Engine that is up may take to say its version.
const PATIENCE: Duration = Duration::from_secs(30);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        let version = version(socket).await?;
        Ok(Self::speaking(socket, chosen(&version)?))
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
pub async fn engine_facts(systemd: &Systemd, socket: &Path) -> Option<Facts> {
    if service_state_by(systemd).await != ServiceState::Up || !socket.exists() {
        return None;
    }
    let asked = async {
        let version = version(socket).await?;
        let api = parsed(&version.api_version)?;
        let engine = Engine::speaking(socket, chosen(&version)?);
        Ok::<_, Error>(Facts { api, live_restore: engine.live_restore().await? })
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

async fn version(socket: &Path) -> Result<Version, Error> {
    Request::get("/version").patience(PATIENCE).send(socket, "").await?.json().await
}

fn chosen(version: &Version) -> Result<ApiVersion, Error> {
    let newest = parsed(&version.api_version)?;
    let oldest = version.min_api_version.as_deref().map(parsed).transpose()?.unwrap_or(ApiVersion(1, 24));
    Ok(newest.min(NEWEST).max(oldest))
}

fn parsed(text: &str) -> Result<ApiVersion, Error> {
    text.parse().map_err(|_| Error::Malformed {
        request: "GET /version".into(),
        reason: format!("'{text}' is not a version of the API"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_both_speak_is_chosen() {
        let version = |newest: &str, oldest: Option<&str>| Version {
            api_version: newest.into(),
            min_api_version: oldest.map(str::to_owned),
        };
        for (newest, oldest, chosen_is) in [
            ("1.41", Some("1.12"), "1.41"),
            ("1.45", Some("1.24"), "1.45"),
            ("1.56", Some("1.44"), "1.51"),
            // An Engine that has left our newest behind says what it refuses.
            ("1.70", Some("1.60"), "1.60"),
            ("1.40", None, "1.40"),
        ] {
            assert_eq!(chosen(&version(newest, oldest)).unwrap().to_string(), chosen_is);
        }
        assert!(chosen(&version("new", None)).is_err());
    }
}
