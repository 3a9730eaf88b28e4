//! Mounts replaced in another mount namespace.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

#[test]
fn rows_of_mountinfo() {
    let row = Row::read("36 35 98:0 /mnt1 /mnt\\0402\\134 rw,noatime master:1 - ext3 /dev/root rw").unwrap();
    assert_eq!((row.id, row.parent, unescaped(row.point).as_str()), (36, 35, "/mnt 2\\"));
    assert!(Row::read("36").is_none());
    assert!(same_path("/a/b", "/a//b/") && !same_path("/a/b", "/a"));
}

/// A process in a mount namespace of its own, in which `script` has mounted.
struct Process(Child);

impl Process {
    fn start(script: &str) -> Option<Self> {
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation=private", "sh", "-ec"])
            .arg(format!("{script}; echo up; exec sleep 1000"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let process = Self(child);
        (line == "up\n").then_some(process)
    }

    fn sees(&self, path: &Path) -> String {
        fs::read_to_string(format!("/proc/{}/root{}", self.0.id(), path.display())).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Both ways, on files and folders. Mounting needs root; the tests on booted hosts do the same as root.
#[test]
fn a_replaced_source_is_replaced_in_another_namespace() {
    let folder = std::env::temp_dir().join(format!("sculler-swap-{}", std::process::id()));
    for way in [Way::Beneath, Way::Over] {
        let at = |name: &str| folder.join(name);
        fs::create_dir_all(at("old")).unwrap();
        fs::create_dir_all(at("to")).unwrap();
        fs::create_dir_all(at("new")).unwrap();
        for (name, text) in [("conf", "one"), ("in", "below"), ("old/f", "one"), ("new/f", "two")] {
            fs::write(at(name), text).unwrap();
        }
        let script = format!("cd {}; mount --bind conf in; mount --bind old to", folder.display());
        let Some(process) = Process::start(&script) else {
            fs::remove_dir_all(&folder).unwrap();
            return;
        };
        let mount = |source: &str, target: &str| Mounted {
            source: at(source),
            target: at(target).display().to_string(),
            read_only: true,
            map: None,
            refused: None,
        };
        let mounts = [mount("conf", "in"), mount("old", "to")];
        let container = Container { pid: process.0.id(), id: String::new() };
        let run = || replace(&container, &mounts, way).unwrap();
        assert_eq!(run(), [Ok(Outcome::Same), Ok(Outcome::Same)]);
        fs::write(at("next"), "two").unwrap();
        fs::rename(at("next"), at("conf")).unwrap();
        fs::remove_dir_all(at("old")).unwrap();
        assert_eq!(run(), [Ok(Outcome::Replaced), Ok(Outcome::Missing)]);
        fs::rename(at("new"), at("old")).unwrap();
        assert_eq!(run(), [Ok(Outcome::Same), Ok(Outcome::Replaced)]);
        assert_eq!((process.sees(&at("in")), process.sees(&at("to/f"))), ("two".to_owned(), "two".to_owned()));
        let inside = format!("/proc/{}/root{}", process.0.id(), at("in").display());
        assert_eq!(fs::write(inside, "x").unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
        // This side keeps its own.
        assert_eq!(fs::read_to_string(at("in")).unwrap(), "below");
        fs::remove_dir_all(&folder).unwrap();
    }
}

/// As with `/var/run` in many images: it is compared all the same.
#[test]
fn a_link_in_the_container_is_followed_for_a_look() {
    let folder = std::env::temp_dir().join(format!("sculler-swap-link-{}", std::process::id()));
    let at = |name: &str| folder.join(name);
    fs::create_dir_all(at("real/sub/to")).unwrap();
    fs::create_dir_all(at("from")).unwrap();
    std::os::unix::fs::symlink("real/sub/../sub", at("short")).unwrap();
    std::os::unix::fs::symlink(at("short"), at("long")).unwrap();
    let script = format!("cd {}; mount --bind from real/sub/to", folder.display());
    if let Some(process) = Process::start(&script) {
        let target = at("long/to").display().to_string();
        let mounts = [Mounted { source: at("from"), target, read_only: true, map: None, refused: None }];
        let container = Container { pid: process.0.id(), id: String::new() };
        let run = || replace(&container, &mounts, Way::Beneath).unwrap().remove(0);
        assert_eq!(run(), Ok(Outcome::Same));
        fs::rename(at("from"), at("before")).unwrap();
        fs::create_dir(at("from")).unwrap();
        assert!(run().unwrap_err().to_string().contains("leads over a symbolic link"));
    }
    fs::remove_dir_all(&folder).unwrap();
}
