//! Whoever writes in the unit directory is root on the host.

use crate::agent::{ATTACHED, SOON, UNITS, service, sleeper, unit_path};
use crate::host::Host;

/// The command between the quotes of `run '…'` in the agent's message about a path.
fn mending_command(host: &Host, path: &str) -> String {
    let mut command = None;
    host.wait_until(&format!("{path} is refused with a command"), SOON, || {
        command = host.look().into_iter().filter(|line| line.contains(path)).find_map(|line| {
            let (_, rest) = line.split_once("run '")?;
            Some(rest.split_once('\'')?.0.to_owned())
        });
        command.is_some()
    });
    command.unwrap_or_default()
}

#[test]
fn a_file_that_others_can_write_is_refused_until_the_printed_command_has_run() {
    let host = Host::boot("writable").with_agent();
    host.run_sleeper("web.service");
    let mut invocation = host.invocation("web.service");
    let file = unit_path("web.service");
    for (round, spoil, mend) in
        [(1, "chmod 666", "chmod go-w"), (2, "chmod 664", "chmod g-w"), (3, "chown 1000", "chown root:")]
    {
        host.sh(&format!("{spoil} {file}"));
        let command = mending_command(&host, &file);
        assert_eq!(command, format!("{mend} {file}"));
        host.write_in_place(&file, &service(&format!("/bin/sleep 100000{round}")));
        host.look();
        host.run_sleeper(&format!("probe{round}.service"));
        host.assert_untouched("web.service", &invocation);
        host.sh(&command);
        invocation = host.wait_restarted("web.service", &invocation);
        assert!(host.property("web.service", "ExecStart").contains(&format!("100000{round}")));
    }
    host.wait_told("who would be root through it");
}

#[test]
fn a_directory_that_others_can_write_changes_nothing_until_it_is_mended() {
    let host = Host::boot("folder").with_agent();
    host.run_sleeper("web.service");
    let web = host.invocation("web.service");
    for path in [UNITS, "/etc/sculler"] {
        host.sh(&format!("chmod g+w {path}"));
        let command = mending_command(&host, path);
        assert_eq!(command, format!("chmod g-w {path}"));
        host.put("new.service", &sleeper());
        host.take_out("web.service");
        host.look();
        host.wait_until("the status line tells", SOON, || {
            host.sh("systemctl status sculler --no-pager").contains(&command)
        });
        assert_eq!(host.property("new.service", "LoadState"), "not-found");
        host.put("web.service", &sleeper());
        host.sh(&command);
        host.wait_active("new.service");
        host.take_out("new.service");
        host.wait_gone("new.service");
    }
    host.assert_untouched("web.service", &web);

    // A subfolder says nothing, and what it said before stays; the rest goes on
    host.make_dir(&unit_path("team"));
    host.put("team/app.service", &sleeper());
    host.wait_active("app.service");
    let app = host.invocation("app.service");
    host.sh("chown 1000 /etc/sculler/units/team");
    assert_eq!(mending_command(&host, &unit_path("team")), "chown root: /etc/sculler/units/team");
    host.put("team/app.service", &service("/bin/sleep 1000000"));
    host.put("team/more.service", &sleeper());
    host.run_sleeper("probe.service");
    host.assert_untouched("app.service", &app);
    assert_eq!(host.property("more.service", "LoadState"), "not-found");
    host.sh("chown root: /etc/sculler/units/team");
    host.wait_restarted("app.service", &app);
    host.wait_active("more.service");
}

#[test]
fn a_link_to_what_others_can_write_is_refused() {
    let host = Host::boot("link").with_agent();
    host.sh("mkdir -p /srv/theirs /srv/open && chown 1000 /srv/theirs && chmod 777 /srv/open");
    host.write("/srv/theirs/web.service", &sleeper());
    host.write("/srv/open/app.service", &sleeper());
    host.sh("ln -s /srv/theirs/web.service /srv/open/app.service /etc/sculler/units/; ln -s /srv/open /etc/sculler/units/open");
    host.run_sleeper("probe.service");
    assert_eq!(mending_command(&host, "web.service"), "chown root: /srv/theirs");
    assert_eq!(mending_command(&host, "app.service"), "chmod go-w /srv/open");
    for unit in ["web.service", "app.service"] {
        assert_eq!(host.property(unit, "LoadState"), "not-found");
    }
    host.sh("rm /etc/sculler/units/open; chown root: /srv/theirs; chmod go-w /srv/open");
    host.wait_active("web.service");
    host.wait_active("app.service");
}

#[test]
fn files_of_trusted_users_are_taken() {
    let host = Host::boot("trusted").with_agent();
    host.put("web.service", &sleeper());
    host.wait_active("web.service");
    let web = host.invocation("web.service");
    host.sh("chown -R core /etc/sculler/units");
    mending_command(&host, UNITS);
    host.write("/etc/sculler/sculler.toml", "trusted_uids = [500]\n");
    host.wait_until("it is fine now", SOON, || host.settle().is_empty());
    host.assert_untouched("web.service", &web);
    // Private to them, and written by them
    let text = sleeper();
    let write = format!("umask 077; printf '%s' '{text}' > /etc/sculler/units/theirs.service");
    host.sh(&format!("setpriv --reuid=core --regid=core --clear-groups sh -c \"{write}\""));
    host.wait_active("theirs.service");
    // One that is being written by them counts when they close it
    let slow = "exec 3>/etc/sculler/units/slow.service; printf '[Service]\nExecStart=/bin/sleep 1' >&3; touch /tmp/half; \
                until [ -e /run/go ]; do sleep 0.05; done; printf '000000\n[X-Fleet]\nGlobal=true\n' >&3";
    let mut writer = host.command(&["setpriv", "--reuid=core", "--regid=core", "--clear-groups", "sh", "-c", slow]);
    let mut writer = writer.spawn().unwrap_or_else(|error| host.fail(&error.to_string()));
    host.wait_until("half of it is written", SOON, || host.exists("/tmp/half"));
    host.look();
    assert_eq!(host.property("slow.service", "LoadState"), "not-found");
    host.sh("touch /run/go");
    host.wait_active("slow.service");
    assert!(host.property("slow.service", "ExecStart").contains("1000000"));
    writer.wait().expect("the writer ends");
}

#[test]
fn what_others_may_not_read_in_the_directory_they_may_not_read_installed() {
    let host = Host::boot("private").with_agent();
    host.put("secret.service", &sleeper());
    host.sh("chmod 600 /etc/sculler/units/secret.service");
    let mode = || host.sh(&format!("stat -c %a {ATTACHED}/secret.service"));
    host.wait_until("the installed file is private too", SOON, || {
        host.exists(&format!("{ATTACHED}/secret.service")) && mode().trim() == "600"
    });
    let invocation = host.invocation("secret.service");
    host.sh("chmod 644 /etc/sculler/units/secret.service");
    host.wait_until("the installed file is open again", SOON, || mode().trim() == "644");
    host.assert_untouched("secret.service", &invocation);
}
