//! What systemd says of a unit, typed.

use std::fmt;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that this version of sculler does not know.
            Other,
        }

        impl $name {
            /// Reads systemd's word.
            pub fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    _ => Self::Other,
                }
            }

            /// systemd's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other => "unknown",
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

states! {
    /// `LoadState` of org.freedesktop.systemd1(5).
    LoadState {
        /// In memory, from a file or made by systemd itself.
        Loaded = "loaded",
        /// There is no such file.
        NotFound = "not-found",
        /// The file holds something that systemd refuses.
        BadSetting = "bad-setting",
        /// The file could not be read or linked in.
        Error = "error",
        /// Linked to /dev/null.
        Masked = "masked",
        /// Merged into another name.
        Merged = "merged",
        /// Not read yet.
        Stub = "stub",
    }
}

states! {
    /// `ActiveState` of org.freedesktop.systemd1(5).
    ActiveState {
        /// Up.
        Active = "active",
        /// Up, and reading its configuration again.
        Reloading = "reloading",
        /// Down.
        Inactive = "inactive",
        /// Down, because it failed.
        Failed = "failed",
        /// On its way up; also while it waits for its next automatic restart.
        Activating = "activating",
        /// On its way down.
        Deactivating = "deactivating",
        /// Up, and a mount or resource is refreshed.
        Refreshing = "refreshing",
        /// Up, but frozen for maintenance.
        Maintenance = "maintenance",
    }
}

states! {
    /// The kind of a queued job.
    JobKind {
        /// `systemctl start`
        Start = "start",
        /// `systemctl stop`
        Stop = "stop",
        /// `systemctl restart`
        Restart = "restart",
        /// `systemctl reload`
        Reload = "reload",
        /// `systemctl try-restart`
        TryRestart = "try-restart",
        /// A check that something is up.
        VerifyActive = "verify-active",
        /// Only collected with others.
        Nop = "nop",
    }
}

/// One unit, as `ListUnitsByNames` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// The name under which systemd knows it: that of the unit itself if an alias was asked for.
    pub id: String,
    /// Whether its file is in memory.
    pub load: LoadState,
    /// Whether it is up.
    pub active: ActiveState,
    /// The state in words of its type, such as `running`.
    pub sub: String,
    /// `Description=`.
    pub description: String,
    /// The kind of the job that is queued or running for it.
    pub job: Option<JobKind>,
}

impl UnitState {
    /// Whether the unit is up or on its way there: stopping it would stop something.
    pub fn is_up(&self) -> bool {
        !matches!(self.active, ActiveState::Inactive | ActiveState::Failed)
            || matches!(self.job, Some(JobKind::Start | JobKind::Restart))
    }

    /// Whether a stop is queued or running.
    pub fn is_stopping(&self) -> bool {
        self.job == Some(JobKind::Stop)
    }

    /// Whether PID 1 holds a text for it that a changed file leaves outdated.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.load, LoadState::Loaded | LoadState::Masked | LoadState::Merged)
    }
}
