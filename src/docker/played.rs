//! A socket that plays an Engine, for tests.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::task::AbortHandle;

/// The first answer whose beginning of the request line fits; without one, 404.
pub(crate) type Answers = &'static [(&'static str, u16, &'static str)];

/// Plays an Engine until it is dropped.
pub(crate) struct Played {
    path: PathBuf,
    serving: AbortHandle,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Played {
    pub(crate) fn new(api: &'static str, answers: Answers) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sculler-engine-{}-{number}", std::process::id()));
        Self::at(path, api, answers)
    }

    pub(crate) fn at(path: PathBuf, api: &'static str, answers: Answers) -> Self {
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 64 * 1024];
                let length = stream.read(&mut head).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&head[..length]).into_owned();
                heard.lock().unwrap().push(request.split(" HTTP/").next().unwrap_or_default().to_owned());
                let found = answers.iter().find(|(start, ..)| request.starts_with(start));
                let (status, body) =
                    found.map_or((404, r#"{"message":"no such thing"}"#), |(_, code, body)| (*code, body));
                let version = if api.is_empty() { String::new() } else { format!("Api-Version: {api}\r\n") };
                let answer = format!("HTTP/1.1 {status} X\r\n{version}Content-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { path, serving: serving.abort_handle(), asked }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.path
    }

    /// The request lines so far that begin so.
    pub(crate) fn asked(&self, start: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|line| line.starts_with(start)).cloned().collect()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}
