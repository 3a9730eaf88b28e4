//! `systemctl reload`, passed on.

use crate::quadlet::spec::Reload;

use super::container::short;
use super::{Job, engine};

/// What a reload command's output may add to the journal.
const OUTPUT: usize = 8 * 1024;

/// Passes a reload on; what the status line says of it.
pub async fn reload(job: &Job, id: &str, way: Option<&Reload>) -> String {
    let outcome = match way {
        None => Err("there is no way to reload: add ReloadCmd= or ReloadSignal= to the [Container] section".to_owned()),
        Some(way) => pass_on(job, id, way).await,
    };
    match outcome {
        Ok(text) => {
            tracing::info!("{text}");
            text
        }
        Err(reason) => {
            tracing::error!("reload failed: {reason}");
            format!("reload failed: {reason}")
        }
    }
}

async fn pass_on(job: &Job, id: &str, way: &Reload) -> Result<String, String> {
    let engine = engine::if_up(&job.socket).await.ok_or("Docker is down")?;
    match way {
        Reload::Signal(signal) => match engine.kill(id, signal).await {
            Ok(()) => Ok(format!("reloaded by {signal}")),
            Err(error) => Err(format!("{signal} cannot be sent to container {}: {error}", short(id))),
        },
        Reload::Command(command) => {
            let shown = command.join(" ");
            let (code, output) =
                engine.exec(id, command, OUTPUT).await.map_err(|error| format!("'{shown}': {error}"))?;
            let output = output.trim();
            match code {
                0 => {
                    if !output.is_empty() {
                        tracing::info!("'{shown}': {output}");
                    }
                    Ok(format!("reloaded by '{shown}'"))
                }
                code => {
                    let last = output.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
                    if output.lines().count() > 1 {
                        tracing::error!("'{shown}': {output}");
                    }
                    Err(format!("'{shown}' ended with exit code {code}{last}"))
                }
            }
        }
    }
}
