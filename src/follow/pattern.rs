//! Globs over file names and paths (glob(7)): `*`, `?` and `[…]`, never over a slash. Names that editors and version
//! control leave behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// Whether a name matches.
pub fn matches(pattern: &str, name: &OsStr) -> bool {
    // Where to go on if what came after the last star does not fit.
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, place));
                continue;
            }
            Some(b'[') => {
                if let Some((fits, end)) = class(&pattern[at + 1..], name[place]) {
                    if fits {
                        at += 1 + end;
                        place += 1;
                        continue;
                    }
                } else if name[place] == b'[' {
                    at += 1;
                    place += 1;
                    continue;
                }
            }
            Some(byte) if *byte == b'?' || *byte == name[place] => {
                at += 1;
                place += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = star else { return false };
        star = Some((after, from + 1));
        (at, place) = (after, from + 1);
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether `byte` is in the class that begins after `[`, and where the class ends; `None` if it does not.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let is_negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(is_negated);
    // A bracket that comes first is one of the class.
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|byte| *byte == b']')?;
    let mut fits = false;
    let mut at = start;
    while at < end {
        let last = if pattern[at + 1] == b'-' && at + 2 < end { at + 2 } else { at };
        fits |= (pattern[at]..=pattern[last]).contains(&byte);
        at = last + 1;
    }
    Some((fits != is_negated, end + 1))
}

/// Whether a path has something to expand.
pub fn is_glob(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// The paths that a glob means now, and the folders in which others can appear.
pub fn expand(glob: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut found = vec![PathBuf::from("/")];
    let mut folders = Vec::new();
    for component in glob.components() {
        let Component::Normal(name) = component else { continue };
        if !is_glob(Path::new(name)) {
            found.iter_mut().for_each(|path| path.push(name));
            continue;
        }
        let pattern = name.to_string_lossy();
        let mut next = Vec::new();
        for folder in found {
            let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
            // As in a shell, what is hidden has to be asked for.
            let fits = |name: &OsStr| {
                matches(&pattern, name)
                    && (pattern.starts_with('.') || !name.as_bytes().starts_with(b"."))
                    && !is_litter(name)
            };
            next.extend(names.filter(|name| fits(name)).map(|name| folder.join(name)));
            folders.push(folder);
        }
        found = next;
    }
    found.retain(|path| path.exists());
    found.sort();
    (found, folders)
}

/// What editors and version control leave behind beside the files that they write. Unlike in the unit directory, names
/// such as `.htaccess` or `yarn.lock` are content here.
pub fn is_litter(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    const NAMES: [&str; 7] = [".git", ".hg", ".svn", "CVS", ".bzr", "4913", ".DS_Store"];
    const ENDS: [&str; 13] = [
        "~",
        ".swp",
        ".swo",
        ".swx",
        ".swpx",
        "___jb_tmp___",
        "___jb_old___",
        ".dpkg-new",
        ".dpkg-tmp",
        ".dpkg-old",
        ".rpmnew",
        ".rpmsave",
        ".crdownload",
    ];
    NAMES.contains(&name)
        || ENDS.iter().any(|end| name.ends_with(end))
        || name.starts_with(".#")
        || name.starts_with('#') && name.ends_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("?", "", false),
            ("??", "ab", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a-]", "-", true),
            ("[a", "[a", true),
            ("*", "", true),
            ("**a", "a", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, OsStr::new(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn content_is_no_litter() {
        for name in [".htaccess", "yarn.lock", "a.new", "index.html", ".env", "#1"] {
            assert!(!is_litter(OsStr::new(name)), "{name}");
        }
        for name in [".git", "a~", ".a.swp", "4913", "#a#", ".#a"] {
            assert!(is_litter(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn globs_mean_what_is_there() {
        let top = std::env::temp_dir().join(format!("sculler-glob-{}", std::process::id()));
        for name in ["a/conf.d", "b/conf.d", ".hidden/conf.d", "c"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        let (found, folders) = expand(&top.join("*/conf.d"));
        assert_eq!(found, [top.join("a/conf.d"), top.join("b/conf.d")]);
        assert_eq!(folders, std::slice::from_ref(&top));
        fs::remove_dir_all(top).unwrap();
    }
}
