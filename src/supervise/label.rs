//! The labels by which a supervisor knows its own container.

use crate::docker::Container;
use crate::quadlet::Spec;

pub use crate::docker::UNIT_LABEL as UNIT;

/// The digest of what it was made from.
pub const RUN: &str = "sculler.run";

/// Both labels of a spec.
pub fn of(spec: &Spec) -> [(String, String); 2] {
    [(UNIT.to_owned(), spec.unit.clone()), (RUN.to_owned(), spec.run.to_string())]
}

/// Whether a container runs as the spec says.
pub fn is_current(container: &Container, spec: &Spec) -> bool {
    container.label(UNIT) == Some(&spec.unit) && container.label(RUN) == Some(spec.run.to_string().as_str())
}
