//! Images that are built here, and volumes and networks whose files change.

use crate::agent::{SOON, UNITS};
use crate::host::{Done, Host, Suite};
use crate::pulls::{HTPASSWD, PRIVATE, PRIVATE_SETTINGS};

const SUITES: [Suite; 2] = [Suite::Trixie, Suite::Bookworm];

const SELECT: &str = "[X-Fleet]\nGlobal=true\n";

/// Shows what was copied and stays up.
const PATIENT: &str = "CMD [\"sh\", \"-c\", \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"]\n";

fn build(lines: &str, sections: &str) -> String {
    format!("[Build]\nImageTag=localhost/app\n{lines}\n{sections}\n{SELECT}")
}

fn container(image: &str, lines: &str) -> String {
    format!("[Container]\nImage={image}\nContainerName=web\nStopTimeout=1\n{lines}\n{SELECT}")
}

impl Host {
    fn id(&self, format: &str, name: &str) -> String {
        self.try_sh(&format!("docker inspect -f '{format}' {name}")).stdout.trim().to_owned()
    }

    /// Of the container that runs.
    fn shown(&self, path: &str) -> String {
        self.try_sh(&format!("docker exec web cat {path}")).stdout.trim().to_owned()
    }

    fn text(&self, unit: &str) -> String {
        self.property(unit, "StatusText")
    }

    fn wait_told_by_status(&self, what: &str) {
        self.wait_until(&format!("'sculler status' says '{what}'"), SOON, || {
            let status = self.try_sh("sculler status");
            !status.ok() && status.stdout.contains(what)
        });
    }

    fn wait_fine(&self) {
        self.wait_until("'sculler status' finds nothing wrong", SOON, || self.try_sh("sculler status").ok());
    }

    /// Both streams of a command, whatever became of it.
    fn said(&self, line: &str) -> Done {
        self.try_sh(&format!("{line} 2>&1"))
    }

    fn journal_of(&self, unit: &str) -> String {
        self.sh(&format!("journalctl --sync; journalctl -u {unit} -o cat --no-pager"))
    }
}

#[test]
fn a_build_is_an_image_and_its_containers_follow_it() {
    for suite in SUITES {
        let host = Host::boot("build").suite(suite).docker().with_agent();
        for folder in ["/srv/app/docs/keep", "/srv/app/cache"] {
            host.make_dir(folder);
        }
        host.write("/srv/app/page", "one\n");
        host.write("/srv/app/docs/notes.md", "");
        host.write("/srv/app/docs/keep/read.md", "kept\n");
        host.write("/srv/app/cache/x", "");
        host.write("/srv/app/run.sh", "#!/bin/sh\necho from the script\n");
        host.sh("chmod 755 /srv/app/run.sh; ln -s page /srv/app/link; ln -s /etc/shadow /srv/app/outside");
        host.write("/srv/app/.dockerignore", "cache\n**/*.md\n!docs/keep\nContainerfile\n");
        host.write(
            "/srv/app/Containerfile",
            &format!(
                "FROM busybox AS first\nARG COLOUR=none\nCOPY . /app\nRUN /app/run.sh && echo $COLOUR > /colour\n{PATIENT}\
                 FROM first AS second\nRUN exit 3\n"
            ),
        );
        // The container comes first, and waits for its image.
        host.put("web.container", &container("app.build", ""));
        let lines = |colour: &str, more: &str| {
            format!("SetWorkingDirectory=/srv/app\nBuildArg=COLOUR={colour}\nTarget=first\nLabel=owner=us\n{more}")
        };
        let follows = "[X-Sculler]\nOnChange=restart";
        host.put("app.build", &build(&lines("red", "ImageTag=localhost/app:other"), follows));
        host.wait_active("web.service");
        host.wait_until("the container shows the page", SOON, || host.shown("/app/page") == "one");
        let files = host.sh("docker exec web sh -c 'cd /app; find . | sort'");
        let expected = ". ./.dockerignore ./docs ./docs/keep ./docs/keep/read.md ./link ./outside ./page ./run.sh";
        assert_eq!(files.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        assert_eq!(host.sh("docker exec web readlink /app/outside").trim(), "/etc/shadow");
        assert_eq!(host.shown("/colour"), "red");
        let image = host.id("{{.Id}}", "localhost/app");
        assert_eq!(host.id("{{.Id}}", "localhost/app:other"), image);
        assert_eq!(host.id("{{.Config.Labels.owner}}", "localhost/app"), "us");
        let journal = host.journal_of("app-build");
        for line in ["from the script", "sent 5 files of the context"] {
            assert!(journal.contains(line), "{journal}");
        }
        assert!(host.text("app-build.service").contains("localhost/app:latest is built"));
        host.settle();
        let before = host.invocation("web.service");

        // Another file, the same image; another name for it.
        host.put("app.build", &build(&lines("red", "ImageTag=localhost/app:third\nRetry=1"), follows));
        host.wait_until("the image has its third name", SOON, || host.id("{{.Id}}", "localhost/app:third") == image);
        host.settle();
        host.assert_untouched("web.service", &before);

        // Another image.
        host.put("app.build", &build(&lines("blue", "Retry=1"), follows));
        let mut before = host.wait_restarted("web.service", &before);
        host.wait_until("the container has the new image", SOON, || host.shown("/colour") == "blue");
        host.settle();
        host.assert_untouched("web.service", &before);

        // An edit whose build fails.
        let image = host.id("{{.Id}}", "localhost/app");
        host.put("app.build", &build(&lines("blue", "Retry=1").replace("Target=first", ""), follows));
        host.wait_told_by_status("returned a non-zero code: 3");
        assert!(host.sh("sculler explain app.build").contains("the old version runs on"));
        host.assert_untouched("web.service", &before);
        assert_eq!(host.id("{{.Id}}", "localhost/app"), image);
        if suite == Suite::Trixie {
            // It is tried again and again, and built again only if the context is another one.
            let steps = || host.journal_of("app-build").matches("RUN exit 3").count();
            let tries = || host.journal_of("app-build").matches("Starting sculler-prepare-").count();
            let (before_steps, before_tries) = (steps(), tries());
            host.wait_until("it is tried again", SOON, || tries() > before_tries + 1);
            assert_eq!(steps(), before_steps);
            host.write("/srv/app/page", "one again\n");
            host.wait_until("it is built again", SOON * 2, || steps() > before_steps);
            // The version that is installed takes the context up, too.
            before = host.wait_restarted("web.service", &before);
        }
        host.put("app.build", &build(&lines("blue", "Retry=1"), follows));
        host.wait_fine();

        // The context.
        host.write("/srv/app/page", "two\n");
        let before = host.wait_restarted("web.service", &before);
        host.wait_until("the container shows the new page", SOON, || host.shown("/app/page") == "two");
        let good = host.read("/srv/app/Containerfile");
        host.write("/srv/app/Containerfile", "FROM busybox AS first\nCOPY nothing /\n");
        host.wait_told_by_status("app-build.service: The image localhost/app:latest cannot be built: COPY failed");
        host.assert_untouched("web.service", &before);
        host.write("/srv/app/Containerfile", &good);
        host.wait_fine();
        // What is left out is no change.
        host.write("/srv/app/cache/x", "other");
        host.wait_until("it is built anew", SOON, || {
            host.journal_of("app-build").contains("reloaded (/srv/app/cache/x changed)")
        });
        host.assert_untouched("web.service", &before);

        // A reboot builds from the cache; if it cannot, the last image will do.
        if suite == Suite::Trixie {
            for is_mended in [true, false] {
                host.settle();
                if !is_mended {
                    host.write("/srv/app/Containerfile", "FROM busybox AS first\nCOPY nothing /\n");
                }
                host.reboot();
                host.wait_active("web.service");
                host.wait_until("the container shows the page", SOON, || host.shown("/app/page") == "two");
            }
            host.wait_told_by_status("app-build.service: The image localhost/app:latest cannot be built: COPY failed");
            host.wait_told_by_status("is used until 'systemctl reload app-build.service' succeeds");
            host.write("/srv/app/Containerfile", &good);
            host.wait_fine();
        }
        host.take_out("web.container");
        host.take_out("app.build");
        host.wait_gone("app-build.service");
        let told = host.journal_of("app-build");
        assert!(told.contains("'docker image rm localhost/app:latest' removes it"), "{told}");
        assert_eq!(host.settle(), Vec::<String>::new());
    }
}

#[test]
fn contexts_of_all_kinds() {
    let host = Host::boot("contexts").docker().with_agent();
    // The Containerfile outside of the context, with rules of its own.
    host.make_dir("/srv/app");
    host.make_dir("/srv/files");
    host.write("/srv/app/a", "a\n");
    host.write("/srv/app/b", "b\n");
    host.write("/srv/files/Build", "FROM busybox\nCOPY . /app\n");
    host.write("/srv/files/Build.dockerignore", "b\n");
    let lines = "SetWorkingDirectory=/srv/app\nFile=/srv/files/Build";
    host.put("outside.build", &format!("[Build]\nImageTag=localhost/out\n{lines}\n{SELECT}"));
    host.wait_active("outside-build.service");
    let list = |image: &str| {
        let listed = host.sh(&format!("docker run --rm {image} sh -c 'cd /app; find . -type f | sort'"));
        listed.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    host.wait_until("the image is there", SOON, || !host.id("{{.Id}}", "localhost/out").is_empty());
    assert_eq!(list("localhost/out"), "./a");

    // Beside the unit's file, from scratch; a large file, of which little may be in memory.
    host.make_dir(&format!("{UNITS}/big"));
    host.sh("truncate -s 300M /srv/files/hole; mkdir /srv/big; dd if=/dev/urandom of=/srv/big/file bs=1M count=60 status=none");
    host.write("/srv/big/Dockerfile", "FROM scratch\nCOPY file /\n");
    host.put(
        "big.build",
        &format!("[Build]\nImageTag=big\nSetWorkingDirectory=/srv/big\n[Service]\nMemoryAccounting=yes\n{SELECT}"),
    );
    host.wait_active("big-build.service");
    assert!(host.journal_of("big-build").contains("sent 2 files of the context, 62.9 MB"));

    // Fetched by Docker.
    host.sh("mkdir /srv/www; cd /srv/app; printf 'FROM busybox\\nCOPY a /app/\\n' > Dockerfile; tar -cf /srv/www/context.tar .");
    host.sh("printf 'FROM busybox\\nRUN mkdir /app && touch /app/alone\\n' > /srv/www/Containerfile");
    host.sh("systemd-run --unit www -p WorkingDirectory=/srv/www python3 -m http.server 8000 2>/dev/null || systemd-run --unit www busybox httpd -f -p 8000 -h /srv/www");
    host.wait_until("the web server answers", SOON, || {
        host.try_sh("curl -fsS http://127.0.0.1:8000/Containerfile").ok()
    });
    host.put(
        "remote.build",
        &format!("[Build]\nImageTag=remote\nSetWorkingDirectory=http://127.0.0.1:8000/context.tar\n{SELECT}"),
    );
    host.put("alone.build", &format!("[Build]\nImageTag=alone\nFile=http://127.0.0.1:8000/Containerfile\n{SELECT}"));
    for unit in ["remote-build.service", "alone-build.service"] {
        host.wait_active(unit);
    }
    assert_eq!(list("remote"), "./a");
    assert_eq!(list("alone"), "./alone");

    // What is wrong, and what to do.
    host.put("wrong.build", &format!("[Build]\nImageTag=wrong\nSetWorkingDirectory=/srv/none\n{SELECT}"));
    host.wait_for_unit("wrong-build.service", "ActiveState", "failed", SOON);
    assert!(host.text("wrong-build.service").contains("the context /srv/none does not exist; make it"));
    host.wait_told_by_status("change SetWorkingDirectory=");
    host.sh("mkdir /srv/none; printf 'FROM private.example/x\\n' > /srv/none/Dockerfile");
    host.put("wrong.build", &format!("[Build]\nImageTag=wrong\nSetWorkingDirectory=/srv/none\nRetry=0\n{SELECT}"));
    host.wait_told_by_status("The image wrong:latest cannot be built: ");
    // Its container says whom it waits for.
    host.put("web.container", &container("wrong.build", ""));
    host.wait_told_by_status("web.service was not started, since a unit that it requires did not start");
}

const DATABASE: &str = "Network=lan.network\nVolume=data.volume:/data\nExec=sh -c \"trap 'exit 0' TERM; date > /data/log; while :; do sleep 0.1; done\"";

#[test]
fn networks_and_volumes_are_made_anew_only_if_nothing_is_lost() {
    for suite in SUITES {
        let host = Host::boot("recreate").suite(suite).docker().with_agent();
        let network = |lines: &str| format!("[Network]\nNetworkName=lan\n{lines}\n{SELECT}");
        let volume = |lines: &str| format!("[Volume]\nVolumeName=data\n{lines}\n{SELECT}");
        let subnet = || host.id("{{range .IPAM.Config}}{{.Subnet}}{{end}}", "lan");
        host.put("lan.network", &network("Subnet=10.5.0.0/24"));
        host.put("data.volume", &volume(""));
        host.put("web.container", &container("busybox", DATABASE));
        host.wait_active("web.service");
        host.wait_until("there is data", SOON, || !host.shown("/data/log").is_empty());
        host.settle();
        let before = host.invocation("web.service");

        // What is in use stays, and nothing is stopped.
        host.put("lan.network", &network("Subnet=10.6.0.0/24"));
        host.put("data.volume", &volume("Label=of=us"));
        let expected = "subnet: 10.6.0.0/24 in the file, 10.5.0.0/24 as it is); 'sculler recreate lan.network'";
        host.wait_told_by_status(expected);
        host.wait_told_by_status(
            "label of: 'us' in the file, nothing as it is); 'sculler recreate --delete-data data.volume'",
        );
        assert!(host.text("lan-network.service").contains("since web is attached to it"));
        assert!(host.sh("sculler explain lan.network").contains(expected));
        assert!(host.try_sh("runuser -u core sculler status").stdout.contains(expected), "everybody may know");
        host.settle();
        host.assert_untouched("web.service", &before);

        // On demand.
        let done = host.said("sculler recreate lan.network");
        assert!(done.ok() && done.stdout.contains("web.service is up again"), "{done}");
        assert_eq!(subnet(), "10.6.0.0/24");
        let before = host.wait_restarted("web.service", &before);
        let done = host.said("sculler recreate data.volume");
        assert!(!done.ok() && done.stdout.contains("sculler recreate --delete-data data.volume"), "{done}");
        host.assert_untouched("web.service", &before);
        // Who would not be stopped with it keeps everything as it is.
        host.sh("docker run -d --name foreign -v data:/x busybox sleep 1000");
        let done = host.said("sculler recreate --delete-data data.volume");
        assert!(!done.ok() && done.stdout.contains("run 'docker rm -f foreign' first"), "{done}");
        host.sh("docker rm -f foreign");
        host.assert_untouched("web.service", &before);
        host.sh("docker exec web touch /data/mark");
        let done = host.said("sculler recreate --delete-data data.volume");
        assert!(done.ok() && done.stdout.contains("holds 2 files and folders"), "{done}");
        assert_eq!(host.id("{{.Labels.of}}", "data"), "us");
        host.wait_until("the data is new", SOON, || {
            !host.shown("/data/log").is_empty() && !host.try_sh("docker exec web ls /data/mark").ok()
        });
        host.wait_fine();
        // A second time nothing is left of the permission.
        host.sh("systemctl restart data-volume");
        assert!(host.text("data-volume.service").contains("is there"), "{}", host.text("data-volume.service"));
        host.wait_active("web.service");

        // What nobody uses follows its file at once; so does a volume without data.
        host.sh("systemctl stop web");
        host.put("lan.network", &network("Subnet=10.7.0.0/24"));
        host.wait_until("the network is another one", SOON, || subnet() == "10.7.0.0/24");
        host.put("empty.volume", &format!("[Volume]\nVolumeName=empty\n{SELECT}"));
        host.wait_active("empty-volume.service");
        host.put("empty.volume", &format!("[Volume]\nVolumeName=empty\nLabel=of=us\n{SELECT}"));
        host.wait_until("the volume is another one", SOON, || host.id("{{.Labels.of}}", "empty") == "us");

        // Somebody else's are used as they are.
        host.sh("docker network create other; docker volume create mine");
        host.put("mine.volume", &format!("[Volume]\nVolumeName=mine\n{SELECT}"));
        host.put("other.network", &format!("[Network]\nNetworkName=other\nInternal=yes\n{SELECT}"));
        host.wait_told_by_status(
            "is used as it is, since sculler did not make it (Internal: yes in the file, no as it is)",
        );
        host.wait_active("mine-volume.service");
        assert!(host.text("mine-volume.service").contains("sculler did not make it"));

        // With its file goes what can go.
        for (file, unit) in [
            ("web.container", "web"),
            ("lan.network", "lan-network"),
            ("data.volume", "data-volume"),
            ("other.network", "other-network"),
        ] {
            host.take_out(file);
            host.wait_gone(&format!("{unit}.service"));
        }
        let networks = host.sh("docker network ls --format '{{.Name}}'");
        assert!(!networks.contains("lan") && networks.contains("other"), "{networks}");
        assert!(host.sh("docker volume ls -q").contains("data"));
        assert!(host.journal_of("data-volume").contains("'docker volume rm data' removes it"));
        host.wait_fine();
    }
}

#[test]
fn networks_that_go_with_their_services_and_images_with_tags() {
    let host = Host::boot("network-stop").docker().with_agent();
    let has = |name: &str| host.sh("docker network ls --format '{{.Name}}'").lines().any(|line| line == name);
    host.put("lan.network", &format!("[Network]\nNetworkName=lan\nNetworkDeleteOnStop=yes\n{SELECT}"));
    host.put("web.container", &container("page.image", "Network=lan.network\nExec=sleep infinity"));
    host.put("page.image", &format!("[Image]\nImage=busybox\nImageTag=localhost/page:1\n{SELECT}"));
    host.wait_active("web.service");
    assert_eq!(host.id("{{.Id}}", "localhost/page:1"), host.id("{{.Id}}", "busybox"));
    // The same image again: nothing is restarted.
    host.settle();
    let before = host.invocation("web.service");
    host.put("page.image", &format!("[Image]\nImage=busybox\nImageTag=localhost/page:1\nPolicy=missing\n{SELECT}"));
    host.wait_until("the image is reloaded", SOON, || {
        host.journal_of("page-image").contains("reloaded page-image.service")
    });
    host.settle();
    host.assert_untouched("web.service", &before);
    // Another image under the same name.
    host.sh("docker create --name seed busybox; docker commit seed localhost/other:1; docker rm seed");
    let other = "[Image]\nImage=localhost/other:1\nImageTag=localhost/page:1\nPolicy=never";
    host.put("page.image", &format!("{other}\n{SELECT}"));
    host.wait_restarted("web.service", &before);
    assert_eq!(host.id("{{.Image}}", "web"), host.id("{{.Id}}", "localhost/other:1"));

    assert!(has("lan"));
    host.sh("systemctl stop lan-network");
    assert!(!has("lan") && !host.is_active("web.service"), "what requires it stops with it");
    host.sh("systemctl start web");
    host.wait_active("web.service");
    assert!(has("lan"));
    // Somebody else's container keeps it.
    host.sh("docker run -d --name foreign --network lan busybox sleep 1000; systemctl stop lan-network");
    assert!(has("lan"));
    let told = host.journal_of("lan-network");
    assert!(told.contains("network lan stays, since foreign is attached to it; 'docker network rm lan'"), "{told}");
}

#[test]
fn base_images_of_private_registries_and_builds_that_are_stopped() {
    let host = Host::boot("base").docker().with_agent();
    host.write("/run/htpasswd", HTPASSWD);
    host.write("/run/private.yml", PRIVATE_SETTINGS);
    host.sh("systemd-run -q docker-registry serve /run/private.yml");
    host.wait_until("the registry asks who is there", SOON, || {
        host.try_sh(&format!("curl -s -o /dev/null -w '%{{http_code}}' http://{PRIVATE}/v2/")).stdout == "401"
    });
    // core:secret
    let login = format!("{{\"auths\": {{\"{PRIVATE}\": {{\"auth\": \"Y29yZTpzZWNyZXQ=\"}}}}}}");
    host.write("/etc/sculler/login.json", &login);
    host.make_dir("/srv/base");
    host.write("/srv/base/Dockerfile", &format!("FROM {PRIVATE}/library/busybox\nRUN echo from afar > /page\n"));
    let build = |name: &str, lines: &str| {
        let text = format!("[Build]\nImageTag={name}\nSetWorkingDirectory=/srv/base\nRetry=0\n{lines}\n{SELECT}");
        host.put(&format!("{name}.build"), &text);
    };
    build("denied", "");
    host.wait_for_unit("denied-build.service", "ActiveState", "failed", SOON);
    let text = host.text("denied-build.service");
    assert!(text.contains("run 'docker login' as root, or AuthFile="), "{text}");
    build("named", "AuthFile=/etc/sculler/login.json");
    host.wait_active("named-build.service");
    assert_eq!(host.sh("docker run --rm named cat /page").trim(), "from afar");

    // All tags of a repository.
    host.sh("for tag in 1 2; do docker tag named 127.0.0.1:5000/many:$tag; docker push -q 127.0.0.1:5000/many:$tag; \
         docker image rm 127.0.0.1:5000/many:$tag; done");
    host.put("many.image", &format!("[Image]\nImage=127.0.0.1:5000/many\nAllTags=yes\n{SELECT}"));
    host.wait_active("many-image.service");
    for tag in ["1", "2"] {
        assert!(!host.id("{{.Id}}", &format!("127.0.0.1:5000/many:{tag}")).is_empty(), "{tag}");
    }

    // A stop in the middle leaves nothing behind; a build that is stuck ends by TimeoutStartSec=.
    host.write("/srv/base/Dockerfile", "FROM busybox\nRUN echo begins; sleep 1000\n");
    build("slow", "");
    host.wait_until("the step runs", SOON, || host.text("slow-build.service").contains("step 2/2: RUN"));
    host.wait_told_by_status("slow-build.service: start under way");
    host.sh("systemctl stop slow-build");
    host.wait_until("no container of the build is left", SOON, || host.sh("docker ps -q").is_empty());
    assert_eq!(host.property("slow-build.service", "Result"), "success");
}
