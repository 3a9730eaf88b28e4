//! `sculler eject [UNIT…]`

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::block_on;
use super::context::{self, Context};
use crate::eject::{self, Boot, Fate};
use crate::status::{Installed, RecordFiles};
use crate::systemd::{ActiveState, Systemd};
use crate::unit::UnitName;

const AGENT: &str = "sculler.service";

/// Make units the host's own, so that they need sculler no more: files in /etc/systemd/system, started at boot as before.
/// Nothing is stopped or restarted. Their files in the unit directory stay, and are not taken any more.
#[derive(Debug, clap::Args)]
pub struct Eject {
    /// Units, or globs; without any, all that can be
    units: Vec<String>,
    /// Only say what could not start any more without sculler
    #[arg(long)]
    check: bool,
}

/// A unit that somebody means, and what can become of it.
struct Candidate {
    name: UnitName,
    installed: Installed,
    fate: Fate,
}

impl Eject {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.check {
            check(&self.candidates()?);
            return Ok(ExitCode::SUCCESS);
        }
        if !nix::unistd::geteuid().is_root() {
            bail!("only root may write /etc/systemd/system; run it with sudo, or look with --check");
        }
        let has_work = self.candidates()?.iter().any(|candidate| matches!(candidate.fate, Fate::Own(_)));
        let was_up = has_work && block_on(stop_agent())?;
        let result = self.eject();
        if was_up {
            let started = block_on(async { Ok(Systemd::finish(async |systemd| systemd.start(AGENT).await).await?) });
            let started = started.with_context(|| format!("{AGENT} does not come back; 'systemctl start {AGENT}'"));
            return result.and_then(|code| started.map(|_| code));
        }
        result
    }

    fn eject(&self) -> anyhow::Result<ExitCode> {
        let candidates = self.candidates()?;
        let own = candidates.iter().filter_map(|candidate| match candidate.fate {
            Fate::Own(boot) => Some((candidate.name.clone(), candidate.installed.clone(), boot)),
            Fate::Container | Fate::Masked => None,
        });
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            let records = RecordFiles::of_host();
            block_on(async { eject::eject(&Systemd::connect().await?, &records, &own).await })?;
        }
        for (name, installed, boot) in &own {
            let path = eject::own_file(name);
            let boot = match boot {
                Boot::Not => ", not started at boot, as before",
                Boot::Install => ", started at boot by its [Install] section",
                Boot::Link => ", started at boot by multi-user.target",
            };
            println!("{name} is the host's own now: {}{boot}", path.display());
            println!("  {} is not taken any more; remove it, here or from what fills it", installed.source.display());
        }
        let mut is_complete = true;
        for candidate in &candidates {
            let (name, source) = (&candidate.name, candidate.installed.source.display());
            is_complete &= match candidate.fate {
                Fate::Own(_) => continue,
                Fate::Container => {
                    eprintln!(
                        "{name} stays sculler's, which is its main process; without it, Podman's Quadlet runs {source}, \
                         or a service of your own with 'docker run'"
                    );
                    // It goes without saying unless somebody asked for it.
                    self.units.is_empty()
                }
                Fate::Masked => {
                    eprintln!("{name} stays as it is, masked; run 'systemctl unmask {name}' first");
                    false
                }
            };
        }
        if candidates.is_empty() {
            println!("sculler has installed nothing");
        }
        Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn candidates(&self) -> anyhow::Result<Vec<Candidate>> {
        let context = Context::read()?;
        let directory = context.directory();
        let names: Vec<UnitName> = match self.units.is_empty() {
            true => context.memory.installed.keys().cloned().collect(),
            false => {
                let names = context::unit_names(&self.units, &context, directory.as_ref())?;
                names.iter().map(|name| context::running_name(directory.as_ref(), name)).collect()
            }
        };
        let candidate = |name: UnitName| {
            let Some(installed) = context.memory.installed.get(&name) else {
                bail!("{name} is not installed by sculler; 'sculler list-units' shows what is");
            };
            let desired = directory.as_ref().ok().and_then(|directory| directory.resolution.desired.get(&name));
            let is_wanted = desired.is_some_and(|desired| desired.is_launched());
            let fate = eject::fate(&name, installed, &context.memory, is_wanted);
            let fate = fate.with_context(|| format!("the installed files of {name}"))?;
            Ok(Candidate { installed: installed.clone(), name, fate })
        };
        names.into_iter().map(candidate).collect()
    }
}

fn check(candidates: &[Candidate]) {
    for candidate in candidates {
        let name = &candidate.name;
        match candidate.fate {
            Fate::Container => println!("{name} cannot start without sculler, which is its main process"),
            Fate::Own(Boot::Link) => println!(
                "{name} does not start at boot without sculler, since it has no [Install] section; 'sculler eject {name}' \
                 changes that"
            ),
            Fate::Own(Boot::Not | Boot::Install) | Fate::Masked => {}
        }
    }
}

/// Whether it was up.
async fn stop_agent() -> anyhow::Result<bool> {
    let states = Systemd::connect().await?.states(&[AGENT]).await?.into_iter();
    let is_up = states.map(|(_, state)| state.active).any(|active| active != ActiveState::Inactive);
    if is_up {
        Systemd::finish(async |systemd| systemd.stop(AGENT).await).await?;
    } else if Context::read()?.agent.is_some() {
        bail!("an agent runs that {AGENT} did not start; stop it first");
    }
    Ok(is_up)
}
