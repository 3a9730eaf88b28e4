//! Names that belong to somebody else: a unit that exists outside sculler is never shadowed or touched.

use std::collections::HashMap;
use std::path::Path;

use super::Query;
use crate::render::Desired;
use crate::status::Memory;
use crate::systemd::{Details, Error, LoadState, Systemd, UnitState};
use crate::unit::{UnitName, UnitType};

/// Slices that systemd has whether they have a file or not (systemd.special(7)); a fresh slice looks just the same.
const RESERVED: [&str; 5] = ["-.slice", "system.slice", "user.slice", "machine.slice", "init.scope"];

/// Whether systemd itself owns the name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("user-") && name.ends_with(".slice")
}

/// The names beside their own that the units in question would occupy.
pub fn other_names(query: &Query) -> impl Iterator<Item = &str> {
    let units = query.new.values().chain(query.changed.values());
    units.flat_map(|desired| desired.facts().aliases.iter().chain(&desired.facts().also)).map(String::as_str).filter(
        |name| {
            // systemd answers a list with an error when one of its names cannot be loaded at all.
            UnitName::parse(name).is_ok_and(|name| !name.is_template() && !name.unit_type().is_quadlet())
        },
    )
}

/// Whether a new unit would take a name that is not sculler's; why.
pub async fn of_name(
    systemd: &Systemd,
    name: &UnitName,
    states: &HashMap<&str, UnitState>,
    memory: &Memory,
) -> Result<Option<String>, Error> {
    let owner = owner(systemd, name.as_str(), states, memory).await?;
    Ok(owner.map(|owner| format!("{name} exists outside sculler: {owner}; rename this file")))
}

/// Whether `[Install]` would take or enable what is not sculler's; why. `is_ours` knows the units of the directory.
pub async fn of_install(
    systemd: &Systemd,
    desired: &Desired,
    states: &HashMap<&str, UnitState>,
    memory: &Memory,
    is_ours: impl Fn(&str) -> bool,
) -> Result<Option<String>, Error> {
    let name = desired.name.as_str();
    for alias in desired.facts().aliases.iter().filter(|alias| *alias != name) {
        if is_ours(alias) {
            return Ok(Some(format!("[Install] names {alias} as an alias, which is a unit of its own; take it out")));
        }
    }
    for other in desired.facts().aliases.iter().chain(&desired.facts().also) {
        // What an alias of ours leads to is ours.
        let leads_here = states.get(other.as_str()).is_some_and(|state| state.id == name);
        if other == name || leads_here || is_ours(other) {
            continue;
        }
        if let Some(owner) = owner(systemd, other, states, memory).await? {
            return Ok(Some(format!("[Install] names {other}, which exists outside sculler: {owner}; take it out")));
        }
    }
    Ok(None)
}

/// Who has the name, in words; `None` if it is free.
async fn owner(
    systemd: &Systemd,
    name: &str,
    states: &HashMap<&str, UnitState>,
    memory: &Memory,
) -> Result<Option<String>, Error> {
    if is_reserved(name) {
        return Ok(Some("it is systemd's own".to_owned()));
    }
    let Some(state) = states.get(name) else { return Ok(template_file(name)) };
    if state.load == LoadState::NotFound {
        return Ok(None);
    }
    let details = systemd.details(name).await?;
    Ok(describe(name, state, &details, memory))
}

/// A template is no unit that systemd could be asked about: look where it would.
fn template_file(name: &str) -> Option<String> {
    let folders =
        ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];
    folders.iter().map(|folder| format!("{folder}/{name}")).find(|path| Path::new(path).exists())
}

fn describe(name: &str, state: &UnitState, details: &Details, memory: &Memory) -> Option<String> {
    let path = details.fragment_path.as_str();
    let unit = UnitName::parse(name).ok();
    if state.load == LoadState::Masked {
        return Some(format!("it is masked ({path})"));
    }
    if details.id != name && !details.id.is_empty() {
        return Some(format!("it is an alias of {} ({path})", details.id));
    }
    if path.is_empty() {
        // A slice that nobody uses yet has no file and belongs to nobody.
        let is_fresh_slice =
            unit.is_some_and(|unit| unit.unit_type() == UnitType::Slice) && !state.is_up() && state.sub == "dead";
        return (!is_fresh_slice).then(|| "systemd made it itself, it has no file".to_owned());
    }
    let template = unit.as_ref().and_then(UnitName::template);
    if let Some(template) = template
        && path.ends_with(&format!("/{template}"))
    {
        let is_ours = memory.installed.contains_key(&template);
        return (!is_ours).then(|| format!("it is an instance of {path}"));
    }
    // Left over from an installation that was cut off: the mark is gone, the name still in memory.
    let is_left_over = !Path::new(path).exists();
    (!is_left_over).then(|| path.to_owned())
}
