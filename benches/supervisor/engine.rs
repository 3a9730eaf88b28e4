//! The Engine's API, bare: requests over one connection that is open already, as the fastest client would send them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::host::Host;

/// Longer than a start takes.
const START: Duration = Duration::from_millis(400);

pub struct Engine(BufReader<UnixStream>);

impl Engine {
    /// The socket of the host's Engine, seen from outside.
    pub fn of(host: &Host) -> Self {
        let stream = UnixStream::connect(host.path("/run/docker.sock")).expect("the Engine is up");
        Self(BufReader::new(stream))
    }

    /// Sends a request; the status and the answer.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes()).expect("the Engine reads");
        let status = self.line().split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status line");
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line().to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().expect("a length"),
                Some(("transfer-encoding", value)) => is_chunked = value == "chunked",
                Some(_) => {}
                None => break,
            }
        }
        let mut answer = Vec::new();
        if is_chunked {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).expect("a chunk's size");
                self.read(size, &mut answer);
                self.line();
                if size == 0 {
                    break;
                }
            }
        } else {
            self.read(length, &mut answer);
        }
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// Makes and starts a container that runs until it is killed; when that was begun.
    pub fn run(&mut self, name: &str, network: &str) -> Duration {
        let body = serde_json::json!({
            "Image": "bench", "Cmd": ["sleep", "1000000"], "StopSignal": "SIGKILL", "HostConfig": { "NetworkMode": network },
        });
        let since = now();
        let (status, created) = self.ask("POST", &format!("/containers/create?name={name}"), Some(&body));
        assert_eq!(status, 201, "{created}");
        let id = created["Id"].as_str().expect("an ID");
        let (status, answer) = self.ask("POST", &format!("/containers/{id}/start"), None);
        assert_eq!(status, 204, "{answer}");
        since
    }

    /// When a container was started; `None` until it runs.
    pub fn started(&mut self, name: &str) -> Option<Duration> {
        let (status, container) = self.ask("GET", &format!("/containers/{name}/json"), None);
        let is_up = status == 200 && container["State"]["Running"] == true;
        is_up.then(|| time(container["State"]["StartedAt"].as_str().expect("a time")))
    }

    /// Waits until a container runs that was started after `since`; how long after.
    pub fn took(&mut self, host: &Host, name: &str, since: Duration) -> Duration {
        // Questions would cost the Engine time that it needs for the start.
        sleep(START);
        let mut took = None;
        host.wait_until(&format!("{name} runs"), Duration::from_secs(60), || {
            took = self.started(name).filter(|started| *started > since).map(|started| started - since);
            took.is_some()
        });
        took.expect("it was waited for")
    }

    /// Removes a container.
    pub fn remove(&mut self, name: &str) {
        self.ask("DELETE", &format!("/containers/{name}?force=true"), None);
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the Engine answers in text");
        line.trim_end().to_owned()
    }

    fn read(&mut self, length: usize, into: &mut Vec<u8>) {
        let mut piece = vec![0; length];
        self.0.read_exact(&mut piece).expect("the Engine sends all of it");
        into.extend(piece);
    }
}

/// The time of day, which a host shares with the machine it runs on.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970")
}

/// `2026-11-27T13:00:00.123456789Z` → the time since 1970.
pub fn time(text: &str) -> Duration {
    let number = |range: std::ops::Range<usize>| -> i64 { text[range].parse().expect("digits") };
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days of the civil calendar, with March as the first month of the year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19);
    let fraction = text[19..].trim_start_matches('.').trim_end_matches('Z');
    let nanos: u64 = format!("{fraction:0<9}").parse().expect("digits");
    Duration::from_secs(u64::try_from(seconds).expect("after 1970")) + Duration::from_nanos(nanos)
}
