//! Units follow their files: reloaded when contents change, checked before, with mounts replaced in the running container.

use crate::agent::SOON;
use crate::host::{Host, Suite};

/// nginx with its configuration in `conf` (a folder or a file), and more lines in both sections.
fn nginx(lines: &str, policy: &str) -> String {
    format!(
        "[Container]\nImage=nginx:latest\nContainerName=web\nPublishPort=8080:8080\nReloadSignal=HUP\n{lines}\n\
         [X-Sculler]\n{policy}\n[X-Fleet]\nGlobal=true\n"
    )
}

/// A configuration that answers /v with `word`.
fn conf(word: &str) -> String {
    format!(
        "worker_processes 1;\npid /run/nginx.pid;\nevents {{ worker_connections 512; }}\nhttp {{ server {{ listen 8080;\n\
         location / {{ root /srv/html; }}\nlocation /v {{ return 200 {word}; }}\n}} }}\n"
    )
}

/// What [`conf`] is read from in a container whose configuration is a folder.
const LIVE: &str = "Volume=/srv/conf:/etc/nginx/live:ro\nVolume=/srv/html:/srv/html:ro\n\
                    Exec=/usr/sbin/nginx -c /etc/nginx/live/nginx.conf -g \"daemon off;\"";
const CHECK: &str = "CheckCmd=/usr/sbin/nginx -t -c /etc/nginx/live/nginx.conf";

impl Host {
    fn get(&self, path: &str) -> String {
        self.try_sh(&format!("curl -fsS --max-time 5 http://127.0.0.1:8080{path}")).stdout
    }

    fn wait_served(&self, path: &str, text: &str) {
        self.wait_until(&format!("{path} is '{text}'"), SOON, || self.get(path).trim() == text);
    }

    /// The container's first process: as long as it is the same one, nothing was restarted.
    fn master(&self) -> String {
        self.sh("docker inspect -f '{{.Id}} {{.State.Pid}}' web")
    }

    /// The history of a unit, a word of each result.
    pub fn reload_results(&self, unit: &str) -> Vec<String> {
        let text = self.try_sh(&format!("cat /var/lib/sculler/units/{unit}/history.jsonl")).stdout;
        let events = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        events
            .filter(|event| event["what"] == "reload")
            .map(|event| event["result"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub fn wait_results(&self, unit: &str, expected: &[&str]) {
        self.wait_until(&format!("{unit} was reloaded with {expected:?}"), SOON, || {
            self.reload_results(unit) == expected
        });
    }

    /// Constant load, until [`Host::assert_nothing_lost`].
    pub fn load(&self) {
        self.sh("systemd-run --unit=load sh -c 'while [ ! -e /run/enough ]; do curl -fsS --max-time 5 -o /dev/null \
             http://127.0.0.1:8080/v || echo lost >> /run/lost; echo x >> /run/sent; done'");
    }

    pub fn assert_nothing_lost(&self) {
        self.sh("touch /run/enough; while systemctl -q is-active load; do sleep 0.1; done");
        assert!(!self.exists("/run/lost"), "a request was lost");
        assert!(self.read("/run/sent").lines().count() > 20);
    }

    fn folders(&self) {
        ["/srv/conf", "/srv/html"].iter().for_each(|path| self.make_dir(path));
        self.write("/srv/conf/nginx.conf", &conf("one"));
        self.write("/srv/html/index.html", "page one\n");
    }
}

#[test]
fn a_web_server_follows_its_configuration() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("reload").suite(suite).docker().with_agent();
        host.folders();
        host.put("web.container", &nginx(LIVE, &format!("Watch=/srv/conf\n{CHECK}")));
        host.wait_served("/v", "one");
        let master = host.master();
        host.settle();
        host.load();

        // What is served needs no reload.
        host.write_in_place("/srv/html/index.html", "page two\n");
        host.wait_served("/", "page two");
        // The same content needs none, either.
        host.sh("touch /srv/conf/nginx.conf; cp /srv/conf/nginx.conf /srv/x; mv /srv/x /srv/conf/nginx.conf");

        host.write("/srv/conf/nginx.conf", &conf("two"));
        host.wait_served("/v", "two");
        host.wait_results("web.service", &["done"]);

        // A broken one is shown and changes nothing.
        host.write_in_place("/srv/conf/nginx.conf", "nonsense\n");
        host.wait_results("web.service", &["done", "refused"]);
        assert_eq!(host.get("/v").trim(), "two");
        let status = host.try_sh("sculler status");
        assert!(!status.ok() && status.stdout.contains("web.service: not reloaded: CheckCmd= "), "{status}");
        let unread = host.try_sh("sculler status | true; sculler user web | head -1");
        assert!(unread.stderr.is_empty(), "{unread}");
        let status = host.try_sh("sculler status web").stdout;
        assert!(status.contains("nonsense") || status.contains("unexpected end of file"), "{status}");
        assert!(host.try_sh("sculler list-units").stderr.contains("web.service: not reloaded"));
        assert!(host.property("web.service", "StatusText").contains("not reloaded"));

        // By hand it is the same.
        host.sh("systemctl reload web");
        host.wait_results("web.service", &["done", "refused", "refused"]);
        host.write("/srv/conf/nginx.conf", &conf("three"));
        host.wait_served("/v", "three");
        host.wait_results("web.service", &["done", "refused", "refused", "done"]);
        assert!(host.try_sh("sculler status").ok());

        // A subfolder that appears later, and what is written in it.
        host.sh("mkdir -p /srv/conf/more/deep && echo a > /srv/conf/more/deep/a.conf");
        host.wait_results("web.service", &["done", "refused", "refused", "done", "done"]);
        host.sh("echo b > /srv/conf/more/deep/a.conf; echo litter > /srv/conf/nginx.conf~");
        host.wait_results("web.service", &["done", "refused", "refused", "done", "done", "done"]);

        // What changed while no agent ran counts when there is one again.
        host.sh("systemctl stop sculler");
        host.write("/srv/conf/nginx.conf", &conf("four"));
        host.sh("systemctl start sculler");
        host.wait_served("/v", "four");

        host.assert_nothing_lost();
        assert_eq!(host.master(), master, "nothing was restarted");
        let scored = host
            .sh("systemd-analyze security web.service sculler.service --no-pager 2>/dev/null | grep Overall || true");
        for line in scored.lines() {
            let score: f64 =
                line.rsplit(": ").next().and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(9.9);
            assert!(score <= 5.0, "{line}");
        }
    }
}

#[test]
fn a_replaced_source_is_replaced_in_the_running_container() {
    let host = Host::boot("swap").docker().with_agent();
    host.sh(
        "mkdir -p /srv/one /srv/rel/1 /srv/rel/2; echo r1 > /srv/rel/1/index.html; echo r2 > /srv/rel/2/index.html",
    );
    host.sh("ln -s 1 /srv/rel/current");
    host.write("/srv/one/nginx.conf", &conf("one"));
    let lines = "Volume=/srv/one/nginx.conf:/etc/nginx/nginx.conf:ro\nVolume=/srv/rel/current:/srv/html:ro";
    host.put("web.container", &nginx(lines, "CheckCmd=/usr/sbin/nginx -t"));
    host.wait_served("/v", "one");
    let master = host.master();
    host.settle();
    // A single file, in every way that replaces it.
    host.sh("sed s/one/two/ /srv/one/nginx.conf > /srv/one/new && mv /srv/one/new /srv/one/nginx.conf");
    host.wait_served("/v", "two");
    host.sh("sed -i s/two/three/ /srv/one/nginx.conf");
    host.wait_served("/v", "three");
    host.sh(
        "vim -u NONE -es -c 'set backup writebackup backupcopy=no' -c '%s/three/four/' -c wq /srv/one/nginx.conf </dev/null",
    );
    host.wait_served("/v", "four");
    host.sh("emacs --batch /srv/one/nginx.conf --eval '(progn (replace-string \"four\" \"five\") (save-buffer))' 2>/dev/null");
    host.wait_served("/v", "five");
    host.sh("rm /srv/one/nginx.conf");
    host.write_in_place("/srv/one/nginx.conf", &conf("six"));
    host.wait_served("/v", "six");
    host.sh("cp /srv/one/nginx.conf /srv/x && sed -i s/six/seven/ /srv/x && cp -a /srv/x /srv/one/nginx.conf");
    host.wait_served("/v", "seven");
    host.sh("sed -i s/seven/eight/ /srv/x && rsync -c /srv/x /srv/one/nginx.conf");
    host.wait_served("/v", "eight");
    // A release, by its link.
    assert_eq!(host.get("/").trim(), "r1");
    host.sh("ln -s 2 /srv/rel/next && mv -T /srv/rel/next /srv/rel/current");
    host.wait_served("/", "r2");
    host.sh("echo r2b > /srv/rel/2/index.html");
    host.wait_served("/", "r2b");
    // Still read-only, private and nothing but one mount each.
    for path in ["/srv/html/x", "/etc/nginx/nginx.conf"] {
        let refused = host.try_sh(&format!("docker exec web /bin/busybox touch {path}"));
        assert!(refused.stderr.contains("Read-only file system"), "{refused}");
    }
    let mounts = host.sh("cat /proc/$(docker inspect -f '{{.State.Pid}}' web)/mountinfo");
    let own: Vec<&str> = mounts
        .lines()
        .filter(|line| line.contains(" /srv/html ") || line.contains(" /etc/nginx/nginx.conf "))
        .collect();
    assert!(own.len() == 2 && own.iter().all(|line| !line.contains("shared:")), "{mounts}");
    assert_eq!(host.master(), master, "nothing was restarted");

    // Where it cannot be done, a restart does it, and says why.
    host.sh("mkdir /srv/nest; echo n > /srv/nest/f; mkdir /srv/rel/2/sub");
    let lines = format!("{lines}\nVolume=/srv/nest:/srv/html/sub:ro");
    host.put("web.container", &nginx(&lines, ""));
    host.wait_until("it runs with the nested mount", SOON, || host.get("/sub/f").trim() == "n");
    let master = host.master();
    host.settle();
    host.sh("mkdir -p /srv/rel/3/sub; echo r3 > /srv/rel/3/index.html; ln -sfn 3 /srv/rel/next; mv -T /srv/rel/next /srv/rel/current");
    host.wait_served("/", "r3");
    assert_ne!(host.master(), master);
    assert!(host.sh("cat /var/lib/sculler/units/web.service/history.jsonl").contains("would be lost"));
}

#[test]
fn bursts_restarts_and_plain_services() {
    let host = Host::boot("follow").docker().with_agent();
    host.folders();
    host.sh("cd /srv/conf && git init -q . && git config user.email a@b && git config user.name a && mkdir d && \
         for d in $(seq 100); do mkdir d/$d; for f in $(seq 100); do echo one > d/$d/$f.conf; done; done && \
         git add -A && git commit -qm one && git checkout -q -b two && for d in $(seq 100); do for f in $(seq 100); do \
         echo two > d/$d/$f.conf; done; done && git commit -qam two && git checkout -q -");
    host.put("web.container", &nginx(LIVE, "Watch=/srv/conf"));
    host.wait_served("/v", "one");
    host.settle();
    // It takes its time to read them all.
    host.wait_until("it is watched", SOON, || host.exists("/run/sculler/followed/web.service"));
    host.sh("cd /srv/conf && git checkout -q two");
    host.wait_results("web.service", &["done"]);

    // A reload after which the container ends is held against the files.
    let text = "[Container]\nImage=busybox\nContainerName=frail\nVolume=/srv/html:/h:ro\nReloadSignal=USR1\n\
                Exec=sh -c \"trap 'exit 3' USR1; while :; do sleep 0.1; done\"\n[X-Fleet]\nGlobal=true\n";
    host.put("frail.container", text);
    host.wait_active("frail.service");
    host.settle();
    host.wait_until("it is watched", SOON, || host.exists("/run/sculler/followed/frail.service"));
    host.write("/srv/html/index.html", "deadly\n");
    host.wait_until("the end is held against the file", SOON, || {
        let text = host.try_sh("cat /var/lib/sculler/units/frail.service/history.jsonl").stdout;
        text.contains("ended with exit code 3") && text.contains("a reload because of /srv/html/index.html")
    });
    host.take_out("frail.container");

    // A restart, asked for; the environment file with it.
    host.write("/srv/env", "A=1\n");
    let text = "[Container]\nImage=busybox\nContainerName=again\nEnvironmentFile=/srv/env\nExec=sleep 1000\nStopSignal=KILL\n\
                [X-Sculler]\nOnChange=restart\n[X-Fleet]\nGlobal=true\n";
    host.put("again.container", text);
    host.wait_active("again.service");
    let invocation = host.invocation("again.service");
    host.settle();
    host.wait_until("it is watched", SOON, || host.exists("/run/sculler/followed/again.service"));
    host.write("/srv/env", "A=2\n");
    host.wait_restarted("again.service", &invocation);
    assert!(host.sh("docker exec again env").contains("A=2"));

    // A plain service, whose check runs as its user.
    host.make_dir("/etc/own");
    host.write("/etc/own/conf", "good 1\n");
    let text = "[Service]\nUser=core\nPrivateTmp=yes\nExecStart=/bin/sh -c 'trap \"echo again\" HUP; while :; do sleep 0.1; done'\n\
                ExecReload=/bin/kill -HUP $MAINPID\n[X-Sculler]\nWatch=/etc/own/*\n\
                CheckCmd=/bin/sh -c 'id -un; grep good /etc/own/conf'\n[X-Fleet]\nGlobal=true\n";
    host.put("own.service", text);
    host.wait_active("own.service");
    host.settle();
    host.wait_until("it is watched", SOON, || host.exists("/run/sculler/followed/own.service"));
    let invocation = host.invocation("own.service");
    host.write("/etc/own/conf", "good 2\n");
    host.wait_results("own.service", &["done"]);
    host.write("/etc/own/conf", "bad\n");
    host.wait_results("own.service", &["done", "refused"]);
    let status = host.try_sh("sculler status own").stdout;
    assert!(status.contains("not reloaded: CheckCmd= ") && status.contains("core"), "{status}");
    host.write("/etc/own/conf", "good 3\n");
    host.wait_results("own.service", &["done", "refused", "done"]);
    // A glob finds what comes later.
    host.write("/etc/own/more", "x\n");
    host.wait_results("own.service", &["done", "refused", "done", "done"]);
    host.assert_untouched("own.service", &invocation);
    host.wait_until("its own lines say so", SOON, || {
        host.sh("journalctl --sync; journalctl -u own -o cat").lines().filter(|line| *line == "again").count() == 3
    });
}

#[test]
fn what_containers_read_wakes_nobody() {
    let host = Host::boot("quiet").docker().with_agent();
    host.folders();
    host.put("web.container", &nginx(LIVE, ""));
    host.wait_served("/v", "one");
    host.settle();
    host.wait_enabled("web.service");
    host.settle();
    // How often the threads ran that hear of changes.
    let runs = || {
        let tasks = "/proc/$(systemctl show -p MainPID --value sculler)/task";
        let count = format!(
            "for t in {tasks}/*; do grep -qx -e inotify -e follow $t/comm && cut -d' ' -f3 $t/schedstat; done | paste -sd+ | sed 's/+/ + /' | xargs expr"
        );
        host.sh(&count).trim().parse::<u64>().unwrap_or_default()
    };
    let before = runs();
    assert!(before > 0);
    host.sh("for i in $(seq 300); do curl -fsS -o /dev/null http://127.0.0.1:8080/; done");
    let woken = runs() - before;
    assert!(woken < 20, "the agent ran {woken} times");
}
