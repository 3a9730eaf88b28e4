//! What systemd is told (sd_notify(3)). A supervisor that was started by hand has nobody to tell.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

use super::Failure;

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

fn extension(time: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}

fn send(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd cannot be told: {error}");
    }
}
