//! A Compose file (compose-spec.io) → the `.container`, `.network`, `.volume`, `.image` and `.build` files that do the same.
//!
//! [`variables`] are replaced, [`canonical`] brings services into their long forms, [`merge`] and [`extends`] put them on each
//! other. [`keys`] is THE table of a service's keys. Where `docker run` has a flag for what a key says, its translation is
//! that of [`crate::convert::flags`].

mod build;
mod canonical;
mod depends;
mod deploy;
mod devices;
pub mod dotenv;
mod environment;
mod extends;
mod health;
mod image;
pub mod keys;
mod log;
mod merge;
mod mounts;
mod names;
mod networks;
mod process;
mod project;
mod secrets;
mod service;
mod sheet;
mod top;
mod variables;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Fate, Import, Place, Placement};
use crate::unit::Finding;
use crate::yaml::{self, Node, Value};
pub(super) use canonical::absolute;
use extends::{Around, Files};
use log::{Log, place};
use project::Project;
pub use variables::Variables;

/// Reads a file that another one names; the reason if it cannot be.
pub type Reader<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// A Compose file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The project's name, if it is not the file's or the folder's.
    pub project: Option<String>,
    /// Whose services are meant besides those without a profile; `*` for all.
    pub profiles: Vec<String>,
    /// Which hosts are meant.
    pub placement: Placement,
}

/// Translates Compose files, later ones over those before; all errors there are.
pub fn import(
    sources: &[Source],
    variables: &Variables,
    options: &Options,
    read: Reader<'_>,
) -> Result<Import, Vec<Finding>> {
    let mut log = Log::default();
    let (mut files, around) = (Files::default(), Around { read, variables });
    let mut root: Option<Node> = None;
    let mut taken = BTreeSet::new();
    for source in sources {
        let Some(node) = document_asking(&source.path, &source.text, variables, &mut log, &mut taken) else { continue };
        let node = long_forms(node, &source.path, &around, &mut files, &mut log);
        root = Some(match root {
            Some(base) => merge::merge(base, node),
            None => node,
        });
    }
    let folder = sources.first().and_then(|source| source.path.parent()).unwrap_or(Path::new("/"));
    let import = root.and_then(|root| {
        let project = Project::new(&root, folder, variables, options, read, &mut log)?;
        let (files, differences) = project.translate(&root, &mut log);
        Some((files, differences, project.name))
    });
    let Some((files, mut differences, project)) = import.filter(|_| log.errors.is_empty()) else {
        return Err(log.errors);
    };
    if !taken.is_empty() {
        let names: Vec<&str> = taken.iter().map(String::as_str).collect();
        differences.push(format!(
            "The values of {} are those of this import; a later change of .env needs another one.",
            names.join(", ")
        ));
    }
    log.notes.sort_by_key(|note| note.place);
    // What services have in common is said once.
    log.notes.dedup();
    let Log { notes, files: sources, copied, .. } = log;
    Ok(Import { files, notes, sources, copied, project: Some(project), differences })
}

/// Reads a file and replaces its variables.
fn document(path: &Path, text: &str, variables: &Variables, log: &mut Log) -> Option<Node> {
    document_asking(path, text, variables, log, &mut BTreeSet::new())
}

fn document_asking(
    path: &Path,
    text: &str,
    variables: &Variables,
    log: &mut Log,
    taken: &mut BTreeSet<String>,
) -> Option<Node> {
    let file = log.files.len();
    log.files.push(path.to_owned());
    tags(text, file, log);
    let mut root = match yaml::parse_file(text, file) {
        Ok(root) => root,
        Err(error) => {
            log.error(Place { file, line: error.line, column: error.column }, error.message);
            return None;
        }
    };
    if root.map().is_none() {
        log.error(place(&root), "this is no Compose file; it has to begin with 'services:' or another key");
        return None;
    }
    variables::interpolate(&mut root, variables, &mut |node, asked| match asked {
        Ok(asked) => {
            taken.extend(asked.used);
            for name in asked.unset {
                let message =
                    format!("the variable {name} has no value here, so it is empty; set it in .env, or export it");
                log.say(place(node), Fate::Note, message);
            }
        }
        Err(message) => log.error(place(node), message),
    });
    Some(root)
}

/// `!reset` and `!override`, which the parser passes over.
fn tags(text: &str, file: usize, log: &mut Log) {
    for (index, line) in text.lines().enumerate() {
        for tag in ["!reset", "!override"] {
            let Some(at) = line.find(tag) else { continue };
            let before = line[..at].trim_end();
            if (before.ends_with(':') || before.ends_with('-')) && !before.trim_start().starts_with('#') {
                let place = Place { file, line: index + 1, column: line[..at].chars().count() + 1 };
                log.error(
                    place,
                    format!("'{tag}' is not read here; write the value as it is to be, and take the tag out"),
                );
            }
        }
    }
}

/// Every service with what it extends, in its long form.
fn long_forms(mut root: Node, path: &Path, around: &Around<'_>, files: &mut Files, log: &mut Log) -> Node {
    let services = root.get("services").cloned();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let Value::Map(entries) = &mut root.value else { return root };
    for entry in entries {
        let Value::Map(parts) = &mut entry.value.value else { continue };
        match (entry.key.as_str(), &services) {
            ("services", Some(services)) => {
                for part in parts {
                    let node = part.value.clone();
                    part.value = extends::resolve(node, services, path, around, files, log, 0);
                }
            }
            ("configs" | "secrets", _) => {
                parts.iter_mut().for_each(|part| canonical::file_source(&mut part.value, folder));
            }
            _ => {}
        }
    }
    root
}
