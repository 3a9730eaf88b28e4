//! Which keys a section may have: of the many that are asked for, few are there.

/// What is compared before a key's text: two keys that differ in it are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTag(u8);

impl KeyTag {
    /// One of 128, by the length and some of the letters.
    pub fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let letter = |index: usize| bytes.get(index).copied().unwrap_or_default();
        let letters =
            letter(0).wrapping_add(letter(3).wrapping_mul(5)).wrapping_add(letter(bytes.len() / 2).wrapping_mul(3));
        Self((bytes.len() as u8).wrapping_mul(7).wrapping_add(letters) % 128)
    }
}

/// A set of keys that may take one for another, and never forgets one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeySet(u128);

impl KeySet {
    /// Puts a key in.
    pub fn insert(&mut self, key: KeyTag) {
        self.0 |= 1 << key.0;
    }

    /// This set and another one.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a key may be in it; a `false` is certain.
    pub fn may_have(self, key: KeyTag) -> bool {
        self.0 >> key.0 & 1 != 0
    }
}
