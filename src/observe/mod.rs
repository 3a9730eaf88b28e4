//! What systemd and the disk have now.
//!
//! Only units in question are asked about (`in_question` of the plan): a unit that is installed and was started as
//! it is wanted needs nothing, whatever state it is in, so that 1,000 quiet units cost a pass nothing.

pub mod collision;

mod conduct;
mod trial;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use collision::is_reserved;

pub use conduct::{Conduct, Health};
pub use trial::is_triable;

use crate::config;
use crate::render::Desired;
use crate::status::Memory;
use crate::systemd::{Details, Error, Systemd, UnitState};
use crate::unit::{Digest, UnitName};

/// What a pass wants to know.
#[derive(Debug, Default)]
pub struct Query {
    /// Units in question.
    pub units: BTreeSet<UnitName>,
    /// Of them, those that are not installed yet: may they have their names?
    pub new: BTreeMap<UnitName, Arc<Desired>>,
    /// Of them, those whose installed text differs: would systemd load the new one?
    pub changed: BTreeMap<UnitName, Arc<Desired>>,
    /// Of them, those that somebody wants started or stopped.
    pub asked: BTreeSet<UnitName>,
    /// Of them, those whose version was just installed, or is about to give way: how do they behave?
    pub conduct: BTreeSet<UnitName>,
    /// Of them, the services of sockets in question.
    pub beside: BTreeSet<UnitName>,
}

/// The answers.
#[derive(Debug, Default)]
pub struct Observed {
    /// systemd's state of each unit in question.
    pub states: HashMap<UnitName, UnitState>,
    /// More of those for which the state does not say enough.
    pub details: HashMap<UnitName, Details>,
    /// How those behave whose version may have to go, or be kept.
    pub conduct: HashMap<UnitName, Conduct>,
    /// New units whose name, or a name in `[Install]`, belongs to somebody else; why.
    pub collisions: HashMap<UnitName, String>,
    /// Changed units that systemd would not load; its reason.
    pub refusals: HashMap<UnitName, String>,
    /// Units whose boot links were made and are gone: somebody disabled them.
    pub unlinked: HashSet<UnitName>,
}

/// The versions that systemd would load.
pub type Trials = HashMap<UnitName, Digest>;

/// Asks systemd. `trial_folder` takes the files of trial loads for a moment.
pub async fn observe(
    systemd: &Systemd,
    query: &Query,
    memory: &Memory,
    trial_folder: &Path,
    trials: &mut Trials,
    docker_socket: &Path,
) -> Result<Observed, Error> {
    let mut observed = Observed::default();
    if query.units.is_empty() {
        return Ok(observed);
    }
    // The names that [Install] would make are asked for in the same call: they have to be free too.
    let mut names: BTreeSet<&str> =
        query.units.iter().filter(|name| !name.is_template()).map(UnitName::as_str).collect();
    names.extend(collision::other_names(query));
    let names: Vec<&str> = names.into_iter().collect();
    let states = systemd.states(&names).await?;
    for name in &query.units {
        if let Some(state) = states.get(name.as_str()) {
            observed.states.insert(name.clone(), state.clone());
        }
    }
    for name in query.new.keys() {
        if let Some(reason) = collision::of_name(systemd, name, &states, memory).await? {
            observed.collisions.insert(name.clone(), reason);
        }
    }
    for (name, desired) in query.new.iter().chain(&query.changed) {
        let is_ours = |other: &str| {
            UnitName::parse(other).is_ok_and(|other| {
                memory.installed.contains_key(&other)
                    || query.new.contains_key(&other) && !observed.collisions.contains_key(&other)
            })
        };
        if let Some(reason) = collision::of_install(systemd, desired, &states, memory, is_ours).await? {
            observed.collisions.entry(name.clone()).or_insert(reason);
        }
    }
    for name in &query.units {
        let Some(state) = observed.states.get(name) else { continue };
        let is_settled_start = memory.started.get(name).is_some_and(|started| started.is_done());
        if state.is_in_memory()
            && (query.changed.contains_key(name)
                || query.asked.contains(name)
                || query.beside.contains(name)
                || !is_settled_start && memory.installed.contains_key(name))
            && !observed.collisions.contains_key(name)
        {
            let mut details = systemd.details(name.as_str()).await?;
            keep_those_up(systemd, &mut details.dependents).await?;
            observed.details.insert(name.clone(), details);
        }
    }
    for name in &query.conduct {
        if let Some(state) = observed.states.get(name).filter(|state| state.is_in_memory()) {
            let installed = memory.installed.get(name);
            let conduct = conduct::of(systemd, name, state, installed, docker_socket).await?;
            observed.conduct.insert(name.clone(), conduct);
        }
    }
    for (name, desired) in &query.changed {
        if observed.collisions.contains_key(name) {
            continue;
        }
        let is_same_text =
            memory.installed.get(name).is_some_and(|installed| installed.text_digest == desired.text_digest());
        if is_same_text || trials.get(name) == Some(&desired.digest()) {
            continue;
        }
        match trial::refusal(systemd, desired, trial_folder).await? {
            // Asked again in the next pass: what a unit needs may come.
            Some(reason) => {
                observed.refusals.insert(name.clone(), reason);
            }
            None => {
                trials.insert(name.clone(), desired.digest());
            }
        }
    }
    observed.unlinked = query.units.iter().filter(|name| is_unlinked(name, memory)).cloned().collect();
    Ok(observed)
}

/// A dependent that is down was stopped by somebody, or waits for its trigger: nobody is to bring it back.
async fn keep_those_up(systemd: &Systemd, dependents: &mut Vec<String>) -> Result<(), Error> {
    if dependents.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = dependents.iter().map(String::as_str).collect();
    let states = systemd.states(&names).await?;
    let up: HashSet<String> =
        states.into_iter().filter(|(_, state)| state.is_up()).map(|(name, _)| name.to_owned()).collect();
    dependents.retain(|name| up.contains(name));
    Ok(())
}

/// Where systemd keeps the boot link of a unit.
pub fn boot_link(name: &UnitName) -> PathBuf {
    Path::new("/etc/systemd/system").join(format!("{}.wants", config::TARGET)).join(name.as_str())
}

fn is_unlinked(name: &UnitName, memory: &Memory) -> bool {
    let linked = memory.units.get(name).and_then(|record| record.linked);
    let installed = memory.installed.get(name).map(|installed| installed.digest);
    linked.is_some() && linked == installed && boot_link(name).symlink_metadata().is_err()
}
