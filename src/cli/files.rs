//! Unit files named on the command line, for the commands that need no host.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};

use crate::source::units::Library;
use crate::source::{Look, Problem, drop_in_owner};
use crate::unit::file_kind::{FileKind, file_kind};
use crate::unit::{TextFile, Unit};

/// Unit files that were read.
pub struct Files {
    /// The units in them.
    pub units: Vec<Arc<Unit>>,
    /// Whether none of the files was refused by its name alone.
    pub is_whole: bool,
}

/// The units in `paths`, with the drop-ins that lie beside them. A folder stands for everything in it; what is no unit
/// there is told of on standard error.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Files> {
    Ok(units(gather(paths)?))
}

/// What another host's sculler needs to read the same: see [`read_bundle`].
pub fn bundle(paths: &[PathBuf]) -> anyhow::Result<Vec<u8>> {
    let look = gather(paths)?;
    let refused =
        |(path, problem): (&'_ PathBuf, &Problem)| matches!(problem, Problem::Refused(_)).then(|| path.clone());
    let refused: Vec<PathBuf> = look.problems.iter().filter_map(refused).collect();
    let files = look.files.values().map(|file| (&*file.path, &*file.text));
    // The other host refuses them, too, and says so
    let files: Vec<(&Path, &[u8])> = files.chain(refused.iter().map(|path| (&**path, &[][..]))).collect();
    Ok(serde_json::to_vec(&files)?)
}

/// Like [`read`], of what another host has sent: paths and bytes as JSON on standard input.
pub fn read_bundle() -> anyhow::Result<Files> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).context("standard input cannot be read")?;
    let files: Vec<(PathBuf, Vec<u8>)> = serde_json::from_slice(&text).context("standard input holds no unit files")?;
    let mut look = Look::default();
    for (path, text) in files {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match refusal(name).filter(|_| drop_in_owner(&path).is_none()) {
            Some(reason) => {
                look.problems.insert(path, Problem::Refused(reason));
            }
            None => {
                look.files.insert(path.clone(), Arc::new(TextFile { path, text: text.into(), is_private: false }));
            }
        }
    }
    Ok(units(look))
}

fn units(mut look: Look) -> Files {
    let units = Library::default().read(&mut look);
    for (path, problem) in &look.problems {
        eprintln!("{}: {}", path.display(), problem.reason());
    }
    Files { units, is_whole: !look.problems.values().any(|problem| matches!(problem, Problem::Refused(_))) }
}

/// Why a file cannot be a unit although its name says that it is meant to be one.
fn refusal(name: &str) -> Option<String> {
    match file_kind(name) {
        FileKind::Refused(reason) => Some(reason),
        FileKind::Invalid(error) => Some(error.to_string()),
        _ => None,
    }
}

fn gather(paths: &[PathBuf]) -> anyhow::Result<Look> {
    let mut look = Look::default();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            folder(path, &mut files, &mut look)?;
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match file_kind(name) {
            FileKind::Unit(_) => {}
            FileKind::Invalid(error) => bail!("{}: {error}", path.display()),
            FileKind::Refused(reason) => bail!("{}: {reason}", path.display()),
            FileKind::Litter => {
                bail!("{}: editors and tools leave such names behind; it is never read", path.display())
            }
            FileKind::Other(reason) => bail!("{}: {reason}", path.display()),
        }
        files.push(path.clone());
        let drop_ins = path.with_file_name(format!("{name}.d"));
        if drop_ins.is_dir() {
            folder(&drop_ins, &mut files, &mut look)?;
        }
    }
    let mut buffer = Vec::new();
    let texts = files.into_iter().map(|path| {
        buffer.clear();
        read_to_end(&path, &mut buffer).with_context(|| format!("{}: cannot be read", path.display()))?;
        let text = buffer.as_slice().into();
        Ok((path.clone(), Arc::new(TextFile { path, text, is_private: false })))
    });
    look.files = texts.collect::<anyhow::Result<_>>()?;
    Ok(look)
}

/// So much is read at once; most unit files are shorter.
const PART: usize = 16 << 10;

/// Asks for no size first, as [`std::fs::read`] does.
fn read_to_end(path: &Path, buffer: &mut Vec<u8>) -> rustix::io::Result<()> {
    let open = || rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = rustix::io::retry_on_intr(open)?;
    loop {
        buffer.reserve(PART);
        if rustix::io::retry_on_intr(|| rustix::io::read(&file, spare_capacity(buffer)))? == 0 {
            return Ok(());
        }
    }
}

/// The unit files in a folder go to `files`, what is wrong with the others to `look`.
fn folder(path: &Path, files: &mut Vec<PathBuf>, look: &mut Look) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let is_drop_ins = path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b".d"));
    for entry in entries {
        let entry = entry?;
        let file_type = entry.file_type()?;
        let entry = entry.path();
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if crate::unit::file_kind::is_litter(name) {
            continue;
        }
        if file_type.is_dir() || file_type.is_symlink() && entry.is_dir() {
            folder(&entry, files, look)?;
        } else if is_drop_ins || matches!(file_kind(name), FileKind::Unit(_)) {
            files.push(entry);
        } else {
            let problem = match (refusal(name), file_kind(name)) {
                (Some(reason), _) => Problem::Refused(reason),
                (None, FileKind::Other(reason)) => Problem::NoUnit(reason),
                (None, _) => continue,
            };
            look.problems.insert(entry, problem);
        }
    }
    Ok(())
}
