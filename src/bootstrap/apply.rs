//! A plan, carried out.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::check::{Change, Plan};
use crate::files;
use crate::systemd::{Event, Systemd};

/// How long a job is waited for: longer than systemd gives a unit to start.
const JOB_TIMEOUT: Duration = Duration::from_secs(120);

/// Does everything; each thing done goes to `tell`. The first file or call that fails ends it; a job that fails does not,
/// as with coreos-cloudinit: `false` then.
pub async fn apply(plan: &Plan, mut tell: impl FnMut(String)) -> anyhow::Result<bool> {
    let mut reload = false;
    for change in &plan.changes {
        let path = &change.file.path;
        write(change).with_context(|| format!("{} cannot be written", path.display()))?;
        reload |= is_systemds(path);
        tell(format!("wrote {}", path.display()));
    }
    for path in &plan.masks {
        let made =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| files::link(path, Path::new("/dev/null")));
        made.with_context(|| format!("{} cannot be made", path.display()))?;
        reload = true;
        tell(format!("masked by {}", path.display()));
    }
    for path in &plan.unmasks {
        files::remove(path).with_context(|| format!("{} cannot be removed", path.display()))?;
        reload = true;
        tell(format!("unmasked: {} is gone", path.display()));
    }
    let (events, mut jobs) = mpsc::unbounded_channel();
    let (systemd, pump) = Systemd::connect_and_subscribe(events).await?;
    for (name, runtime) in &plan.enables {
        let changed = systemd.enable_by_force(name, *runtime).await.with_context(|| format!("enable {name}"))?;
        reload |= changed;
        tell(match changed {
            true => format!("enabled {name}"),
            false => format!("{name} has nothing to enable: add an [Install] section to it"),
        });
    }
    if reload {
        systemd.reload().await.context("daemon-reload")?;
    }
    let mut is_fine = true;
    let network = plan.restarts_network.then_some(("restart", "systemd-networkd.service"));
    let commands = plan.commands.iter().map(|command| (command.verb.word(), command.unit.as_str()));
    for (word, unit) in network.into_iter().chain(commands) {
        let result = order(&systemd, &mut jobs, word, unit).await;
        is_fine &= result.is_ok();
        tell(match result {
            Ok(()) => format!("{word} {unit}: done"),
            Err(reason) => format!("{word} {unit}: {reason}; see 'systemctl status {unit}'"),
        });
    }
    pump.abort();
    Ok(is_fine)
}

/// Waits for the job; what it ended with, if that is not what was wanted.
async fn order(systemd: &Systemd, jobs: &mut UnboundedReceiver<Event>, word: &str, unit: &str) -> Result<(), String> {
    let job = systemd.order(word, unit).await.map_err(|error| error.to_string())?;
    let ended = tokio::time::timeout(JOB_TIMEOUT, async {
        while let Some(event) = jobs.recv().await {
            match event {
                Event::JobRemoved { id, result, .. } if id == job => return Ok(result),
                Event::Disconnected => break,
                _ => {}
            }
        }
        Err("nobody knows what became of it: the connection to systemd is gone".to_owned())
    });
    match ended.await {
        Err(_) => Err(format!("it is still under way after {} s", JOB_TIMEOUT.as_secs())),
        Ok(Err(reason)) => Err(reason),
        Ok(Ok(result)) if result == "done" || result == "skipped" => Ok(()),
        Ok(Ok(result)) => Err(format!("its job ended with '{result}'")),
    }
}

/// A temporary file beside, with its owner and permissions, then a rename.
fn write(change: &Change) -> io::Result<()> {
    let path = &change.file.path;
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{}.new", name.chars().take(60).collect::<String>()));
    files::remove(&temporary)?;
    let result = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(&change.file.content)?;
        fchown(&file, Some(change.owner.0), Some(change.owner.1))?;
        // After the change of owner, which takes setuid bits away.
        file.set_permissions(Permissions::from_mode(change.file.mode))?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if result.is_err() {
        let _ = files::remove(&temporary);
    }
    result
}

fn is_systemds(path: &Path) -> bool {
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"]
        .iter()
        .any(|folder| path.starts_with(folder))
}
