//! The unit directory from a Git repository.

use crate::agent::{UNITS, sleeper, unit_path};
use crate::host::{Done, Host};

const WORK: &str = "/srv/work";

impl Host {
    /// A repository on the host itself, a work tree of it, and the settings that name it.
    fn with_repository(&self, settings: &str) {
        self.sh(&format!(
            "printf '[user]\\nname = x\\nemail = x@example.org\\n[init]\\ndefaultBranch = main\\n' > /etc/gitconfig; \
             git init -q --bare /srv/units.git; git clone -q /srv/units.git {WORK} 2>&1; mkdir {WORK}/hosts"
        ));
        self.write(
            "/etc/sculler/sync.toml",
            &format!("repository = \"file:///srv/units.git\"\nfolder = \"hosts\"\n{settings}"),
        );
    }

    fn commit(&self, file: &str, text: &str) {
        self.write(&format!("{WORK}/hosts/{file}"), text);
        self.push("");
    }

    fn push(&self, options: &str) {
        self.sh(&format!("cd {WORK}; git add -A; git commit {options} -qm change; git push -q"));
    }

    /// Runs the service; what it said in its journal.
    fn synced(&self) -> (bool, String) {
        let now = self.sh("date +%s.%6N");
        let done = self.try_sh("systemctl start sculler-sync");
        let said = self.sh(&format!(
            "journalctl --sync; journalctl --no-pager -o cat -u sculler-sync --since @{}",
            now.trim_end()
        ));
        (done.ok(), said)
    }

    fn sync_by_hand(&self, options: &str) -> Done {
        self.try_sh(&format!("sculler sync {options}"))
    }
}

#[test]
fn a_push_is_live_and_a_broken_one_changes_nothing() {
    let host = Host::boot("sync").with_agent();
    host.put("own.service", &sleeper());
    host.with_repository("");
    host.commit("web.service", &sleeper());

    // What is there already is not from a repository.
    let (done, said) = host.synced();
    assert!(!done && said.contains("own.service") && said.contains("--take-over"), "{said}");
    assert_eq!(host.property("sculler-sync.service", "ActiveState"), "failed");
    assert!(host.exists(&unit_path("own.service")));
    let doctor = host.try_sh("sculler doctor").stdout;
    assert!(doctor.lines().any(|line| line.starts_with("fail  sync") && line.contains("take-over")), "{doctor}");
    let taken = host.sync_by_hand("--take-over");
    assert!(taken.ok() && taken.stdout.contains("- own.service"), "{taken}");
    host.wait_active("web.service");
    host.wait_gone("own.service");
    let invocation = host.invocation("web.service");

    // By the timer, which needs nobody.
    host.sh("systemctl enable --now sculler-sync.timer");
    host.commit("new.service", &sleeper());
    host.sh(&format!("cd {WORK}; git rm -q hosts/web.service"));
    host.commit("more.service", &sleeper());
    host.wait_active("new.service");
    host.wait_active("more.service");
    host.wait_gone("web.service");
    assert!(!invocation.is_empty());
    let kept = host.invocation("new.service");
    let inode = || host.sh(&format!("stat -c %i {UNITS}"));
    let before = inode();
    let (done, said) = host.synced();
    assert!(done && said.contains("nothing has changed"), "{said}");
    assert_eq!(inode(), before);

    // Broken in each way: a file, the folder, the branch, the server.
    host.commit("new.service", "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet\nGlobal=true\n");
    let (done, said) = host.synced();
    assert!(!done && said.contains("new.service:3:9: ") && said.contains("stays at "), "{said}");
    let status = host.sh("systemctl status --no-pager sculler-sync || true");
    assert!(status.contains("failed") && status.contains("new.service:3:9"), "{status}");
    assert!(host.try_sh("sculler status").stdout.contains("the last sync changed nothing"));
    host.sh(&format!("cd {WORK}; git mv hosts elsewhere"));
    host.push("");
    assert!(!host.synced().0);
    host.sh(&format!("cd {WORK}; mkdir hosts; echo none > hosts/README.md"));
    host.push("");
    let (done, said) = host.synced();
    assert!(!done && said.contains("no unit file in hosts"), "{said}");
    host.sh("mv /srv/units.git /srv/gone.git");
    let (done, said) = host.synced();
    assert!(!done && said.contains("/srv/units.git"), "{said}");
    host.sh("mv /srv/gone.git /srv/units.git");
    assert_eq!(inode(), before);
    host.assert_untouched("new.service", &kept);
    assert!(host.exists(&unit_path("more.service")));

    // What was changed here by hand goes, is told, and is kept beside.
    host.put("new.service", &sleeper().replace("infinity", "1234567"));
    host.sh(&format!("cd {WORK}; rm -r hosts; git mv elsewhere hosts"));
    host.commit("new.service", &sleeper());
    let (done, said) = host.synced();
    assert!(done && said.contains("by hand") && said.contains("new.service"), "{said}");
    assert!(host.read("/etc/sculler/.units.previous/new.service").contains("1234567"));
    assert_eq!(host.read(&unit_path("new.service")), sleeper());
    assert!(host.sh("sculler doctor || true").lines().any(|line| line.starts_with("ok    sync")));
}

#[test]
fn unsigned_commits_are_refused_where_signatures_are_required() {
    let host = Host::boot("signed").with_agent();
    host.with_repository("require_signed = true\nallowed_signers = \"/etc/sculler/allowed_signers\"\n");
    host.sh("cd /root; ssh-keygen -q -t ed25519 -N '' -f good; ssh-keygen -q -t ed25519 -N '' -f stranger; \
         echo \"x@example.org $(cat good.pub)\" > /etc/sculler/allowed_signers; \
         git config --system gpg.format ssh; git config --system user.signingKey /root/good");
    host.write(&format!("{WORK}/hosts/web.service"), &sleeper());
    host.push("-S");
    let (done, said) = host.synced();
    assert!(done && said.contains("+ web.service"), "{said}");
    host.wait_active("web.service");
    let before = host.sh(&format!("stat -c %i {UNITS}"));

    host.commit("evil.service", &sleeper());
    let (done, said) = host.synced();
    assert!(!done && said.contains("is not signed by a key that counts"), "{said}");
    host.sh("git config --system user.signingKey /root/stranger");
    host.write(&format!("{WORK}/hosts/evil.service"), &sleeper().replace("infinity", "1000"));
    host.push("-S");
    let (done, said) = host.synced();
    assert!(!done && said.contains("is not signed by a key that counts"), "{said}");
    assert_eq!(host.sh(&format!("stat -c %i {UNITS}")), before);
    assert!(!host.exists(&unit_path("evil.service")));

    // Signed, and older than what is live: somebody may have put it there again.
    host.sh(&format!(
        "cd {WORK}; git config --system user.signingKey /root/good; git reset -q --hard HEAD~2; \
         git commit -q -S --allow-empty -m one; git push -q -f"
    ));
    assert!(host.synced().0);
    host.sh(&format!("cd {WORK}; git push -q -f origin HEAD~1:main"));
    let (done, said) = host.synced();
    assert!(!done && said.contains("--accept-rewind"), "{said}");
    assert!(host.sync_by_hand("--accept-rewind").ok());

    // OpenPGP
    host.sh("gpg --batch --quiet --passphrase '' --quick-generate-key x@example.org ed25519 sign never; \
         gpg --armor --export x@example.org > /etc/sculler/key.asc; \
         git config --system gpg.format openpgp; git config --system user.signingKey x@example.org");
    host.write(
        "/etc/sculler/sync.toml",
        "repository = \"file:///srv/units.git\"\nfolder = \"hosts\"\nrequire_signed = true\n\
         allowed_keys = [\"/etc/sculler/key.asc\"]\n",
    );
    host.write(&format!("{WORK}/hosts/pgp.service"), &sleeper());
    host.push("-S");
    let (done, said) = host.synced();
    assert!(done && said.contains("+ pgp.service"), "{said}");
    host.wait_active("pgp.service");
}
