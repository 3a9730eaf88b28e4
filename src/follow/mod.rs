//! Units follow their files: what they watch → "these files of that unit changed".
//!
//! A thread of the agent watches, waits until a burst is over, and looks whether contents are others than before. It decides
//! nothing else: what a change leads to is done in `act`, and for containers by their supervisors.

mod act;
mod check;
pub mod complaint;
mod group;
mod pattern;
mod thread;
mod tree;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::source::inotify::Inotify;
use crate::unit::UnitName;
use crate::unit::follow::Follow;
use group::Changes;
use thread::{Follower, Told};

/// All units that follow their files.
pub struct Following {
    follower: Follower,
    units: BTreeMap<UnitName, Arc<Follow>>,
    problem: Arc<Mutex<Option<String>>>,
}

impl Following {
    /// Watches by `inotify`, keeps what it knows below `folder` (`/run/sculler`), and notifies `changed` when there is
    /// something else to say of what cannot be watched.
    pub fn start(inotify: Inotify, folder: &Path, changed: Arc<Notify>) -> std::io::Result<Self> {
        let (told, mut inbox) = mpsc::unbounded_channel();
        let follower = Follower::start(inotify, folder.join("followed"), told)?;
        let problem: Arc<Mutex<Option<String>>> = Arc::default();
        let (own, shared) = (follower.clone(), problem.clone());
        tokio::spawn(async move {
            while let Some(told) = inbox.recv().await {
                match told {
                    Told::Changed { unit, follow, changes } => {
                        let follower = own.clone();
                        // A slow check of one unit holds up no other.
                        tokio::spawn(async move {
                            act::act(&unit, &follow, &changes).await;
                            follower.done(unit);
                        });
                    }
                    Told::Problem(now) => {
                        *shared.lock().unwrap_or_else(PoisonError::into_inner) = now;
                        changed.notify_one();
                    }
                }
            }
        });
        Ok(Self { follower, units: BTreeMap::new(), problem })
    }

    /// These units follow their files from now on, and those in `kept`, whose files are broken, what they followed before;
    /// what cannot be watched, as far as it is known.
    pub fn follow(&mut self, mut units: BTreeMap<UnitName, Arc<Follow>>, kept: &BTreeSet<UnitName>) -> Option<String> {
        let before = kept.iter().filter_map(|unit| self.units.get_key_value(unit));
        units.extend(before.map(|(unit, follow)| (unit.clone(), follow.clone())));
        if units != self.units {
            self.follower.follow(units.clone());
            self.units = units;
        }
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
