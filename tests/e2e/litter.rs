//! What editors and tools do to a directory of unit files.

use crate::agent::{SOON, service, sleeper, unit_path};
use crate::host::Host;

#[test]
fn what_editors_and_tools_leave_behind_is_no_unit() {
    let host = Host::boot("litter").with_agent();
    host.run_sleeper("web.service");
    for name in [
        ".web.service",
        ".web.service.swp",
        ".#web.service",
        "#web.service#",
        "web.service~",
        "web.service.swp",
        "web.service.bak",
        "web.service.orig",
        "web.service.rej",
        "web.service.tmp",
        "web.service.old",
        "web.service.dpkg-new",
        "web.service.rpmsave",
        ".app.service.Xy12Zq",
        "4913",
    ] {
        host.write_in_place(&unit_path(name), &sleeper());
    }
    for folder in [".git/refs", ".svn", "backup~"] {
        host.make_dir(&unit_path(folder));
        host.put(&format!("{folder}/hidden.service"), &sleeper());
    }
    host.run_sleeper("probe.service");
    assert_eq!(host.settle(), Vec::<String>::new());
    assert_eq!(host.status()["files"], 2);
    let units = host.sh("systemctl list-units --all --plain --no-legend");
    assert!(!units.contains("hidden") && !units.contains("app.service"), "{units}");
    assert!(!host.told().contains("is no unit"), "litter is not worth a word:\n{}", host.told());
}

#[test]
fn units_in_new_subfolders_run_at_once() {
    let host = Host::boot("subfolders").with_agent();
    let text = sleeper();
    for round in 0..10 {
        host.sh(&format!(
            "mkdir -p /etc/sculler/units/{round}/b/c && printf '%s' '{text}' > /etc/sculler/units/{round}/b/c/new{round}.service"
        ));
    }
    for round in 0..10 {
        host.wait_active(&format!("new{round}.service"));
    }
    // A whole tree that comes and goes in one step
    host.sh("mkdir /etc/sculler/tree && mv /etc/sculler/units/3 /etc/sculler/units/4 /etc/sculler/tree");
    host.wait_gone("new3.service");
    host.wait_gone("new4.service");
    host.sh("mv /etc/sculler/tree /etc/sculler/units/tree");
    host.wait_active("new3.service");
    host.put("tree/4/b/c/new4.service", &service("/bin/sleep 1000000"));
    host.wait_until("a file in a folder that was moved there is followed", SOON, || {
        host.property("new4.service", "ExecStart").contains("1000000")
    });
}

#[test]
fn a_file_renamed_between_folders_keeps_its_unit_running() {
    let host = Host::boot("rename").with_agent();
    for folder in ["a", "b/c"] {
        host.make_dir(&unit_path(folder));
    }
    host.run_sleeper("web.service");
    let invocation = host.invocation("web.service");
    for (from, to) in [("web.service", "a/web.service"), ("a/web.service", "b/c/web.service")] {
        host.rename(&unit_path(from), &unit_path(to));
        let mark = "/etc/systemd/system.attached/web.service.d/10-sculler.conf";
        host.wait_until("the mark names the new place", SOON, || host.read(mark).contains(&unit_path(to)));
        host.settle();
        host.assert_untouched("web.service", &invocation);
    }
    // Another name is another unit
    host.rename(&unit_path("b/c/web.service"), &unit_path("b/c/app.service"));
    host.wait_active("app.service");
    host.wait_gone("web.service");
}

#[test]
fn editors_save_without_a_restart_too_many() {
    let host = Host::boot("editors").with_agent();
    let text = "[Unit]\nDescription=one\n[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nGlobal=true\n";
    host.put("web.service", text);
    host.put("other.service", &sleeper());
    host.wait_active("web.service");
    host.wait_active("other.service");
    host.settle();
    let (web, other) = (host.invocation("web.service"), host.invocation("other.service"));
    let file = unit_path("web.service");
    let vim = |command: &str| {
        format!("vim -Nu NONE -es -c 'set backup writebackup {command}' -c '%s/one/one/' -c 'wq' {file}")
    };
    let emacs = |change: &str| {
        format!("emacs -nw -Q --batch {file} --eval '(progn {change} (set-buffer-modified-p t) (save-buffer))'")
    };
    for line in [
        vim("backupcopy=no"),
        vim("backupcopy=yes"),
        emacs("(goto-char (point-min))"),
        format!("sed -i s/one/one/ {file}"),
        format!("cp {file} /tmp/web.service && cp /tmp/web.service {file}"),
        format!("install -m 644 /tmp/web.service {file}"),
        format!("touch {file}; chmod 600 {file}; chmod 644 {file}"),
    ] {
        host.sh(&line);
        assert_eq!(host.settle(), Vec::<String>::new(), "{line}");
        host.assert_untouched("web.service", &web);
    }
    assert!(host.exists(&unit_path("web.service~")), "the editors left their backups");

    // And a change that matters arrives, by each of them
    let mut invocation = web;
    for (index, line) in [
        format!("vim -Nu NONE -es -c 'set backup' -c '%s/sleep .*/sleep 1000000/' -c 'wq' {file}"),
        emacs("(re-search-forward \"sleep .*\") (replace-match \"sleep 1000001\")"),
        format!("sed -i 's/sleep .*/sleep 1000002/' {file}"),
    ]
    .iter()
    .enumerate()
    {
        host.sh(line);
        invocation = host.wait_restarted("web.service", &invocation);
        assert!(host.property("web.service", "ExecStart").contains(&format!("100000{index}")));
    }
    host.assert_untouched("other.service", &other);
    assert_eq!(host.status()["files"], 2);
}

#[test]
fn a_directory_that_rsync_fills_is_followed() {
    let host = Host::boot("rsync").with_agent();
    host.sh("mkdir -p /srv/units/team");
    host.write_in_place("/srv/units/web.service", &sleeper());
    host.write_in_place("/srv/units/team/app.service", &sleeper());
    let rsync = |options: &str| host.sh(&format!("rsync -a {options} /srv/units/ /etc/sculler/units/"));
    rsync("--delete");
    host.wait_active("web.service");
    host.wait_active("app.service");
    let web = host.invocation("web.service");
    host.write_in_place("/srv/units/team/app.service", &service("/bin/sleep 1000000"));
    let app = host.invocation("app.service");
    rsync("--delete");
    let app = host.wait_restarted("app.service", &app);
    host.write_in_place("/srv/units/team/app.service", &service("/bin/sleep 2000000"));
    rsync("--inplace --delete --ignore-times");
    host.wait_restarted("app.service", &app);
    host.assert_untouched("web.service", &web);
    host.sh("rm -r /srv/units/team");
    rsync("--delete-before");
    host.wait_gone("app.service");
    host.assert_untouched("web.service", &web);
    assert_eq!(host.settle(), Vec::<String>::new());
}
