//! Images: what is here, and how they get here.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

use super::Error;
use super::credentials::Credentials;
use super::engine::Engine;
use super::http::{Request, encoded, encoded_path};
use super::stream::Messages;

/// Before the first line of a pull the registry is asked, which may be slow or far away.
const PULL: Duration = Duration::from_secs(300);

/// An image as `GET /images/NAME/json` shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageInfo {
    pub id: String,
    pub repo_digests: Option<Vec<String>>,
    pub config: Option<ImageConfig>,
}

/// `Image.Config`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    pub user: String,
    pub stop_signal: Option<String>,
}

/// A pull that goes on; dropping it gives it up.
pub struct Pulling {
    messages: Messages,
    layers: Layers,
}

/// What is known so far of the layers that are pulled, by ID.
#[derive(Default)]
pub(super) struct Layers(HashMap<String, Layer>);

#[derive(Default)]
struct Layer {
    current: u64,
    total: u64,
    unpacked: u64,
}

/// How far a pull got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of all layers that are known so far, downloaded or unpacked.
    pub current: u64,
    pub total: u64,
    /// Layers that are known so far.
    pub layers: usize,
    /// How far unpacking got: bytes or, where the Engine counts so, seconds.
    pub unpacked: u64,
}

/// A line of the answer to a pull or a build.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Message {
    id: String,
    status: String,
    progress_detail: Option<ProgressDetail>,
    error: Option<String>,
    error_detail: Option<ErrorDetail>,
    /// Of builds: what steps print.
    pub(super) stream: String,
    /// Of builds: the image's ID.
    pub(super) aux: Option<Aux>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Aux {
    #[serde(rename = "ID")]
    pub(super) id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProgressDetail {
    current: Option<u64>,
    total: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    message: String,
}

impl Message {
    /// Errors that come in the stream are errors.
    pub(super) fn checked(self) -> Result<Self, Error> {
        match (self.error_detail, &self.error) {
            (Some(detail), _) if !detail.message.is_empty() => Err(Error::Failed(detail.message)),
            (_, Some(error)) => Err(Error::Failed(error.clone())),
            (error_detail, None) => Ok(Self { error_detail, ..self }),
        }
    }
}

impl Pulling {
    /// The next sign of life; `None` when the image is here. Errors that come in the stream are errors.
    pub async fn next(&mut self) -> Result<Option<Progress>, Error> {
        let Some(message) = self.messages.next::<Message>().await? else { return Ok(None) };
        self.layers.note(&message.checked()?);
        Ok(Some(self.layers.progress()))
    }
}

impl Layers {
    /// Whether the message is about one of them.
    pub(super) fn note(&mut self, message: &Message) -> bool {
        // The tag is told with an ID as well.
        if message.id.is_empty() || message.status.starts_with("Pulling from") {
            return false;
        }
        let layer = self.0.entry(message.id.clone()).or_default();
        if message.status.ends_with("complete") || message.status == "Already exists" {
            layer.current = layer.total;
            return true;
        }
        let Some(detail) = &message.progress_detail else { return true };
        match message.status.as_str() {
            "Downloading" => {
                layer.current = detail.current.unwrap_or(layer.current);
                layer.total = detail.total.unwrap_or(layer.total).max(layer.current);
            }
            "Extracting" => layer.unpacked = detail.current.unwrap_or(layer.unpacked),
            _ => {}
        }
        true
    }

    pub(super) fn progress(&self) -> Progress {
        let sum = |of: fn(&Layer) -> u64| self.0.values().map(of).sum();
        Progress {
            current: sum(|layer| layer.current),
            total: sum(|layer| layer.total),
            layers: self.0.len(),
            unpacked: sum(|layer| layer.unpacked),
        }
    }
}

impl Engine {
    /// An image, by any of its names; `None` if it is not here.
    pub async fn image(&self, name: &str) -> Result<Option<ImageInfo>, Error> {
        match self.send(Request::get(format!("/images/{}/json", encoded_path(name)))).await {
            Ok(response) => Ok(Some(response.json().await?)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to pull an image; `all_tags` of it or the one that its name ends in.
    pub async fn pull(
        &self,
        name: &str,
        all_tags: bool,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<Pulling, Error> {
        let mut path = format!("/images/create?fromImage={}", encoded(name));
        // Without a tag in either place the Engine takes all of them.
        if !all_tags && !has_tag(name) {
            path.push_str("&tag=latest");
        }
        if let Some(platform) = platform {
            path.push_str(&format!("&platform={}", encoded(platform)));
        }
        let mut request = Request::post(path).patience(PULL);
        if let Some(credentials) = credentials {
            request = request.header("x-registry-auth", credentials.header());
        }
        let response = self.send(request).await?;
        Ok(Pulling { messages: Messages::new(response), layers: Layers::default() })
    }

    /// The digest that the registry has for an image now.
    pub async fn registry_digest(&self, name: &str, credentials: Option<&Credentials>) -> Result<String, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            descriptor: Descriptor,
        }
        #[derive(Deserialize)]
        struct Descriptor {
            digest: String,
        }
        let mut request = Request::get(format!("/distribution/{}/json", encoded_path(name)));
        if let Some(credentials) = credentials {
            request = request.header("x-registry-auth", credentials.header());
        }
        let answer: Answer = self.send(request).await?.json().await?;
        Ok(answer.descriptor.digest)
    }

    /// Gives an image another name.
    pub async fn tag(&self, image: &str, repository: &str, tag: &str) -> Result<(), Error> {
        let path = format!("/images/{}/tag?repo={}&tag={}", encoded_path(image), encoded(repository), encoded(tag));
        self.send(Request::post(path)).await?.end().await
    }
}

/// Whether an image's name ends in a tag or digest: `localhost:5000/web` does not.
pub(super) fn has_tag(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.contains([':', '@']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        for (name, tagged) in [
            ("nginx", false),
            ("nginx:1", true),
            ("localhost:5000/web", false),
            ("localhost:5000/web:2", true),
            ("web@sha256:00", true),
        ] {
            assert_eq!(has_tag(name), tagged, "{name}");
        }
    }
}
