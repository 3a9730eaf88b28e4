//! Answers that are a sequence of JSON objects, one a line.

use bytes::{Buf as _, BytesMut};
use serde::de::DeserializeOwned;

use super::Error;
use super::http::Response;

/// A line longer than this is no message of the Engine.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// Messages as they come.
pub(super) struct Messages {
    response: Response,
    rest: BytesMut,
}

impl Messages {
    pub(super) fn new(response: Response) -> Self {
        Self { response, rest: BytesMut::new() }
    }

    /// The next message; `None` at the end. Nothing is lost if the future is dropped.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(end);
                self.rest.advance(1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return self.read(&line).map(Some);
            }
            if self.rest.len() > LONGEST_LINE {
                return Err(self.response.malformed(&"a line is too long"));
            }
            match self.response.piece().await? {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None if self.rest.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let line = self.rest.split();
                    return self.read(&line).map(Some);
                }
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(line).map_err(|error| self.response.malformed(&error))
    }

    pub(super) fn cut_off(&self) -> Error {
        self.response.cut_off()
    }
}
