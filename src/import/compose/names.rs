//! What things are called: files after the project, so that no two projects and no unit of the host have the same; the
//! Engine's names as Compose gave them, so that the data of a volume is still there.

use crate::unit::UnitName;

/// The project's name as Compose makes one of a folder's (compose-go: loader/normalize.go).
pub fn project(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept: String = lower.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

/// Whether Compose takes it as a project's name.
pub fn is_project(text: &str) -> bool {
    !text.is_empty() && project(text) == text
}

/// The stem of a file: `shop-web`.
pub fn stem(project: &str, name: &str) -> String {
    format!("{project}-{name}")
}

/// A file's name, if it makes one.
pub fn file(stem: &str, suffix: &str) -> Result<String, String> {
    let name = format!("{stem}.{suffix}");
    UnitName::parse(&name).map(|_| name.clone()).map_err(|error| format!("'{name}' would be no unit name: {error}"))
}

/// What the Engine calls a network or volume: `shop_data`.
pub fn resource(project: &str, name: &str) -> String {
    format!("{project}_{name}")
}

/// What the Engine calls a container: `shop-web-1`.
pub fn container(project: &str, service: &str, index: u64) -> String {
    format!("{project}-{service}-{index}")
}
