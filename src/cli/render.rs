//! `sculler render FILE…`

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Serialize, Serializer};

use super::files;
use crate::config;
use crate::convert;
use crate::host::{ApiVersion, Host, MACHINE_ID_FILE, MachineId, Platform, System};
use crate::quadlet::spec_text::SpecText;
use crate::render::{self, FileVerdict, Ruling};
use crate::unit::Finding;

/// What a host would make of unit files: the verdict, and what systemd gets. Needs no agent, no root and no Docker.
#[derive(Debug, clap::Args)]
pub struct Render {
    /// Judge for the host with this machine ID instead of this one
    #[arg(long, value_name = "ID")]
    machine_id: Option<String>,
    /// Metadata of that host, instead of this one's
    #[arg(long, value_name = "K=V")]
    metadata: Vec<String>,
    /// Its systemd's version, instead of the newest
    #[arg(long, value_name = "N")]
    systemd: Option<u32>,
    /// Its Docker Engine's API version, instead of the newest
    #[arg(long, value_name = "V")]
    docker_api: Option<ApiVersion>,
    /// Its Docker Engine keeps containers while it restarts
    #[arg(long)]
    live_restore: bool,
    /// One JSON object for each file, a line each
    #[arg(long)]
    json: bool,
    /// Unit files, or folders of them
    #[arg(required_unless_present = "bundle")]
    files: Vec<PathBuf>,
    /// Read the files from standard input, as another host's sculler sends them
    #[arg(long, hide = true)]
    bundle: bool,
}

/// So much is written at once.
const PART: usize = 64 << 10;

#[derive(Serialize)]
struct Rendered<'a> {
    file: &'a Path,
    name: &'a str,
    verdict: &'static str,
    reason: String,
    errors: Vec<Place<'a>>,
    warnings: Vec<Place<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<Text<'a>>,
    /// `container`, `volume`, `network`, `image` or `build`: what Docker is asked for.
    #[serde(flatten, serialize_with = "request")]
    spec: Option<&'a SpecText>,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a Path,
    line: usize,
    column: usize,
    message: &'a str,
}

#[derive(Serialize)]
struct Text<'a> {
    name: &'a str,
    text: Cow<'a, str>,
    drop_ins: BTreeMap<&'a str, Cow<'a, str>>,
    /// The slice of a container's own, if it has limits: its file's name and text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    slice: BTreeMap<&'a str, Cow<'a, str>>,
}

impl Render {
    /// The files that it reads.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let host = self.host()?;
        let unplaced = config::Settings::merge([config::Fragment::from_environment(std::env::vars_os())?])?.unplaced;
        let read = if self.bundle { files::read_bundle()? } else { files::read(&absolute(&self.files)?)? };
        let files::Files { units, is_whole } = read;
        // Paths are shown as they were given.
        let base = match self.files.iter().all(|path| path.is_relative()) {
            true => std::env::current_dir()?,
            false => PathBuf::new(),
        };
        let resolution = render::resolve(
            &units,
            &render::Inputs {
                host: &host,
                platform: &self.platform(),
                unplaced,
                installed: &BTreeMap::new(),
                targets: &BTreeMap::new(),
            },
        );
        let is_valid =
            is_whole && !resolution.verdicts.iter().any(|verdict| matches!(verdict.ruling, Ruling::Invalid { .. }));
        let mut out = std::io::stdout().lock();
        let mut text = Vec::with_capacity(2 * PART);
        // There is a verdict for each unit, in their order.
        for (verdict, unit) in resolution.verdicts.iter().zip(&units) {
            let more = convert::warnings(unit);
            let mut rendered = rendered(verdict, &more, &resolution);
            rendered.show_below(&base);
            if self.json {
                serde_json::to_writer(&mut text, &rendered)?;
                text.push(b'\n');
            } else {
                print(&mut text, &rendered)?;
            }
            if text.len() >= PART {
                out.write_all(&text)?;
                text.clear();
            }
        }
        out.write_all(&text)?;
        out.flush()?;
        // The process is over, which frees them faster
        std::mem::forget((resolution, units));
        Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn platform(&self) -> Platform {
        let newest = Platform::default();
        Platform {
            systemd: self.systemd.unwrap_or(newest.systemd),
            docker_api: self.docker_api.unwrap_or(newest.docker_api),
            live_restore: self.live_restore,
            system: self.machine_id.is_none().then(System::read),
            ..newest
        }
    }

    fn host(&self) -> anyhow::Result<Host> {
        let is_other = self.machine_id.is_some() || !self.metadata.is_empty();
        let own = match is_other {
            true => BTreeMap::new(),
            false => config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())?.metadata,
        };
        let list = [("SCULLER_METADATA".into(), self.metadata.join(",").into())];
        let given = config::Settings::merge([config::Fragment::from_environment(list)?])?.metadata;
        let machine_id = match &self.machine_id {
            Some(id) => MachineId::parse(id)?,
            None => MachineId::read(Path::new(MACHINE_ID_FILE))?,
        };
        // Only this host's name is known; another's stands for itself in what is printed.
        let hostname = match self.machine_id {
            Some(_) => machine_id.short().to_owned(),
            None => nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned(),
        };
        Ok(Host { machine_id, hostname, metadata: if is_other { given } else { own } })
    }
}

fn rendered<'a>(verdict: &'a FileVerdict, more: &'a [Finding], resolution: &'a render::Resolution) -> Rendered<'a> {
    let errors = match &verdict.ruling {
        Ruling::Invalid { errors } => errors.iter().map(place).collect(),
        _ => Vec::new(),
    };
    let is_taken = matches!(verdict.ruling, Ruling::Taken { .. });
    let desired = resolution.desired.get(&verdict.runs_as).filter(|_| is_taken);
    let unit = desired.map(|desired| {
        let text = |bytes: &'a [u8]| match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let others = desired.files.iter().filter(|file| file.path != desired.name.as_str());
        let others = others.map(|file| (file.path.as_str(), text(&file.text)));
        let (drop_ins, slice) = others.partition(|(path, _)| path.contains('/'));
        Text { name: desired.name.as_str(), text: text(desired.text()), drop_ins, slice }
    });
    Rendered {
        file: &verdict.path,
        name: verdict.name.as_str(),
        verdict: verdict.ruling.word(),
        reason: verdict.ruling.reason(),
        errors,
        warnings: verdict.warnings.iter().chain(more).map(place).collect(),
        unit,
        spec: desired.and_then(|desired| desired.spec.as_deref()),
    }
}

/// What is relative in a Quadlet file is so to the file, whose own path has to be whole for that.
fn absolute(paths: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    paths.iter().map(std::path::absolute).collect()
}

impl Rendered<'_> {
    fn show_below(&mut self, base: &Path) {
        let shorten = |path: &mut &Path| *path = path.strip_prefix(base).unwrap_or(path);
        shorten(&mut self.file);
        self.errors.iter_mut().chain(&mut self.warnings).for_each(|place| shorten(&mut place.file));
    }
}

/// What the supervisor works from, less what it says of itself.
fn request<S: Serializer>(spec: &Option<&SpecText>, serializer: S) -> Result<S::Ok, S::Error> {
    spec.and_then(|spec| spec.read().ok()).map(|spec| spec.request).serialize(serializer)
}

fn place(finding: &Finding) -> Place<'_> {
    Place {
        file: &finding.path,
        line: finding.diagnostic.line,
        column: finding.diagnostic.column,
        message: &finding.diagnostic.message,
    }
}

fn print(out: &mut Vec<u8>, rendered: &Rendered<'_>) -> std::io::Result<()> {
    let file = rendered.file.display();
    writeln!(out, "# {file}: {}: {}", rendered.verdict, rendered.reason)?;
    for (places, kind) in [(&rendered.errors, "error"), (&rendered.warnings, "warning")] {
        for place in places {
            writeln!(out, "# {}:{}:{}: {kind}: {}", place.file.display(), place.line, place.column, place.message)?;
        }
    }
    let Some(unit) = &rendered.unit else { return Ok(()) };
    for (path, text) in std::iter::once((unit.name, &unit.text))
        .chain(unit.slice.iter().chain(&unit.drop_ins).map(|(path, text)| (*path, text)))
    {
        writeln!(out, "\n# {path}\n{}", text.trim_end_matches('\n'))?;
    }
    if let Some(SpecText::Parts { kind, request, .. }) = rendered.spec {
        writeln!(out, "\n# What Docker is asked for: {kind}")?;
        out.extend_from_slice(request);
        out.push(b'\n');
    }
    writeln!(out)
}
