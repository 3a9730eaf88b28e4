//! `sculler status [UNIT…]`

use std::process::{Command, ExitCode};

use super::context::{self, Context};
use super::explain;
use crate::render::Ruling;
use crate::source::Problem;
use crate::unit::UnitName;

/// The agent, or some units in sculler's and systemd's words.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Units; without any, the agent and everything that is wrong
    units: Vec<String>,
}

impl Status {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        if self.units.is_empty() {
            return overview(&context);
        }
        let names: Vec<UnitName> = self.units.iter().map(|text| context::unit_name(text)).collect::<Result<_, _>>()?;
        let directory = context.directory();
        for name in &names {
            explain::explain(&context, &directory, name, None)?;
            println!();
        }
        let names: Vec<&str> = names.iter().map(UnitName::as_str).collect();
        let mut command = Command::new("systemctl");
        command.args(["status", "--no-pager", "--full", "--"]).args(names);
        super::replace_by(command)
    }
}

fn overview(context: &Context) -> anyhow::Result<ExitCode> {
    let mut is_well = true;
    let mut wrong = |line: String| {
        is_well = false;
        println!("  {line}");
    };
    println!(
        "{} ({}), unit directory {}",
        context.host.hostname,
        context.host.machine_id,
        context.settings.unit_dir.display()
    );
    match &context.agent {
        None => wrong("the agent is not running, so changes wait; run 'systemctl start sculler'".to_owned()),
        Some(agent) => {
            println!("agent {} is running (PID {})", agent.version, agent.pid);
            agent.problems.iter().for_each(|problem| wrong(problem.clone()));
            for (unit, status) in &agent.units {
                if let Some(kind) = &status.job {
                    println!("  {unit}: {kind} under way");
                }
                for reason in status.blocked.iter().chain(status.trouble.as_ref().map(|trouble| &trouble.message)) {
                    wrong(format!("{unit}: {reason}"));
                }
            }
        }
    }
    match context.directory() {
        Err(error) => wrong(error.to_string()),
        Ok(directory) => {
            let verdicts = &directory.resolution.verdicts;
            let count = |word: &str| verdicts.iter().filter(|verdict| verdict.ruling.word() == word).count();
            let (taken, other, invalid) = (count("taken"), count("not-taken"), count("invalid"));
            println!("{taken} unit files run here, {other} are not for this host, {invalid} are invalid");
            for verdict in verdicts {
                if let Ruling::Invalid { errors } = &verdict.ruling {
                    errors.iter().for_each(|error| wrong(error.to_string()));
                }
            }
            for (path, problem) in &directory.look.problems {
                if let Problem::Refused(reason) = problem {
                    wrong(format!("{}: {reason}", path.display()));
                }
            }
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
