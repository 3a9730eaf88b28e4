//! The unit directory of a host that runs sculler, and the moments when sculler is busy.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::clock;
use crate::host::Host;

/// On the unit directory's file system, and not in it.
const STAGING: &str = "/etc/sculler/staging";
const UNITS: &str = "/etc/sculler/units";
/// Where sculler installs unit files; those put there by hand need no daemon-reload either.
pub const ATTACHED: &str = "/etc/systemd/system.attached";
/// Where the boot links of sculler's units are.
const WANTS: &str = "/etc/systemd/system/sculler.target.wants";

pub struct UnitDir<'a> {
    pub host: &'a Host,
}

impl<'a> UnitDir<'a> {
    pub fn new(host: &'a Host) -> Self {
        host.make_dir(STAGING);
        Self { host }
    }

    /// Writes a file, by rename, as editors and rsync do; the clock's reading just before the rename.
    pub fn drop_file(&self, path: &str, text: &str) -> Duration {
        let staged = self.host.path(STAGING).join("next");
        fs::write(&staged, text).expect("the host's disk can be written");
        let target = self.host.path(UNITS).join(path);
        let since = clock::now();
        fs::rename(staged, target).expect("both are on one file system");
        since
    }

    /// Drops files with one text at once, each by a rename of its own; the clock's reading just before the first.
    pub fn drop_files(&self, names: &[String], text: &str) -> Duration {
        let (staging, units) = (self.host.path(STAGING), self.host.path(UNITS));
        for name in names {
            fs::write(staging.join(name), text).expect("the host's disk can be written");
        }
        let since = clock::now();
        for name in names {
            fs::rename(staging.join(name), units.join(name)).expect("both are on one file system");
        }
        since
    }

    /// Makes a folder with files in it, which appears whole.
    pub fn drop_folder(&self, name: &str, names: &[String], text: &str) {
        let staged = self.host.path(STAGING).join("folder");
        fs::create_dir(&staged).expect("the host's disk can be written");
        for file in names {
            fs::write(staged.join(file), text).expect("the host's disk can be written");
        }
        fs::rename(staged, self.host.path(UNITS).join(name)).expect("both are on one file system");
    }

    /// Removes or adds files until `count` are there, and waits until sculler has followed.
    pub fn keep_first(&self, count: usize) {
        let mut names: Vec<_> = fs::read_dir(self.host.path(UNITS))
            .expect("the unit directory is there")
            .map(|entry| entry.expect("it can be listed").file_name())
            .collect();
        names.sort();
        for name in names.iter().skip(count) {
            fs::remove_file(self.host.path(UNITS).join(name)).expect("it was there");
        }
        let missing: Vec<String> = (names.len()..count).map(|index| format!("few-{index}.service")).collect();
        self.drop_files(&missing, &sleeper());
        let links = || fs::read_dir(self.host.path(WANTS)).map_or(0, Iterator::count);
        self.host.wait_until(&format!("{count} boot links"), Duration::from_secs(60), || links() == count);
        // A removal's daemon-reload comes after its last link is gone
        sleep(Duration::from_secs(5));
    }

    /// Waits until the aftermath of a drop is over: about a second after the last start, when the host is quiet, sculler
    /// makes the boot links and spends a daemon-reload on them, which no measurement may overlap. `before` is what
    /// [`UnitDir::reloads`] said before the drop.
    pub fn wait_for_quiet(&self, unit: &str, before: usize) {
        let link = format!("{WANTS}/{unit}");
        self.host.wait_until(&format!("{unit} has its boot link"), Duration::from_secs(60), || self.host.exists(&link));
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.reloads() <= before {
            assert!(Instant::now() < deadline, "no daemon-reload followed the boot link of {unit}");
            sleep(Duration::from_millis(50));
        }
        sleep(Duration::from_millis(300));
    }

    /// How many times sculler has done a daemon-reload.
    pub fn reloads(&self) -> usize {
        let lines = self.host.sh("journalctl -q -o cat --no-pager SCULLER_ACTION=daemon-reload _COMM=sculler");
        lines.lines().count()
    }

    /// Waits until a unit is active; when it became so.
    pub fn wait_active(&self, unit: &str) -> Duration {
        wait_invoked(self.host, &[unit.to_owned()]);
        active_since(self.host, unit)
    }
}

/// The unit of the measurements, for every host.
pub fn sleeper() -> String {
    "[Unit]\nDescription=A unit of a measurement\n\n[Service]\nExecStart=/bin/sleep 1000000\n\n[X-Fleet]\nGlobal=true\n"
        .to_owned()
}

/// Waits until PID 1 has given each of `units` an invocation, which is just before it forks; costs PID 1 nothing.
pub fn wait_invoked(host: &Host, units: &[String]) {
    let folder = host.path("/run/systemd/units");
    let link = |unit: &String| folder.join(format!("invocation:{unit}"));
    let what = format!("{} units have been started", units.len());
    host.wait_until(&what, Duration::from_secs(240), || {
        units.iter().rev().all(|unit| link(unit).symlink_metadata().is_ok())
    });
}

/// When a unit became active.
pub fn active_since(host: &Host, unit: &str) -> Duration {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let [stamp] = clock::stamps(host, unit, "ActiveEnterTimestampMonotonic")[..] {
            return stamp;
        }
        assert!(Instant::now() < deadline, "{unit} is not active");
        sleep(Duration::from_millis(20));
    }
}
