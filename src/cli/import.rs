//! `sculler import fleet|compose|podman`

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::import_sources as sources;
use super::submission::warn_of_sync;
use super::{UsageError, block_on, diff};
use crate::config;
use crate::docker::{self, Engine};
use crate::files;
use crate::host::MachineId;
use crate::import::{Fate, Import as Imported, Placement, compose, fleet, podman};
use crate::select::Unplaced;
use crate::unit::Finding;

/// Take over what ran elsewhere: unit files for the unit directory, and what will behave differently here. Exit code 1 if
/// something cannot be taken over.
#[derive(Debug, clap::Args)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    /// Units of fleet: a folder of them, or what 'fleetctl cat' printed
    Fleet(Fleet),
    /// A Compose file
    Compose(Compose),
    /// Quadlet files of Podman's
    Podman(Podman),
}

#[derive(Debug, clap::Args)]
struct Fleet {
    /// A folder of units, a file, or - for standard input
    #[arg(value_name = "DIR|FILE|-")]
    source: PathBuf,
    /// Names for the units of a text that has none, in their order
    #[arg(value_name = "UNIT")]
    names: Vec<String>,
    #[command(flatten)]
    to: To,
}

#[derive(Debug, clap::Args)]
struct Compose {
    /// The project's name, if it is not the file's 'name' or that of its folder
    #[arg(short, long, value_name = "NAME")]
    project_name: Option<String>,
    /// Import the services of this profile as well; * for all
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// Read variables from this file instead of .env
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Compose files, later ones over those before; a folder for the one in it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    to: To,
}

#[derive(Debug, clap::Args)]
struct Podman {
    /// The folder, such as /etc/containers/systemd
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    to: To,
}

/// Where it goes, and for whom it is.
#[derive(Debug, clap::Args)]
struct To {
    /// Write the files into this folder, not into the unit directory
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Show the files and what differs; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are there with another content
    #[arg(long)]
    replace: bool,
    /// Write into the unit directory although something cannot be taken over
    #[arg(long)]
    accept_loss: bool,
    /// Whom files are for that select no host; this host if nothing is said
    #[arg(long, value_name = "ID", conflicts_with_all = ["metadata", "global"])]
    machine_id: Vec<String>,
    /// They are for the hosts with this metadata
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "global")]
    metadata: Vec<String>,
    /// They are for every host
    #[arg(long)]
    global: bool,
}

impl Import {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.from {
            From::Fleet(Fleet { source, names, to }) => {
                let texts = sources::fleet(&source)?;
                // fleet's units say themselves whom they are for.
                let placement = to.placement(false)?;
                to.finish(&fleet::import(&texts, &names, &placement).map_err(refusal)?, &[])
            }
            From::Compose(Compose { project_name, profile, env_file, files, to }) => {
                let (texts, folder) = sources::compose(&files)?;
                let variable_files = sources::variable_files(&folder, env_file);
                let variables = sources::variables(&variable_files)?;
                let mut profiles = profile;
                let more = variables.get("COMPOSE_PROFILES").map_or("", String::as_str);
                profiles.extend(more.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
                let options = compose::Options { project: project_name, profiles, placement: to.placement(true)? };
                let read =
                    |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("it cannot be read ({error})"));
                to.finish(&compose::import(&texts, &variables, &options, &read).map_err(refusal)?, &variable_files)
            }
            From::Podman(Podman { folder, to }) => {
                let texts = sources::podman(&folder)?;
                let placement = to.placement(true)?;
                to.finish(&podman::import(&texts, sources::is_rootless(&folder), &placement).map_err(refusal)?, &[])
            }
        }
    }
}

/// Nothing comes of it.
fn refusal(findings: Vec<Finding>) -> anyhow::Error {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("nothing is imported\n{}", lines.join("\n"))
}

impl To {
    /// Whom files are for that do not say it themselves.
    fn placement(&self, defaults_to_this: bool) -> anyhow::Result<Placement> {
        if self.global {
            return Ok(Placement::Global);
        }
        for id in &self.machine_id {
            if id.len() < 8 || id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(UsageError(format!("'{id}' is no machine ID; it is in a host's /etc/machine-id")).into());
            }
        }
        if let Some(pair) = self.metadata.iter().find(|pair| !pair.contains('=')) {
            return Err(UsageError(format!("'{pair}' is no metadata; write KEY=VALUE")).into());
        }
        if !self.machine_id.is_empty() {
            return Ok(Placement::Machines(self.machine_id.clone()));
        }
        if !self.metadata.is_empty() {
            return Ok(Placement::Metadata(self.metadata.clone()));
        }
        let settings = config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os());
        let takes_all = settings.is_ok_and(|settings| settings.unplaced == Unplaced::Run);
        if !defaults_to_this || takes_all {
            return Ok(Placement::Unsaid);
        }
        let id =
            MachineId::read(Path::new("/etc/machine-id")).context("whom it is for is not known; say --machine-id")?;
        Ok(Placement::Machines(vec![id.to_string()]))
    }

    /// Says what there is to say, and writes the files. What was read from a file that not everybody may read, nobody else
    /// may read here.
    fn finish(&self, import: &Imported, more_sources: &[PathBuf]) -> anyhow::Result<ExitCode> {
        let folder = match &self.output {
            Some(folder) => folder.clone(),
            None => config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())?.unit_dir,
        };
        tell(import);
        let code = if import.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if self.dry_run {
            self.show(import, &folder);
            return Ok(code);
        }
        let lost = import.notes.iter().filter(|note| note.fate == Fate::NotMapped).count();
        if lost > 0 && self.output.is_none() && !self.accept_loss {
            bail!(
                "nothing is written: what is dropped into {} runs at once, and {lost} {} above cannot be taken over. Write the files \
                 elsewhere (--output DIR) and change them, or say --accept-loss",
                folder.display(),
                if lost == 1 { "thing" } else { "things" }
            );
        }
        let is_private = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| files::is_private(&metadata));
        let is_private = import.sources.iter().chain(&import.copied).chain(more_sources).any(is_private);
        if let Some(project) = import.project.as_ref().filter(|_| self.output.is_none()) {
            refuse_while_running(project)?;
        }
        self.write(import, &folder, is_private)?;
        Ok(code)
    }

    /// The files against what is there.
    fn show(&self, import: &Imported, folder: &Path) {
        println!("# into {}:", folder.display());
        for file in &import.files {
            print!("{}", difference(&folder.join(&file.name), &file.text));
        }
    }

    fn write(&self, import: &Imported, folder: &Path, is_private: bool) -> anyhow::Result<()> {
        let taken: Vec<String> = import
            .files
            .iter()
            .filter(|file| std::fs::read(folder.join(&file.name)).is_ok_and(|text| text != file.text))
            .map(|file| difference(&folder.join(&file.name), &file.text))
            .collect();
        if !taken.is_empty() && !self.replace {
            taken.iter().for_each(|difference| eprint!("{difference}"));
            bail!("nothing is written: these files are there with another content; say --replace, or --output DIR");
        }
        warn_of_sync(std::iter::once(folder.join("file").as_path()), "put");
        for file in &import.files {
            let path = folder.join(&file.name);
            let failed = || format!("{} cannot be written", path.display());
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).with_context(failed)?;
            }
            if std::fs::read(&path).is_ok_and(|text| text == file.text) {
                println!("{} is there already", path.display());
                continue;
            }
            files::replace_for(&path, &file.text, is_private).with_context(failed)?;
            println!("{}", path.display());
        }
        Ok(())
    }
}

/// What Compose runs has the names and ports that the units are to have.
fn refuse_while_running(project: &str) -> anyhow::Result<()> {
    let socket = config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())?.docker_socket;
    let found = block_on(async {
        // Connecting would start a Docker that is down.
        if docker::service_state().await != docker::ServiceState::Up {
            return Ok(Vec::new());
        }
        Ok(Engine::connect(&socket).await?.containers_with("com.docker.compose.project", project).await?)
    });
    match found {
        Ok(containers) if !containers.is_empty() => bail!(
            "nothing is written: containers of the project {project} are still there ({}), with the names that those of the units get; run \
             'docker compose -p {project} down', which keeps the volumes, then this again",
            containers.len()
        ),
        _ => Ok(()),
    }
}

fn difference(path: &Path, text: &[u8]) -> String {
    let shown = path.display().to_string();
    let side = |text: Vec<u8>| [(shown.clone(), (shown.clone(), text))].into();
    let old = std::fs::read(path).map(side).unwrap_or_default();
    diff::unified(&old, &side(text.to_vec()))
}

fn tell(import: &Imported) {
    for note in &import.notes {
        let what = match note.fate {
            Fate::NotMapped => "not mapped: ",
            Fate::Dropped => "dropped: ",
            Fate::Note => "note: ",
        };
        let place = match note.place.line {
            0 => String::new(),
            line => format!("{line}:{}:", note.place.column),
        };
        eprintln!("{}:{place} {what}{}", import.source(note.place), note.message);
    }
    if !import.differences.is_empty() {
        eprintln!("Different from before:");
        import.differences.iter().for_each(|difference| eprintln!("- {difference}"));
    }
}

/// Standard input.
pub(super) fn stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    Ok(text)
}
