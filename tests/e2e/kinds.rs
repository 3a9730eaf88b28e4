//! Units that belong together: triggers, dependents, drop-ins, templates; and names that are hard to carry along.

use crate::agent::{ATTACHED, SOON, service, sleeper, unit_path};
use crate::host::Host;

#[test]
fn a_service_that_a_timer_socket_or_path_starts_waits_for_it() {
    let host = Host::boot("triggers").with_agent();
    let oneshot =
        |mark: &str| format!("[Service]\nType=oneshot\nExecStart=/bin/touch /run/{mark}\n\n[X-Fleet]\nGlobal=true\n");
    let trigger = |section: &str, line: &str| format!("[{section}]\n{line}\n\n[X-Fleet]\nGlobal=true\n");
    for kind in ["timer", "socket", "path"] {
        host.put(&format!("by-{kind}.service"), &oneshot(&format!("by-{kind}")));
    }
    // They come first, and run, since nothing else would start them; a socket refuses to start while its service runs
    for kind in ["timer", "socket", "path"] {
        host.wait_told(&format!("started by-{kind}.service"));
        host.wait_for_unit(&format!("by-{kind}.service"), "ActiveState", "inactive", SOON);
    }
    host.put("by-timer.timer", &trigger("Timer", "OnActiveSec=1h"));
    host.put("by-socket.socket", &trigger("Socket", "ListenStream=/run/by-socket.sock"));
    host.put("by-path.path", &trigger("Path", "PathExists=/run/by-path-now"));
    for unit in ["by-timer.timer", "by-socket.socket", "by-path.path"] {
        host.wait_active(unit);
    }
    // From now on they wait
    host.sh("rm -f /run/by-timer /run/by-path; systemctl restart sculler");
    assert_eq!(host.settle(), Vec::<String>::new());
    assert!(!host.exists("/run/by-path") && !host.exists("/run/by-timer"));
    host.sh("touch /run/by-path-now");
    host.wait_until("the path starts its service", SOON, || host.exists("/run/by-path"));
    host.put("by-timer.timer", &trigger("Timer", "OnActiveSec=1s\nAccuracySec=10ms"));
    host.wait_until("the edited timer starts its service", SOON, || host.exists("/run/by-timer"));
    host.take_out("by-timer.timer");
    host.take_out("by-timer.service");
    host.wait_gone("by-timer.timer");
    host.wait_gone("by-timer.service");
}

#[test]
fn a_trigger_that_comes_before_its_service_starts_when_the_service_is_there() {
    let host = Host::boot("early").with_agent();
    host.put("job.path", "[Path]\nPathExists=/run/now\n\n[X-Fleet]\nGlobal=true\n");
    host.wait_told("job.path did not start");
    host.put("job.service", &service("/bin/touch /run/ran").replace("[Service]", "[Service]\nType=oneshot"));
    host.wait_active("job.path");
    assert!(!host.exists("/run/ran"));
    host.sh("touch /run/now");
    host.wait_until("the service runs", SOON, || host.exists("/run/ran"));
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn a_unit_that_requires_one_that_comes_later_starts_when_that_is_there() {
    let host = Host::boot("later").with_agent();
    host.put("web.service", &format!("[Unit]\nRequires=base.service\nAfter=base.service\n\n{}", sleeper()));
    host.wait_told("base.service");
    host.put("base.service", &sleeper());
    host.wait_active("base.service");
    host.wait_active("web.service");
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn mounts_targets_and_slices_are_run_too() {
    let host = Host::boot("mounts").with_agent();
    let mount = |size: &str| {
        format!("[Mount]\nWhat=tmpfs\nWhere=/srv/data\nType=tmpfs\nOptions=size={size}\n\n[X-Fleet]\nGlobal=true\n")
    };
    host.put("srv-data.mount", &mount("1m"));
    host.put("team.slice", "[Slice]\nTasksMax=100\n\n[X-Fleet]\nGlobal=true\n");
    host.put("team.target", "[Unit]\nWants=web.service\n\n[X-Fleet]\nGlobal=true\n");
    host.put("web.service", &sleeper().replace("[Service]", "[Service]\nSlice=team.slice"));
    for unit in ["srv-data.mount", "team.slice", "team.target", "web.service"] {
        host.wait_active(unit);
    }
    assert!(host.property("web.service", "ControlGroup").starts_with("/team.slice/"));
    host.put("srv-data.mount", &mount("2m"));
    host.wait_until("the edited mount is mounted", SOON, || {
        host.try_sh("findmnt -no OPTIONS /srv/data").stdout.contains("size=2048k")
    });
    for file in ["srv-data.mount", "team.slice", "team.target", "web.service"] {
        host.take_out(file);
    }
    for unit in ["srv-data.mount", "team.target", "web.service"] {
        host.wait_gone(unit);
    }
    assert!(!host.try_sh("findmnt /srv/data").ok());
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn units_that_require_a_restarted_one_come_back_with_it() {
    let host = Host::boot("requires").with_agent();
    let base = |stop: &str, sleep: &str| {
        format!("[Service]\nExecStart=/bin/sleep {sleep}\nExecStop=/bin/true {stop}\n\n[X-Fleet]\nGlobal=true\n")
    };
    let dependent = |word: &str| format!("[Unit]\n{word}=base.service\nAfter=base.service\n\n{}", sleeper());
    host.put("base.service", &base("1", "1000001"));
    host.wait_active("base.service");
    let dependents = [("requires.service", "Requires"), ("bound.service", "BindsTo"), ("part.service", "PartOf")];
    for (unit, word) in dependents {
        host.put(unit, &dependent(word));
        host.wait_active(unit);
    }
    // Somebody else's unit, too
    host.write("/etc/systemd/system/theirs.service", &dependent("Requires"));
    host.sh("systemctl daemon-reload && systemctl start theirs.service");
    host.settle();
    for (stop, sleep) in [("1", "1000002"), ("2", "1000003")] {
        let before = host.invocation("base.service");
        host.put("base.service", &base(stop, sleep));
        host.wait_restarted("base.service", &before);
        for unit in ["requires.service", "bound.service", "part.service", "theirs.service"] {
            host.wait_active(unit);
        }
        assert!(host.property("base.service", "ExecStart").contains(sleep));
        assert_eq!(host.settle(), Vec::<String>::new());
    }
    // What was down stays down
    host.sh("systemctl stop part.service");
    let before = host.invocation("base.service");
    host.put("base.service", &base("3", "1000004"));
    host.wait_restarted("base.service", &before);
    for unit in ["requires.service", "bound.service", "theirs.service"] {
        host.wait_active(unit);
    }
    // Nothing is queued any more
    host.wait_until("all jobs are over", SOON, || host.sh("systemctl list-jobs --no-legend").is_empty());
    host.settle();
    assert_eq!(host.property("part.service", "ActiveState"), "inactive");
}

#[test]
fn drop_ins_for_a_type_or_prefix_reach_units_of_sculler_alone() {
    let host = Host::boot("drop-ins").with_agent();
    for folder in ["service.d", "team-.service.d"] {
        host.make_dir(&unit_path(folder));
    }
    host.put("service.d/10-color.conf", "[Service]\nEnvironment=COLOR=red\n");
    host.put("team-.service.d/20-shape.conf", "[Service]\nEnvironment=SHAPE=round\n");
    host.run_sleeper("web.service");
    host.run_sleeper("team-app.service");
    assert_eq!(host.property("web.service", "Environment"), "COLOR=red");
    assert_eq!(host.property("team-app.service", "Environment"), "COLOR=red SHAPE=round");
    let ssh = host.invocation("ssh.service");
    host.sh("systemctl daemon-reload");
    assert!(!host.property("ssh.service", "Environment").contains("COLOR"));
    host.assert_untouched("ssh.service", &ssh);
    let (web, app) = (host.invocation("web.service"), host.invocation("team-app.service"));
    host.put("team-.service.d/20-shape.conf", "[Service]\nEnvironment=SHAPE=square\n");
    host.wait_restarted("team-app.service", &app);
    assert_eq!(host.property("team-app.service", "Environment"), "COLOR=red SHAPE=square");
    host.assert_untouched("web.service", &web);
    // One for a unit that is not in the directory does nothing and says so
    host.make_dir(&unit_path("ssh.service.d"));
    host.put("ssh.service.d/10-evil.conf", "[Service]\nExecStartPre=/bin/false\n");
    host.wait_told("ssh.service.d/10-evil.conf is no unit");
    assert!(!host.exists(&format!("{ATTACHED}/ssh.service.d")));
}

#[test]
fn odd_names_of_units_and_folders_are_carried_along() {
    let host = Host::boot("odd").with_agent();
    let units = [
        ("with space", "a-b_c.d:e.service"),
        ("100%", "my\\x2dweb.service"),
        ("b\u{e4}r 'quoted' \"twice\"", "web@a-b.service"),
        ("back\\slash", "9.service"),
        ("[X-Fleet]", "bracket.service"),
    ];
    for (folder, unit) in units {
        host.make_dir(&unit_path(folder));
        host.put(&format!("{folder}/{unit}"), &sleeper());
    }
    for (_, unit) in units {
        host.wait_active(unit);
    }
    assert_eq!(host.settle(), Vec::<String>::new());
    let before: Vec<String> = units.iter().map(|(_, unit)| host.invocation(unit)).collect();
    host.sh("systemctl restart sculler");
    assert_eq!(host.settle(), Vec::<String>::new());
    for ((_, unit), before) in units.iter().zip(&before) {
        host.assert_untouched(unit, before);
    }
    for (folder, unit) in units {
        host.put(&format!("{folder}/{unit}"), &service("/bin/sleep 1000000"));
    }
    for ((_, unit), before) in units.iter().zip(&before) {
        host.wait_restarted(unit, before);
    }
    for (folder, unit) in units {
        host.take_out(&format!("{folder}/{unit}"));
        host.wait_gone(unit);
    }
}

#[test]
fn an_edited_install_section_is_carried_out_anew() {
    let host = Host::boot("reenable").with_agent();
    let unit = |install: &str| format!("{}\n{install}", sleeper());
    let wants = |target: &str| format!("/etc/systemd/system/{target}.wants/web.service");
    host.put("web.service", &unit("[Install]\nWantedBy=multi-user.target\nAlias=www.service\n"));
    host.wait_until("it is enabled", SOON, || {
        host.exists(&wants("multi-user.target")) && host.property("www.service", "Id") == "web.service"
    });
    let invocation = host.invocation("web.service");
    host.put("web.service", &unit("[Install]\nWantedBy=timers.target\n"));
    host.wait_until("it is enabled elsewhere", SOON, || {
        host.exists(&wants("timers.target")) && host.exists(&wants("sculler.target"))
    });
    assert!(!host.exists(&wants("multi-user.target")) && !host.exists("/etc/systemd/system/www.service"));
    host.put("web.service", &unit(""));
    host.wait_until("only sculler wants it", SOON, || {
        !host.exists(&wants("timers.target")) && host.exists(&wants("sculler.target"))
    });
    host.settle();
    host.assert_untouched("web.service", &invocation);
    host.wait_until("systemd has forgotten the alias", SOON, || {
        host.property("www.service", "LoadState") == "not-found"
    });
    host.take_out("web.service");
    host.wait_gone("web.service");
}
