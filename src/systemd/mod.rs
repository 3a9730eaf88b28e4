//! The Manager over D-Bus: the only place that talks to systemd.
//!
//! Out go [`UnitState`]s and jobs; in come calls for units that the plan named. Nothing is decided here. A broken
//! connection is an error like any other: the agent connects again and observes again.

mod clock;
mod connection;
mod invocation;
mod proxy;
mod state;

pub use clock::clock_is_synchronised;
pub use connection::{Details, Event, Process, Systemd};
pub use invocation::started_at;
pub use state::{ActiveState, JobKind, LoadState, UnitState};

use thiserror::Error;

/// Why a call to systemd failed.
#[derive(Debug, Error)]
pub enum Error {
    /// systemd knows no such unit, or could not load its file. A daemon-reload may help.
    #[error("{message}")]
    NotLoadable {
        /// The D-Bus error name, such as `org.freedesktop.systemd1.NoSuchUnit`.
        name: String,
        /// systemd's own sentence.
        message: String,
    },
    /// systemd refused; its sentence.
    #[error("{message}")]
    Refused {
        /// The D-Bus error name.
        name: String,
        /// systemd's own sentence.
        message: String,
    },
    /// The outcome is unknown: the bus or systemd went away, or did not answer in time.
    #[error("systemd does not answer over D-Bus: {0}")]
    Unknown(String),
}

impl Error {
    /// Whether the connection must be made anew and everything observed again.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Error::Unknown(_))
    }
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, message, _) => {
                let name = name.as_str().to_owned();
                let message = message.unwrap_or_else(|| name.clone());
                match name.as_str() {
                    "org.freedesktop.systemd1.NoSuchUnit"
                    | "org.freedesktop.systemd1.BadUnitSetting"
                    | "org.freedesktop.systemd1.LoadFailed" => Error::NotLoadable { name, message },
                    _ => Error::Refused { name, message },
                }
            }
            zbus::Error::FDO(error) => match *error {
                // The bus lost its peer in the middle of a call, as at daemon-reexec: nobody knows what was done.
                zbus::fdo::Error::NoReply(message)
                | zbus::fdo::Error::Disconnected(message)
                | zbus::fdo::Error::TimedOut(message)
                | zbus::fdo::Error::Timeout(message)
                | zbus::fdo::Error::ServiceUnknown(message)
                | zbus::fdo::Error::NameHasNoOwner(message) => Error::Unknown(message),
                zbus::fdo::Error::ZBus(error) => error.into(),
                other => {
                    let message = other.to_string();
                    let (name, text) = message.split_once(": ").unwrap_or(("", &message));
                    Error::Refused { name: name.to_owned(), message: text.to_owned() }
                }
            },
            other => Error::Unknown(other.to_string()),
        }
    }
}
