//! `sculler recreate UNIT`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::context::{self, Context};
use super::{ask, block_on, outcome};
use crate::agent::{Order, UnitOrder, Wish};
use crate::quadlet::Spec;
use crate::quadlet::spec::Request;
use crate::status::seconds_now;
use crate::supervise::{self, Survey};
use crate::systemd::{ActiveState, Systemd};
use crate::unit::UnitName;

/// Make a volume or network anew, as its file says now. What requires it is stopped before and started after it. It asks
/// nothing; where data would be lost, nothing happens without --delete-data.
#[derive(Debug, clap::Args)]
pub struct Recreate {
    /// A .volume or .network file such as data.volume, or its service
    unit: String,
    /// Delete what the volume holds
    #[arg(long)]
    delete_data: bool,
}

impl Recreate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let (name, source, spec) = find(&context, &self.unit)?;
        let survey = block_on(async { Ok(supervise::survey(&spec.request, &context.settings).await?) })?;
        let Some(survey) = survey else {
            match spec.request {
                Request::Container(_) => bail!("{name} is a container; 'sculler restart {name}' makes it anew"),
                _ => bail!("{name} is an image; 'systemctl reload {name}' brings or builds it anew"),
            }
        };
        let what = &survey.what;
        if let Some(loss) = survey.loss.as_ref().filter(|_| !self.delete_data) {
            let file = source.file_name().unwrap_or_default().to_string_lossy();
            eprintln!("sculler: recreate {name}: the {what} {loss}, which would be lost");
            eprintln!("Nothing was done. 'sculler recreate --delete-data {file}' deletes it.");
            return Ok(ExitCode::FAILURE);
        }
        let dependents = block_on(dependents(&name))?;
        refuse_others(&survey, &dependents)?;
        if let Some(loss) = &survey.loss {
            println!("The {what} {loss}; all of it is deleted");
        }
        for unit in &dependents {
            println!("{unit} is stopped meanwhile");
        }
        let since = seconds_now();
        supervise::allow(&name, self.delete_data)?;
        let order = UnitOrder { wish: Wish::Restart, source, is_replaced: false };
        let units = [(name.to_string(), order)].into_iter().collect();
        let answer = ask::ask(&Order { wait: true, units, ..Order::default() });
        let is_unused = supervise::forbid(&name);
        let answer = answer?.units.remove(name.as_str()).unwrap_or_default();
        if let Err(reason) = outcome::check(Wish::Restart, &answer) {
            outcome::tell_failure(&name, "recreate", &reason);
            return Ok(ExitCode::FAILURE);
        }
        if is_unused {
            bail!("{what} was not made anew, since {name} was not started; see 'journalctl -u {name}'");
        }
        println!("{} the {what}", if survey.exists { "Recreated" } else { "Made" });
        let failures = block_on(outcome::watch(&dependents.iter().collect::<Vec<_>>(), since))?;
        for unit in &dependents {
            match failures.get(unit) {
                None => println!("{unit} is up again"),
                Some(reason) => outcome::tell_failure(unit, "recreate", reason),
            }
        }
        Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The service, its file, and what it asks for now.
fn find(context: &Context, text: &str) -> anyhow::Result<(UnitName, PathBuf, Spec)> {
    let name = context::unit_name(text)?;
    let directory = context.directory()?;
    let runs_as = context::running_name(Ok(&directory), &name);
    let desired = directory.resolution.desired.get(&runs_as);
    let Some(desired) = desired else {
        bail!("{runs_as} is not run on this host; 'sculler explain {text}' says why");
    };
    let Some(spec) = &desired.spec else { bail!("{runs_as} is neither a volume nor a network of a Quadlet file") };
    let spec = spec.read().with_context(|| format!("what {runs_as} asks for"))?;
    Ok((runs_as, desired.source.clone(), spec))
}

/// The units that systemd stops with it, and starts again after it.
async fn dependents(name: &UnitName) -> anyhow::Result<Vec<UnitName>> {
    let systemd = Systemd::connect().await?;
    let all = systemd.details(name.as_str()).await?.dependents;
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let states = systemd.states(&names).await?;
    let is_up = |unit: &&String| {
        let state = states.get(unit.as_str()).map(|state| state.active);
        !matches!(state, None | Some(ActiveState::Inactive | ActiveState::Failed))
    };
    Ok(all.iter().filter(is_up).filter_map(|unit| UnitName::parse(unit).ok()).collect())
}

/// Whoever uses it and is not stopped with it would keep it from being removed: then nothing is stopped at all.
fn refuse_others(survey: &Survey, dependents: &[UnitName]) -> anyhow::Result<()> {
    for user in &survey.users {
        let (what, container) = (&survey.what, &user.container);
        match &user.unit {
            Some(unit) if dependents.iter().any(|dependent| dependent.as_str() == unit) => {}
            Some(unit) => bail!(
                "container {container} uses the {what}, and {unit} does not require it; run 'systemctl stop {unit}' first"
            ),
            None => bail!(
                "container {container}, which sculler did not make, uses the {what}; run 'docker rm -f {container}' first"
            ),
        }
    }
    Ok(())
}
