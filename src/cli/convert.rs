//! `sculler convert UNIT|FILE`

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::context::{self, Context};
use super::{block_on, files};
use crate::convert::{self, Conversion, Fate};
use crate::systemd::Systemd;
use crate::unit::{MARK_FILE_NAME, TextFile, Unit, UnitName};

/// The .container file that does what a service with `docker run` does; what it cannot say goes to standard error.
/// Exit code 1 if anything is lost on the way, or if there is no `docker run`.
#[derive(Debug, clap::Args)]
pub struct Convert {
    /// Write it to this file, or into this folder under its own name; what is there is never replaced
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// A unit such as nginx.service or nginx, a file, or - for standard input
    #[arg(value_name = "UNIT|FILE")]
    unit: String,
}

impl Convert {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let unit = find(&self.unit)?;
        let conversion = match convert::convert(&unit) {
            Ok(conversion) => conversion,
            Err(refusal) => {
                eprintln!("{refusal}");
                return Ok(ExitCode::FAILURE);
            }
        };
        match &self.output {
            Some(path) => write(path, &conversion)?,
            None => std::io::stdout().lock().write_all(conversion.text.as_bytes())?,
        }
        for file in conversion.files.iter().filter(|_| self.output.is_none()) {
            eprintln!("{}, a file beside it ('--output FOLDER' writes it, too):\n\n{}", file.file_name, file.text);
        }
        for note in &conversion.notes {
            let files = std::iter::once(&unit.file).chain(&unit.drop_ins);
            let path = files.map(|file| file.path.display()).nth(note.place.file).unwrap_or(unit.file.path.display());
            let what = match note.fate {
                Fate::NotMapped => "not mapped: ",
                Fate::Dropped => "dropped: ",
                Fate::Note => "note: ",
            };
            eprintln!("{path}:{}:{}: {what}{}", note.place.line, note.place.column, note.message);
        }
        Ok(if conversion.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The unit that a name or a path means; of systemd's own, if the unit directory does not have it.
pub fn find(text: &str) -> anyhow::Result<Arc<Unit>> {
    if text == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        let file = TextFile { path: "stdin.service".into(), text: bytes.into(), is_private: false };
        return Ok(Arc::new(Unit::read(UnitName::parse("stdin.service")?, Arc::new(file), Vec::new())));
    }
    if text.contains('/') || Path::new(text).is_file() {
        let units = files::read(&[PathBuf::from(text)])?.units;
        return units.into_iter().next().with_context(|| format!("{text}: there is no unit in it"));
    }
    let name = context::unit_name(text)?;
    let context = Context::read()?;
    // A host without a unit directory may have units all the same.
    if let Ok(directory) = context.directory()
        && let Some(unit) = directory.verdict(&name).and_then(|verdict| directory.unit(verdict))
    {
        return Ok(Arc::clone(unit));
    }
    loaded(&name).map(Arc::new)
}

/// A unit of systemd's, from the files that it says it read.
fn loaded(name: &UnitName) -> anyhow::Result<Unit> {
    let details = block_on(async { Ok(Systemd::connect().await?.details(name.as_str()).await?) })?;
    if details.fragment_path.is_empty() {
        bail!("there is no {name}, neither in the unit directory nor in systemd; name its file");
    }
    let read = |path: &str| -> anyhow::Result<Arc<TextFile>> {
        let text = std::fs::read(path).with_context(|| format!("{path}: cannot be read"))?;
        Ok(Arc::new(TextFile { path: path.into(), text: text.into(), is_private: false }))
    };
    let is_mark = |path: &&String| Path::new(path).file_name().is_some_and(|file| file == MARK_FILE_NAME);
    let drop_ins = details.drop_in_paths.iter().filter(|path| !is_mark(path)).map(|path| read(path));
    // The file of an instance is its template's, that of an alias has the unit's own name.
    let own = Path::new(&details.fragment_path).file_name().and_then(|file| UnitName::parse(file.to_str()?).ok());
    let name = own.unwrap_or_else(|| name.clone());
    Ok(Unit::read(name, read(&details.fragment_path)?, drop_ins.collect::<anyhow::Result<_>>()?))
}

/// The container's file comes last: it names the others.
fn write(path: &Path, conversion: &Conversion) -> anyhow::Result<()> {
    let path = if path.is_dir() { path.join(&conversion.file_name) } else { path.to_owned() };
    let others = conversion.files.iter().map(|file| (path.with_file_name(&file.file_name), &file.text));
    for (path, text) in others.chain([(path.clone(), &conversion.text)]) {
        let mut file =
            std::fs::File::create_new(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
