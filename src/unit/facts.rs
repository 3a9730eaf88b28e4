//! What planning compares of a unit, without its text.

use super::digest::{self, Digest};
use super::name::{UnitName, UnitType};
use super::syntax::UnitFile;
use super::values::parse_boolean;

/// What planning compares of a unit. Whoever keeps a unit has them, and shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Of what can matter to the running process.
    pub run: Digest,
    /// Of how it stops.
    pub stop: Digest,
    /// Of `[Install]`; `None` without one.
    pub install: Option<Digest>,
    /// Other names that `[Install]` gives the unit: `Alias=`.
    pub aliases: Vec<String>,
    /// The units that `[Install]` enables beside the unit: `Also=`.
    pub also: Vec<String>,
    /// For `.timer`, `.socket` and `.path`: the unit that it starts.
    pub triggers: Option<String>,
    /// For templates: the instance that `DefaultInstance=` makes.
    pub default_instance: Option<String>,
}

impl Facts {
    /// Reads a unit file and its drop-ins, in systemd's order; what does not parse is left out. Of a Quadlet file there is
    /// nothing but `run`, which stands for `stop` too, and `default_instance`: the rest is its service's.
    pub fn of(name: &UnitName, files: &[&UnitFile]) -> Self {
        if !name.unit_type().is_quadlet() {
            return Self::with_run(digest::run_digest(files), name, files);
        }
        let run = digest::quadlet_run_digest(files);
        Self {
            run,
            stop: run,
            install: None,
            aliases: Vec::new(),
            also: Vec::new(),
            triggers: None,
            default_instance: default_instance(name, files),
        }
    }

    /// The same of files that do not say what matters to the running process.
    pub fn with_run(run: Digest, name: &UnitName, files: &[&UnitFile]) -> Self {
        let has_install = files
            .iter()
            .any(|file| file.sections().any(|section| section.name == "Install" && section.entries().next().is_some()));
        let names = |key: &str| files.iter().flat_map(|file| file.words("Install", key)).collect();
        Self {
            run,
            stop: digest::stop_digest(files),
            install: has_install.then(|| digest::install_digest(files)),
            aliases: names("Alias"),
            also: names("Also"),
            triggers: triggered_unit(name, files),
            default_instance: default_instance(name, files),
        }
    }
}

/// systemd.unit(5); an empty value takes back what was said before.
fn default_instance(name: &UnitName, files: &[&UnitFile]) -> Option<String> {
    if !name.is_template() {
        return None;
    }
    let said = files.iter().rev().find_map(|file| file.last("Install", "DefaultInstance"))?;
    (!said.value.is_empty()).then(|| said.value.to_owned())
}

/// `Unit=` of a `.timer` or `.path` and `Service=` of a `.socket`, else the service of the same name
/// (systemd.timer(5), systemd.path(5), systemd.socket(5)).
fn triggered_unit(name: &UnitName, files: &[&UnitFile]) -> Option<String> {
    let (section, key) = match name.unit_type() {
        UnitType::Timer => ("Timer", "Unit"),
        UnitType::Path => ("Path", "Unit"),
        UnitType::Socket => ("Socket", "Service"),
        _ => return None,
    };
    let explicit = files.iter().rev().find_map(|file| file.last(section, key)).map(|entry| entry.value.to_owned());
    Some(explicit.filter(|unit| !unit.is_empty()).unwrap_or_else(|| {
        let stem = name.as_str().rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let accept = files.iter().rev().find_map(|file| file.last("Socket", "Accept"));
        let has_instances = accept.and_then(|entry| parse_boolean(entry.value)).unwrap_or(false);
        format!("{stem}{}.service", if section == "Socket" && has_instances { "@" } else { "" })
    }))
}
