//! Data passes through the modules in one direction: each imports only what stands before it.

use std::fs;
use std::path::{Path, PathBuf};

/// The order of ARCHITECTURE.md.
const LAYERS: &[&str] = &[
    "files",
    "host",
    "parallel",
    "unit",
    "yaml",
    "quadlet",
    "convert",
    "import",
    "select",
    "source",
    "config",
    "cloud_config",
    "render",
    "sync",
    "systemd",
    "docker",
    "hurry",
    "mounts",
    "status",
    "follow",
    "observe",
    "plan",
    "apply",
    "agent",
    "bootstrap",
    "eject",
    "supervise",
    "cli",
];

#[test]
fn modules_import_only_what_stands_before_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for (index, layer) in LAYERS.iter().enumerate() {
        for file in files(&source, layer) {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let imported = line
                    .split("crate::")
                    .skip(1)
                    .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
                for name in imported {
                    let place = LAYERS.iter().position(|layer| *layer == name);
                    if place.is_some_and(|place| place > index) {
                        found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "a module imports what comes after it:\n{}", found.join("\n"));
}

#[test]
fn every_module_has_its_place() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(["lib", "main"].contains(&name.as_str()) || LAYERS.contains(&name.as_str()), "{name}");
    }
}

fn files(source: &Path, layer: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        Some(source.join(format!("{layer}.rs"))).into_iter().filter(|path| path.exists()).collect();
    let mut folders = vec![source.join(layer)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
