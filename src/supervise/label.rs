//! The labels by which a supervisor knows its own container.

use std::collections::BTreeMap;

use crate::docker::Container;
use crate::quadlet::Spec;

pub use crate::docker::UNIT_LABEL as UNIT;

/// The digest of what it was made from.
pub const RUN: &str = "sculler.run";

/// Both labels of a spec.
pub fn of(spec: &Spec) -> [(String, String); 2] {
    [(UNIT.to_owned(), spec.unit.clone()), (RUN.to_owned(), spec.run.to_string())]
}

type Labels<'a> = Option<&'a BTreeMap<String, String>>;

/// Whether a volume or network was made for the unit of a spec.
pub fn is_ours(labels: Labels<'_>, spec: &Spec) -> bool {
    labels.is_some_and(|labels| labels.get(UNIT) == Some(&spec.unit))
}

/// Whether it was made for this very version.
pub fn is_of_this_version(labels: Labels<'_>, spec: &Spec) -> bool {
    is_ours(labels, spec) && labels.is_some_and(|labels| labels.get(RUN) == Some(&spec.run.to_string()))
}

/// Whether a container runs as the spec says.
pub fn is_current(container: &Container, spec: &Spec) -> bool {
    container.is_of(&spec.unit) && container.label(RUN) == Some(spec.run.to_string().as_str())
}
