//! The packages: what their scripts do to what runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::agent::{ATTACHED, SOON, service, sleeper};
use crate::host::{Host, Suite, sculler_binary};

/// The package of the binary under test, and of a later one that renders the services of containers differently.
struct Packages {
    now: PathBuf,
    later: PathBuf,
    tarball: PathBuf,
    image: PathBuf,
}

fn packages() -> &'static Packages {
    static PACKAGES: OnceLock<Packages> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        fs::create_dir_all(&folder).expect("the folder can be made");
        let (now, later) = (folder.join("sculler"), folder.join("sculler-later"));
        // Of a debug build, symbols are nearly everything.
        let stripped = Command::new("strip").arg("-o").arg(&now).arg(sculler_binary()).status();
        assert!(stripped.expect("strip can be run").success());
        let binary = fs::read(&now).expect("strip wrote it");
        fs::write(&later, renders_differently(&binary)).expect("it can be written");
        make(&["generated"]);
        let packed = |binary: &Path, version: &str, target: &str| pack(&folder, binary, version, target);
        Packages {
            now: packed(&now, "0.1.0", "deb-only"),
            later: packed(&later, "0.1.0+later", "deb-only"),
            tarball: packed(&now, "0.1.0", "tarball-only"),
            image: packed(&now, "0.1.0", "sysext-only"),
        }
    })
}

/// The package of the binary under test.
pub fn package() -> &'static Path {
    &packages().now
}

/// Another build, whose containers' services have another key: no matter which, as long as nothing depends on it.
fn renders_differently(binary: &[u8]) -> Vec<u8> {
    let (key, other) = (b"KeyringMode=private", b"KeyringMode=inherit");
    let mut changed = binary.to_vec();
    let mut found = 0;
    for start in 0..binary.len().saturating_sub(key.len()) {
        if binary[start..].starts_with(key) {
            changed[start..start + key.len()].copy_from_slice(other);
            found += 1;
        }
    }
    assert!(found > 0, "the services of containers have no KeyringMode= any more: take another key");
    changed
}

/// Makes a package; `make` prints its path last.
fn pack(folder: &Path, binary: &Path, version: &str, target: &str) -> PathBuf {
    let printed = make(&[
        target,
        "DEB_FLAGS=--fast",
        &format!("BINARY={}", binary.display()),
        &format!("PACKAGES={}", folder.display()),
        &format!("PACKAGE_VERSION={version}"),
    ]);
    printed.lines().last().expect("it prints something").into()
}

fn make(arguments: &[&str]) -> String {
    let mut make = Command::new("make");
    make.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--no-print-directory").args(arguments);
    // A `make test` above would pass its own options down
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    let done = make.output().expect("make can be run");
    assert!(done.status.success(), "make {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Runs an outer command; what it printed.
fn outer(program: &str, arguments: &[&std::ffi::OsStr]) -> String {
    let done = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let printed = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(done.status.success(), "{program} {arguments:?}: {printed}");
    printed
}

impl Host {
    /// Installs a package, or upgrades to it; what dpkg said.
    fn dpkg_install(&self, package: &Path) -> String {
        let copied = self.path("/root/sculler.deb");
        fs::copy(package, &copied).unwrap_or_else(|error| self.fail(&format!("{}: {error}", copied.display())));
        self.sh("DEBIAN_FRONTEND=noninteractive dpkg -i /root/sculler.deb 2>&1")
    }

    fn outdated(&self) -> String {
        self.sh("sculler list-units --no-legend --fields unit,outdated 2>/dev/null | sed -n 's/  *outdated$//p'")
    }
}

/// A container that stays up.
const WEB: &str = "[Container]\nImage=busybox\nExec=sleep 100000\nStopTimeout=1\n\n[X-Fleet]\nGlobal=true\n";

#[test]
fn what_runs_goes_on_through_upgrade_removal_purge_and_back() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("deb").suite(suite).docker().up();
        host.dpkg_install(&packages().now);
        assert_eq!(
            host.sh("systemctl is-active sculler; systemctl is-enabled sculler sculler.target"),
            "active\nenabled\nenabled\n"
        );
        host.put("plain.service", &sleeper());
        host.put("quick.service", &service("/bin/true"));
        host.put("web.container", WEB);
        host.wait_active("plain.service");
        host.wait_active("web.service");
        ["plain.service", "quick.service", "web.service"].iter().for_each(|unit| host.wait_enabled(unit));
        let units = ["plain.service", "web.service"].map(|unit| (unit, host.invocation(unit)));
        let container = host.sh("docker ps -q --no-trunc");
        let are_untouched = || {
            units.iter().for_each(|(unit, invocation)| host.assert_untouched(unit, invocation));
            assert_eq!(host.sh("docker ps -q --no-trunc"), container);
        };

        // Another version of sculler makes another service of the same file.
        let (agent, reloads) = (host.invocation("sculler.service"), host.reloads());
        host.dpkg_install(&packages().later);
        assert_ne!(host.invocation("sculler.service"), agent);
        host.wait_until("web.service is outdated", SOON, || host.outdated() == "web.service\n");
        assert_eq!(host.settle(), Vec::<String>::new());
        are_untouched();
        assert!(host.read(&format!("{ATTACHED}/web.service")).contains("KeyringMode=inherit"));
        for command in ["sculler status", "sculler status web", "sculler explain web", "sculler list-units 2>&1"] {
            let told = host.try_sh(command).stdout;
            assert!(told.contains("outdated: ") && told.contains("'sculler restart web.service'"), "{command}: {told}");
        }
        host.wait_until("systemd has read it", SOON, || host.property("web.service", "NeedDaemonReload") == "no");
        if suite == Suite::Trixie {
            // One of dpkg's for the units in the package, one for all that are rendered differently
            assert_eq!(host.reloads() - reloads, 2);
        }
        // The way back: nothing is outdated then.
        host.dpkg_install(&packages().now);
        host.wait_until("nothing is outdated", SOON, || host.outdated().is_empty());
        are_untouched();
        host.dpkg_install(&packages().later);
        host.wait_until("web.service is outdated again", SOON, || !host.outdated().is_empty());

        // Nothing stops for a removal, and what is found again is adopted.
        host.sh("dpkg -r sculler");
        are_untouched();
        host.dpkg_install(&packages().later);
        assert_eq!(host.settle(), Vec::<String>::new());
        are_untouched();
        assert_eq!(host.outdated(), "web.service\n");

        // A purge takes the state and not what runs, and no unit file.
        host.sh("dpkg -P sculler");
        are_untouched();
        assert_eq!(host.sh("ls /etc/sculler; ls -d /var/lib/sculler /run/sculler 2>/dev/null || true"), "units\n");
        assert!(host.exists("/etc/sculler/units/web.container"));
        host.dpkg_install(&packages().now);
        assert_eq!(host.settle(), Vec::<String>::new());
        are_untouched();
        assert!(host.sh("sculler status").contains("3 taken"));

        // The next start takes up what is rendered now.
        host.dpkg_install(&packages().later);
        host.wait_until("web.service is outdated", SOON, || !host.outdated().is_empty());
        host.sh("systemctl restart web.service");
        assert_eq!(host.outdated(), "");
        assert_ne!(host.sh("docker ps -q --no-trunc"), container);
        host.take_out("web.container");
        host.wait_gone("web.service");
    }
}

#[test]
fn ejected_units_need_no_sculler_any_more() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("eject").suite(suite).docker().up();
        host.dpkg_install(&packages().now);
        host.put("plain.service", &sleeper());
        host.make_dir("/etc/sculler/units/plain.service.d");
        host.put("plain.service.d/environment.conf", "[Service]\nEnvironment=KEPT=yes\n");
        host.put("own.service", &format!("{}\n[Install]\nWantedBy=multi-user.target\n", sleeper()));
        host.put("off.service", &sleeper());
        host.put("late.service", &sleeper());
        host.put("web.container", WEB);
        for unit in ["plain.service", "own.service", "off.service", "late.service", "web.service"] {
            host.wait_active(unit);
            host.wait_enabled(unit);
        }
        host.sh("systemctl disable off.service");
        let units = ["plain.service", "own.service", "off.service", "late.service", "web.service"];
        let units = units.map(|unit| (unit, host.invocation(unit)));
        let are_untouched = || units.iter().for_each(|(unit, invocation)| host.assert_untouched(unit, invocation));

        let told = host.sh("sculler eject --check");
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(told.contains("late.service does not start at boot") && told.contains("plain.service does not start"));
        assert!(told.contains("web.service cannot start without sculler"), "{told}");

        // One by name, then all that can be.
        host.sh("sculler eject plain");
        are_untouched();
        assert_eq!(host.property("plain.service", "FragmentPath"), "/etc/systemd/system/plain.service");
        assert_eq!(host.property("plain.service", "Environment"), "KEPT=yes");
        assert!(!host.exists(&format!("{ATTACHED}/plain.service.d")), "the mark is gone");
        assert_eq!(host.property("sculler.service", "ActiveState"), "active");
        assert!(host.settle().iter().any(|problem| problem.contains("plain.service exists outside sculler")));
        // Its file goes away, and the unit stays.
        host.take_out("plain.service");
        host.sh("rm -r /etc/sculler/units/plain.service.d");
        assert_eq!(host.settle(), Vec::<String>::new());
        let named = host.try_sh("sculler eject web");
        assert!(!named.ok() && named.stderr.contains("web.service stays sculler's"), "{named}");
        assert!(!host.try_sh("sculler eject nosuch").ok());
        let told = host.sh("sculler eject own off 2>&1");
        assert!(told.contains("own.service is the host's own now"), "{told}");
        are_untouched();

        // A removal says what does not start without sculler.
        let told = host.sh("dpkg -r sculler 2>&1");
        assert!(told.contains("late.service does not start at boot without sculler"), "{told}");
        assert!(told.contains("web.service cannot start without sculler") && !told.contains("plain.service"), "{told}");
        are_untouched();
        host.sh("dpkg -P sculler");
        are_untouched();
        host.reboot();
        for (unit, state) in [("plain", "active"), ("own", "active"), ("off", "inactive"), ("late", "inactive")] {
            let unit = format!("{unit}.service");
            host.wait_for_unit(&unit, "ActiveState", state, SOON);
        }
        assert_eq!(host.property("plain.service", "Environment"), "KEPT=yes");
        assert_eq!(host.sh("docker ps -q"), "");
    }
}

#[test]
fn lintian_finds_nothing_and_the_same_is_packed_as_the_same_bytes() {
    let Packages { now, later: _, tarball, image } = packages();
    let found =
        outer("lintian", &["--allow-root".as_ref(), "--fail-on".as_ref(), "error,warning".as_ref(), now.as_ref()]);
    assert_eq!(found, "");
    // Everything that `make install` installs is in it.
    let packed = outer("dpkg-deb", &["--contents".as_ref(), now.as_ref()]);
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/packages/tree");
    for file in
        outer("find", &[tree.as_ref(), "-type".as_ref(), "f".as_ref(), "-printf".as_ref(), "/%P\\n".as_ref()]).lines()
    {
        let file = file.replace("zsh/site-functions", "zsh/vendor-completions");
        assert!(packed.contains(&format!(" .{file}\n")), "{file} is not in the package");
    }
    let folder = now.parent().expect("it is in a folder");
    let again = folder.join("again");
    fs::create_dir_all(&again).expect("it can be made");
    for (package, target) in [(now, "deb-only"), (tarball, "tarball-only"), (image, "sysext-only")] {
        let other = pack(&again, &folder.join("sculler"), "0.1.0", target);
        let bytes = |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(bytes(package) == bytes(&other), "{} differs from {}", package.display(), other.display());
    }
}

#[test]
fn hosts_with_a_read_only_usr_take_the_archive_or_the_image() {
    let host = Host::boot("usr").docker().up();
    let archive = host.path("/root/sculler.tar.gz");
    fs::copy(&packages().tarball, &archive).expect("the archive can be copied");
    host.sh("mount --bind -o ro /usr /usr && cd /root && tar --extract --file sculler.tar.gz");
    let told = host.sh("/root/sculler-*/install.sh");
    assert!(told.contains("sculler 0.1.0 is installed") && told.contains("/opt/bin/sculler"), "{told}");
    assert_eq!(host.sh("systemctl is-active sculler; systemctl is-enabled sculler.target"), "active\nenabled\n");
    host.put("plain.service", &sleeper());
    host.put("web.container", WEB);
    host.wait_active("plain.service");
    host.wait_active("web.service");
    host.wait_enabled("plain.service");
    let units = ["plain.service", "web.service"].map(|unit| (unit, host.invocation(unit)));
    let are_untouched = || units.iter().for_each(|(unit, invocation)| host.assert_untouched(unit, invocation));

    let agent = host.invocation("sculler.service");
    host.sh("/root/sculler-*/install.sh");
    assert_ne!(host.invocation("sculler.service"), agent);
    are_untouched();
    let refused = host.try_sh("/root/sculler-*/install.sh --prefix /srv");
    assert!(!refused.ok() && refused.stderr.contains("--uninstall' first"), "{refused}");
    let told = host.sh("/root/sculler-*/install.sh --uninstall");
    assert!(told.contains("web.service cannot start without sculler"), "{told}");
    assert!(told.contains("plain.service does not start at boot without sculler"), "{told}");
    are_untouched();
    assert_eq!(host.sh("ls /opt/bin; ls /etc/systemd/system | grep '^sculler[.-].*service$' || true"), "");

    // The same as an image that extends /usr, which is there at the next boot, too.
    host.sh("umount --lazy /usr");
    let extension = host.path("/var/lib/extensions/sculler");
    host.make_dir("/var/lib/extensions");
    outer(
        "unsquashfs",
        &["-quiet".as_ref(), "-no-progress".as_ref(), "-dest".as_ref(), extension.as_ref(), packages().image.as_ref()],
    );
    host.sh("systemctl enable --now systemd-sysext.service");
    host.wait_active("sculler.service");
    assert_eq!(host.settle(), Vec::<String>::new());
    are_untouched();
    // A stop by hand counts, although the image is there.
    host.sh("systemctl stop sculler.service");
    host.wait_for_unit("sculler.service", "ActiveState", "inactive", SOON);
    host.reboot();
    for unit in ["sculler.service", "sculler.target", "plain.service", "web.service"] {
        host.wait_active(unit);
    }
}
