//! What is sent to the Engine: bytes that are there, or a stream that somebody writes meanwhile, of which little is in
//! memory at any time.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// Pieces that wait to be sent; a piece is as long as what is written at once.
const WAITING: usize = 4;

/// The end that is sent.
#[derive(Debug)]
pub struct Upload {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    sent: Arc<AtomicU64>,
}

/// The end that is written, by a thread that may block.
#[derive(Debug)]
pub struct Writer(mpsc::Sender<io::Result<Bytes>>);

/// How much was sent, to be looked at meanwhile.
#[derive(Debug, Clone)]
pub struct Sent(Arc<AtomicU64>);

impl Sent {
    /// Bytes.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Both ends of a stream.
pub fn upload() -> (Writer, Upload, Sent) {
    let (sender, pieces) = mpsc::channel(WAITING);
    let sent = Arc::new(AtomicU64::new(0));
    (Writer(sender), Upload { pieces, sent: sent.clone() }, Sent(sent))
}

impl Writer {
    /// Ends the stream so that the Engine cannot take it for whole.
    pub fn abort(self) {
        let _ = self.0.blocking_send(Err(io::ErrorKind::InvalidData.into()));
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(piece).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A request's body.
#[derive(Debug, Default)]
pub(super) struct Body {
    whole: Bytes,
    stream: Option<Upload>,
}

impl Body {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { whole: bytes.into(), stream: None }
    }

    pub(super) fn stream(upload: Upload) -> Self {
        Self { whole: Bytes::new(), stream: Some(upload) }
    }

    /// How much of a stream was sent.
    pub(super) fn sent(&self) -> impl Fn() -> u64 + use<> {
        let sent = self.stream.as_ref().map(|upload| upload.sent.clone());
        move || sent.as_ref().map_or(0, |sent| sent.load(Ordering::Relaxed))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        let Some(upload) = &mut body.stream else {
            let whole = std::mem::take(&mut body.whole);
            return Poll::Ready((!whole.is_empty()).then(|| Ok(Frame::data(whole))));
        };
        upload.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            if let Ok(bytes) = &piece {
                upload.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Some(piece.map(Frame::data))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none() && self.whole.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.stream {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.whole.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[test]
    fn little_is_in_memory_and_a_stream_that_breaks_off_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut writer, upload, sent) = upload();
        let thread = std::thread::spawn(move || {
            (0..100_u8).for_each(|byte| writer.write_all(&[byte; 1000]).unwrap());
            writer.abort();
        });
        let mut body = Body::stream(upload);
        let count = body.sent();
        runtime.block_on(async {
            for byte in 0..100_u8 {
                let frame = body.frame().await.unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap()[..], [byte; 1000]);
            }
            assert!(body.frame().await.unwrap().is_err());
        });
        assert_eq!((count(), sent.bytes()), (100_000, 100_000));
        thread.join().unwrap();
        // Nobody wants it any more.
        let (mut writer, upload, _) = super::upload();
        drop(upload);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
