//! `sculler user UNIT`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::context::{self, Context};
use super::{block_on, convert};
use crate::config;
use crate::convert::convert as proposed;
use crate::mounts::accounts::{Accounts, named};
use crate::quadlet::spec::{BindSource, Container, Owner, Request};
use crate::quadlet::{self, Others, Spec};
use crate::supervise::{Inspection, inspect};
use crate::unit::{HostUser, TextFile, Unit, UnitName, UnitType};

/// The user that a container runs as, in its image and on this host, the owners of its mounts, and what does not match.
/// Exit code 1 if something does not.
#[derive(Debug, clap::Args)]
pub struct User {
    /// A unit such as web.container or web, or a service that runs docker run
    unit: String,
}

impl User {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let (name, container) = find(&context, &self.unit)?;
        let inspection = block_on(async { Ok(inspect(&container, &context.settings).await) })?;
        let inspection = inspection.with_context(|| format!("{name}: whom it runs as cannot be found out"))?;
        println!("{name}, image {}\n", container.image);
        print(&aligned(&users(&container, &inspection)));
        if !inspection.mounts.is_empty() {
            println!();
            print(&aligned(&mounts(&inspection)));
        }
        let of_mounts = inspection.mounts.iter().filter_map(|mount| {
            let problem = mount.problem.as_ref()?;
            let source = mount.source.source.display().to_string();
            Some(if problem.contains(&source) { problem.clone() } else { format!("{source} {problem}") })
        });
        let problems: Vec<String> = inspection.problems.iter().cloned().chain(of_mounts).collect();
        let warning = inspection.warning.map(|warning| format!("warning: {warning}"));
        for (index, line) in problems.iter().chain(&warning).enumerate() {
            if index == 0 {
                println!();
            }
            println!("{line}");
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The container of a unit: of a Quadlet file, or of a service with `docker run`.
fn find(context: &Context, text: &str) -> anyhow::Result<(UnitName, Container)> {
    let name = context::unit_name(text)?;
    let directory = context.directory();
    let runs_as = context::running_name(directory.as_ref(), &name);
    let of_file = directory.as_ref().ok().and_then(|directory| directory.resolution.desired.get(&runs_as)?.spec_text());
    let path = Path::new(config::STATE_DIRECTORY).join("units").join(runs_as.as_str()).join("spec.json");
    let spec = of_file.or_else(|| std::fs::read(path).ok());
    if let Some(spec) = spec {
        let spec: Spec = serde_json::from_slice(&spec)?;
        return match spec.request {
            Request::Container(container) => Ok((runs_as, *container)),
            _ => bail!("{runs_as} is no container"),
        };
    }
    let unit = convert::find(text)?;
    let unit = match unit.name.unit_type() {
        UnitType::Container => unit,
        _ => Arc::new(proposal(&unit)?),
    };
    let others = Others::asking(|_| None);
    let to = quadlet::Context { host: &context.host, platform: &context.platform, others: &others };
    let (translation, findings) = quadlet::translate(&unit, &runs_as, &to);
    let spec: Spec = match translation {
        Some(translation) => translation.spec.read()?,
        None => bail!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    match spec.request {
        Request::Container(container) => Ok((runs_as, *container)),
        _ => bail!("{runs_as} is no container"),
    }
}

/// What `sculler convert` would make of a service.
fn proposal(unit: &Unit) -> anyhow::Result<Unit> {
    let proposal = proposed(unit).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let path = unit.file.path.with_file_name(&proposal.file_name);
    let file = TextFile { path, text: proposal.text.into_bytes().into(), is_private: unit.file.is_private };
    let unit = Unit::read(UnitName::parse(&proposal.file_name)?, Arc::new(file), Vec::new());
    Ok(quadlet::complete(unit, |_| Vec::new()))
}

/// Whom the container runs as, here and there.
fn users(container: &Container, found: &Inspection) -> Vec<Vec<String>> {
    let Inspection { identity, host, is_root, .. } = found;
    let by_user = |name: &Option<String>| name.as_deref().and_then(|name| host.user(name)).map(|user| user.uid);
    let by_group = |name: &Option<String>| name.as_deref().and_then(|name| host.group(name)).map(|group| group.gid);
    let user = here(host.user_of(identity.uid).map(|user| user.name.as_str()), by_user(&identity.user), identity.uid);
    let group =
        here(host.group_of(identity.gid).map(|group| group.name.as_str()), by_group(&identity.group), identity.gid);
    let mut rows = vec![
        ["", "IMAGE", "THIS HOST"].map(str::to_owned).to_vec(),
        vec!["user".into(), named(identity.user.as_deref(), identity.uid), user],
        vec!["group".into(), named(identity.group.as_deref(), identity.gid), group],
    ];
    for gid in identity.groups.iter().filter(|gid| **gid != identity.gid) {
        let name = found.image.group_of(*gid).map(|group| &group.name);
        let group = host.group_of(*gid).map(|group| group.name.as_str());
        let of_name = name.and_then(|name| host.group(name)).map(|group| group.gid);
        rows.push(vec!["also in".into(), named(name.map(String::as_str), *gid), here(group, of_name, *gid)]);
    }
    if *is_root {
        rows[1][1].push_str(", to whom no owner matters");
    }
    if container.host_user != HostUser::Ignore {
        let word = if container.host_user == HostUser::Create { "create" } else { "require" };
        rows.push(vec!["HostUser=".into(), word.into(), String::new()]);
    }
    rows
}

/// Who has a number on this host, and what else the name is.
fn here(owner: Option<&str>, of_name: Option<u32>, number: u32) -> String {
    let mut text = match owner {
        Some(owner) => format!("{owner} ({number})"),
        None => "nobody".to_owned(),
    };
    if let Some(other) = of_name.filter(|other| *other != number) {
        text.push_str(&format!("; the name is {other}"));
    }
    text
}

fn mounts(found: &Inspection) -> Vec<Vec<String>> {
    let mut rows = vec![["MOUNT", "ON", "OPTIONS", "OWNERS", ""].map(str::to_owned).to_vec()];
    rows.extend(found.mounts.iter().map(|mount| {
        let word = if mount.problem.is_some() { "does not match" } else { "ok" };
        vec![
            mount.source.source.display().to_string(),
            mount.source.target.clone(),
            options(&mount.source),
            owners(&mount.owners, &found.host),
            word.into(),
        ]
    }));
    rows
}

fn options(mount: &BindSource) -> String {
    let mut words = vec![if mount.read_only { "ro" } else { "rw" }.to_owned()];
    match &mount.owner {
        Owner::Check => {}
        Owner::Change => words.push("U".into()),
        Owner::Map { uids, .. } if uids.is_empty() => words.push("idmap".into()),
        Owner::Map { uids, gids } => words.push(format!("idmap=uids={uids};gids={gids}")),
    }
    words.extend(mount.create.then(|| "create".to_owned()));
    words.join(",")
}

/// How many owners are shown of each mount.
const SHOWN: usize = 3;

/// `web:web 1500:1500 (12), root:root 0:0 (1)`
fn owners(owners: &[((u32, u32), u64)], host: &Accounts) -> String {
    let shown = owners.iter().take(SHOWN).map(|((uid, gid), count)| {
        let (names, numbers) = (host.owner(*uid, *gid), format!("{uid}:{gid}"));
        if names == numbers { format!("{numbers} ({count})") } else { format!("{names} {numbers} ({count})") }
    });
    let mut shown: Vec<String> = shown.collect();
    shown.extend((owners.len() > SHOWN).then(|| format!("{} others", owners.len() - SHOWN)));
    if shown.is_empty() { "-".into() } else { shown.join(", ") }
}

/// Columns aligned by blanks.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn print(lines: &[String]) {
    lines.iter().for_each(|line| println!("{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_who() {
        assert_eq!(here(Some("web"), Some(1500), 1500), "web (1500)");
        assert_eq!(here(None, Some(7), 1500), "nobody; the name is 7");
        let host = Accounts::parse("web:x:1500:1500:::", "web:x:1500:");
        let found = [((1500, 1500), 12), ((7, 8), 1), ((1, 1), 1), ((2, 2), 1)];
        assert_eq!(owners(&found, &host), "web:web 1500:1500 (12), 7:8 (1), 1:1 (1), 1 others");
        assert_eq!(aligned(&[vec!["a".into(), "b".into()], vec!["long".into(), String::new()]]), ["a     b", "long"]);
    }
}
