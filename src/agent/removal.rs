//! May anything be removed? Not at once when the unit directory is another one than at the last pass: something may be
//! mounted over it, or not mounted yet.

use std::time::Duration;

use tokio::time::Instant;

use crate::source::{Identity, Look};

/// How long a new directory must stay as it is before its removals count.
pub const STABLE: Duration = Duration::from_secs(30);

/// A directory that is not the known one.
#[derive(Debug, Default)]
pub struct Guard {
    candidate: Option<(Identity, u64, Instant)>,
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
    pub fn check(&mut self, known: Option<Identity>, look: &Look, now: Instant) -> Permission {
        if known.is_none_or(|known| known == look.identity) || self.accepted == Some(look.identity) {
            self.candidate = None;
            return Permission::Yes;
        }
        let since = match self.candidate {
            Some((identity, fingerprint, since)) if (identity, fingerprint) == (look.identity, look.fingerprint) => {
                since
            }
            _ => {
                self.candidate = Some((look.identity, look.fingerprint, now));
                now
            }
        };
        match look.files.is_empty() {
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

    fn look(inode: u64, files: usize) -> Look {
        let file = Arc::new(TextFile { path: "a".into(), text: Vec::new().into(), is_private: false });
        Look {
            identity: Identity { device: 1, inode, born: 0 },
            files: (0..files).map(|index| (format!("{index}").into(), file.clone())).collect(),
            ..Look::default()
        }
    }

    #[test]
    fn another_directory_counts_after_30_seconds_and_an_empty_one_never_by_itself() {
        let known = Some(Identity { device: 1, inode: 1, born: 0 });
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
}
