//! The steps of a plan.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::render::Desired;
use crate::status::Trial;
use crate::unit::{Digest, UnitName};

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The file is new here.
    New,
    /// The file changed.
    Changed,
    /// The file changed, in a way that cannot matter to the running process.
    ChangedHarmlessly,
    /// The file changed and the unit stops in another way now.
    StopsDifferently,
    /// No file asks for it any more.
    Gone,
    /// It is wanted and has not run since boot.
    NotStarted,
    /// sculler stopped it for a change that was taken back meanwhile.
    Back,
    /// An earlier pass wrote the file, and did not get as far as the start.
    Unfinished,
    /// Somebody asked for it.
    Asked,
    /// The file's version is not run any more.
    RolledBack,
    /// A socket cannot be started beside the service that it starts.
    MakesRoom,
}

impl Cause {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "its file is new",
            Self::Changed => "its file changed",
            Self::ChangedHarmlessly => "its text changed, which cannot matter to what runs",
            Self::StopsDifferently => "its file changed, and how it stops with it",
            Self::Gone => "nothing asks for it on this host any more",
            Self::NotStarted => "it is wanted and has not run since boot",
            Self::Back => "its file is back as it was",
            Self::Unfinished => "it has not been started as its file says yet",
            Self::Asked => "it was asked for",
            Self::RolledBack => "its last good version comes back",
            Self::MakesRoom => "systemd starts its socket only while it is down",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Queue a stop job.
    Stop {
        /// The unit.
        unit: UnitName,
        /// Why.
        cause: Cause,
        /// Units that go down with it and have to come back with it.
        bring_back: Vec<String>,
        /// The unit whose start brings them back, if it is another one.
        back_with: Option<UnitName>,
    },
    /// Disable, remove the files, forget.
    Remove {
        /// The unit.
        unit: UnitName,
    },
    /// Install files.
    Write {
        /// What to install.
        desired: Arc<Desired>,
        /// Why.
        cause: Cause,
        /// Whether PID 1 holds an older text that a later daemon-reload has to replace.
        outdates: bool,
        /// [`crate::unit::Facts::run`] of what was started since boot before the write, if anything was.
        runs: Option<Digest>,
        /// What it has to show, if there is a version to go back to.
        trial: Option<Trial>,
    },
    /// Keep a copy of what is installed, and its image, to go back to.
    Keep {
        /// What takes its place.
        desired: Arc<Desired>,
        /// [`crate::unit::Facts::run`] of what is kept.
        run: Digest,
    },
    /// Record that the version on trial has stayed up.
    Trust {
        /// The unit.
        unit: UnitName,
    },
    /// Record that a version has to go.
    Reject {
        /// The unit.
        unit: UnitName,
        /// [`crate::unit::Facts::run`] of that version.
        run: Digest,
        /// Whether what it took the place of was up.
        was_up: bool,
        /// What is wrong with it.
        reason: String,
    },
    /// Record that the file is another one than the one that was rejected.
    Forgive {
        /// The unit.
        unit: UnitName,
    },
    /// See to it that a new version can start, while the old one runs.
    Prepare {
        /// The new version.
        desired: Arc<Desired>,
    },
    /// Give up preparing a version that nobody wants any more.
    Abandon {
        /// The unit.
        unit: UnitName,
        /// The version.
        version: Digest,
    },
    /// daemon-reload before the starts.
    Reload {
        /// The units because of which.
        units: BTreeSet<UnitName>,
    },
    /// Record that what runs is what is wanted.
    Adopt {
        /// The unit.
        unit: UnitName,
        /// [`crate::unit::Facts::run`] of what runs.
        run: Digest,
        /// The invocation ID of the run before, if this version has not run yet; else empty.
        before: String,
    },
    /// Forget the records of a unit that is neither wanted nor installed.
    Forget {
        /// The unit.
        unit: UnitName,
    },
    /// Queue a start, restart or reload job.
    Start {
        /// The unit.
        unit: UnitName,
        /// Whether it is up and has to be restarted.
        is_restart: bool,
        /// Whether a reload does instead, which stops nothing that requires it.
        is_reload: bool,
        /// Whether systemd may hold the starts of an earlier version against it: a start limit that was hit, or is
        /// about to be by one that fails again and again.
        has_history: bool,
        /// [`crate::unit::Facts::run`] of what is started.
        run: Digest,
        /// Its invocation ID until now.
        before: String,
        /// Why.
        cause: Cause,
        /// Other units to start with it.
        bring_back: Vec<String>,
    },
    /// Make boot links.
    Link {
        /// The units.
        units: Vec<Arc<Desired>>,
    },
    /// Take boot links away.
    Unlink {
        /// The unit.
        unit: UnitName,
    },
}

impl Action {
    /// Steps of a lower phase come first.
    pub fn phase(&self) -> u8 {
        match self {
            // What a stop takes along has to be kept before.
            Self::Keep { .. } | Self::Stop { .. } => 0,
            Self::Remove { .. } => 1,
            Self::Write { .. } => 2,
            Self::Reload { .. } => 3,
            Self::Adopt { .. }
            | Self::Forget { .. }
            | Self::Trust { .. }
            | Self::Reject { .. }
            | Self::Forgive { .. } => 4,
            Self::Start { .. } => 5,
            // They take no part in the speed of starts.
            Self::Prepare { .. } | Self::Abandon { .. } => 6,
            Self::Link { .. } | Self::Unlink { .. } => 7,
        }
    }

    /// The unit, for steps that are about one.
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Stop { unit, .. }
            | Self::Remove { unit }
            | Self::Adopt { unit, .. }
            | Self::Forget { unit }
            | Self::Start { unit, .. }
            | Self::Abandon { unit, .. }
            | Self::Trust { unit }
            | Self::Reject { unit, .. }
            | Self::Forgive { unit }
            | Self::Unlink { unit } => Some(unit),
            Self::Write { desired, .. } | Self::Prepare { desired } | Self::Keep { desired, .. } => Some(&desired.name),
            Self::Reload { .. } | Self::Link { .. } => None,
        }
    }

    /// All units that it is about.
    pub fn units(&self) -> Vec<UnitName> {
        match self {
            Self::Link { units } => units.iter().map(|desired| desired.name.clone()).collect(),
            Self::Reload { units } => units.iter().cloned().collect(),
            action => action.unit().cloned().into_iter().collect(),
        }
    }

    /// The value of SCULLER_ACTION= in the journal.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stop { .. } => "stop",
            Self::Remove { .. } => "remove",
            Self::Write { .. } => "install",
            Self::Reload { .. } => "daemon-reload",
            Self::Adopt { .. } => "adopt",
            Self::Forget { .. } => "forget",
            Self::Start { is_reload: true, .. } => "reload",
            Self::Start { is_restart: true, .. } => "restart",
            Self::Start { .. } => "start",
            Self::Keep { .. } => "keep",
            Self::Trust { .. } => "trust",
            Self::Reject { .. } => "reject",
            Self::Forgive { .. } => "forgive",
            Self::Prepare { .. } => "prepare",
            Self::Abandon { .. } => "abandon",
            Self::Link { .. } => "enable",
            Self::Unlink { .. } => "disable",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::Stop { unit, cause, .. } | Self::Start { unit, cause, .. } => {
                write!(f, "{word} {unit}: {}", cause.as_str())
            }
            Self::Write { desired, .. } if desired.is_last_good => {
                write!(f, "{word} the last good version of {}", desired.name)
            }
            Self::Write { desired, cause, .. } => {
                write!(f, "{word} {} from {}: {}", desired.name, desired.source.display(), cause.as_str())
            }
            Self::Remove { unit } => write!(f, "{word} {unit}: {}", Cause::Gone.as_str()),
            Self::Reload { units } => {
                let names: Vec<&str> = units.iter().map(UnitName::as_str).collect();
                write!(f, "{word}: systemd holds an older text of {}", names.join(", "))
            }
            Self::Adopt { unit, .. } => write!(f, "{word} {unit}: it runs as wanted already"),
            Self::Forget { unit } => write!(f, "{word} {unit}: neither wanted nor installed"),
            Self::Link { units } => {
                let names: Vec<&str> = units.iter().map(|desired| desired.name.as_str()).collect();
                write!(f, "{word} {}: wanted at boot", names.join(", "))
            }
            Self::Keep { desired, .. } => write!(f, "{word} the present version of {}, to go back to", desired.name),
            Self::Trust { unit } => write!(f, "{word} the new version of {unit}: it has stayed up"),
            Self::Reject { unit, reason, .. } => {
                write!(f, "{word} the new version of {unit}, so that the one before comes back: {reason}")
            }
            Self::Forgive { unit } => write!(f, "{word} the file of {unit}: it is not the one that was rolled back"),
            Self::Prepare { desired } => {
                write!(f, "{word} {} from {}, while the old version runs", desired.name, desired.source.display())
            }
            Self::Abandon { unit, .. } => write!(f, "{word} what was prepared for {unit}: its file changed again"),
            Self::Unlink { unit } => write!(f, "{word} {unit}: not wanted at boot"),
        }
    }
}
