//! What a unit that follows its files watches, and what is done when they change.

use std::path::PathBuf;
use std::time::Duration;

use super::policy::{OnChange, Policy};
use super::specifier;
use crate::host::Host;

/// The files that a unit follows, on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// Paths and globs whose content counts.
    pub watch: Vec<PathBuf>,
    /// Sources of mounts: it counts when another file or folder takes their place.
    pub places: Vec<PathBuf>,
    /// Environment files, which only a start reads.
    pub environment: Vec<PathBuf>,
    /// Globs of names that do not count.
    pub ignore: Vec<String>,
    /// Quiet time after which a burst is over.
    pub settle: Duration,
    /// `OnChange=`
    pub on_change: OnChange,
    /// Who acts.
    pub actor: Actor,
}

/// Who does what a change leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The supervisor of a container, when it is reloaded.
    Supervisor,
    /// The agent, for a plain service.
    Agent {
        /// `CheckCmd=`
        check: Vec<String>,
        /// `[Service]` as far as a check runs with it.
        service: Vec<(String, String)>,
    },
}

impl Follow {
    /// What a unit with this policy follows on a host, as far as the policy tells.
    pub fn new(policy: &Policy, host: &Host, on_change: OnChange, actor: Actor) -> Self {
        Self {
            watch: policy.watched(|path| specifier::expand_host(path, host).into_owned()),
            places: Vec::new(),
            environment: Vec::new(),
            ignore: policy.watch_ignore.clone(),
            settle: policy.settle,
            on_change,
            actor,
        }
    }

    /// Whether the same files are followed in the same way, whatever is done then.
    pub fn same_paths(&self, other: &Self) -> bool {
        let paths = |follow: &Self| {
            (follow.watch.clone(), follow.places.clone(), follow.environment.clone(), follow.ignore.clone())
        };
        paths(self) == paths(other)
    }

    /// Whether there is nothing to watch.
    pub fn is_empty(&self) -> bool {
        self.watch.is_empty() && self.places.is_empty() && self.environment.is_empty()
    }
}
