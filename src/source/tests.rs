//! The patience of a look, on real files with a clock of the test's own.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::trust::Trust;
use super::{Look, Problem, Source};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sculler-source-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn look(&self, source: &mut Source, now: Instant) -> Look {
        let trust = Trust { uids: vec![nix::unistd::geteuid().as_raw()] };
        source.look(&self.0, &trust, now).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(look: &Look, path: &Path) -> Option<String> {
    look.files.get(path).map(|file| String::from_utf8(file.text.to_vec()).unwrap())
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn unit_files_and_drop_ins_are_read_and_litter_is_not() {
    let folder = Folder::new();
    for name in ["a.service", "sub/b.timer", "a.service.d/1.conf", ".c.service.swp", "d.service~", "README.md"] {
        folder.write(name, name);
    }
    let look = folder.look(&mut Source::default(), Instant::now());
    let names: Vec<&PathBuf> = look.files.keys().collect();
    assert_eq!(names, [&folder.path("a.service"), &folder.path("a.service.d/1.conf"), &folder.path("sub/b.timer")]);
    assert!(matches!(look.problems[&folder.path("README.md")], Problem::NoUnit(_)));
    assert_eq!(look.problems.len(), 1);
}

#[test]
fn an_absence_counts_after_two_seconds() {
    let folder = Folder::new();
    let mut source = Source::default();
    let start = Instant::now();
    folder.write("a.service", "one");
    folder.look(&mut source, start);
    fs::remove_file(folder.path("a.service")).unwrap();
    let look = folder.look(&mut source, start);
    assert_eq!(text(&look, &folder.path("a.service")).unwrap(), "one");
    assert_eq!(look.again, Some(start + 2 * SECOND));
    assert!(text(&folder.look(&mut source, start + SECOND), &folder.path("a.service")).is_some());
    assert!(text(&folder.look(&mut source, start + 2 * SECOND), &folder.path("a.service")).is_none());
}

#[test]
fn an_absence_does_not_count_while_git_is_at_work() {
    let folder = Folder::new();
    let mut source = Source::default();
    let start = Instant::now();
    folder.write("a.service", "one");
    folder.write(".git/index.lock", "");
    folder.look(&mut source, start);
    fs::remove_file(folder.path("a.service")).unwrap();
    let problem = |look: &Look| look.problems[&folder.path("a.service")].clone();
    assert!(matches!(problem(&folder.look(&mut source, start)), Problem::Waiting(_)));
    // A Git that was killed leaves its lock.
    let look = folder.look(&mut source, start + 60 * SECOND);
    assert!(text(&look, &folder.path("a.service")).is_some());
    let mend = format!("run 'rm {}'", folder.path(".git/index.lock").display());
    assert!(matches!(problem(&look), Problem::Refused(reason) if reason.contains(&mend)));
    fs::remove_file(folder.path(".git/index.lock")).unwrap();
    assert!(text(&folder.look(&mut source, start + 61 * SECOND), &folder.path("a.service")).is_none());
}

#[test]
fn a_file_that_moved_within_the_directory_is_gone_at_once_from_where_it_was() {
    let folder = Folder::new();
    let mut source = Source::default();
    let start = Instant::now();
    folder.write("a.service", "one");
    folder.write("sub/x.service", "");
    folder.look(&mut source, start);
    fs::rename(folder.path("a.service"), folder.path("sub/a.service")).unwrap();
    let look = folder.look(&mut source, start);
    assert!(text(&look, &folder.path("a.service")).is_none());
    assert!(text(&look, &folder.path("sub/a.service")).is_some());
}

#[test]
fn a_file_that_is_being_written_keeps_its_previous_version_for_ten_seconds() {
    let folder = Folder::new();
    let mut source = Source::default();
    let start = Instant::now();
    let path = folder.path("a.service");
    folder.write("a.service", "one");
    folder.look(&mut source, start);
    let mut writer = OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    writer.write_all(b"half").unwrap();
    let look = folder.look(&mut source, start);
    assert_eq!(text(&look, &path).unwrap(), "one");
    assert!(matches!(look.problems[&path], Problem::Waiting(_)));
    assert_eq!(text(&folder.look(&mut source, start + 9 * SECOND), &path).unwrap(), "one");
    assert_eq!(text(&folder.look(&mut source, start + 10 * SECOND), &path).unwrap(), "half");
    drop(writer);
    assert_eq!(text(&folder.look(&mut source, start + 11 * SECOND), &path).unwrap(), "half");
}

#[test]
fn a_new_file_that_is_being_written_is_not_there_yet() {
    let folder = Folder::new();
    let mut source = Source::default();
    let start = Instant::now();
    let path = folder.path("a.service");
    let mut writer = File::create(&path).unwrap();
    writer.write_all(b"half").unwrap();
    let look = folder.look(&mut source, start);
    assert!(text(&look, &path).is_none() && look.holds(&path));
    drop(writer);
    assert_eq!(text(&folder.look(&mut source, start), &path).unwrap(), "half");
}

#[test]
fn installed_units_whose_file_is_gone_are_held_for_two_seconds_after_the_agents_start() {
    let folder = Folder::new();
    let gone = folder.path("gone.service");
    let mut source = Source::new([gone.clone()]);
    let start = Instant::now();
    assert!(folder.look(&mut source, start).holds(&gone));
    assert!(!folder.look(&mut source, start + 2 * SECOND).holds(&gone));
}

#[test]
fn links_that_lead_nowhere_or_in_circles_are_told_of_and_harm_nobody() {
    let folder = Folder::new();
    folder.write("a.service", "one");
    symlink("nowhere", folder.path("b.service")).unwrap();
    symlink(".", folder.path("circle")).unwrap();
    let look = folder.look(&mut Source::default(), Instant::now());
    let names: Vec<&PathBuf> = look.files.keys().collect();
    assert_eq!(names, [&folder.path("a.service")]);
    assert!(matches!(look.problems[&folder.path("b.service")], Problem::Refused(_)));
}

#[test]
fn what_did_not_change_keeps_its_fingerprint() {
    let folder = Folder::new();
    let mut source = Source::default();
    let start = Instant::now();
    folder.write("a.service", "one");
    let before = folder.look(&mut source, start).fingerprint;
    fs::write(folder.path("a.service"), "one").unwrap();
    assert_eq!(folder.look(&mut source, start).fingerprint, before);
    fs::write(folder.path("a.service"), "two").unwrap();
    assert_ne!(folder.look(&mut source, start).fingerprint, before);
}
