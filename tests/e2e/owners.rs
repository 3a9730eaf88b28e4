//! Containers that share users with the host: what mounts are checked for, and what makes them match.

use crate::agent::SOON;
use crate::host::{Host, Suite};

const SUITES: [Suite; 2] = [Suite::Trixie, Suite::Bookworm];

/// Runs as long as it may.
const PATIENT: &str = "Exec=sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"";

/// A container of the user web, 1500, with more lines in `[Container]`, and more sections.
fn own(lines: &str, sections: &str) -> String {
    format!(
        "[Unit]\nStartLimitIntervalSec=0\n\n[Container]\nImage=own:1\nContainerName=own\nUser=web\n{PATIENT}\n{lines}\n\n[X-Fleet]\nGlobal=true\n{sections}"
    )
}

impl Host {
    /// A host with an agent, and an image `own:1` that has a user web, 1500.
    fn with_users(label: &str, suite: Suite) -> Host {
        let host = Host::boot(label).suite(suite).docker().with_agent();
        host.sh("mkdir -p /root/i/bin /root/i/etc && cp $(command -v busybox) /root/i/bin/busybox && \
             cd /root/i/bin && for name in sh ls cat sleep touch id stat; do ln -s busybox $name; done && \
             printf 'root:x:0:0::/:/bin/sh\\nweb:x:1500:1500::/:/bin/sh\\n' > /root/i/etc/passwd && \
             printf 'root:x:0:\\nweb:x:1500:\\nlog:x:1600:web\\n' > /root/i/etc/group && \
             tar -C /root/i -c . | docker import - own:1; rm -r /root/i/etc; tar -C /root/i -c . | docker import - bare:1");
        host
    }

    /// Starts the service anew, which has to fail; why it did.
    fn refused(&self) -> String {
        let done = self.try_sh("systemctl restart own");
        assert!(!done.ok(), "{done}");
        self.property("own.service", "StatusText")
    }

    /// Runs the command that a message ends its advice with, and starts the service, which has to work then.
    fn mend(&self, message: &str) {
        let command = message.split("run '").nth(1).and_then(|rest| rest.split('\'').next());
        let command = command.unwrap_or_else(|| self.fail(&format!("no command in: {message}")));
        self.sh(command);
        self.sh("systemctl restart own");
    }

    /// What the agent says is wrong, once there is something of `what` in it.
    fn wait_complaint(&self, what: &str) {
        self.wait_until(&format!("the agent says '{what}'"), SOON, || self.settle().join("\n").contains(what));
    }
}

#[test]
fn the_owners_of_mounts_are_checked() {
    for suite in SUITES {
        let host = Host::with_users("owners", suite);
        host.sh("mkdir -p /srv/own/in; echo one > /srv/own/in/file; chown -R 1500:1500 /srv/own; chmod 600 /srv/own/in/file");
        host.put("own.container", &own("Volume=/srv/own:/data:ro", ""));
        host.wait_active("own.service");
        assert_eq!(host.sh("docker exec own cat /data/in/file"), "one\n");
        assert_eq!(host.sh("docker ps -aq | wc -l").trim(), "1", "the one that was looked into is gone");

        host.sh("chown root:root /srv/own/in/file");
        let text = host.refused();
        for part in ["user web (1500:1500) cannot read /srv/own;", "/srv/own/in/file (root:root 0600)"] {
            assert!(text.contains(part), "{text}");
        }
        let status = host.try_sh("sculler status");
        assert!(!status.ok() && status.stdout.contains(&text), "{status}");
        assert!(host.sh("sculler explain own.container").contains(&text));
        let side_by_side = host.try_sh("sculler user own");
        assert_eq!(side_by_side.status.code(), Some(1), "{side_by_side}");
        for part in [
            "web (1500)  nobody",
            "log (1600)  nobody",
            "ro       1500:1500 (2), root:root 0:0 (1)  does not match",
            &text,
        ] {
            assert!(side_by_side.stdout.contains(part), "'{part}' is not in {side_by_side}");
        }
        host.mend(&text);
        assert!(host.sh("sculler user own").contains("  ok\n"));
        // Of a plain service with docker run, too.
        let raw = "[Service]\nExecStart=/usr/bin/docker run --rm -v /srv/own:/data:ro --user 7 own:1\n";
        host.write("/etc/systemd/system/raw.service", raw);
        let side_by_side = host.try_sh("systemctl daemon-reload; sculler user raw");
        for part in ["user   7      ", "user 7:0 cannot read /srv/own"] {
            assert!(side_by_side.stdout.contains(part), "'{part}' is not in {side_by_side}");
        }

        host.sh("chmod 200 /srv/own/in/file");
        let text = host.refused();
        assert!(text.contains("chmod -R u+rX /srv/own"), "{text}");
        host.mend(&text);

        host.sh("chmod 700 /srv");
        let text = host.refused();
        assert!(text.contains("cannot get to /srv/own") && text.contains("/srv (root:root 0700)"), "{text}");
        host.mend(&text);

        host.sh("chown root:root /srv/own/in/file; chmod 640 /srv/own/in/file; setfacl -m g:1600:r /srv/own/in/file");
        host.sh("systemctl restart own");
        assert_eq!(host.sh("docker exec own cat /data/in/file"), "one\n", "by a supplementary group's entry");
        host.sh("setfacl -b /srv/own/in/file; chmod 644 /srv/own/in/file; setfacl -m u:1500:- /srv/own/in/file");
        let text = host.refused();
        assert!(text.contains("/srv/own/in/file (root:root 0644)"), "{text}");
        host.mend(&text);

        host.sh("rm -r /srv/own");
        let text = host.refused();
        assert!(text.contains("/srv/own, which Volume= or Mount= names, does not exist"), "{text}");
        host.sh("mkdir -p /srv/own; chown 1500:1500 /srv/own; systemctl restart own");

        host.sh("groupadd -g 1700 web; useradd -u 1700 -g 1700 web");
        let text = host.refused();
        assert!(text.contains("The user web is 1500 in the image and 1700 on this host"), "{text}");
        host.sh("userdel web; systemctl restart own");

        // Edits are found wanting before what runs is stopped.
        let before = host.invocation("own.service");
        host.sh("mkdir -p /srv/other");
        host.put("own.container", &own("Volume=/srv/other:/data", ""));
        host.wait_complaint("cannot read and write /srv/other; run 'chown -R 1500:1500 /srv/other'");
        host.put("own.container", &own("", "").replace("User=web", "User=nobody"));
        host.wait_complaint("knows root, web");
        host.put("own.container", &own("", "").replace("User=web", "User=nobody").replace("own:1", "bare:1"));
        host.wait_complaint("has no /etc/passwd");
        host.assert_untouched("own.service", &before);
    }
}

#[test]
fn root_in_a_container_is_warned_of() {
    let host = Host::with_users("root", Suite::Trixie);
    host.sh("mkdir -p /srv/own; chmod 700 /srv/own");
    host.put("own.container", &own("Volume=/srv/own:/data", "").replace("User=web", "User=root"));
    host.wait_active("own.service");
    let told = host.sh("journalctl --sync; journalctl -u own -o cat");
    assert!(told.contains("runs as root and can write to /srv/own"), "{told}");
    let side_by_side = host.sh("sculler user own");
    assert!(side_by_side.contains("warning: The container runs as root"), "{side_by_side}");
    // Numbers need no /etc/passwd.
    host.sh("chmod 755 /srv/own");
    let numbers =
        own("Volume=/srv/own:/data:ro,z", "").replace("own:1", "bare:1").replace("User=web", "User=1500:1600");
    host.put("own.container", &numbers);
    host.wait_until("another user", SOON, || host.try_sh("docker exec own id -u").stdout == "1500\n");
    let told = host.sh("sculler doctor");
    assert!(
        told.contains("ok    selinux         not on this host: z and Z mean nothing for /srv/own of own.service"),
        "{told}"
    );
}

#[test]
fn a_large_tree_is_not_searched_twice() {
    let host = Host::with_users("large", Suite::Trixie);
    host.sh("for folder in $(seq 20); do mkdir -p /srv/own/$folder; cd /srv/own/$folder; touch $(seq 100); done; chown -R 1500:1500 /srv/own");
    host.put("own.container", &own("Volume=/srv/own:/data", ""));
    host.wait_active("own.service");
    host.settle();
    let is_known = || !host.try_sh("ls /run/sculler/checked/own.service").stdout.is_empty();
    // What changed within the last second may have changed once more.
    host.wait_until("it is remembered", SOON, || {
        host.sh("systemctl restart own");
        is_known()
    });
    // The one thing that folders do not tell.
    host.sh("chown root:root /srv/own/7/7; systemctl restart own");
    // A container that fails is looked at as a whole.
    host.sh("docker kill own");
    host.wait_for_unit("own.service", "ActiveState", "failed", SOON);
    assert!(!is_known());
    let text = host.refused();
    assert!(text.contains("It fails at /srv/own/7/7 (root:root 0644)"), "{text}");
    host.mend(&text);
    host.wait_until("it is remembered again", SOON, || {
        host.sh("systemctl restart own");
        is_known()
    });
    host.sh("touch /srv/own/20/new");
    let text = host.refused();
    assert!(text.contains("/srv/own/20/new (root:root 0644)"), "{text}");
    host.mend(&text);

    // Where the agent watches, it hears of that one thing.
    host.put("own.container", &own("Volume=/srv/own:/data:ro\nReloadSignal=USR1", ""));
    host.wait_until("it is watched", SOON, || host.read("/run/sculler/followed/own.service").contains("/srv/own"));
    host.settle();
    host.wait_until("it is remembered", SOON, || {
        host.sh("systemctl restart own");
        is_known()
    });
    host.sh("chmod 0 /srv/own/7/7; chown root /srv/own/7/8; chmod 600 /srv/own/7/8");
    host.wait_until("it is forgotten", SOON, || !is_known());
    // Each start is refused, and its reason is told.
    host.wait_until("what changed in place is found", SOON, || {
        host.refused().contains("/srv/own/7/7 (1500:1500 0000), /srv/own/7/8 (root:1500 0600)")
    });
}

#[test]
fn a_mount_is_given_to_the_user() {
    for suite in SUITES {
        let host = Host::with_users("chown", suite);
        host.sh("mkdir -p /srv/own/in /srv/outside; echo one > /srv/own/in/file; echo secret > /srv/outside/file; \
         ln -s /srv/outside /srv/own/link; ln /srv/outside/file /srv/own/in/name");
        host.put("own.container", &own("Volume=/srv/own:/data:U", ""));
        host.wait_for_unit("own.service", "ActiveState", "failed", SOON);
        let text = host.property("own.service", "StatusText");
        assert!(text.contains("only below chown_roots") && text.contains("chown -R 1500:1500 /srv/own"), "{text}");
        host.write("/etc/sculler/sculler.toml", "chown_roots = [\"/srv/own\"]\n");
        let text = host.refused();
        assert!(text.contains("hard links") && text.contains("/srv/own/in/name"), "{text}");
        assert_eq!(host.sh("stat -c %u /srv/own/in/file").trim(), "0", "all or nothing");
        host.sh("rm /srv/own/in/name");

        // Somebody exchanges folders and files for links to what is outside, all the time.
        host.sh("mkdir -p /srv/own/a /srv/own/b; touch /srv/own/a/file");
        let race = "systemd-run -q --unit=race sh -c 'cd /srv/own; while :; do mv a ../aside; ln -s ../outside a; rm a; mv ../aside a; \
                rm a/file; ln -s ../../outside/file a/file; rm a/file; touch a/file; done'";
        host.sh(race);
        for _ in 0..10 {
            let _ = host.try_sh("systemctl restart own");
            host.sh("chown -hR root:root /srv/own 2>/dev/null; true");
        }
        host.sh("systemctl stop race");
        assert_eq!(host.sh("stat -c %u /srv/outside /srv/outside/file"), "0\n0\n");
        host.sh("cd /srv/own; test -e a || mv ../aside a; systemctl restart own");
        assert_eq!(host.sh("stat -c %u:%g /srv/own /srv/own/in/file /srv/own/a"), "1500:1500\n".repeat(3));
        assert_eq!(host.sh("stat -c %u /srv/outside /srv/outside/file"), "0\n0\n");

        // A missing source is made, for the user.
        host.put("own.container", &own("Volume=/srv/new/one:/data:create", ""));
        host.wait_until("the source is made", SOON, || host.exists("/srv/new/one"));
        host.settle();
        assert_eq!(host.sh("stat -c %u:%a /srv/new /srv/new/one"), "0:755\n1500:755\n");
        host.sh("docker exec own touch /data/file");
    }
}

#[test]
fn a_mount_shows_other_owners() {
    for suite in SUITES {
        let host = Host::with_users("idmap", suite);
        // The root of these hosts is an overlayfs.
        host.sh("mkdir -p /srv/own /srv/tmp; mount -t tmpfs none /srv/tmp; mkdir /srv/tmp/own; echo one > /srv/tmp/own/file; \
         cp /srv/tmp/own/file /srv/tmp/conf; chown -R 5000:5001 /srv/tmp/own /srv/tmp/conf; chmod 600 /srv/tmp/own/file /srv/tmp/conf");
        let mapped = own("Volume=/srv/tmp/own:/data:idmap\nVolume=/srv/tmp/conf:/conf:idmap,ro,z", "");
        host.put("own.container", &mapped);
        host.wait_active("own.service");
        assert_eq!(host.sh("docker exec own stat -c %U:%G:%a /data/file /conf"), "web:web:600\nweb:web:600\n");
        assert_eq!(
            host.sh("docker exec own cat /conf; docker exec own touch /data/new; stat -c %u:%g /srv/tmp/own/new"),
            "one\n5000:5001\n"
        );
        assert!(!host.try_sh("docker exec own sh -c 'echo > /conf'").ok());
        let nothing_left = |when: &str| {
            assert_eq!(host.sh("ls /run/sculler/mounts; grep /run/sculler /proc/self/mountinfo; true"), "", "{when}");
        };
        nothing_left("while it runs");
        // What replaces the file is mapped as well, in the same container.
        let process = host.sh("docker inspect -f '{{.State.Pid}}' own");
        host.sh("cd /srv/tmp; echo two > new; chown 5000:5001 new; chmod 600 new; mv new conf");
        host.wait_until("the new file is there", SOON, || host.try_sh("docker exec own cat /conf").stdout == "two\n");
        assert_eq!(host.sh("docker exec own stat -c %U:%G:%a /conf"), "web:web:600\n");
        assert!(!host.try_sh("docker exec own sh -c 'echo > /conf'").ok());
        assert_eq!(host.sh("docker inspect -f '{{.State.Pid}}' own"), process);
        nothing_left("after an exchange");
        // A supervisor that was killed leaves it to its container.
        let invocation = host.invocation("own.service");
        host.sh("systemctl kill -s KILL own");
        host.wait_until("its end", SOON, || {
            host.invocation("own.service") != invocation || !host.is_active("own.service")
        });
        host.sh("systemctl reset-failed own; systemctl restart own");
        host.sh("systemctl stop own");
        nothing_left("after a stop");
        // What a crash in the middle of a start leaves goes with the next start of any.
        host.sh(
        "mkdir -p /run/sculler/mounts/999999-0; mount --bind /srv /run/sculler/mounts/999999-0; systemctl start own",
    );
        nothing_left("after a crash");

        // Where nobody starts it again, it goes all the same.
        host.sh(
            "systemctl stop own; mkdir -p /run/sculler/mounts/999999-0; mount --bind /srv /run/sculler/mounts/999999-0",
        );
        host.sh("mv /srv/tmp/own /srv/tmp/away");
        host.refused();
        host.wait_until("it is tidied up", SOON, || !host.exists("/run/sculler/mounts/999999-0"));
        nothing_left("after a failure");
        host.sh("mv /srv/tmp/away /srv/tmp/own");

        // Others are listed, and cannot be used.
        host.sh("echo two > /srv/tmp/own/root; chmod 600 /srv/tmp/own/root");
        let text = host.refused();
        assert!(text.contains("cannot read and write /srv/tmp/own; run 'chown -R 5000:5001"), "{text}");
        host.wait_until("other owners are listed", SOON, || {
            host.sh("journalctl --sync; journalctl -u own -o cat").contains("root:root (1, such as /srv/tmp/own/root)")
        });
        host.mend(&text);

        let ranges = own("Volume=/srv/tmp/own:/data:idmap=uids=5000-1500-10;gids=5001-1500-1,ro", "");
        host.put("own.container", &ranges);
        host.wait_until("the other map", SOON, || {
            host.try_sh("chown 5003:5001 /srv/tmp/own/new; docker exec own stat -c %u:%g /data/new").stdout
                == "1503:1500\n"
        });
        host.settle();
        let before = host.invocation("own.service");
        host.put("own.container", &own("Volume=/srv/own:/data:idmap", ""));
        host.wait_complaint("/srv/own lies on overlay, which cannot show other owners");
        host.assert_untouched("own.service", &before);
        assert!(host.sh("systemd-analyze security own.service --no-pager | tail -1").contains(" 4."));
    }
}

#[test]
fn the_host_gets_the_containers_user() {
    for suite in SUITES {
        let host = Host::with_users("host-user", suite);
        host.put("own.container", &own("", "[X-Sculler]\nHostUser=require\n"));
        host.wait_for_unit("own.service", "ActiveState", "failed", SOON);
        let text = host.property("own.service", "StatusText");
        assert!(text.contains("this host has no web (1500:1500)"), "{text}");
        host.mend(&text);
        assert_eq!(host.sh("id web"), "uid=1500(web) gid=1500(web) groups=1500(web)\n");

        host.sh("systemctl stop own; userdel web; useradd -u 1500 bob");
        host.put("own.container", &own("", "[X-Sculler]\nHostUser=create\n"));
        host.settle();
        let text = host.refused();
        assert!(text.contains("in the image and bob on this host"), "{text}");
        host.sh("userdel bob; systemctl restart own");
        assert_eq!(host.sh("id web"), "uid=1500(web) gid=1500(web) groups=1500(web)\n");
        let file = host.read("/etc/sysusers.d/sculler-web.conf");
        assert!(file.contains("\nu web 1500:1500\n") && file.contains("own.container"), "{file}");
        host.sh("ls -l /etc/passwd | grep -q ^-rw-r--r-- && stat -c %a /etc/sysusers.d /etc/sysusers.d/sculler-web.conf | tr '\\n' ' ' | grep -q '755 644'");
    }
}

/// The recommended way: configuration and code on the host, of a user that is the same on both sides.
#[test]
fn a_web_server_runs_as_the_hosts_user() {
    let host = Host::boot("web-user").docker().with_agent();
    // nginx with a user web, 1500.
    host.sh("docker pull -q nginx:latest; docker create --name base nginx:latest; cd /root; \
         docker cp base:/etc/passwd passwd; echo web:x:1500:1500::/:/x >> passwd; docker cp passwd base:/etc/passwd; \
         docker cp base:/etc/group group; echo web:x:1500: >> group; docker cp group base:/etc/group; \
         docker commit --change 'USER web' base web:1; docker rm base");
    let conf = |word: &str| {
        let paths =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path /tmp/{name};"));
        format!(
            "worker_processes 1;\npid /tmp/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off; {}\nserver {{ \
             listen 8080; location / {{ root /srv/html; }}\nlocation /v {{ return 200 {word}; }} }} }}\n",
            paths.join(" ")
        )
    };
    host.sh("mkdir -p /srv/web/conf /srv/web/html");
    host.write("/srv/web/html/index.html", "page one");
    host.write("/srv/web/conf/nginx.conf", &conf("one"));
    host.sh("chown -R 1500:1500 /srv/web; chmod -R go= /srv/web");
    host.put(
        "web.container",
        "[Container]\nImage=web:1\nContainerName=web\nPublishPort=8080:8080\nVolume=/srv/web/conf:/etc/nginx/live:ro\n\
         Volume=/srv/web/html:/srv/html:ro\nExec=/usr/sbin/nginx -e stderr -c /etc/nginx/live/nginx.conf -g \"daemon off;\"\n\
         ReloadSignal=HUP\n[X-Sculler]\nHostUser=create\nWatch=/srv/web/conf\n\
         CheckCmd=/usr/sbin/nginx -e stderr -t -c /etc/nginx/live/nginx.conf\n[X-Fleet]\nGlobal=true\n",
    );
    host.wait_active("web.service");
    let get = |path: &str| host.try_sh(&format!("curl -fsS http://127.0.0.1:8080{path}")).stdout;
    let wait = |path: &str, text: &str| host.wait_until(text, SOON, || get(path) == text);
    wait("/", "page one");
    let master = host.sh("docker inspect -f '{{.State.Pid}}' web");
    assert_eq!(host.sh(&format!("ps -o user= -p {master}")).trim(), "web");
    assert!(host.sh("sculler user web").contains("  web (1500)  web (1500)\n"));
    host.settle();
    host.load();
    // As a deployment does that runs as the same user.
    let write = |file: &str, text: &str| {
        host.write("/root/new", text);
        host.sh(&format!("chmod 644 /root/new; setpriv --reuid=web --regid=web --clear-groups cp /proc/self/fd/0 /srv/web/{file} < /root/new"));
    };
    write("html/index.html", "page two");
    wait("/", "page two");
    write("conf/nginx.conf", &conf("two"));
    wait("/v", "two");
    // The page was none of it.
    host.wait_results("web.service", &["done"]);
    write("conf/nginx.conf", "nonsense");
    host.wait_results("web.service", &["done", "refused"]);
    let status = host.try_sh("sculler status").stdout;
    assert!(status.contains("web.service: not reloaded: CheckCmd= ") && status.contains("[emerg]"), "{status}");
    write("conf/nginx.conf", &conf("mended"));
    wait("/v", "mended");
    // What the user cannot read is found by the check, and nothing is reloaded.
    host.sh("chown root:root /srv/web/conf/nginx.conf");
    write("html/index.html", "page three");
    host.write("/srv/web/conf/nginx.conf", &conf("three"));
    host.sh("chmod 600 /srv/web/conf/nginx.conf");
    host.wait_until("the check refuses it", SOON, || {
        host.property("web.service", "StatusText").contains("not reloaded")
    });
    assert_eq!((get("/"), get("/v")), ("page three".to_owned(), "mended".to_owned()));
    let text = host.property("web.service", "StatusText");
    let command = text.split("run '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default();
    host.sh(command);
    wait("/v", "three");
    host.assert_nothing_lost();
    assert_eq!(host.sh("docker inspect -f '{{.State.Pid}}' web"), master);
    // Whom an image that is gone runs as, is no fault of the files.
    host.sh("docker tag web:1 kept:1; docker rmi web:1");
    write("conf/nginx.conf", &conf("five"));
    wait("/v", "five");
    host.wait_until("the reload is over", SOON, || host.property("web.service", "SubState") == "running");
    let text = host.property("web.service", "StatusText");
    assert!(text.contains("reloaded by") && !text.contains("would fail"), "{text}");
    host.sh("docker tag kept:1 web:1");

    // Nothing is stopped for files with which it could not start.
    let restarts = host.read("/etc/sculler/units/web.container").replace("Watch=", "OnChange=restart\nWatch=");
    host.put("web.container", &restarts);
    host.settle();
    let before = host.invocation("web.service");
    host.sh("install -m 600 -o root /dev/null /srv/web/html/key; echo '# more' >> /srv/web/conf/nginx.conf");
    host.wait_until("the restart is refused", SOON, || {
        host.property("web.service", "StatusText").contains("not restarted")
    });
    host.assert_untouched("web.service", &before);
    host.sh("rm /srv/web/html/key; echo '# and more' >> /srv/web/conf/nginx.conf");
    host.wait_restarted("web.service", &before);
}
