//! Plain units become the host's own: files in /etc/systemd/system that run, and start at boot, without sculler.
//!
//! Nothing is stopped: systemd finds the same unit in another folder. The agent must not run meanwhile, since it knows by
//! heart what is installed. What a crash leaves behind is whole in the new place before it goes from the old one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::apply;
use crate::files;
use crate::observe;
use crate::status::{Installed, Memory, RecordFiles};
use crate::systemd::Systemd;
use crate::unit::{MARK_FILE_NAME, UnitName, syntax};

/// The administrator's own unit files (systemd.unit(5)).
const FOLDER: &str = "/etc/systemd/system";
/// Reached by every boot that is no rescue.
const BOOT_TARGET: &str = "multi-user.target";

/// What starts a unit at boot without sculler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// Nothing does now either.
    Not,
    /// Its own `[Install]`.
    Install,
    /// Nothing would, without a link of [`BOOT_TARGET`].
    Link,
}

/// What can become of an installed unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It can do without sculler.
    Own(Boot),
    /// It is made from a Quadlet file, and its main process is sculler's.
    Container,
    /// Somebody masked it: the place of its file is taken.
    Masked,
}

/// Judges an installed unit. `is_wanted`: whether its file says that it is launched.
pub fn fate(name: &UnitName, installed: &Installed, memory: &Memory, is_wanted: bool) -> std::io::Result<Fate> {
    if installed.is_quadlet {
        return Ok(Fate::Container);
    }
    if Path::new(FOLDER).join(name.as_str()).is_symlink() {
        return Ok(Fate::Masked);
    }
    // A link that was never made is only late; one that is gone was taken away by hand.
    let is_late = is_wanted && memory.units.get(name).is_none_or(|record| record.linked.is_none());
    if name.is_template() || !(is_late || observe::boot_link(name).is_symlink()) {
        return Ok(Fate::Own(Boot::Not));
    }
    let text = std::fs::read(installed.folder.join(name.as_str()))?;
    let drop_ins = drop_ins(installed, name)?.into_iter().map(std::fs::read).collect::<std::io::Result<Vec<_>>>()?;
    let texts = std::iter::once(&text).chain(&drop_ins);
    Ok(Fate::Own(if texts.into_iter().any(|text| is_wanted_by_itself(text)) { Boot::Install } else { Boot::Link }))
}

fn is_wanted_by_itself(text: &[u8]) -> bool {
    let (file, _) = syntax::parse(text);
    ["WantedBy", "RequiredBy"].iter().any(|key| !file.words("Install", key).is_empty())
}

/// Moves units out of sculler's hands.
pub async fn eject(
    systemd: &Systemd,
    records: &RecordFiles,
    units: &[(UnitName, Installed, Boot)],
) -> anyhow::Result<()> {
    for (name, installed, _) in units {
        copy(name, installed).with_context(|| format!("{name} stays as it is"))?;
    }
    for (name, _, boot) in units {
        match boot {
            Boot::Not => {}
            Boot::Install => {
                systemd.enable_by_force(name.as_str(), false).await.with_context(|| format!("enable {name}"))?;
            }
            Boot::Link => {
                let folder = Path::new(FOLDER).join(format!("{BOOT_TARGET}.wants"));
                let link = folder.join(name.as_str());
                std::fs::create_dir_all(&folder)
                    .and_then(|()| files::link(&link, &own_file(name)))
                    .with_context(|| link.display().to_string())?;
            }
        }
    }
    for (name, installed, _) in units {
        apply::remove_files(&installed.folder, name, false)
            .with_context(|| format!("{name} is in both folders now"))?;
        let link = observe::boot_link(name);
        files::remove(&link).with_context(|| link.display().to_string())?;
        records.set_started(&mut Memory::default(), name, None)?;
        records.set_unit(&mut Memory::default(), name, None)?;
    }
    nix::unistd::sync();
    systemd.reload().await.context("daemon-reload")
}

/// Where a unit's file is afterwards.
pub fn own_file(name: &UnitName) -> PathBuf {
    Path::new(FOLDER).join(name.as_str())
}

fn copy(name: &UnitName, installed: &Installed) -> anyhow::Result<()> {
    let folder = Path::new(FOLDER).join(format!("{name}.d"));
    for path in drop_ins(installed, name)? {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file_name = path.file_name().unwrap_or_default();
        copy_file(&path, &folder.join(file_name))?;
    }
    copy_file(&installed.folder.join(name.as_str()), &own_file(name))
}

/// A file that is there already counts in place of sculler's now, and does so afterwards.
fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Ok(());
    }
    let read = std::fs::metadata(from).and_then(|metadata| Ok((std::fs::read(from)?, files::is_private(&metadata))));
    let (text, is_private) = read.with_context(|| from.display().to_string())?;
    files::replace_for(to, &text, is_private).with_context(|| format!("{} cannot be written", to.display()))
}

/// Without the mark, which also keeps the unit from other hosts.
fn drop_ins(installed: &Installed, name: &UnitName) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(installed.folder.join(format!("{name}.d")))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "conf") && !path.ends_with(MARK_FILE_NAME));
    paths.sort();
    Ok(paths)
}
