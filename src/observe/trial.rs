//! Would systemd load this text? It is asked under a throw-away name, since the unit's own name would answer from
//! memory.

use std::io;
use std::path::Path;

use crate::files;
use crate::render::Desired;
use crate::systemd::{Error, Systemd};
use crate::unit::{MARK_FILE_NAME, UnitType};

const STEM: &str = "sculler-trial";

/// Whether a text of this type loads under any name; mounts must be named after their place (systemd.mount(5)).
pub fn is_triable(unit_type: UnitType) -> bool {
    !matches!(unit_type, UnitType::Mount | UnitType::Automount)
}

/// systemd's reason not to load `desired`, if it has one.
pub async fn refusal(systemd: &Systemd, desired: &Desired, folder: &Path) -> Result<Option<String>, Error> {
    let unit_type = desired.name.unit_type();
    if !is_triable(unit_type) {
        return Ok(None);
    }
    // The agent and 'sculler plan' may try at the same time.
    let name = format!("{STEM}-{}.{}", std::process::id(), unit_type.suffix());
    let result = match write(desired, folder, &name) {
        // Where nothing can be written for a trial, the start itself will tell.
        Err(error) => {
            tracing::debug!("no trial load of {}: {error}", desired.name);
            Ok(None)
        }
        Ok(()) => {
            systemd.details(&name).await.map(|details| (!details.load_error.is_empty()).then_some(details.load_error))
        }
    };
    let _ = remove(folder, &name);
    match result {
        Err(Error::NotLoadable { message, .. } | Error::Refused { message, .. }) => Ok(Some(message)),
        result => result,
    }
}

fn write(desired: &Desired, folder: &Path, name: &str) -> io::Result<()> {
    remove(folder, name)?;
    let drop_ins = folder.join(format!("{name}.d"));
    std::fs::create_dir_all(&drop_ins)?;
    for file in &desired.files {
        match file.path.rsplit_once('/') {
            Some((_, MARK_FILE_NAME)) => {}
            Some((_, drop_in)) => files::replace_for(&drop_ins.join(drop_in), &file.text, file.is_private)?,
            None if file.path == desired.name.as_str() => {
                files::replace_for(&folder.join(name), &file.text, file.is_private)?;
            }
            // The slice of a container's own: what holds for its service holds for it.
            None => {}
        }
    }
    Ok(())
}

fn remove(folder: &Path, name: &str) -> io::Result<()> {
    files::remove(&folder.join(name))?;
    files::remove_folder(&folder.join(format!("{name}.d")))
}
