//! `sculler diff UNIT`

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use similar::TextDiff;

use super::context::{self, Context};
use crate::quadlet::slice;
use crate::render::Desired;
use crate::status::{Installed, RecordFiles};
use crate::unit::{MARK_FILE_NAME, Unit, UnitName};

/// What is installed against what the file says; exit code 1 if they differ.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Units, such as nginx.service or nginx, or globs
    #[arg(required = true)]
    units: Vec<String>,
}

/// What the supervisor works from, among the files of a unit.
const SPEC: &str = "spec.json";

/// The files of a unit by their paths below a folder of units, each with the path to show.
type Files = BTreeMap<String, (String, Vec<u8>)>;

impl Diff {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory()?;
        let mut differs = false;
        for name in context::unit_names(&self.units, &context, Ok(&directory))? {
            let unit = directory.verdict(&name).and_then(|verdict| directory.unit(verdict));
            let name = context::running_name(Ok(&directory), &name);
            let installed = context.memory.installed.get(&name);
            if unit.is_none() && installed.is_none() {
                bail!("{name} is neither installed nor in {}", context.settings.unit_dir.display());
            }
            let old = installed.map(|installed| installed_files(&name, installed)).transpose()?.unwrap_or_default();
            let new = match (unit, directory.resolution.of_file(&name)) {
                (Some(unit), Some(desired)) if unit.service.is_some() => rendered_files(unit, desired),
                (Some(unit), None) if unit.service.is_some() => {
                    bail!("{} makes no unit here; see 'sculler explain'", unit.name)
                }
                (unit, _) => unit.map(|unit| unit_files(unit)).unwrap_or_default(),
            };
            let text = unified(&old, &new);
            differs |= !text.is_empty();
            print!("{text}");
        }
        Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn installed_files(name: &UnitName, installed: &Installed) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut add = |path: &Path, key: String| -> anyhow::Result<()> {
        let text = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        files.insert(key, (path.display().to_string(), text));
        Ok(())
    };
    add(&installed.folder.join(name.as_str()), name.to_string())?;
    if installed.is_quadlet {
        let slice = slice::name(name);
        let slice_file = installed.folder.join(&slice);
        if slice_file.exists() {
            add(&slice_file, slice)?;
        }
        let records = RecordFiles::of_host();
        add(&records.spec(name), SPEC.to_owned())?;
    }
    let folder = installed.folder.join(format!("{name}.d"));
    for entry in std::fs::read_dir(&folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
        let path = entry?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file_name != MARK_FILE_NAME && !file_name.starts_with('.') {
            add(&path, format!("{name}.d/{file_name}"))?;
        }
    }
    Ok(files)
}

/// What a Quadlet file becomes, under the names that it is installed by.
fn rendered_files(unit: &Unit, desired: &Desired) -> Files {
    let is_mark = |path: &str| path.ends_with(&format!("/{MARK_FILE_NAME}"));
    let files =
        desired.files.iter().filter(|file| !is_mark(&file.path)).map(|file| (file.path.clone(), file.text.to_vec()));
    let spec = desired.spec_text().into_iter().map(|spec| (SPEC.to_owned(), spec));
    let source = unit.file.path.display();
    files.chain(spec).map(|(key, text)| (key.clone(), (format!("{source} -> {key}"), text))).collect()
}

/// A unit file and its drop-ins, under the names that they are installed by.
pub fn unit_files(unit: &Unit) -> Files {
    let drop_ins = unit.drop_ins.iter().map(|file| (format!("{}.d/{}", unit.name, file.file_name()), file));
    std::iter::once((unit.name.to_string(), &unit.file))
        .chain(drop_ins)
        .map(|(key, file)| (key, (file.path.display().to_string(), file.text.to_vec())))
        .collect()
}

/// A unified diff of all files; empty if they are the same.
pub fn unified(old: &Files, new: &Files) -> String {
    let mut text = String::new();
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let side = |files: &Files| match files.get(key) {
            Some((path, text)) => (path.clone(), String::from_utf8_lossy(text).into_owned()),
            None => ("/dev/null".to_owned(), String::new()),
        };
        let ((old_path, old), (new_path, new)) = (side(old), side(new));
        if old != new {
            let diff = TextDiff::from_lines(old.as_str(), new.as_str());
            text += &diff.unified_diff().header(&old_path, &new_path).to_string();
        }
    }
    text
}
