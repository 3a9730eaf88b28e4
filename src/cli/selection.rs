//! What people name on the command line → units: names, files, globs, instances of templates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::context::{self, Context, Directory};
use super::submission::Submission;
use crate::unit::file_kind::{FileKind, file_kind};
use crate::unit::{Unit, UnitName};

/// A unit that a command is about.
#[derive(Debug)]
pub struct Selected {
    /// Its name.
    pub name: UnitName,
    /// Its file in the unit directory, there or to be.
    pub path: PathBuf,
    /// Whether the file is there already.
    pub is_present: bool,
    /// What has to be done about the file.
    pub file: Change,
}

/// What becomes of a file in the unit directory.
#[derive(Debug)]
pub enum Change {
    /// Nothing.
    None,
    /// It is written.
    Write(Submission),
    /// An instance: a symlink to the template beside it.
    Link(UnitName),
}

/// How names are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Files that are not in the unit directory yet may be named, and instances made.
    pub may_add: bool,
    /// A local file counts also if it is named without a folder (`sculler submit web.service`).
    pub prefers_files: bool,
    /// A file may take the place of one that differs.
    pub may_replace: bool,
}

/// Finds `texts` in `directory`, in their order, each unit once.
pub fn select(
    context: &Context,
    directory: &Directory,
    texts: &[String],
    bundle: &[Submission],
    reading: Reading,
) -> anyhow::Result<Vec<Selected>> {
    let search = Search { context, directory, reading };
    let mut selected: Vec<Selected> = Vec::new();
    for submission in bundle {
        let name = UnitName::parse(&submission.name)?;
        selected.push(search.submit(name, submission.clone(), true)?);
    }
    for text in texts {
        for unit in search.find(text)? {
            if !selected.iter().any(|known| known.name == unit.name) {
                selected.push(unit);
            }
        }
    }
    Ok(selected)
}

struct Search<'a> {
    context: &'a Context,
    directory: &'a Directory,
    reading: Reading,
}

impl Search<'_> {
    fn find(&self, text: &str) -> anyhow::Result<Vec<Selected>> {
        if self.reading.may_add
            && let Some(found) = self.file(text)?
        {
            return Ok(found);
        }
        if text.contains('/') {
            bail!("{text}: there is no such file");
        }
        if context::is_glob(text) {
            return self.glob(text);
        }
        let name = context::unit_name(text)?;
        if let Some(present) = self.present(&name) {
            return Ok(vec![present]);
        }
        if let Some(template) = name.template().filter(|_| self.reading.may_add)
            && let Some(present) = self.present(&template)
        {
            return Ok(vec![link(&name, &present)?]);
        }
        let running = context::running_name(Ok(self.directory), &name);
        if let Some(installed) = self.context.memory.installed.get(&running) {
            let (name, path) = (running, installed.source.clone());
            return Ok(vec![Selected { name, path, is_present: false, file: Change::None }]);
        }
        let unit_dir = self.context.settings.unit_dir.display();
        match &self.directory.look.problems.iter().find(|(path, _)| path.ends_with(name.as_str())) {
            Some((path, problem)) => bail!("{}: {}", path.display(), problem.reason()),
            None => bail!("there is no {name} in {unit_dir}; 'sculler submit FILE' puts it there"),
        }
    }

    fn present(&self, name: &UnitName) -> Option<Selected> {
        let verdict = self.directory.verdict(name)?;
        let (name, path) = (verdict.runs_as.clone(), verdict.path.clone());
        Some(Selected { name, path, is_present: true, file: Change::None })
    }

    fn glob(&self, text: &str) -> anyhow::Result<Vec<Selected>> {
        let verdicts = self.directory.resolution.verdicts.iter();
        let names = verdicts.flat_map(|verdict| [&verdict.name, &verdict.runs_as]);
        let names: BTreeSet<&UnitName> = names.filter(|name| !name.is_template()).collect();
        let found = context::matching(text, &names)?.into_iter().filter_map(|name| self.present(name));
        // A container's file and its service may both match.
        let found: BTreeMap<UnitName, Selected> = found.map(|unit| (unit.name.clone(), unit)).collect();
        if !found.is_empty() {
            return Ok(found.into_values().collect());
        }
        bail!("no unit in {} matches '{text}'", self.context.settings.unit_dir.display())
    }

    /// A file outside the unit directory, or an instance of a template there.
    fn file(&self, text: &str) -> anyhow::Result<Option<Vec<Selected>>> {
        let path = Path::new(text);
        let Some(FileKind::Unit(name)) = path.file_name().and_then(|name| name.to_str()).map(file_kind) else {
            return Ok(None);
        };
        if self.is_inside(path) {
            return Ok(self.present(&name).map(|present| vec![present]));
        }
        let is_meant = text.contains('/') || self.reading.prefers_files;
        if path.is_file() {
            return Ok(Some(vec![self.submit(name, Submission::read(path)?, is_meant)?]));
        }
        let Some(template) = name.template() else { return Ok(None) };
        let template_path = path.with_file_name(template.as_str());
        if self.present(&name).is_some() || !template_path.is_file() {
            return Ok(None);
        }
        let template = self.submit(template, Submission::read(&template_path)?, is_meant)?;
        let instance = link(&name, &template)?;
        Ok(Some(vec![template, instance]))
    }

    /// `is_meant`: whether the file was named as one, not just found under a unit's name.
    fn submit(&self, name: UnitName, submission: Submission, is_meant: bool) -> anyhow::Result<Selected> {
        let unit_dir = &self.context.settings.unit_dir;
        let Some(unit) = self.unit(&name) else {
            let path = unit_dir.join(name.as_str());
            let name = submission.runs_as()?;
            return Ok(Selected { name, path, is_present: false, file: Change::Write(submission) });
        };
        let path = unit.file.path.clone();
        let present = |file| Selected { name: unit.runs_as().clone(), path: path.clone(), is_present: true, file };
        let difference = submission.difference(unit);
        if difference.is_empty() {
            return Ok(present(Change::None));
        }
        if self.reading.may_replace {
            return Ok(present(Change::Write(submission)));
        }
        if !is_meant {
            eprintln!("sculler: {name} here differs from {}, which is used; see --replace", path.display());
            return Ok(present(Change::None));
        }
        eprint!("{difference}");
        bail!("{name} differs from {}; use --replace to put it in its place", path.display())
    }

    fn unit(&self, name: &UnitName) -> Option<&Unit> {
        self.directory.verdict(name).and_then(|verdict| self.directory.unit(verdict)).map(|unit| &**unit)
    }

    fn is_inside(&self, path: &Path) -> bool {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        match (real(folder), real(&self.context.settings.unit_dir)) {
            (Some(folder), Some(unit_dir)) => folder.starts_with(unit_dir),
            _ => false,
        }
    }
}

/// The instance of `name` as a symlink beside its template.
fn link(name: &UnitName, template: &Selected) -> anyhow::Result<Selected> {
    let file = template.path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let file = UnitName::parse(file)?;
    let instance_of = |template: &UnitName| {
        let instance = name.instance().unwrap_or_default();
        UnitName::parse(&format!("{}@{instance}.{}", template.prefix(), template.unit_type()))
    };
    let path = template.path.with_file_name(instance_of(&file)?.as_str());
    Ok(Selected { name: instance_of(&template.name)?, path, is_present: false, file: Change::Link(file) })
}
