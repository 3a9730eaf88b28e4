//! `sculler sync`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::context::Context;
use super::{UsageError, ask};
use crate::agent::Order;
use crate::config::{self, Settings};
use crate::render::Ruling;
use crate::source::Problem;
use crate::status::seconds_now;
use crate::sync::{self, Last, Outcome, Permissions};

/// Fetch the unit directory from the Git repository that sync.toml names, check it, and put it in place at once.
/// Whatever fails, the directory stays as it is.
#[derive(Debug, clap::Args)]
pub struct Sync {
    /// Replace files of the unit directory that are not from a repository
    #[arg(long)]
    take_over: bool,
    /// Go back to an older commit although signatures are required
    #[arg(long)]
    accept_rewind: bool,
}

impl Sync {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if !nix::unistd::geteuid().is_root() {
            anyhow::bail!("only root may replace the unit directory; run it with sudo");
        }
        let state = sync::state_directory();
        let result = self.sync(&state);
        let live = Last::read(&state).and_then(|last| last.commit);
        let (commit, error) = match &result {
            Ok(outcome) => (Some(outcome.commit.clone()), None),
            Err(error) => (live.clone(), Some(format!("{error:#}"))),
        };
        Last { at: seconds_now(), commit, error }.write(&state);
        let outcome = result.context(match live {
            Some(commit) => format!("the unit directory stays at {}", short(&commit)),
            None => "the unit directory stays as it is".to_owned(),
        })?;
        tell(&outcome);
        if outcome.is_swapped {
            // Its files are another directory's: the agent would wait before it removes anything.
            match ask::ask(&Order { accept_removal: true, ..Order::default() }) {
                Ok(answer) => answer.done.iter().for_each(|line| println!("{line}")),
                Err(error) => eprintln!("sculler: the files are in place; {error:#}"),
            }
            tell_invalid()?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn sync(&self, state: &Path) -> anyhow::Result<Outcome> {
        let path = sync::Settings::path();
        let settings = sync::Settings::load(&path)?;
        let settings = settings.ok_or_else(|| {
            UsageError(format!("{} names no repository; write 'repository = \"URL\"' into it", path.display()))
        })?;
        let Settings { unit_dir, trust, .. } = config::load(Path::new(config::CONFIG_DIRECTORY), std::env::vars_os())?;
        let permissions = Permissions { take_over: self.take_over, accept_rewind: self.accept_rewind };
        Ok(sync::sync(&settings, &unit_dir, &trust, state, permissions)?)
    }
}

fn tell(outcome: &Outcome) {
    let commit = short(&outcome.commit);
    for line in &outcome.by_hand {
        let previous = outcome.previous.as_deref().map(Path::display);
        let kept = previous.map_or_else(String::new, |path| format!("; what was there is in {path}"));
        println!("changed here by hand, and now as in the repository: {line}{kept}");
    }
    match outcome.is_swapped {
        false => println!("{commit}: nothing has changed"),
        true => println!("{commit} is live"),
    }
    outcome.changes.iter().for_each(|line| println!("  {line}"));
}

/// What this host cannot run as it is, now that the files are together.
fn tell_invalid() -> anyhow::Result<()> {
    let context = Context::read()?;
    let directory = context.directory()?;
    for verdict in directory.resolution.verdicts {
        if let Ruling::Invalid { errors } = verdict.ruling {
            errors.iter().for_each(|error| eprintln!("sculler: not run: {error}"));
        }
    }
    for (path, problem) in directory.look.problems {
        if let Problem::Refused(reason) = problem {
            eprintln!("sculler: not run: {}: {reason}", path.display());
        }
    }
    Ok(())
}

/// The beginning of a commit's name.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
