//! What the tests that walk folders of cases share.

// Each test uses its part of it
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::test_runner::{Config, FileFailurePersistence};

/// Compares what `report` finds in each of `cases` with the case's own `file`; `UPDATE=1` rewrites that.
pub fn check(cases: impl IntoIterator<Item = PathBuf>, file: &str, report: impl Fn(&Path) -> String) {
    let update = std::env::var_os("UPDATE").is_some();
    let mut failed = Vec::new();
    let mut count = 0;
    for case in cases {
        count += 1;
        let found = report(&case);
        let path = case.join(file);
        if update {
            fs::write(&path, found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            failed.push(format!("{}:\n{}", case.display(), difference(&expected, &found)));
        }
    }
    assert!(count > 0, "there are no cases");
    assert!(failed.is_empty(), "cases differ (UPDATE=1 accepts what is found):\n{}", failed.join("\n"));
}

/// The folders in `tests/NAME`, in their order.
pub fn cases(name: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    entries(&root).into_iter().filter(|path| path.is_dir()).collect()
}

/// What lies in a folder, in its order.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// All files below a folder, in their order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries(folder).into_iter().flat_map(below).collect()
}

/// What failed once is tried first from then on.
pub fn proptest_config() -> Config {
    let beside = FileFailurePersistence::WithSource("regressions");
    Config { failure_persistence: Some(Box::new(beside)), ..Config::default() }
}

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let lacking = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("  - {line}"));
    let new = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("  + {line}"));
    lacking.chain(new).collect::<Vec<_>>().join("\n")
}
