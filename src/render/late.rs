//! What is worked out when somebody asks for it.

use std::sync::OnceLock;

/// What follows from what stands beside it, and is worked out when it is first asked for. Equality does not depend on whether
/// anybody has asked.
#[derive(Debug, Clone)]
pub struct Late<T>(OnceLock<T>);

impl<T> Late<T> {
    /// What is known already.
    pub fn known(value: T) -> Self {
        Self(OnceLock::from(value))
    }

    /// The value; `work_out` always says the same.
    pub fn get(&self, work_out: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(work_out)
    }
}

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> PartialEq for Late<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Late<T> {}
