//! sculler.toml, and what the agent tells.

use crate::agent::{SOON, service, sleeper, unit_path};
use crate::host::Host;

const TOML: &str = "/etc/sculler/sculler.toml";

fn unplaced() -> String {
    "[Service]\nExecStart=/bin/sleep infinity\n".to_owned()
}

#[test]
fn settings_take_effect_when_they_are_saved() {
    let host = Host::boot("settings").with_agent();
    host.put("lone.service", &unplaced());
    host.put("web.service", &sleeper().replace("Global=true", "MachineMetadata=role=web"));
    host.wait_told("has no metadata 'role'");
    assert_eq!(host.property("lone.service", "LoadState"), "not-found");
    host.write(TOML, "unplaced = \"run\"\n");
    host.wait_active("lone.service");
    host.write_in_place(TOML, "unplaced = \"run\"\nmetadata = \"role=web,zone=a\"\n");
    host.wait_active("web.service");
    let lone = host.invocation("lone.service");

    // A broken one keeps the old settings and says where it is broken
    host.write(TOML, "unplaced = \"run\"\nmetadata = \n");
    host.wait_told("/etc/sculler/sculler.toml:2:");
    assert!(host.told().contains("the settings stay as they were"));
    host.wait_until("the status line tells", SOON, || {
        host.sh("systemctl status sculler --no-pager").contains("/etc/sculler/sculler.toml:2:")
    });
    host.settle();
    host.assert_untouched("lone.service", &lone);
    host.write(TOML, "unplaced = \"sometimes\"\n");
    host.wait_told("must be 'skip' or 'run'");
    host.settle();
    host.assert_untouched("lone.service", &lone);

    // A folder of fragments, made later
    host.make_dir("/etc/sculler/sculler.toml.d");
    host.write(TOML, "unplaced = \"run\"\n");
    host.wait_told("the settings can be read again");
    host.wait_gone("web.service");
    host.write("/etc/sculler/sculler.toml.d/10-role.toml", "[metadata]\nrole = \"web\"\n");
    host.wait_active("web.service");
    host.remove("/etc/sculler/sculler.toml.d/10-role.toml");
    host.wait_gone("web.service");
    host.assert_untouched("lone.service", &lone);
    host.remove(TOML);
    host.wait_gone("lone.service");
}

#[test]
fn a_reload_of_the_agent_reads_everything_again() {
    let host = Host::boot("hangup").with_agent();
    host.run_sleeper("web.service");
    let web = host.invocation("web.service");
    let pid = host.property("sculler.service", "MainPID");
    // Where no event comes from: a bind mount of a file
    host.write("/srv/sculler.toml", "unplaced = \"run\"\n");
    host.put("lone.service", &unplaced());
    host.sh(&format!("touch {TOML} && mount --bind /srv/sculler.toml {TOML}"));
    host.sh("systemctl reload sculler");
    host.wait_active("lone.service");
    host.assert_untouched("web.service", &web);
    assert_eq!(host.property("sculler.service", "MainPID"), pid);
}

#[test]
fn another_unit_directory_is_one_whose_removals_wait() {
    let host = Host::boot("moved").with_agent();
    host.run_sleeper("web.service");
    host.settle();
    let web = host.invocation("web.service");
    host.sh("mkdir -p /srv/units");
    host.write("/srv/units/app.service", &sleeper());
    host.write(TOML, "unit_dir = \"/srv/units\"\n");
    host.wait_active("app.service");
    host.wait_told("/srv/units is another directory than before");
    host.assert_untouched("web.service", &web);
    host.accept_removal();
    host.wait_gone("web.service");
    host.write("/srv/units/later.service", &sleeper());
    host.wait_active("later.service");
}

#[test]
fn the_journal_has_a_line_with_fields_for_each_thing_done() {
    let host = Host::boot("journal").with_agent();
    host.run_sleeper("web.service");
    let web = host.invocation("web.service");
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("web.service", &web);
    host.wait_until("it is enabled", SOON, || host.told().contains("enable web.service"));
    host.take_out("web.service");
    host.wait_gone("web.service");
    host.settle();
    let actions = host
        .sh("journalctl --sync; journalctl -t sculler UNIT=web.service -o json --output-fields=SCULLER_ACTION,TOOK_MS,MESSAGE");
    let mut words = Vec::new();
    for line in actions.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect("journalctl prints JSON");
        let word = entry["SCULLER_ACTION"].as_str().unwrap_or("none").to_owned();
        if !matches!(word.as_str(), "select" | "verify") {
            assert!(
                entry["TOOK_MS"].is_string() && entry["MESSAGE"].as_str().is_some_and(|m| m.contains(" ms)")),
                "{line}"
            );
        }
        words.push(word);
    }
    let lines = host.told();
    for word in ["select", "install", "start", "restart", "stop", "remove"] {
        assert!(words.iter().any(|known| known == word), "no {word} in {words:?}:\n{lines}");
    }
    assert_eq!(words.iter().filter(|word| *word == "start").count(), 1, "{lines}");
    // Beside the unit's own lines, where its user looks
    assert!(host.sh("journalctl -u web.service -o cat").contains("started web.service: its file is new"));
    assert_eq!(host.sh("journalctl SCULLER_ACTION=remove -o cat").lines().count(), 1);
}

#[test]
fn the_agent_is_quiet_when_nothing_happens() {
    let host = Host::boot("quiet").with_agent();
    host.run_sleeper("web.service");
    host.put("odd.service", "[Service]\nExecStart=/bin/sleep infinity\nExecstart=x\n[X-Fleet]\nGlobal=true\n");
    host.put("bad.service", "[Service]\n[X-Fleet]\nGlobal=true\n");
    host.wait_active("odd.service");
    host.wait_told("enable ");
    host.settle();
    let told = host.told();
    let status = host.read("/run/sculler/status.json");
    // Passes without news, and events without meaning
    for _ in 0..20 {
        host.look();
    }
    host.sh(&format!("touch {}; systemctl kill -s HUP sculler", unit_path("web.service")));
    host.settle();
    host.sh("touch /etc/hosts; mount -t tmpfs tmpfs /mnt; umount /mnt");
    host.settle();
    assert_eq!(host.told(), told);
    assert_eq!(host.read("/run/sculler/status.json"), status);
}

#[test]
fn the_service_is_sandboxed() {
    let host = Host::boot("security").with_agent();
    let line = host.sh("systemd-analyze security sculler --no-pager | tail -n 1");
    let score = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).next();
    assert!(score.is_some_and(|score| score <= 2.5), "{line}");
    assert_eq!(host.property("sculler.service", "Type"), "notify");
    assert_ne!(host.property("sculler.service", "WatchdogUSec"), "infinity");
    assert_eq!(host.sh("stat -c %a /run/sculler/agent.sock /run/sculler/status.json"), "600\n644\n");
    // Starts are slower without this one exception.
    let own = "/sys/fs/cgroup/system.slice/sculler.service/cgroup.procs";
    for (path, is_writable) in [(own, true), ("/sys/fs/cgroup/cgroup.procs", false)] {
        let line = format!("nsenter -m -t $(systemctl show -p MainPID --value sculler) test -w {path}");
        assert_eq!(host.try_sh(&line).ok(), is_writable, "{path}");
    }
}
