//! Which keys a section may have: of the many that are asked for, few are there.

/// A set of keys that may take one for another, and never forgets one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeySet(u64);

impl KeySet {
    /// Puts a key in.
    pub fn insert(&mut self, key: &str) {
        self.0 |= Self::bit(key);
    }

    /// This set and another one.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a key may be in it; a `false` is certain.
    pub fn may_have(self, key: &str) -> bool {
        self.0 & Self::bit(key) != 0
    }

    /// One for the length and some of the letters.
    fn bit(key: &str) -> u64 {
        let bytes = key.as_bytes();
        let letter = |index: usize| bytes.get(index).copied().map_or(0, u32::from);
        1 << ((key.len() as u32 * 7 + letter(0) + letter(3) * 5 + letter(key.len() / 2) * 3) % u64::BITS)
    }
}
