//! The shipped user-data on hosts that have cloud-init, Docker and the package, and nothing else.

use std::fs;
use std::path::PathBuf;

use crate::agent::{SOON, sleeper};
use crate::host::{Host, Suite};
use crate::packages;

const SCULLER: &str = include_str!("../../packaging/cloud-config/sculler.yaml");
const GIT: &str = include_str!("../../packaging/cloud-config/sculler-git.yaml");

/// Where they install from.
const PACKAGE: &str = "https://downloads.example.org/sculler_0.1.0_amd64.deb";
const LOCAL: &str = "/var/cache/sculler.deb";

impl Host {
    /// A host that is off, with the package in a local path and a seed.
    fn seeded(label: &str, suite: Suite, user_data: &str) -> Self {
        let host = Host::boot(label).suite(suite).docker().cloud_init().off();
        host.disk(&["cp", &packages::package().display().to_string(), &LOCAL[1..]]);
        host.seed(user_data, "one");
        host
    }

    /// What cloud-init gets at the next boot of this host, which is off.
    fn seed(&self, user_data: &str, instance: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("seed-{}", self.name()));
        fs::create_dir_all(&folder).expect("the folder can be made");
        let meta_data = format!("instance-id: {instance}\nlocal-hostname: {}\n", self.name());
        fs::write(folder.join("user-data"), user_data.replace(PACKAGE, LOCAL)).expect("it can be written");
        fs::write(folder.join("meta-data"), meta_data).expect("it can be written");
        self.disk(&["mkdir", "-p", "var/lib/cloud/seed"]);
        self.disk(&["cp", "-rT", &folder.display().to_string(), "var/lib/cloud/seed/nocloud"]);
        fs::remove_dir_all(&folder).expect("the folder can be removed");
    }

    /// Boots it, and waits until cloud-init has done all that it does.
    fn boot_with_cloud_init(&self) {
        self.start();
        let result = "/run/cloud-init/result.json";
        self.wait_until("cloud-init is done", SOON * 6, || self.exists(result));
        let result: serde_json::Value = serde_json::from_str(&self.read(result)).unwrap_or_default();
        let errors = result["v1"]["errors"].as_array().cloned().unwrap_or_default();
        // The test host's root file system has no locales.
        let errors: Vec<String> =
            errors.iter().map(ToString::to_string).filter(|error| !error.contains("locale")).collect();
        if !errors.is_empty() {
            let log = self.try_sh("tail -60 /var/log/cloud-init-output.log").stdout;
            self.fail(&format!("cloud-init failed: {errors:?}\n{log}"));
        }
    }

    fn wait_page(&self, port: u16, text: &str) {
        self.wait_until(&format!("port {port} serves '{text}'"), SOON * 4, || {
            self.try_sh(&format!("curl -fsS http://127.0.0.1:{port}")).stdout.contains(text)
        });
    }
}

#[test]
fn a_host_comes_up_by_user_data_alone() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::seeded("cloud-init", suite, SCULLER);
        host.boot_with_cloud_init();
        for document in [SCULLER, GIT] {
            host.write("/root/user-data", document);
            host.sh("cloud-init schema --config-file /root/user-data");
        }
        host.wait_page(80, "Up by cloud-config");
        host.wait_page(8080, "Up by cloud-config");
        assert_eq!(host.sh("stat -c '%U %u %g %a' /srv/site/index.html"), "site 1500 1500 644\n");
        assert!(host.sh("sculler list-machines --full").contains("role=web"));
        let status = host.try_sh("sculler status");
        assert!(status.ok(), "{status}");

        // The same host once more: nothing is done again, and all of it is up.
        let before = host.sh("stat -c %Y /etc/sculler/units/web.container");
        host.reboot();
        host.wait_page(80, "Up by cloud-config");
        host.wait_page(8080, "Up by cloud-config");
        assert_eq!(host.sh("stat -c %Y /etc/sculler/units/web.container"), before);

        // Another instance, of other user-data.
        host.settle();
        host.poweroff();
        host.seed(
            &SCULLER.replace("Up by cloud-config", "Up again").replace("PublishPort=80:80", "PublishPort=81:80"),
            "two",
        );
        host.boot_with_cloud_init();
        host.wait_page(81, "Up again");
        host.wait_page(8080, "Up again");
        assert!(!host.try_sh("curl -fsS http://127.0.0.1:80").ok());
    }
}

#[test]
fn a_host_takes_its_units_from_git_by_user_data_alone() {
    let user_data = GIT
        .replace("https://git.example.org/units.git", "file:///srv/units.git")
        .replace("\"$PACKAGE\" git", "\"$PACKAGE\"");
    let host = Host::seeded("cloud-init-git", Suite::Trixie, &user_data);
    let repository = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("repository-{}", host.name()));
    let script = format!(
        "set -e; rm -rf {0}; mkdir -p {0}/work; cd {0}; ssh-keygen -q -t ed25519 -N '' -f key; git init -q --bare -b main units.git; \
         cd work; git init -q -b main; git config user.name x; git config user.email ops@example.org; \
         git config gpg.format ssh; git config user.signingKey {0}/key; cat > web.service; git add -A; git commit -S -qm one; \
         git push -q {0}/units.git main",
        repository.display()
    );
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(script);
    let made = crate::host::feed(command, &sleeper());
    assert!(made.ok(), "{made}");
    let key = fs::read_to_string(repository.join("key.pub")).expect("ssh-keygen wrote it");
    let example = GIT.lines().find(|line| line.contains("ops@example.org")).expect("it names a signer");
    host.disk(&["cp", "-r", &repository.join("units.git").display().to_string(), "srv/"]);
    host.disk(&["chown", "-R", "0:0", "srv/units.git"]);
    host.seed(&user_data.replace(example, &format!("      ops@example.org {}", key.trim())), "one");
    fs::remove_dir_all(&repository).expect("the folder can be removed");
    host.boot_with_cloud_init();
    host.wait_active("web.service");
    let status = host.try_sh("sculler status");
    assert!(status.ok(), "{status}");
}
