//! May anything be removed? Not at once when the unit directory is another one than at the last pass: something may be
//! mounted over it, or not mounted yet.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::source::{DirectoryIdentity, Identity, Look};

/// How long a new directory must stay as it is before its removals count.
pub const STABLE: Duration = Duration::from_secs(30);

/// A directory that is not the known one.
#[derive(Debug, Default)]
pub struct Guard {
    candidate: Option<(DirectoryIdentity, u64, Instant)>,
    accepted: Option<Identity>,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Removals count.
    Yes,
    /// They will if nothing changes until then.
    Wait(Instant),
    /// The new directory is empty: only somebody's word will do.
    Ask,
}

impl Guard {
    /// Somebody said that the directory as it is now is meant.
    pub fn accept(&mut self, identity: Identity) {
        self.accepted = Some(identity);
    }

    /// The directory has become the known one: what was said of it counts for no later one.
    pub fn settle(&mut self) {
        *self = Self::default();
    }

    /// Whether removals count for this look.
    pub fn check(&mut self, known: Option<&DirectoryIdentity>, look: &Look, now: Instant) -> Permission {
        let Some(known) = known.filter(|known| **known != look.identity) else {
            self.candidate = None;
            return Permission::Yes;
        };
        if self.accepted == Some(look.identity.root) {
            return Permission::Yes;
        }
        let since = match &self.candidate {
            Some((identity, fingerprint, since)) if (identity, *fingerprint) == (&look.identity, look.fingerprint) => {
                *since
            }
            _ => {
                self.candidate = Some((look.identity.clone(), look.fingerprint, now));
                now
            }
        };
        let is_empty = |folder: &Path| !look.files.keys().any(|file| file.starts_with(folder));
        match look.files.is_empty() || known.other_mounts(&look.identity).any(is_empty) {
            true => Permission::Ask,
            false if now >= since + STABLE => Permission::Yes,
            false => Permission::Wait(since + STABLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::TextFile;
    use std::sync::Arc;

    fn identity(inode: u64) -> DirectoryIdentity {
        Identity { device: 1, inode, born: 0 }.into()
    }

    fn look(inode: u64, files: usize) -> Look {
        let file = Arc::new(TextFile { path: "a".into(), text: Vec::new().into(), is_private: false });
        Look {
            identity: identity(inode),
            files: (0..files).map(|index| (format!("{index}").into(), file.clone())).collect(),
            ..Look::default()
        }
    }

    #[test]
    fn another_directory_counts_after_30_seconds_and_an_empty_one_never_by_itself() {
        let known = identity(1);
        let known = Some(&known);
        let now = Instant::now();
        let mut guard = Guard::default();
        assert_eq!(guard.check(None, &look(2, 0), now), Permission::Yes);
        assert_eq!(guard.check(known, &look(1, 0), now), Permission::Yes);
        assert_eq!(guard.check(known, &look(2, 1), now), Permission::Wait(now + STABLE));
        assert_eq!(guard.check(known, &look(2, 1), now + STABLE), Permission::Yes);
        assert_eq!(guard.check(known, &look(3, 0), now), Permission::Ask);
        assert_eq!(guard.check(known, &look(3, 0), now + STABLE * 10), Permission::Ask);
        guard.accept(Identity { device: 1, inode: 3, born: 0 });
        assert_eq!(guard.check(known, &look(3, 0), now), Permission::Yes);
    }

    #[test]
    fn a_mount_below_that_is_gone_is_asked_about_and_another_one_waits() {
        let on_device = |device| Identity { device, inode: 7, born: 0 };
        let with_mount = |device, mut look: Look| {
            look.identity.mounts.insert("0".into(), on_device(device));
            look
        };
        let known = with_mount(2, look(1, 0)).identity;
        let now = Instant::now();
        let mut guard = Guard::default();
        assert_eq!(guard.check(Some(&known), &with_mount(2, look(1, 1)), now), Permission::Yes);
        assert_eq!(guard.check(Some(&known), &with_mount(3, look(1, 1)), now), Permission::Wait(now + STABLE));
        assert_eq!(guard.check(Some(&known), &with_mount(3, look(1, 1)), now + STABLE), Permission::Yes);
        let mut elsewhere = look(1, 1);
        elsewhere.files = elsewhere.files.into_values().map(|file| ("1".into(), file)).collect();
        assert_eq!(guard.check(Some(&known), &elsewhere, now + STABLE * 10), Permission::Ask);
        // Something is mounted over a folder.
        assert_eq!(guard.check(Some(&identity(1)), &with_mount(2, look(1, 1)), now), Permission::Wait(now + STABLE));
    }
}
