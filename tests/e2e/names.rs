//! Names that belong to somebody else, and names that two files want.

use crate::agent::{ATTACHED, SOON, UNITS, service, sleeper, unit_path};
use crate::host::{Host, Suite};

/// What systemd knows of a unit that must not be touched.
fn snapshot(host: &Host, unit: &str) -> String {
    host.sh(&format!("systemctl show -p FragmentPath,DropInPaths,InvocationID,ActiveState,UnitFileState,Names {unit}"))
}

#[test]
fn a_unit_that_exists_outside_sculler_is_refused_and_never_touched() {
    for suite in [Suite::Trixie, Suite::Bookworm] {
        let host = Host::boot("foreign").suite(suite).up();
        host.sh("systemctl start getty@tty7.service || true");
        host.install_sculler();
        host.run_sleeper("bystander.service");
        let foreign = [
            ("ssh.service", "/ssh.service"),
            ("sshd.service", "it is an alias of ssh.service"),
            ("docker.service", "/docker.service"),
            ("dbus-org.freedesktop.login1.service", "it is an alias of systemd-logind.service"),
            ("getty@tty7.service", "it is an instance of"),
            ("getty@.service", "/getty@.service"),
            ("sculler.service", "/sculler.service"),
            ("systemd-journald.service", "/systemd-journald.service"),
        ];
        let before: Vec<String> = foreign
            .iter()
            .map(|(unit, _)| if unit.contains("@.") { String::new() } else { snapshot(&host, unit) })
            .collect();
        for (unit, _) in &foreign {
            host.put(unit, &sleeper());
        }
        host.put("quick.service", &sleeper());
        host.wait_active("quick.service");
        let problems = host.settle();
        for ((unit, collision), before) in foreign.iter().zip(&before) {
            let line = format!("{}: {unit} exists outside sculler: ", unit_path(unit));
            let told = problems.iter().find(|problem| problem.starts_with(&line));
            let told = told.unwrap_or_else(|| host.fail(&format!("{unit} is not refused: {problems:#?}")));
            assert!(told.contains(collision) && told.ends_with("rename this file"), "{told}");
            if !unit.contains("@.") {
                assert_eq!(snapshot(&host, unit), *before, "{unit} is touched");
            }
            assert!(!host.exists(&format!("{ATTACHED}/{unit}")) && !host.exists(&format!("{ATTACHED}/{unit}.d")));
            host.take_out(unit);
        }
        host.wait_until("nothing is wrong any more", SOON, || host.settle().is_empty());
        for ((unit, _), before) in foreign.iter().zip(&before).filter(|((unit, _), _)| !unit.contains("@.")) {
            assert_eq!(snapshot(&host, unit), *before, "{unit} is touched when its file goes");
        }
    }
}

#[test]
fn slices_and_targets_of_systemd_are_refused() {
    let host = Host::boot("special").with_agent();
    host.run_sleeper("bystander.service");
    let invocation = host.invocation("bystander.service");
    let names = ["system.slice", "-.slice", "user.slice", "multi-user.target", "sculler.target", "basic.target"];
    for name in names {
        let section = if name.ends_with("slice") { "Slice" } else { "Unit" };
        host.put(name, &format!("[{section}]\n\n[X-Fleet]\nGlobal=true\n"));
    }
    host.put("own.slice", "[Slice]\n\n[X-Fleet]\nGlobal=true\n");
    host.put("own.target", "[Unit]\nDescription=own\n\n[X-Fleet]\nGlobal=true\n");
    host.wait_active("own.slice");
    host.wait_active("own.target");
    let problems = host.settle();
    for name in names {
        let line = format!("{}: {name} exists outside sculler", unit_path(name));
        assert!(problems.iter().any(|problem| problem.starts_with(&line)), "{name}: {problems:#?}");
        assert!(!host.exists(&format!("{ATTACHED}/{name}")));
    }
    host.assert_untouched("bystander.service", &invocation);
    for name in names.iter().chain(&["own.slice", "own.target"]) {
        host.take_out(name);
    }
    host.wait_gone("own.target");
    host.settle();
    host.assert_untouched("bystander.service", &invocation);
    for unit in ["system.slice", "multi-user.target"] {
        assert!(host.is_active(unit), "{unit}");
    }
}

#[test]
fn install_sections_cannot_reach_other_units() {
    let host = Host::boot("install").with_agent();
    let unit = |install: &str| format!("{}\n[Install]\nWantedBy=multi-user.target\n{install}\n", sleeper());
    let ssh = snapshot(&host, "ssh.service");
    host.put("alias.service", &unit("Alias=ssh.service"));
    host.put("also.service", &unit("Also=ssh.service"));
    host.put("fine.service", &unit("Alias=fine-too.service"));
    host.wait_active("fine.service");
    host.wait_until("its alias is made", SOON, || host.property("fine-too.service", "Id") == "fine.service");
    let problems = host.settle();
    for name in ["alias", "also"] {
        let line = format!("{UNITS}/{name}.service: [Install] names ssh.service, which exists outside sculler");
        assert!(problems.iter().any(|problem| problem.starts_with(&line)), "{problems:#?}");
        assert!(!host.exists(&format!("{ATTACHED}/{name}.service")));
    }
    assert_eq!(snapshot(&host, "ssh.service"), ssh);

    // A running unit's edit that would reach others keeps what runs
    let fine = host.invocation("fine.service");
    host.put("fine.service", &unit("Alias=ssh.service"));
    host.wait_until("it is refused", SOON, || {
        host.settle().iter().any(|line| line.contains("fine.service: [Install]"))
    });
    host.assert_untouched("fine.service", &fine);
    for file in ["alias.service", "also.service", "fine.service"] {
        host.take_out(file);
    }
    host.wait_gone("fine.service");
    assert!(!host.exists("/etc/systemd/system/fine-too.service"));
    assert!(!host.exists("/etc/systemd/system/multi-user.target.wants/fine.service"));
    assert_eq!(snapshot(&host, "ssh.service"), ssh);
}

#[test]
fn of_two_files_for_one_name_the_installed_one_keeps_it() {
    let host = Host::boot("doubles").with_agent();
    for folder in ["a", "b", "c"] {
        host.make_dir(&unit_path(folder));
    }
    host.put("a/web.service", &service("/bin/sleep 1000001"));
    host.wait_active("web.service");
    let invocation = host.invocation("web.service");
    host.put("b/web.service", &service("/bin/sleep 1000002"));
    host.wait_told("b/web.service: web.service is already installed from /etc/sculler/units/a/web.service");
    host.settle();
    host.assert_untouched("web.service", &invocation);
    host.sh("systemctl restart sculler");
    host.settle();
    host.assert_untouched("web.service", &invocation);

    // None is installed of these
    host.sh("systemctl stop sculler");
    host.put("b/app.service", &service("/bin/sleep 1000003"));
    host.put("c/app.service", &service("/bin/sleep 1000004"));
    host.sh("systemctl start sculler");
    let problems = host.settle();
    assert_eq!(host.property("app.service", "LoadState"), "not-found");
    for folder in ["b", "c"] {
        let line = format!("{UNITS}/{folder}/app.service: app.service is also in ");
        assert!(problems.iter().any(|problem| problem.starts_with(&line)), "{problems:#?}");
    }
    host.take_out("c/app.service");
    host.wait_active("app.service");
    assert!(host.property("app.service", "ExecStart").contains("1000003"));

    // When the owner of a name goes, the other one takes it over
    host.take_out("a/web.service");
    host.wait_until("the other file is applied", SOON, || {
        host.is_active("web.service") && host.property("web.service", "ExecStart").contains("1000002")
    });
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn instances_of_a_dropped_template_run_beside_each_other() {
    let host = Host::boot("template").with_agent();
    host.put("web@.service", "[Service]\nExecStart=/bin/sleep 100000%i\n\n[X-Fleet]\nGlobal=true\n");
    host.put("web@1.service", "[Service]\nExecStart=/bin/sleep 200000%i\n\n[X-Fleet]\nGlobal=true\n");
    host.wait_active("web@1.service");
    assert!(host.property("web@1.service", "ExecStart").contains("2000001"), "its own file wins");
    host.sh("systemctl start web@7.service");
    assert!(host.property("web@7.service", "ExecStart").contains("1000007"));
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn a_template_runs_its_default_instance_for_as_long_as_it_names_one() {
    let host = Host::boot("default").with_agent();
    let text = "[Service]\nExecStart=/bin/sleep %i\n\n[Install]\nDefaultInstance=600\n\n[X-Fleet]\nGlobal=true\n";
    host.put("nap@.service", text);
    host.wait_active("nap@600.service");
    assert!(host.property("nap@600.service", "ExecStart").contains("600"));
    assert!(host.sh("sculler cat nap@600").contains("DefaultInstance=600"));
    assert!(!host.try_sh("sculler destroy nap@600").ok(), "its template's file would go");
    assert!(host.is_active("nap@600.service"));
    host.put("nap@.service", &text.replace("DefaultInstance=600\n", ""));
    host.wait_until("it is stopped and removed", SOON, || {
        !host.is_active("nap@600.service") && !host.exists(&format!("{ATTACHED}/nap@600.service"))
    });
}
