//! `sculler plan`

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use super::context::{Context, Directory};
use crate::observe::{self, Trials};
use crate::plan::{self, Action, Blocked, Inputs, Situation};
use crate::render::Ruling;
use crate::source::Problem;
use crate::systemd::Systemd;
use crate::unit::UnitName;

/// What a pass would do now, and why. Changes nothing.
#[derive(Debug, clap::Args)]
pub struct Plan {}

impl Plan {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let directory = context.directory()?;
        let plan = super::block_on(make(&context, &directory))?;
        if plan.actions.is_empty() {
            println!("nothing to do");
        }
        for action in &plan.actions {
            println!("{action}");
        }
        let known = context.memory.directory.as_ref();
        if known.is_some_and(|known| *known != directory.look.identity) {
            println!(
                "{} is another directory than at the last pass: removals wait for 30 s without a change, or for \
                 'sculler reconcile --accept-removal'",
                context.settings.unit_dir.display()
            );
        }
        let mut is_valid = true;
        for (unit, blocked) in &plan.blocked {
            match blocked {
                Blocked::Invalid(reason) => {
                    is_valid = false;
                    println!("refuse {unit}: {reason}");
                }
                Blocked::ByHand(reason) => println!("leave {unit}: {reason}"),
                Blocked::Held(reason) => println!("hold {unit}: {reason}"),
            }
        }
        let is_prepared = |unit: &UnitName| {
            let of_unit = |action: &Action| matches!(action, Action::Prepare { .. }) && action.unit() == Some(unit);
            plan.actions.iter().any(of_unit)
        };
        for unit in &plan.put_off {
            match is_prepared(unit) {
                true => println!("put off {unit}: its edit comes when the new version is prepared"),
                false => println!("put off {unit}: until its service is down"),
            }
        }
        for verdict in &directory.resolution.verdicts {
            if let Ruling::Invalid { errors } = &verdict.ruling {
                is_valid = false;
                errors.iter().for_each(|error| println!("keep {} as it is: {error}", verdict.name));
            }
        }
        for unit in context.memory.units.keys() {
            if let Some((reason, by_hand)) = directory.rolled_back(&context, unit) {
                is_valid &= by_hand;
                println!("leave {unit} as it is: {reason}");
            }
        }
        for (path, problem) in &directory.look.problems {
            if let Problem::Refused(reason) = problem {
                is_valid = false;
                println!("refuse {}: {reason}", path.display());
            }
        }
        Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn make(context: &Context, directory: &Directory) -> anyhow::Result<plan::Plan> {
    let (jobs, asked) = (BTreeMap::new(), BTreeMap::new());
    let holds = |path: &Path| directory.look.holds(path);
    let inputs = Inputs {
        resolution: &directory.resolution,
        memory: &context.memory,
        jobs: &jobs,
        asked: &asked,
        holds: &holds,
    };
    let query = plan::in_question(&inputs);
    let systemd = Systemd::connect().await?;
    let trials = Path::new("/run/systemd/system.attached");
    let socket = &context.settings.docker_socket;
    let observed = observe::observe(&systemd, &query, &context.memory, trials, &mut Trials::new(), socket).await?;
    let mut plan = plan::plan(&Situation {
        resolution: &directory.resolution,
        memory: &context.memory,
        observed: &observed,
        jobs: &jobs,
        preparations: &BTreeMap::new(),
        unstarted: &BTreeMap::new(),
        backing_off: &BTreeSet::new(),
        bring_back: &BTreeMap::new(),
        asked: &asked,
        expected: &BTreeSet::new(),
        holds: &holds,
        may_remove: true,
    });
    plan.actions.extend(plan::housekeeping(&directory.resolution, &context.memory, &BTreeSet::new()));
    Ok(plan)
}
