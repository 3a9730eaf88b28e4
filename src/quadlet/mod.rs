//! Quadlet files (podman-systemd.unit(5)) → what systemd runs and what Docker Engine is asked for. Pure.
//!
//! [`Quadlet::read`] takes a file and its drop-ins and says all that is wrong whatever the host. [`translate`] makes of
//! it, for one host and among the files that this host takes, the text of a service and the [`Spec`] that the
//! service's main process, the supervisor, works from.

pub mod arguments;
pub mod build;
pub mod container;
pub mod context;
pub mod create;
pub mod dependencies;
pub mod docker_names;
pub mod expand;
mod fields;
mod follow;
pub mod id_map;
pub mod image;
pub mod key_list;
pub mod merged;
pub mod names;
pub mod network;
pub mod options;
pub mod preparation;
mod privileges;
pub mod quantities;
pub mod read;
pub mod references;
pub mod resource;
pub mod service;
mod service_keys;
pub mod slice;
pub mod spec;
pub mod spec_text;
#[cfg(test)]
mod testing;
pub mod translation;
pub mod values;
pub mod volume;

use std::collections::HashSet;
use std::sync::Arc;

pub use context::{Asked, Context, Other, Others, Resource};
pub use merged::{Assignment, Merged};
pub use read::Quadlet;
pub use references::{Reference, references};
pub use service::Order;
pub use spec::Spec;
pub use translation::{Translation, translate};

use crate::unit::{Finding, TextFile, Unit, UnitName};

/// Completes a unit that was read from a Quadlet file: with its service, the drop-ins that `drop_ins_of` knows of that,
/// and what is wrong with its keys on any host. What is wrong with their values is told by [`translate`] to a host that
/// takes it, and to anybody else by [`errors`].
pub fn complete(mut unit: Unit, mut drop_ins_of: impl FnMut(&UnitName) -> Vec<Arc<TextFile>>) -> Unit {
    let Quadlet { merged, findings, .. } = Quadlet::read(&unit);
    let service = names::service(&unit.name, merged);
    unit.findings.extend(findings);
    let service = service.or_else(|finding| {
        unit.findings.push(finding);
        names::default_service(&unit.name)
    });
    // Every Quadlet file's name leaves room for its service's.
    if let Ok(service) = service {
        let drop_ins = drop_ins_of(&service);
        unit.becomes(service, drop_ins);
    }
    unit
}

/// What else is wrong with a unit that is [`complete`], whatever the host.
pub fn errors(unit: &Unit) -> Vec<Finding> {
    // A template's values are whole in its instances alone.
    if unit.name.is_template() {
        return Vec::new();
    }
    let place = |finding: &Finding| (finding.path.clone(), finding.diagnostic.line);
    let known: HashSet<_> = unit.errors().map(place).collect();
    let more = translation::verify(unit).into_iter().filter(Finding::is_error);
    // What is wrong with a line already is not said in other words.
    more.filter(|finding| !known.contains(&place(finding))).collect()
}

/// A unit with all that is wrong with it whatever the host; of other types than Quadlet's that is known already.
pub fn verified(mut unit: Unit) -> Unit {
    let errors = errors(&unit);
    unit.findings.extend(errors);
    unit
}
