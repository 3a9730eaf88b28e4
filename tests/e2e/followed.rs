//! What counts as a change of a file, and how often.

use std::time::Duration;

use crate::agent::SOON;
use crate::host::Host;

/// Looked at every 30 s, and a little more.
const NEXT_POLL: Duration = Duration::from_secs(60);

/// A plain service that follows `watch`.
fn follows(watch: &str, reload: &str, more: &str) -> String {
    format!(
        "[Service]\nExecStart=/bin/sleep infinity\nExecReload={reload}\n{more}\n[X-Sculler]\nWatch={watch}\n\n[X-Fleet]\n\
         Global=true\n"
    )
}

/// A name, and what writes `c` in the present folder anew, with `$1` in it.
const WAYS: [(&str, &str); 21] = [
    ("in place", "echo $1 > c"),
    ("truncated, then written", ": > c; echo $1 >> c"),
    ("appended", "echo $1 >> c"),
    ("without truncation", "echo $1 | dd of=c conv=notrunc status=none"),
    ("temporary file and rename", "echo $1 > .c.tmp; mv .c.tmp c"),
    ("from another folder", "echo $1 > /srv/new; mv /srv/new c"),
    ("deleted and made again", "rm c; echo $1 > c"),
    ("sed -i", "sed -i s/.*/$1/ c"),
    (
        "vim, which copies a backup",
        "vim -u NONE -es -c 'set backup writebackup backupcopy=yes' -c \"%s/.*/$1/\" -c wq c </dev/null",
    ),
    (
        "vim, which renames",
        "vim -u NONE -es -c 'set backup writebackup backupcopy=no' -c \"%s/.*/$1/\" -c wq c </dev/null",
    ),
    (
        "emacs",
        "emacs --batch c --eval \"(progn (erase-buffer) (insert \\\"$1\\n\\\") (setq make-backup-files t) (save-buffer))\" 2>/dev/null",
    ),
    ("cp -a over it", "echo $1 > /srv/new; cp -a /srv/new c"),
    ("rsync", "echo $1 > /srv/new; rsync -c /srv/new c"),
    ("rsync --inplace", "echo $1 > /srv/new; rsync -c --inplace /srv/new c"),
    (
        "rsync of the folder",
        "mkdir -p /srv/copy; echo $1 > /srv/copy/c; rsync -rc --delete --exclude=.git /srv/copy/ .",
    ),
    ("install", "echo $1 > /srv/new; install -m 640 /srv/new c"),
    ("tar", "echo $1 > /srv/copy/c; tar -C /srv/copy -c c | tar -x"),
    ("another name for another file", "rm -f /srv/new; echo $1 > /srv/new; ln -f /srv/new c"),
    (
        "git checkout",
        "git update-index --cacheinfo 100644,$(echo $1 | git hash-object -w --stdin),c; git commit -qm $1; git checkout -qf HEAD",
    ),
    ("a link that is swapped", "mkdir v$1; echo $1 > v$1/c; ln -s v$1 next; mv -T next current"),
    ("the folder replaced", "cp -a /srv/w /srv/w2; echo $1 > /srv/w2/c; mv /srv/w /srv/old$1; mv /srv/w2 /srv/w"),
];

#[test]
fn every_way_of_writing_is_one_change() {
    let host = Host::boot("ways").with_agent();
    host.sh("mkdir -p /srv/w && cd /srv/w && git init -q . && git config user.email a@b && git config user.name a && \
             echo 0 > c && git add c && git commit -qm 0");
    host.put("own.service", &follows("/srv/w", "/bin/true", ""));
    host.wait_active("own.service");
    host.settle();
    host.wait_until("it is watched", SOON, || host.exists("/run/sculler/followed/own.service"));
    let invocation = host.invocation("own.service");
    let mut results = Vec::new();
    let mut change = |name: &str, line: &str| {
        results.push("done");
        host.sh(&format!("cd /srv/w; set -- {}; {line}", results.len()));
        host.wait_until(&format!("{name}: {} reloads", results.len()), SOON, || {
            host.reload_results("own.service") == results
        });
    };
    for (name, line) in WAYS {
        change(name, line);
    }
    // In a worktree Git's lock lies elsewhere. Folders that come later are watched from their first file on.
    change("folders", "for a in 1 2 3 4 5 6 7 8 9; do mkdir -p new/$a/b/c/d; echo x > new/$a/b/c/d/f; done");
    for deep in [1, 9] {
        change("a file in one of them", &format!("echo $1 > new/{deep}/b/c/d/f"));
    }
    change("a folder from elsewhere", "mkdir -p /srv/more/in; echo x > /srv/more/in/f; mv /srv/more .");
    change("a file in that", "echo $1 > more/in/f");
    change("a folder renamed", "mv more less");
    change("a file in it", "echo $1 > less/in/f");
    change("a folder away", "mv less /srv/less");
    // What is no change, and then one that is.
    host.sh(
        "cd /srv/w; echo $1 > /srv/less/in/f; touch c; chmod 600 c; cp c /srv/same; cat /srv/same > c; mv /srv/same c; \
             echo x > c~; echo x > .c.swp; echo x > '#c#'; cat c new/1/b/c/d/f > /dev/null",
    );
    change("a change after many that are none", "echo $1 > c");
    host.assert_untouched("own.service", &invocation);
}

#[test]
fn changes_come_at_their_time() {
    let host = Host::boot("followed").with_agent();
    host.sh("mkdir -p /srv/slow /srv/late /srv/own; echo 0 | tee /srv/slow/f /srv/late/f /srv/own/f");
    // It is at work for a while, and says how often.
    host.put("slow.service", &follows("/srv/slow/f", "/bin/sh -c 'echo x >> /run/slow; sleep 2'", ""));
    host.put(
        "late.service",
        &follows(
            "/srv/late",
            "/bin/touch /run/late",
            "ExecStartPost=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.1; done'",
        ),
    );
    host.put("own.service", &follows("/srv/own", "/bin/true", "User=core\n[X-Sculler]\nCheckCmd=/bin/cat /srv/own/f"));
    for unit in ["slow", "late", "own"] {
        host.wait_until("it is watched", SOON, || host.exists(&format!("/run/sculler/followed/{unit}.service")));
    }
    host.wait_active("slow.service");
    host.wait_active("own.service");
    // One that is on its way may have read its files.
    host.wait_for_unit("late.service", "ActiveState", "activating", SOON);
    host.write_in_place("/srv/late/f", "1\n");
    // Changes while a reload runs cause exactly one more.
    host.write_in_place("/srv/slow/f", "1\n");
    host.wait_until("it reloads", SOON, || host.exists("/run/slow"));
    host.sh("for i in 1 2 3 4 5 6; do echo $i$i > /srv/slow/f; sleep 0.2; done");
    host.wait_results("slow.service", &["done", "done"]);
    assert!(!host.exists("/run/late"));
    host.sh("touch /run/go");
    host.wait_results("late.service", &["done"]);

    // What its user cannot read is refused until somebody lets it.
    host.sh("install -m 600 /dev/null /srv/new; echo 1 > /srv/new; mv /srv/new /srv/own/f");
    host.wait_results("own.service", &["refused"]);
    let status = host.try_sh("sculler status").stdout;
    assert!(status.contains("own.service: not reloaded: CheckCmd= '/bin/cat /srv/own/f' failed: "), "{status}");
    host.sh("chown core /srv/own/f");
    host.wait_results("own.service", &["refused", "done"]);
    host.sh("chmod 0 /srv/own/f; echo 2 > /srv/own/f");
    host.wait_results("own.service", &["refused", "done", "refused"]);
    // What was started since has read them.
    host.sh("systemctl restart own");
    assert!(host.try_sh("sculler status").ok());
    host.wait_until("the second one is over", SOON, || host.read("/run/slow").lines().count() == 2);
}

/// In a namespace of users the limit is its own: that of the host is the outer machine's, too.
#[test]
fn what_cannot_be_watched_is_looked_at() {
    let host = Host::boot("limit").with_agent();
    host.sh("mkdir -p /srv/many /srv/single /etc/systemd/system/sculler.service.d; cd /srv/many; mkdir $(seq 400); echo 0 > /srv/single/f");
    host.write("/etc/systemd/system/sculler.service.d/users.conf", "[Service]\nPrivateUsers=yes\n");
    host.sh("systemctl daemon-reload; systemctl restart sculler");
    let limit = |number: u32| {
        host.sh(&format!(
            "mkdir -p /run/p; mount -t proc proc /run/p; nsenter -t $(systemctl show -p MainPID --value sculler) -U \
             sh -c 'echo {number} > /run/p/sys/user/max_inotify_watches'; umount /run/p"
        ));
    };
    host.settle();
    limit(300);
    host.put("many.service", &follows("/srv/many", "/bin/true", ""));
    host.wait_active("many.service");
    host.wait_until("it is watched", SOON, || host.exists("/run/sculler/followed/many.service"));
    host.put("single.service", &follows("/srv/single/f", "/bin/true", ""));
    host.wait_active("single.service");
    host.wait_until("the message names the setting", SOON, || {
        let status = host.try_sh("sculler status");
        !status.ok() && status.stdout.contains("sysctl fs.inotify.max_user_watches=1048576")
    });
    host.settle();
    host.sh("for d in /srv/many/*; do echo 1 > $d/f; done; echo 1 > /srv/single/f");
    host.wait_until("it is seen", NEXT_POLL, || {
        let seen = |unit: &str| host.reload_results(unit).iter().any(|result| result == "done");
        seen("many.service") && seen("single.service")
    });
    limit(10_000);
    host.wait_until("it is watched again", NEXT_POLL, || host.try_sh("sculler status").ok());
    host.sh("for d in /srv/many/*; do echo 2 > $d/f; done");
    let before = host.reload_results("many.service").len();
    host.wait_until("it is seen at once", Duration::from_secs(10), || {
        host.reload_results("many.service").len() > before
    });
}
