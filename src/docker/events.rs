//! What the Engine tells of a container, and of itself, without being asked.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::Error;
use super::engine::Engine;
use super::http::{Request, encoded};
use super::stream::Messages;

/// What happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A health check's verdict changed: `healthy`, `unhealthy`.
    Health(String),
    /// A signal was sent by the API.
    Kill,
    /// A stop by the API is over.
    Stop,
    /// It started.
    Start,
    /// It was removed.
    Destroy,
}

/// Events of one container as they come.
pub struct Events(Messages);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    action: String,
}

impl Events {
    /// The next one; `None` when no more are to come.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let Some(message) = self.0.next::<Message>().await? else { return Ok(None) };
            match message.action.as_str() {
                "kill" => return Ok(Some(Event::Kill)),
                "stop" => return Ok(Some(Event::Stop)),
                "start" => return Ok(Some(Event::Start)),
                "destroy" => return Ok(Some(Event::Destroy)),
                action => {
                    if let Some(health) = action.strip_prefix("health_status:") {
                        return Ok(Some(Event::Health(health.trim().to_owned())));
                    }
                }
            }
        }
    }
}

impl Engine {
    /// Events of a container that the Engine remembers, up to a moment.
    pub async fn events_until(&self, id: &str, until: SystemTime) -> Result<Events, Error> {
        self.events(id, &format!("&since=0&until={}", seconds(until))).await
    }

    /// Events of a container from a moment on.
    pub async fn events_since(&self, id: &str, since: SystemTime) -> Result<Events, Error> {
        self.events(id, &format!("&since={}", seconds(since))).await
    }

    /// Waits until the Engine has read its configuration, or had done so since a moment; false if it goes away before.
    pub async fn reloaded(&self, since: SystemTime) -> Result<bool, Error> {
        let filters = serde_json::json!({ "type": ["daemon"], "event": ["reload"] });
        let mut messages = self.messages(&filters, &format!("&since={}", seconds(since))).await?;
        Ok(messages.next::<Message>().await?.is_some())
    }

    async fn events(&self, id: &str, span: &str) -> Result<Events, Error> {
        let filters = serde_json::json!({ "type": ["container"], "container": [id] });
        self.messages(&filters, span).await.map(Events)
    }

    async fn messages(&self, filters: &serde_json::Value, span: &str) -> Result<Messages, Error> {
        let filters = encoded(&filters.to_string());
        Ok(Messages::new(self.send(Request::get(format!("/events?filters={filters}{span}"))).await?))
    }
}

fn seconds(time: SystemTime) -> String {
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}
