//! `sculler bootstrap FILE|-`

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use super::block_on;
use super::context::Context;
use super::diff;
use crate::bootstrap::{self, Known, Plan, Record};
use crate::cloud_config::{self, CloudConfig, Hole, Places, VARIABLES, Values};
use crate::config;
use crate::status::seconds_now;
use crate::systemd::Systemd;
use crate::unit::Diagnostic;

/// The file of sculler.toml.d/ that the document's settings go to.
const SETTINGS: &str = "50-cloud-config.toml";

/// Apply what is sculler's of a CoreOS cloud-config: units, files, fleet's metadata. All of it is checked before anything
/// is written; done twice, it changes nothing.
#[derive(Debug, clap::Args)]
pub struct Bootstrap {
    /// Show what would be written and done, as a diff
    #[arg(long)]
    dry_run: bool,
    /// Print the document that does the rest (users, keys, hostname); applies nothing
    #[arg(long, value_name = "FORMAT", value_parser = ["cloud-init"])]
    emit: Option<String>,
    /// What $public_ipv4 stands for
    #[arg(long, value_name = "ADDRESS")]
    public_ipv4: Option<String>,
    /// What $private_ipv4 stands for
    #[arg(long, value_name = "ADDRESS")]
    private_ipv4: Option<String>,
    /// What $public_ipv6 stands for
    #[arg(long, value_name = "ADDRESS")]
    public_ipv6: Option<String>,
    /// What $private_ipv6 stands for
    #[arg(long, value_name = "ADDRESS")]
    private_ipv6: Option<String>,
    /// The document, or - for standard input
    file: PathBuf,
}

impl Bootstrap {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (text, holes) = self.text()?;
        let config = cloud_config::read(&text).map_err(|errors| self.refuse(&errors))?;
        if self.emit.is_some() {
            match cloud_config::emit(&config) {
                Some(document) => print!("{document}"),
                None => eprintln!("sculler: there is nothing for cloud-init in {}", self.file.display()),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let context = Context::read()?;
        let places = Places {
            unit_dir: context.settings.unit_dir.clone(),
            settings: config::drop_in_directory(Path::new(config::CONFIG_DIRECTORY)).join(SETTINGS),
        };
        let steps = cloud_config::steps(&config, &places).map_err(|errors| self.refuse(&errors))?;
        let unfilled = cloud_config::unfilled(&holes, steps.files.iter().map(|file| file.content.as_slice()));
        if !unfilled.is_empty() {
            return Err(self.refuse(&unfilled));
        }
        let state = Path::new(config::STATE_DIRECTORY);
        let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let last = Record::read(state);
        let is_new = !last.is_some_and(|last| last.is_complete && last.digest == digest);
        let known = Known { memory: &context.memory, sources: sources(&context), is_new };
        let plan = block_on(async {
            let systemd = Systemd::connect().await?;
            Ok(bootstrap::check(&steps, &known, &systemd).await)
        })?;
        let plan = plan.map_err(|errors| self.refuse(&errors))?;
        self.tell(&steps.notes);
        self.tell_rest(&config);
        let is_whole = plan.missing.is_empty();
        self.tell(&plan.missing);
        if self.dry_run {
            show(&plan);
            return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let is_fine = self.apply(&plan, state, digest, is_new)?;
        Ok(if is_fine && is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn text(&self) -> anyhow::Result<(String, Vec<Hole>)> {
        let shown = self.file.display();
        let bytes = match self.file == Path::new("-") {
            true => {
                let mut bytes = Vec::new();
                std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
            }
            false => std::fs::read(&self.file),
        };
        let bytes = bytes.with_context(|| format!("{shown}: cannot be read"))?;
        let text = cloud_config::text(&bytes).map_err(|reason| anyhow::anyhow!("{shown}: {reason}"))?;
        let given = [&self.public_ipv4, &self.private_ipv4, &self.public_ipv6, &self.private_ipv6];
        let mut values = Values::new();
        for ((name, variable), given) in VARIABLES.into_iter().zip(given) {
            let value = given.clone().or_else(|| std::env::var(variable).ok()).or_else(|| from_file(variable));
            values.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
        }
        Ok(cloud_config::substitute(&text, &values))
    }

    fn refuse(&self, errors: &[Diagnostic]) -> anyhow::Error {
        let lines: Vec<String> = errors.iter().map(|error| error.at(self.file.display()).to_string()).collect();
        anyhow::anyhow!("nothing was changed\n{}", lines.join("\n"))
    }

    fn tell(&self, notes: &[Diagnostic]) {
        notes.iter().for_each(|note| eprintln!("{}", note.at(self.file.display())));
    }

    fn tell_rest(&self, config: &CloudConfig) {
        if config.has_more() {
            let file = self.file.display();
            eprintln!(
                "{file}: users, keys and the hostname are cloud-init's: 'sculler bootstrap --emit cloud-init {file}' prints \
                 the document for it"
            );
        }
    }

    fn apply(&self, plan: &Plan, state: &Path, digest: String, is_new: bool) -> anyhow::Result<bool> {
        if !nix::unistd::geteuid().is_root() {
            bail!("only root may apply it; run it with sudo, or look at it with --dry-run");
        }
        if plan.is_empty() && !is_new {
            println!("nothing to do");
            return Ok(true);
        }
        let mut record = Record { digest, at: seconds_now(), ..Record::default() };
        // Whatever ends this in the middle: the next run knows.
        record.write(state).context("the report cannot be written")?;
        let applied = block_on(bootstrap::apply(plan, |line| {
            println!("{line}");
            record.done.push(line);
        }));
        record.is_complete = matches!(applied, Ok(true));
        record.error = applied.as_ref().err().map(|error| format!("{error:#}"));
        record.write(state).context("the report cannot be written")?;
        if record.done.is_empty() && applied.is_ok() {
            println!("nothing to do");
        }
        applied.context(format!(
            "{} things were done, see {}; mend what the next line names, and run it again",
            record.done.len(),
            state.join("bootstrap.json").display()
        ))
    }
}

/// What coreos-cloudinit left in /etc/environment.
fn from_file(variable: &str) -> Option<String> {
    let text = std::fs::read_to_string("/etc/environment").ok()?;
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix(variable)?.strip_prefix('='))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// The units of the unit directory and their files; none while it cannot be read.
fn sources(context: &Context) -> BTreeMap<String, PathBuf> {
    let verdicts = context.directory().map(|directory| directory.resolution.verdicts).unwrap_or_default();
    verdicts.into_iter().map(|verdict| (verdict.runs_as.to_string(), verdict.path)).collect()
}

fn show(plan: &Plan) {
    for change in &plan.changes {
        let path = change.file.path.display().to_string();
        let side = |bytes: &[u8]| BTreeMap::from([(path.clone(), (path.clone(), bytes.to_vec()))]);
        let old = change.old.as_ref().map(|(content, ..)| side(content)).unwrap_or_default();
        match std::str::from_utf8(&change.file.content) {
            Ok(_) => print!("{}", diff::unified(&old, &side(&change.file.content))),
            Err(_) => println!("{path}: {} bytes that are no text", change.file.content.len()),
        }
        let (uid, gid) = change.owner;
        let was = change.old.as_ref().map(|(_, mode, (uid, gid))| format!(" (now {mode:04o} {uid}:{gid})"));
        println!("# {path}: {:04o} {uid}:{gid}{}", change.file.mode, was.unwrap_or_default());
    }
    plan.masks.iter().for_each(|path| println!("# mask by {}", path.display()));
    plan.unmasks.iter().for_each(|path| println!("# unmask: remove {}", path.display()));
    plan.enables.iter().for_each(|(name, _)| println!("# enable {name}"));
    if plan.restarts_network {
        println!("# restart systemd-networkd.service");
    }
    plan.commands.iter().for_each(|command| println!("# {} {}", command.verb.word(), command.unit));
    if plan.is_empty() {
        println!("nothing to do");
    }
}
