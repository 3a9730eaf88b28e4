//! What `sculler import` reads.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::import::{compose, fleet, podman};
use crate::unit::file_kind::{FileKind, file_kind, is_litter};

/// The names that Compose looks for, and those that it puts on top.
const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const OVERRIDES: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml"];

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// All files below a folder, in their order.
fn walk(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<PathBuf>>>()?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_litter(name) {
            continue;
        }
        if path.is_dir() {
            found.extend(walk(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Units of fleet: from a folder, a file, or standard input.
pub fn fleet(source: &Path) -> anyhow::Result<Vec<fleet::Source>> {
    if source == Path::new("-") {
        return Ok(vec![fleet::Source { path: "-".into(), text: super::import::stdin()?, is_named: false }]);
    }
    let is_unit = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        matches!(file_kind(name), FileKind::Unit(_))
    };
    if !source.is_dir() {
        return Ok(vec![fleet::Source { path: source.to_owned(), text: read(source)?, is_named: is_unit(source) }]);
    }
    let mut found = Vec::new();
    for path in walk(source)? {
        if is_unit(&path) {
            found.push(fleet::Source { text: read(&path)?, path, is_named: true });
        } else {
            eprintln!("{}: passed over, since it is no unit file by its name", path.display());
        }
    }
    if found.is_empty() {
        bail!("there is no unit file in {}", source.display());
    }
    Ok(found)
}

/// Compose files, and the folder of the first one.
pub fn compose(paths: &[PathBuf]) -> anyhow::Result<(Vec<compose::Source>, PathBuf)> {
    let mut found = Vec::new();
    let alone = paths.len() == 1;
    for path in paths {
        if path == Path::new("-") {
            let path = std::env::current_dir().context("the current folder is not there")?.join("compose.yaml");
            found.push(compose::Source { path, text: super::import::stdin()? });
            continue;
        }
        let path = std::path::absolute(path).with_context(|| format!("{}: is no path", path.display()))?;
        let path = match path.is_dir() {
            false => path,
            true => match COMPOSE.iter().map(|name| path.join(name)).find(|path| path.exists()) {
                Some(path) => path,
                None => bail!("{}: there is neither {}", path.display(), COMPOSE.join(" nor ")),
            },
        };
        let text = read(&path)?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let is_usual = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| COMPOSE.contains(&name));
        found.push(compose::Source { path, text });
        // As docker compose does when no file is named.
        if alone
            && is_usual
            && let Some(path) = OVERRIDES.iter().map(|name| folder.join(name)).find(|path| path.exists())
        {
            eprintln!("{} is put on top of it, as docker compose does", path.display());
            found.push(compose::Source { text: read(&path)?, path });
        }
    }
    let folder = found.first().and_then(|source| source.path.parent()).unwrap_or(Path::new("/")).to_owned();
    Ok((found, folder))
}

/// The files of variables: those that are named, else `.env`, if it is there.
pub fn variable_files(folder: &Path, given: Vec<PathBuf>) -> Vec<PathBuf> {
    let usual = folder.join(".env");
    if given.is_empty() && usual.is_file() { vec![usual] } else { given }
}

/// The variables: this command's own environment, and those of the files.
pub fn variables(files: &[PathBuf]) -> anyhow::Result<compose::Variables> {
    let own: compose::Variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut all = compose::Variables::new();
    for file in files {
        let known = all.clone().into_iter().chain(own.clone()).collect();
        let found = compose::dotenv::parse(&read(file)?, &known)
            .map_err(|(line, message)| anyhow::anyhow!("{}:{line}: {message}", file.display()))?;
        all.extend(found);
    }
    all.extend(own);
    Ok(all)
}

/// The files of a folder of Podman's.
pub fn podman(folder: &Path) -> anyhow::Result<Vec<podman::Source>> {
    let folder = std::path::absolute(folder).with_context(|| format!("{}: is no path", folder.display()))?;
    let mut found = Vec::new();
    for path in walk(&folder)? {
        let text = std::fs::read(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
        found.push(podman::Source { path, text });
    }
    if found.is_empty() {
        bail!("there is no file in {}", folder.display());
    }
    Ok(found)
}

/// Whether a folder is one of a user's own (podman-systemd.unit(5)).
pub fn is_rootless(folder: &Path) -> bool {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let text = folder.to_string_lossy();
    text.contains("/.config/containers/systemd") || text.contains("/containers/systemd/users")
}
