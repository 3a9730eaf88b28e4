//! The files of a folder and what differs between two of them.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::record::MARKER;
use super::{Error, io_error};

/// Digests by path, those of symlinks of what they point to; nothing of a `.git`.
pub type Digests = BTreeMap<String, String>;

/// How many names a message shows.
const SHOWN: usize = 5;

/// Reads a folder; one that is not there holds nothing.
pub fn digests(folder: &Path) -> Result<Digests, Error> {
    let mut found = Digests::new();
    if folder.exists() {
        walk(folder, folder, &mut found)?;
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Digests) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).map_err(|error| io_error(folder, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| io_error(folder, &error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| io_error(&path, &error))?;
        if entry.file_name() == ".git" || entry.file_name() == MARKER {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, found)?;
            continue;
        }
        let bytes = match kind.is_symlink() {
            true => std::fs::read_link(&path).map(|target| target.into_os_string().into_encoded_bytes()),
            false if kind.is_file() => std::fs::read(&path),
            false => continue,
        };
        let bytes = bytes.map_err(|error| io_error(&path, &error))?;
        let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        found.insert(name, digest);
    }
    Ok(())
}

/// What is new (`+`), gone (`-`) or another (`~`).
pub fn changes(old: &Digests, new: &Digests) -> Vec<String> {
    let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let sign = |path: &String| match (old.get(path), new.get(path)) {
        (None, _) => Some('+'),
        (_, None) => Some('-'),
        (old, new) if old != new => Some('~'),
        _ => None,
    };
    paths.into_iter().filter_map(|path| Some(format!("{} {path}", sign(path)?))).collect()
}

/// The first few names.
pub fn some(names: &[&str]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_their_signs() {
        let digests = |list: &[(&str, &str)]| -> Digests {
            list.iter().map(|(path, digest)| ((*path).to_owned(), (*digest).to_owned())).collect()
        };
        let (old, new) =
            (digests(&[("a", "1"), ("b", "1"), ("c", "1")]), digests(&[("b", "2"), ("c", "1"), ("d", "1")]));
        assert_eq!(changes(&old, &new), ["- a", "~ b", "+ d"]);
        assert_eq!(some(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d, e and 1 more");
    }
}
