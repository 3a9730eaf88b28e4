//! What systemd is told (sd_notify(3)). A supervisor that was started by hand has nobody to tell.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

use super::Failure;

/// A systemd that takes longer to listen does not hold up the end of a service.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

/// What was said last while something went on.
static LAST: Mutex<String> = Mutex::new(String::new());

/// The start is cut off, by a stop or because systemd gave up.
pub fn cut_off() {
    let last = std::mem::take(&mut *LAST.lock().unwrap_or_else(PoisonError::into_inner));
    if !last.is_empty() {
        status(&format!(
            "Its start was cut off at: {last}; where nothing moves, systemd gives up after TimeoutStartSec="
        ));
    }
}

/// The status line alone.
pub fn status(text: &str) {
    send(&[NotifyState::Status(text)]);
}

/// The service is up.
pub fn ready(text: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(text)]);
}

/// A reload begins.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The stop begins and may take that long.
pub fn stopping(text: &str, longest: Duration) {
    send(&[NotifyState::Stopping, NotifyState::Status(text), extension(longest)]);
}

/// It goes on: another `time` from now before systemd gives up.
pub fn moving(text: &str, time: Duration) {
    text.clone_into(&mut LAST.lock().unwrap_or_else(PoisonError::into_inner));
    send(&[NotifyState::Status(text), extension(time)]);
}

/// The watchdog: this process is alive.
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// What the container said, word for word.
pub fn forward(message: &str) {
    send(&[NotifyState::Custom(message)]);
}

/// The last word of a supervisor that could not do its work.
pub fn failure(failure: &Failure) {
    tracing::error!("{failure}");
    status(&failure.to_string());
}

/// Waits until systemd has taken in all that was said (sd_notify(3), BARRIER=1). While it deals with the end of another
/// process, it may see this one's end before its last words, and drops what comes from a process that is gone.
pub fn until_heard() {
    let heard = || -> io::Result<()> {
        let (mut ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(LISTENS_WITHIN))?;
        sd_notify::notify_with_fds(&[NotifyState::Custom("BARRIER=1")], &[theirs.as_fd()])?;
        drop(theirs);
        // systemd closes its copy when it is the message's turn.
        ours.read_to_end(&mut Vec::new()).map(drop)
    };
    if let Err(error) = heard() {
        tracing::debug!("systemd may not have heard the last word: {error}");
    }
}

fn extension(time: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}

fn send(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd cannot be told: {error}");
    }
}
