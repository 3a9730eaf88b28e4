//! Quadlet files (podman-systemd.unit(5)) → what systemd runs and what Docker Engine is asked for. Pure.
//!
//! [`Quadlet::read`] takes a file and its drop-ins and says all that is wrong whatever the host. [`translate`] makes of
//! it, for one host and among the files that this host takes, the text of a service and the [`Spec`] that the
//! service's main process, the supervisor, works from.

pub mod context;
pub mod create;
pub mod merged;
pub mod spec;

pub use context::{Context, Other, Others, Resource};
pub use merged::{Assignment, Merged};
pub use spec::Spec;
