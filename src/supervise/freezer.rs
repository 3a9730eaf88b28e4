//! A container that does not move for a moment, by its cgroup. Not by the Engine: its pause catches whoever is about to run a
//! command in the container, as health checks do, and then both wait for each other for ever.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mounts::swap::Container;

/// While a container is frozen this file is in the supervisor's folder, and says how to thaw it: whoever finds it does so.
const NOTE: &str = "frozen";

const CGROUPS: &str = "/sys/fs/cgroup";

/// How long its processes may take to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// A frozen container; it goes on when this is dropped.
pub struct Frozen {
    /// `None`: somebody else froze it, and thaws it.
    note: Option<PathBuf>,
}

impl Frozen {
    /// Freezes a container; `directory` is the supervisor's.
    pub async fn freeze(directory: &Path, container: &Container) -> io::Result<Self> {
        let switch = Switch::of(container)?;
        if switch.is_on()? {
            return Ok(Self { note: None });
        }
        let note = directory.join(NOTE);
        fs::create_dir_all(directory)?;
        fs::write(&note, format!("{}\n{}", switch.file.display(), switch.off))?;
        let frozen = Self { note: Some(note) };
        fs::write(&switch.file, switch.on)?;
        let begin = Instant::now();
        while !switch.has_worked()? {
            if begin.elapsed() > PATIENCE {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "its processes do not stop"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some(note) = &self.note {
            thaw(note);
        }
    }
}

/// Thaws what an earlier supervisor of this folder froze and did not live to thaw.
pub fn thaw_leftover(directory: &Path) {
    thaw(&directory.join(NOTE));
}

fn thaw(note: &Path) {
    let Ok(text) = fs::read_to_string(note) else { return };
    if let Some((file, off)) = text.split_once('\n').filter(|(file, _)| file.starts_with(CGROUPS)) {
        match fs::OpenOptions::new().write(true).open(file) {
            Ok(mut file) => {
                if let Err(error) = io::Write::write_all(&mut file, off.as_bytes()) {
                    tracing::error!("the container was frozen for an exchange of mounts and cannot be thawed: {error}");
                }
            }
            // The container is gone.
            Err(error) => tracing::debug!("{file}: {error}"),
        }
    }
    let _ = fs::remove_file(note);
}

/// The file by which a cgroup is frozen, and what to write to it.
#[derive(Debug, PartialEq, Eq)]
struct Switch {
    file: PathBuf,
    on: &'static str,
    off: &'static str,
}

impl Switch {
    fn of(container: &Container) -> io::Result<Self> {
        let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", container.pid))?;
        Self::among(&cgroups, &container.id).ok_or_else(|| io::Error::other("it has no cgroup that could be frozen"))
    }

    /// By what /proc/PID/cgroup says (cgroups(7)).
    fn among(cgroups: &str, id: &str) -> Option<Self> {
        let mut unified = None;
        for line in cgroups.lines() {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            if !path.contains(id) {
                continue;
            }
            let path = path.trim_start_matches('/');
            if controllers.split(',').any(|controller| controller == "freezer") {
                let file = Path::new(CGROUPS).join("freezer").join(path).join("freezer.state");
                return Some(Self { file, on: "FROZEN", off: "THAWED" });
            }
            if controllers.is_empty() {
                let file = Path::new(CGROUPS).join(path).join("cgroup.freeze");
                unified = Some(Self { file, on: "1", off: "0" });
            }
        }
        unified
    }

    fn is_on(&self) -> io::Result<bool> {
        Ok(fs::read_to_string(&self.file)?.trim() == self.on)
    }

    fn has_worked(&self) -> io::Result<bool> {
        match self.file.ends_with("cgroup.freeze") {
            true => {
                let events = fs::read_to_string(self.file.with_file_name("cgroup.events"))?;
                Ok(events.lines().any(|line| line == "frozen 1"))
            }
            false => self.is_on(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_of_the_container() {
        let file = |text: &str| Switch::among(text, "abc").map(|switch| switch.file.display().to_string());
        assert_eq!(
            file("0::/sculler.slice/docker-abc.scope\n").as_deref(),
            Some("/sys/fs/cgroup/sculler.slice/docker-abc.scope/cgroup.freeze")
        );
        assert_eq!(
            file("5:cpu,freezer:/docker/abc\n0::/docker/abc\n").as_deref(),
            Some("/sys/fs/cgroup/freezer/docker/abc/freezer.state")
        );
        assert_eq!(file("0::/system.slice\n"), None);
    }
}
