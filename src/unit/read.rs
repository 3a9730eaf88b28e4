//! A unit file and its drop-ins → a [`Unit`], with everything that selection, rendering and planning ask of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::check;
use super::diagnostics::{Diagnostic, Severity};
use super::digest;
use super::facts::Facts;
use super::fleet::{self, Placement};
use super::name::{UnitName, UnitType};
use super::policy::{self, Policy};
use super::syntax::{self, UnitFile};

/// The drop-in that sculler writes into each unit's `NAME.d`; users' drop-ins cannot have this name.
pub const MARK_FILE_NAME: &str = "10-sculler.conf";

/// A file with the bytes that it had when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub text: Arc<[u8]>,
    /// Whether others than its owner and group may not read it: then nobody else may read what is made of it.
    pub is_private: bool,
}

impl TextFile {
    /// The last part of the path; unit files and drop-ins have UTF-8 names.
    pub fn file_name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

/// A diagnostic with the file it is about: the unit file or one of its drop-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What and where in it.
    pub diagnostic: Diagnostic,
}

impl Finding {
    /// Whether the unit cannot run because of it.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.diagnostic.at(self.path.display()))
    }
}

/// A unit file, read.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// The file itself; its bytes reach systemd as they are.
    pub file: Arc<TextFile>,
    /// Its drop-ins, in the order in which systemd reads them.
    pub drop_ins: Vec<Arc<TextFile>>,
    /// `[X-Fleet]`.
    pub placement: Placement,
    /// `[X-Sculler]`.
    pub policy: Policy,
    /// What is wrong or odd in it, all files together.
    pub findings: Vec<Finding>,
    /// What planning compares.
    pub facts: Arc<Facts>,
    /// Of a Quadlet file: it and its drop-ins, parsed; others are not asked again what they say.
    pub parsed: Arc<[UnitFile]>,
    /// Of a Quadlet file: the service that it becomes.
    pub service: Option<UnitName>,
    /// Drop-ins of that service, which it gets as they are.
    pub service_drop_ins: Vec<Arc<TextFile>>,
}

impl Unit {
    /// Reads a unit file with its drop-ins (in systemd's order: by file name).
    pub fn read(name: UnitName, file: Arc<TextFile>, drop_ins: Vec<Arc<TextFile>>) -> Self {
        let (main, diagnostics) = syntax::parse(&file.text);
        let mut findings = at(&file, diagnostics);
        let is_readable = !findings.iter().any(Finding::is_error);
        let (placement, diagnostics) = fleet::placement(&main, &name);
        findings.extend(at(&file, diagnostics));
        if is_readable {
            findings.extend(at(&file, check::check(&main, &name)));
        }
        let mut files = vec![main];
        for drop_in in &drop_ins {
            files.push(read_drop_in(drop_in, &mut findings));
        }
        let all: Vec<_> = files.iter().collect();
        let (policy, diagnostics) = policy::policy(&all, &name);
        for (file, diagnostics) in [&file].into_iter().chain(&drop_ins).zip(diagnostics) {
            findings.extend(at(file, diagnostics));
        }
        let facts = Arc::new(Facts::of(&name, &all));
        let parsed = if name.unit_type().is_quadlet() { files.into() } else { Arc::default() };
        let (service, service_drop_ins) = (None, Vec::new());
        Self { name, file, drop_ins, placement, policy, findings, facts, parsed, service, service_drop_ins }
    }

    /// Makes it a Quadlet file with this service, whose drop-ins are in systemd's order.
    pub fn becomes(&mut self, service: UnitName, drop_ins: Vec<Arc<TextFile>>) {
        for drop_in in &drop_ins {
            let parsed = read_drop_in(drop_in, &mut self.findings);
            if self.name.unit_type() == UnitType::Container {
                self.findings.extend(at(drop_in, limits_of_the_supervisor(&parsed, &self.name)));
            }
        }
        self.service = Some(service);
        self.service_drop_ins = drop_ins;
    }

    /// The unit that systemd runs: the service of a Quadlet file, else the unit itself.
    pub fn runs_as(&self) -> &UnitName {
        self.service.as_ref().unwrap_or(&self.name)
    }

    /// Whether it was read from the very files that `other` was read from.
    pub fn is_same(&self, other: &Self) -> bool {
        let files = |unit: &Self| {
            let drop_ins = unit.drop_ins.iter().chain(&unit.service_drop_ins);
            drop_ins.chain([&unit.file]).map(Arc::as_ptr).collect::<Vec<_>>()
        };
        self.name == other.name && self.drop_ins.len() == other.drop_ins.len() && files(self) == files(other)
    }

    /// An error about the file as a whole.
    pub fn finding(&self, message: &str) -> Finding {
        Finding { path: self.file.path.clone(), diagnostic: Diagnostic::error(0, 0, message) }
    }

    /// The errors: if there are any, the unit is invalid.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_error())
    }

    /// What is odd but does not keep it from running.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.is_error())
    }
}

/// Limits hold for a container where they are part of its own file, which makes them its slice's.
fn limits_of_the_supervisor(drop_in: &UnitFile, container: &UnitName) -> Vec<Diagnostic> {
    let limits = drop_in.section_entries("Service").filter(|entry| digest::is_limit(entry.key));
    let told = limits.map(|entry| {
        let message = format!(
            "{}= of a drop-in of the service binds the supervisor alone and not its container; put it into \
             {container}.d/, or into {container}",
            entry.key
        );
        Diagnostic::warning(entry.line, entry.column, message)
    });
    told.collect()
}

fn read_drop_in(drop_in: &Arc<TextFile>, findings: &mut Vec<Finding>) -> UnitFile {
    let (parsed, diagnostics) = syntax::parse(&drop_in.text);
    findings.extend(at(drop_in, diagnostics));
    if drop_in.file_name() == MARK_FILE_NAME {
        let message = format!("'{MARK_FILE_NAME}' is the name of sculler's own drop-in; rename this one");
        findings.extend(at(drop_in, vec![Diagnostic::error(0, 0, message)]));
    }
    if let Some(entry) = parsed.section_entries(fleet::SECTION).next() {
        let message = "[X-Fleet] counts in the unit file alone, not in drop-ins; move it there";
        findings.extend(at(drop_in, vec![Diagnostic::warning(entry.line, entry.column, message)]));
    }
    parsed
}

fn at(file: &Arc<TextFile>, diagnostics: Vec<Diagnostic>) -> Vec<Finding> {
    diagnostics.into_iter().map(|diagnostic| Finding { path: file.path.clone(), diagnostic }).collect()
}
