//! Quadlet files (podman-systemd.unit(5)) → what systemd runs and what Docker Engine is asked for. Pure.
//!
//! [`Quadlet::read`] takes a file and its drop-ins and says all that is wrong whatever the host. [`translate`] makes of
//! it, for one host and among the files that this host takes, the text of a service and the [`Spec`] that the
//! service's main process, the supervisor, works from.

pub mod arguments;
pub mod container;
pub mod context;
pub mod create;
pub mod docker_names;
pub mod expand;
pub mod key_list;
pub mod merged;
pub mod options;
pub mod quantities;
pub mod read;
pub mod references;
mod service_keys;
pub mod spec;
#[cfg(test)]
mod testing;
pub mod values;

pub use container::slice_name;
pub use context::{Context, Other, Others, Resource};
pub use merged::{Assignment, Merged};
pub use read::Quadlet;
pub use references::{Reference, references};
pub use spec::Spec;
