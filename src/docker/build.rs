//! Builds, by the Engine's own builder (`POST /build` without BuildKit, which needs a session beside it).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Error;
use super::engine::Engine;
use super::http::{Request, encoded};
use super::images::{Layers, Message, Progress};
use super::stream::Messages;
use super::upload::Upload;

/// Before its first line the Engine unpacks the context, or fetches it from afar.
const BEGIN: Duration = Duration::from_secs(600);

/// What a build is told beside its context.
#[derive(Debug, Default)]
pub struct BuildQuery<'a> {
    /// In the context; empty: `Dockerfile`.
    pub file: &'a str,
    /// A context that the Engine fetches itself.
    pub remote: Option<&'a str>,
    pub arguments: BTreeMap<&'a str, Option<String>>,
    pub labels: Option<&'a BTreeMap<String, String>>,
    pub target: Option<&'a str>,
    pub network: Option<&'a str>,
    pub platform: Option<&'a str>,
    /// Ask the registries for newer base images.
    pub pull: bool,
    /// Remove the containers of a build that failed, too.
    pub force_remove: bool,
}

impl BuildQuery<'_> {
    fn path(&self) -> String {
        let mut path = "/build?rm=true".to_owned();
        let mut add = |name: &str, value: &str| path.push_str(&format!("&{name}={}", encoded(value)));
        let texts = [
            ("remote", self.remote),
            ("dockerfile", Some(self.file).filter(|file| !file.is_empty())),
            ("target", self.target),
            ("networkmode", self.network),
            ("platform", self.platform),
            ("pull", self.pull.then_some("true")),
            ("forcerm", self.force_remove.then_some("true")),
        ];
        texts.into_iter().filter_map(|(name, value)| Some((name, value?))).for_each(|(name, value)| add(name, value));
        if !self.arguments.is_empty() {
            add("buildargs", &json(&self.arguments));
        }
        if let Some(labels) = self.labels.filter(|labels| !labels.is_empty()) {
            add("labels", &json(labels));
        }
        path
    }
}

fn json(value: &impl Serialize) -> String {
    // Texts in a map: JSON has a way to write them all.
    serde_json::to_string(value).unwrap_or_default()
}

/// A build that goes on; dropping it gives it up.
pub struct Building {
    messages: Messages,
    layers: Layers,
    image: Option<String>,
}

/// What a build tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// What was printed, in pieces that need not end with lines.
    Text(String),
    /// A base image comes.
    Pulling(Progress),
    /// It goes on.
    Alive,
}

impl Building {
    /// The next sign of life; `None` when it is over. Errors that come in the stream are errors.
    pub async fn next(&mut self) -> Result<Option<Output>, Error> {
        let Some(message) = self.messages.next::<Message>().await? else { return Ok(None) };
        let message = message.checked()?;
        if let Some(aux) = &message.aux
            && !aux.id.is_empty()
        {
            self.image = Some(aux.id.clone());
        }
        if !message.stream.is_empty() {
            return Ok(Some(Output::Text(message.stream)));
        }
        Ok(Some(match self.layers.note(&message) {
            true => Output::Pulling(self.layers.progress()),
            false => Output::Alive,
        }))
    }

    /// The ID of the image, after the end.
    pub fn image(self) -> Option<String> {
        self.image
    }
}

impl Engine {
    /// Begins a build; `context` is a tar archive. `registries`: [`super::registry_config`]
    pub async fn build(
        &self,
        query: &BuildQuery<'_>,
        context: Option<Upload>,
        registries: Option<String>,
    ) -> Result<Building, Error> {
        let mut request = Request::post(query.path()).patience(BEGIN);
        if let Some(context) = context {
            request = request.upload(context, "application/x-tar");
        }
        if let Some(registries) = registries {
            request = request.header("x-registry-config", registries);
        }
        let response = self.send(request).await?;
        Ok(Building { messages: Messages::new(response), layers: Layers::default(), image: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_what_its_file_says() {
        assert_eq!(BuildQuery::default().path(), "/build?rm=true");
        let labels = BTreeMap::from([("a".to_owned(), "b c".to_owned())]);
        let query = BuildQuery {
            file: "sub/Containerfile",
            remote: None,
            arguments: BTreeMap::from([("A", Some("1".to_owned())), ("B", None)]),
            labels: Some(&labels),
            target: Some("last"),
            network: Some("none"),
            platform: Some("linux/arm64"),
            pull: true,
            force_remove: true,
        };
        assert_eq!(
            query.path(),
            "/build?rm=true&dockerfile=sub%2FContainerfile&target=last&networkmode=none&platform=linux%2Farm64&pull=true\
             &forcerm=true&buildargs=%7B%22A%22%3A%221%22%2C%22B%22%3Anull%7D&labels=%7B%22a%22%3A%22b%20c%22%7D"
        );
    }
}
