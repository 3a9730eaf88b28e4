//! What a build is made from: the folder or URL that is its context, the Containerfile in it or beside it, and what of the
//! folder is left out.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::archive::Archive;
use super::ignore::Rules;
use crate::quadlet::spec::Build;
use crate::supervise::Failure;
use crate::unit::Digest;

/// The names of a Containerfile that is not named by `File=`, as podman looks for them.
const NAMES: [&str; 2] = ["Containerfile", "Dockerfile"];

/// Beside the context's Containerfile, or in the context.
const IGNORE_NAMES: [&str; 2] = [".containerignore", ".dockerignore"];

/// What the Engine reads, whatever name the file has here.
const IGNORE_FILE: &str = ".dockerignore";

/// What a build is told of its context.
#[derive(Debug)]
pub struct Context {
    /// The Containerfile, in the context.
    pub file: String,
    /// The context is fetched by the Engine.
    pub remote: Option<String>,
    /// The context is sent.
    pub archive: Option<Archive>,
}

/// Finds everything that a build needs.
pub fn of(spec: &Build) -> Result<Context, Failure> {
    if !spec.context.starts_with('/') {
        return Ok(Context { file: spec.file.clone(), remote: Some(spec.context.clone()), archive: None });
    }
    let root = Path::new(&spec.context);
    let root = std::fs::canonicalize(root)
        .map_err(|error| unreadable("the context", root, &error, "make it, or change SetWorkingDirectory="))?;
    let found = file(spec, &root)?;
    let mut rules = match ignore_file(spec, &root, &found)? {
        None => Rules::default(),
        Some((path, text)) => {
            Rules::parse(&text).map_err(|mistake| Failure(format!("{}:{mistake}", path.display())))?
        }
    };
    rules.keep(IGNORE_FILE);
    let mut added = Vec::new();
    let file = match found {
        Found::Inside(name) => {
            rules.keep(&name);
            name
        }
        Found::Outside(path) => {
            let text = read(&path)?;
            // Not a name that could be somebody's; the same one each time, so that the builder's cache knows it again.
            let digest = Digest::of([path.as_os_str().as_encoded_bytes(), &text]).to_string();
            let name = format!(".dockerfile.{}", &digest[..20]);
            // Neither is part of the context: the Engine takes them away before it copies anything.
            let mut ignore = std::fs::read(root.join(IGNORE_FILE)).unwrap_or_default();
            ignore.extend_from_slice(format!("\n{IGNORE_FILE}\n{name}\n").as_bytes());
            added.extend([(IGNORE_FILE.to_owned(), ignore), (name.clone(), text)]);
            name
        }
    };
    Ok(Context { file, remote: None, archive: Some(Archive { root, rules, added }) })
}

/// Where the Containerfile is.
enum Found {
    /// In the context, by this path.
    Inside(String),
    /// Elsewhere.
    Outside(PathBuf),
}

fn file(spec: &Build, root: &Path) -> Result<Found, Failure> {
    if spec.file.is_empty() {
        let found = NAMES.into_iter().find(|name| root.join(name).exists());
        let found = found.map(|name| root.join(name)).ok_or_else(|| {
            Failure(format!("there is neither Containerfile nor Dockerfile in {}; add one, or File=", root.display()))
        })?;
        return placed(root, &found, &found);
    }
    let path = Path::new(&spec.file);
    // By the folder's own way in, or by another.
    let inside = path.strip_prefix(&spec.context).map(|name| root.join(name)).unwrap_or_else(|_| path.to_owned());
    placed(root, &inside, path)
}

/// `shown`: as the unit's file names it.
fn placed(root: &Path, path: &Path, shown: &Path) -> Result<Found, Failure> {
    let real = std::fs::canonicalize(path)
        .map_err(|error| unreadable("the Containerfile", shown, &error, "add it, or change File="))?;
    // A symlink that leads out of the context would lead nowhere at the Engine's.
    if !real.starts_with(root) {
        return Ok(Found::Outside(real));
    }
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    let name = path.strip_prefix(root).ok().filter(|_| is_plain).or_else(|| real.strip_prefix(root).ok());
    match name.and_then(Path::to_str) {
        Some(name) => Ok(Found::Inside(name.to_owned())),
        None => Err(Failure(format!("{}: the name is not UTF-8; give it another one", shown.display()))),
    }
}

/// `IgnoreFile=`, or the file's own, or the context's.
fn ignore_file(spec: &Build, root: &Path, file: &Found) -> Result<Option<(PathBuf, String)>, Failure> {
    if let Some(path) = &spec.ignore_file {
        return Ok(Some((path.clone(), String::from_utf8_lossy(&read(path)?).into_owned())));
    }
    let file = match file {
        Found::Inside(name) => root.join(name),
        Found::Outside(path) => path.clone(),
    };
    let beside = IGNORE_NAMES.map(|name| {
        let mut path = file.clone().into_os_string();
        path.push(name);
        PathBuf::from(path)
    });
    let found = beside.into_iter().chain(IGNORE_NAMES.map(|name| root.join(name))).find(|path| path.is_file());
    found.map(|path| Ok((path.clone(), String::from_utf8_lossy(&read(&path)?).into_owned()))).transpose()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

fn unreadable(what: &str, path: &Path, error: &std::io::Error, advice: &str) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure(format!("{what} {} does not exist; {advice}", path.display())),
        _ => Failure(format!("{what} {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn spec(context: &Path, file: &str) -> Build {
        let spec = serde_json::json!({ "tags": ["x"], "file": file, "context": context, "retries": 0 });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn the_containerfile_and_the_rules_are_found() {
        let top = std::env::temp_dir().join(format!("sculler-context-{}", std::process::id()));
        let _ = fs::remove_dir_all(&top);
        let root = top.join("app");
        fs::create_dir_all(root.join("sub")).unwrap();
        let write = |path: &str, text: &str| fs::write(top.join(path), text).unwrap();
        let problem = |spec: &Build| of(spec).unwrap_err().to_string();
        let ignores = |context: &Context, path: &str| context.archive.as_ref().unwrap().rules.ignores(path);

        assert!(problem(&spec(&top.join("none"), "")).contains("SetWorkingDirectory="));
        assert!(problem(&spec(&root, "")).contains("neither Containerfile nor Dockerfile"));
        write("app/Dockerfile", "");
        write("app/.dockerignore", "*\n");
        let context = of(&spec(&root, "")).unwrap();
        assert_eq!(context.file, "Dockerfile");
        assert!(ignores(&context, "x") && !ignores(&context, "Dockerfile") && !ignores(&context, ".dockerignore"));
        assert!(context.archive.unwrap().added.is_empty());

        // Podman's names come first, and a file's own rules before the context's.
        write("app/Containerfile", "");
        write("app/Containerfile.dockerignore", "y\n");
        let context = of(&spec(&root, "")).unwrap();
        assert_eq!(context.file, "Containerfile");
        assert!(!ignores(&context, "x") && ignores(&context, "y"));
        let named = Build { ignore_file: Some(top.join("rules")), ..spec(&root, "") };
        assert!(problem(&named).contains("rules: No such file"));
        write("rules", "z\n[");
        assert!(problem(&named).ends_with("rules:2: '[': its '[' is not closed"));

        // Elsewhere, also by a symlink in the context.
        write("elsewhere", "FROM scratch\n");
        symlink(top.join("elsewhere"), root.join("link")).unwrap();
        for file in [top.join("elsewhere"), root.join("link")] {
            let context = of(&spec(&root, file.to_str().unwrap())).unwrap();
            let archive = context.archive.unwrap();
            assert!(context.file.starts_with(".dockerfile."));
            assert_eq!(archive.added[1], (context.file.clone(), b"FROM scratch\n".to_vec()));
            let ignore = String::from_utf8(archive.added[0].1.clone()).unwrap();
            assert_eq!(ignore, format!("*\n\n.dockerignore\n{}\n", context.file));
        }

        // The context by a symlink, the file by its name.
        symlink(&root, top.join("current")).unwrap();
        write("app/sub/File", "");
        let current = top.join("current");
        let context = of(&spec(&current, current.join("sub/File").to_str().unwrap())).unwrap();
        assert_eq!(context.file, "sub/File");
        assert_eq!(of(&spec(&root, root.join("sub/../sub/File").to_str().unwrap())).unwrap().file, "sub/File");
        assert!(problem(&spec(&root, root.join("none").to_str().unwrap())).contains("change File="));

        let remote = of(&spec(Path::new("https://example.org/x.tar"), "sub/File")).unwrap();
        assert_eq!((remote.file.as_str(), remote.remote.as_deref()), ("sub/File", Some("https://example.org/x.tar")));
        fs::remove_dir_all(top).unwrap();
    }
}
