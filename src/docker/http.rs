//! One request over one connection.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::Error;
use super::upload::{Body, Upload};

/// How long the Engine may take to begin an answer, unless a request is known to take longer: it holds a container's
/// lock while it works on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers that are read as a whole are small; what is longer is no answer to what was asked.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// A request to be sent.
#[derive(Debug)]
pub(super) struct Request {
    method: hyper::Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Body,
    patience: Duration,
}

/// The head of an answer has come; its body follows.
pub(super) struct Response {
    pub(super) body: Incoming,
    socket: PathBuf,
    request: String,
    /// Every answer of the Engine has it.
    api_version: Option<String>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(hyper::Method::GET, path.into())
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(hyper::Method::POST, path.into())
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(hyper::Method::DELETE, path.into())
    }

    fn new(method: hyper::Method, path: String) -> Self {
        Self { method, path, headers: Vec::new(), body: Body::default(), patience: PATIENCE }
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| self.malformed(&error))?;
        self.body = Body::whole(body);
        self.headers.push((CONTENT_TYPE, "application/json".into()));
        Ok(self)
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// Bytes that come bit by bit.
    pub(super) fn upload(mut self, upload: Upload, content_type: &str) -> Self {
        self.body = Body::stream(upload);
        self.headers.push((CONTENT_TYPE, content_type.into()));
        self
    }

    /// For what the Engine takes its time for.
    pub(super) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether it waits that long for an answer.
    #[cfg(test)]
    pub(super) fn is_patient_for(&self, time: Duration) -> bool {
        self.patience >= time
    }

    /// Sends it; `prefix` is the version of the API, as `/v1.45`.
    pub(super) async fn send(self, socket: &Path, prefix: &str) -> Result<Response, Error> {
        let unreachable = |reason: String| Error::Unreachable { socket: socket.to_owned(), reason };
        let name = format!("{} {}", self.method, self.path);
        let mut builder = hyper::Request::builder()
            .method(self.method.clone())
            .uri(format!("{prefix}{}", self.path))
            .header(HOST, HeaderValue::from_static("docker"));
        for (key, value) in &self.headers {
            builder = builder.header(key, value);
        }
        let patience = self.patience;
        let sent = self.body.sent();
        let body = self.body;
        let malformed = |reason: String| Error::Malformed { request: name.clone(), reason };
        let request = builder.body(body).map_err(|error| malformed(error.to_string()))?;
        let answer = async {
            let stream = UnixStream::connect(socket).await.map_err(|error| unreachable(error.to_string()))?;
            let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
                .max_buf_size(16 * 1024)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            // It ends with the answer: nothing is sent over it again.
            tokio::spawn(connection);
            sender.send_request(request).await.map_err(|error| unreachable(whole(&error)))
        };
        let mut answer = std::pin::pin!(answer);
        let answer = loop {
            let before = sent();
            match tokio::time::timeout(patience, &mut answer).await {
                Ok(answer) => break answer?,
                // What is on its way is no silence.
                Err(_) if sent() != before => {}
                Err(_) => return Err(unreachable(format!("no answer to {name} within {} s", patience.as_secs()))),
            }
        };
        let status = answer.status();
        let api_version = answer.headers().get("api-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let response = Response { body: answer.into_body(), socket: socket.to_owned(), request: name, api_version };
        // 304: it is so already.
        if status.is_success() || status.as_u16() == 304 || status.as_u16() == 101 {
            return Ok(response);
        }
        let text = response.bytes().await.unwrap_or_default();
        let message = serde_json::from_slice::<Message>(&text).map(|answer| answer.message);
        let message = message.unwrap_or_else(|_| String::from_utf8_lossy(&text).trim().to_owned());
        let message = if message.is_empty() { format!("Docker answered {status}") } else { message };
        Err(Error::Refused { status: status.as_u16(), message })
    }

    fn malformed(&self, reason: &impl ToString) -> Error {
        Error::Malformed { request: format!("{} {}", self.method, self.path), reason: reason.to_string() }
    }
}

#[derive(serde::Deserialize)]
struct Message {
    message: String,
}

impl Response {
    /// The newest version of the API that whoever answered speaks.
    pub(super) fn api_version(&self) -> Option<&str> {
        self.api_version.as_deref()
    }

    /// The next piece of the body; `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(self.broken(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body.
    pub(super) async fn bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await? {
            all.extend_from_slice(&piece);
            if all.len() > LONGEST_ANSWER {
                return Err(self.malformed(&"it is too long"));
            }
        }
        Ok(all)
    }

    /// The whole body, read as JSON.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let request = self.request.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Malformed { request, reason: error.to_string() })
    }

    /// Waits for the end of the answer.
    pub(super) async fn end(self) -> Result<(), Error> {
        self.bytes().await.map(|_| ())
    }

    pub(super) fn malformed(&self, reason: &impl ToString) -> Error {
        Error::Malformed { request: self.request.clone(), reason: reason.to_string() }
    }

    pub(super) fn cut_off(&self) -> Error {
        Error::Unreachable { socket: self.socket.clone(), reason: "the answer ended too early".into() }
    }

    fn broken(&self, error: &hyper::Error) -> Error {
        Error::Unreachable { socket: self.socket.clone(), reason: whole(error) }
    }
}

/// An error with its causes: hyper's own sentence alone says little.
fn whole(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// For a path's segment or a query's value.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// For names of images in a path, where slashes separate.
pub(super) fn encoded_path(text: &str) -> String {
    text.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_request_is_encoded() {
        assert_eq!(encoded("a b&c=d/é"), "a%20b%26c%3Dd%2F%C3%A9");
        assert_eq!(encoded_path("quay.io/x/y:1@sha256:00"), "quay.io/x/y%3A1%40sha256%3A00");
    }
}
