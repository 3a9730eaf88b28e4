//! The pure modules do no I/O: their sources do not even name what does.

use std::fs;
use std::path::{Path, PathBuf};

/// Files and folders below `src/`; those that are not there yet are passed over.
const PURE: &[&str] =
    &["unit", "convert", "select", "select.rs", "render", "plan", "quadlet", "yaml", "cloud_config", "import"];

const FORBIDDEN: [&str; 9] =
    ["tokio", "zbus", "bollard", "notify::", "std::fs", "std::env", "std::net", "std::process", "std::thread"];

#[test]
fn pure_modules_name_nothing_that_does_io() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    PURE.iter().for_each(|name| collect(&source.join(name), &mut files));
    assert!(files.len() > 15, "{files:?}");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split_once("//").map_or(line, |(code, _)| code);
            let grouped = code.contains("use std::{") && ["fs", "env", "net"].iter().any(|m| has_word(code, m));
            if grouped || FORBIDDEN.iter().any(|name| has_word(code, name)) {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "a pure module names what does I/O:\n{}", found.join("\n"));
}

fn has_word(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        !before.is_some_and(is_name) && (word.ends_with(':') || !after.is_some_and(|c| is_name(c) || c == '-'))
    })
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| collect(entry, files));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        files.push(path.to_owned());
    }
}
