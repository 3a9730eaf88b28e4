//! Which other Quadlet files a file names: for the dependencies of its service.

use std::path::{Path, PathBuf};

use super::container::{parse_mount, split_volume};
use super::expand::Expander;
use super::read::Quadlet;
use super::values::{Value, Values};
use crate::host::{Host, Platform};
use crate::unit::{UnitName, UnitType};

/// A Quadlet file, named in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `data.volume`, specifiers expanded.
    pub file_name: String,
    /// The key that names it.
    pub key: String,
    /// The file in which it does.
    pub path: PathBuf,
    pub line: usize,
    pub column: usize,
}

/// The files that a Quadlet file's own section names, in the order of the keys below, each as often as it is named.
/// Whether they exist is not looked at.
pub fn references(quadlet: &Quadlet<'_>, service: &UnitName, host: &Host, platform: &Platform) -> Vec<Reference> {
    let Some(section) = quadlet.name.unit_type().section() else { return Vec::new() };
    let expander = Expander::new(quadlet.merged, service, host, platform);
    let mut values = Values::new(quadlet.merged, section, expander);
    let mut found = Vec::new();
    match quadlet.name.unit_type() {
        UnitType::Container => {
            found.extend(values.scalar("Image").and_then(|value| reference(&value, &value.text, &["image", "build"])));
            for value in values.lines("Volume") {
                let (source, _, _) = split_volume(&value.text);
                found.extend(source.and_then(|source| reference(&value, source, &["volume"])));
            }
            for value in values.arguments("Mount") {
                let Ok(line) = parse_mount(&value.text) else { continue };
                let types: &[&str] = match line.kind.as_str() {
                    "volume" => &["volume"],
                    "image" => &["image", "build"],
                    _ => &[],
                };
                found.extend(line.source.and_then(|source| reference(&value, &source, types)));
            }
            found.extend(values.lines("Network").iter().filter_map(network));
        }
        UnitType::Volume => {
            found.extend(values.scalar("Image").and_then(|value| reference(&value, &value.text, &["image", "build"])));
        }
        UnitType::Build => found.extend(values.lines("Network").iter().filter_map(network)),
        _ => {}
    }
    found
}

fn network(value: &Value<'_>) -> Option<Reference> {
    let name = value.text.split_once(':').map_or(&*value.text, |(name, _)| name);
    reference(value, name, &["network", "container"])
}

fn reference(value: &Value<'_>, name: &str, types: &[&str]) -> Option<Reference> {
    let (stem, suffix) = name.rsplit_once('.')?;
    if stem.is_empty() || !types.contains(&suffix) || Path::new(name).components().count() != 1 || name.starts_with('/')
    {
        return None;
    }
    let diagnostic = value.error("").diagnostic;
    Some(Reference {
        file_name: name.to_owned(),
        key: value.key().to_owned(),
        path: value.assignment.path.to_owned(),
        line: diagnostic.line,
        column: diagnostic.column,
    })
}
