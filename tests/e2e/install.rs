//! `make install` and `make install-fleetctl` into a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::sculler_binary;

/// A folder that goes with the test.
struct Stage(PathBuf);

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make(arguments: &[String]) {
    let mut make = Command::new("make");
    make.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    // A `make test` above would pass its own options down
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    let done = make.output().expect("make can be run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn everything_is_installed_below_destdir_and_prefix_and_stays_at_an_upgrade() {
    let root = Stage(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fleetctl-{}", std::process::id())));
    let generated = root.0.join("generated");
    let stage = root.0.join("stage");
    let variables = [
        format!("GENERATED={}", generated.display()),
        format!("BINARY={}", sculler_binary().display()),
        format!("DESTDIR={}", stage.display()),
        "PREFIX=/usr/local".to_owned(),
    ];
    make(&[&["generated".to_owned()], &variables[..]].concat());
    make(&[&["install-fleetctl".to_owned()], &variables[..]].concat());
    let share = stage.join("usr/local/share");
    for (file, words) in [
        ("man/man8/sculler.8", "SCULLER 8"),
        ("doc/sculler/examples/web.container", "[Container]"),
        ("man/man1/sculler-start.1", "no\\-block"),
        ("man/man1/sculler-list-units.1", "fields"),
        ("bash-completion/completions/sculler", "list-unit-files"),
        ("zsh/site-functions/_sculler", "#compdef sculler"),
        ("fish/vendor_completions.d/sculler.fish", "complete -c sculler"),
    ] {
        let text = fs::read_to_string(share.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(words), "{file}");
        assert_eq!(fs::metadata(share.join(file)).unwrap().permissions().mode() & 0o777, 0o644, "{file}");
    }
    // A page for each command that is shown, and none that would hide sculler(8)
    assert!(!share.join("man/man1/sculler.1").exists() && !share.join("man/man1/sculler-fd-forward.1").exists());
    let syntax = Command::new("bash").arg("-n").arg(share.join("bash-completion/completions/sculler")).status();
    assert!(syntax.expect("bash can be run").success());

    let unit = fs::read_to_string(stage.join("usr/local/lib/systemd/system/sculler.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/sculler agent"), "{unit}");
    let fleetctl = stage.join("usr/local/bin/fleetctl");
    assert_eq!(fs::read_link(&fleetctl).unwrap(), Path::new("sculler"));
    let version = Command::new(&fleetctl).arg("version").output().expect("it can be run");
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("fleetctl version "));

    let settings = stage.join("etc/sculler/sculler.toml");
    fs::write(&settings, "unplaced = \"run\"\n").unwrap();
    make(&[&["install-fleetctl".to_owned()], &variables[..]].concat());
    assert_eq!(fs::read_to_string(&settings).unwrap(), "unplaced = \"run\"\n");
}
