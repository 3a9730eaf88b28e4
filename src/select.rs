//! Units × host → verdicts with reasons. Each host decides for itself, over the whole directory at once.
//!
//! `MachineID=`, `MachineMetadata=` and `Global=` are looked at unit by unit ([`own`]). `MachineOf=`, `Conflicts=`
//! and `Replaces=` hold between units ([`between`]) and are only looked at if a unit has one.

mod between;
mod globs;
mod graph;
mod own;

use crate::host::Host;
use crate::unit::diagnostics::Diagnostic;
use crate::unit::fleet::Placement;
use crate::unit::name::UnitName;

/// What happens to units that say nothing of hosts (`unplaced` in sculler.toml).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplaced {
    /// They are not taken.
    Skip,
    /// They are taken: right for a lone host.
    Run,
}

/// A valid unit file. Names are unique among those given to [`select`].
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub name: &'a UnitName,
    pub placement: &'a Placement,
}

/// Whether this host takes a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Taken {
        reason: Reason,
    },
    NotTaken {
        reason: Reason,
    },
    /// The unit cannot be meant as it stands among the others.
    Invalid {
        errors: Vec<Diagnostic>,
    },
}

/// Why, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The line of the unit's own file that decided; 0 if none did.
    pub line: usize,
    pub text: String,
}

impl Reason {
    fn new(line: u32, text: String) -> Self {
        Self { line: line as usize, text }
    }
}

/// Decides about all units of a directory; the verdicts are in the order of `candidates`, on which they do not depend.
pub fn select(candidates: &[Candidate<'_>], host: &Host, unplaced: Unplaced) -> Vec<Verdict> {
    let own = candidates.iter().map(|candidate| own::look(candidate, host, unplaced)).collect();
    let bound = |p: &Placement| !(p.machine_of.is_empty() && p.conflicts.is_empty() && p.replaces.is_empty());
    if candidates.iter().any(|candidate| bound(candidate.placement)) {
        by_name(candidates, own, host)
    } else {
        own.into_iter().map(own::Own::verdict).collect()
    }
}

/// Decides in name order, so that the order in which files were found cannot matter.
fn by_name(candidates: &[Candidate<'_>], own: Vec<own::Own>, host: &Host) -> Vec<Verdict> {
    let mut sorted: Vec<(usize, own::Own)> = own.into_iter().enumerate().collect();
    sorted.sort_by_key(|(position, _)| candidates[*position].name);
    let (positions, own): (Vec<usize>, Vec<own::Own>) = sorted.into_iter().unzip();
    let by_name: Vec<Candidate<'_>> = positions.iter().map(|position| candidates[*position]).collect();
    let mut decided: Vec<_> = positions.into_iter().zip(between::decide(&by_name, own, host)).collect();
    decided.sort_unstable_by_key(|(position, _)| *position);
    decided.into_iter().map(|(_, verdict)| verdict).collect()
}

#[cfg(test)]
#[path = "select/tests.rs"]
mod tests;
