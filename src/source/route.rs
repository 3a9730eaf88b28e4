//! Where a path leads, symlink by symlink: each of them can be replaced.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As many symlinks as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Every symlink on the way along an absolute path, then the place that it leads to, as far as it is there.
pub fn route(path: &Path) -> Vec<PathBuf> {
    let mut steps = Vec::new();
    let mut place = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = names(path).collect();
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            place.pop();
            continue;
        }
        place.push(name);
        let Ok(target) = std::fs::read_link(&place) else { continue };
        steps.push(place.clone());
        if steps.len() > MAX_LINKS {
            return steps;
        }
        place.pop();
        if target.is_absolute() {
            place = PathBuf::from("/");
        }
        for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
            rest.push_front(name);
        }
    }
    steps.push(place);
    steps
}

fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_symlink_is_a_step() {
        let folder = std::env::temp_dir().join(format!("sculler-route-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("releases/1")).unwrap();
        let folder = folder.canonicalize().unwrap();
        let at = |path: &str| folder.join(path);
        symlink(at("current"), at("units")).unwrap();
        symlink("releases/../releases/1", at("current")).unwrap();
        symlink("loop", at("loop")).unwrap();
        assert_eq!(route(&at("units")), [at("units"), at("current"), at("releases/1")]);
        assert_eq!(route(&at("units/a/../b")), [at("units"), at("current"), at("releases/1/b")]);
        assert_eq!(route(&at("nowhere/x")), [at("nowhere/x")]);
        assert_eq!(route(&at("loop")).len(), MAX_LINKS + 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
