//! Many hosts without a server: three of them on a bridge, with real sshd.

use std::path::PathBuf;
use std::process::Command;

use crate::agent::{SOON, service, sleeper, unit_path};
use crate::host::Host;

const COREOS001: &str = "df515c3682aa43b4ae2b7d2168e17d38";
const COREOS002: &str = "23f81afecc6b4a7597c77776cf66a387";
const COREOS003: &str = "87c716357024495eabb713c2954031bb";

/// Network namespaces joined by a bridge, which go when this is dropped.
struct Net {
    prefix: String,
    count: usize,
}

impl Net {
    fn new(count: usize) -> Self {
        let net = Self { prefix: format!("e2e{}", std::process::id()), count };
        let switch = net.switch();
        let mut script =
            format!("ip netns add {switch}; ip -n {switch} link add br0 type bridge; ip -n {switch} link set br0 up\n");
        for index in 1..=count {
            let space = net.space(index);
            script += &format!(
                "ip netns add {space}
                 ip -n {switch} link add v{index} type veth peer name eth0 netns {space}
                 ip -n {switch} link set v{index} master br0 up
                 ip -n {space} addr add {}/24 dev eth0; ip -n {space} link set eth0 up; ip -n {space} link set lo up\n",
                address(index)
            );
        }
        let made = Command::new("sh").args(["-ec", &script]).output().expect("sh can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        net
    }

    fn switch(&self) -> String {
        format!("{}sw", self.prefix)
    }

    fn space(&self, index: usize) -> String {
        format!("{}h{index}", self.prefix)
    }

    fn path(&self, index: usize) -> PathBuf {
        PathBuf::from("/run/netns").join(self.space(index))
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let spaces = (1..=self.count).map(|index| self.space(index)).chain([self.switch()]);
        for space in spaces {
            let _ = Command::new("ip").args(["netns", "delete", &space]).output();
        }
    }
}

fn address(index: usize) -> String {
    format!("10.99.0.{index}")
}

#[test]
fn a_command_runs_on_three_hosts_and_tables_are_merged() {
    let net = Net::new(3);
    let ids = [COREOS001, COREOS002, COREOS003];
    let hosts: Vec<Host> = (1..=3)
        .map(|index| {
            let name = format!("coreos00{index}");
            Host::boot(&name).machine_id(ids[index - 1]).hostname(&name).netns(&net.path(index)).with_agent()
        })
        .collect();
    let first = &hosts[0];
    first.sh("mkdir -p -m 700 /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519");
    first.write("/root/.ssh/config", "StrictHostKeyChecking accept-new\nUser root\n");
    first.sh("chmod 600 /root/.ssh/config");
    let key = first.read("/root/.ssh/id_ed25519.pub");
    for host in &hosts {
        host.sh("mkdir -p /etc/ssh/sshd_config.d; echo 'Port 22\nPort 2222' > /etc/ssh/sshd_config.d/ports.conf");
        for home in ["/root", "/home/core"] {
            host.sh(&format!("mkdir -p -m 700 {home}/.ssh"));
            host.write(&format!("{home}/.ssh/authorized_keys"), &key);
            host.sh(&format!("chown -R --reference={home} {home}/.ssh; chmod 600 {home}/.ssh/authorized_keys"));
        }
        host.sh("systemctl restart ssh.service");
    }
    first.wait_until("sshd answers on all three", SOON, || {
        (1..=3).all(|index| first.try_sh(&format!("ssh -o BatchMode=yes {} true", address(index))).ok())
    });
    let all = "-H root@10.99.0.1,10.99.0.2,10.99.0.3";
    let on_all = |arguments: &str| first.try_sh(&format!("cd /root && sculler {all} {arguments}"));

    let machines = on_all("list-machines");
    assert!(machines.ok(), "{machines}");
    let lines: Vec<&str> = machines.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{machines}");
    for (id, index) in ids.iter().zip(1..) {
        assert!(lines.iter().any(|line| line.starts_with(&id[..8]) && line.contains(&address(index))), "{machines}");
    }

    // Files go along, to hosts that do not have them
    first.make_dir("/root/web.service.d");
    first.write("/root/web.service", &sleeper());
    first.write("/root/web.service.d/10-env.conf", "[Service]\nEnvironment=COLOR=red\n");
    first.write("/root/one.service", &service("/bin/sleep infinity").replace("Global=true", "MachineID=23f81afe"));
    let started = on_all("start ./web.service one.service");
    assert!(started.ok(), "{started}");
    assert_eq!(started.stdout.matches("Unit web.service launched on ").count(), 3, "{started}");
    assert!(started.stdout.contains("10.99.0.2: Unit one.service launched on 23f81afe.../10.99.0.2"), "{started}");
    assert_eq!(started.stderr.matches("not for this host").count(), 2, "{started}");
    for host in &hosts {
        assert!(host.is_active("web.service") && host.exists(&unit_path("one.service")));
        assert_eq!(host.property("web.service", "Environment"), "COLOR=red");
    }
    let units = on_all("list-units --no-legend --fields unit,machine,active");
    assert_eq!(units.stdout.lines().count(), 4, "{units}");
    assert!(units.stdout.contains("one.service  23f81afe.../10.99.0.2  active"), "{units}");
    let files = on_all("list-unit-files --no-legend --fields unit,target");
    assert_eq!(files.stdout.matches("one.service").count(), 1, "{files}");

    // Units of none of them, of the others, and of all
    first.write("/root/nobody.service", &service("/bin/true").replace("Global=true", "MachineID=00000000"));
    let nobody = on_all("start nobody.service web");
    assert!(nobody.status.code() == Some(1), "{nobody}");
    assert!(nobody.stderr.contains("sculler: none of these hosts is the one that nobody.service is for"), "{nobody}");
    assert!(!nobody.stdout.contains('\u{1e}'), "{nobody}");
    for arguments in ["stop one", "start one", "load one", "start one", "destroy nobody", "restart 'w*'"] {
        let done = on_all(arguments);
        assert!(done.ok(), "{arguments}: {done}");
    }

    // Local files are judged there
    let rendered = on_all("render --json ./one.service");
    assert_eq!(rendered.stdout.matches("\"verdict\":\"taken\"").count(), 1, "{rendered}");
    assert!(rendered.stdout.contains("10.99.0.2: {\"file\":\"./one.service\""), "{rendered}");
    let other = on_all("render --machine-id df515c3682aa43b4ae2b7d2168e17d38 one.service");
    assert_eq!(other.stdout.matches("not-taken").count(), 3, "{other}");
    first.write("/root/broken.service", "[Service]\nExecStart\n");
    let broken = on_all("verify one.service broken.service");
    assert_eq!(broken.status.code(), Some(1), "{broken}");
    assert_eq!(broken.stdout.matches(": broken.service:2:").count(), 3, "{broken}");

    ssh_and_users(&hosts);

    // A group in the user's configuration, and hosts that do not answer
    first.make_dir("/root/.config/sculler");
    first.write("/root/.config/sculler/hosts.toml", "[hosts]\nlast = [\"10.99.0.2\", \"10.99.0.3\"]\n");
    let stopped = first.try_sh("sculler -H last stop 'w*'");
    assert!(stopped.ok() && stopped.stdout.contains("10.99.0.3: Unit web.service loaded on 87c71635"), "{stopped}");
    assert!(hosts[0].is_active("web.service") && !hosts[1].is_active("web.service"));
    hosts[2].poweroff();
    let missing = on_all("list-units");
    assert_eq!(missing.status.code(), Some(1), "{missing}");
    assert!(missing.stderr.contains("no answer from 10.99.0.3 ("), "{missing}");
    assert_eq!(missing.stdout.lines().count(), 4, "{missing}");
    // The default group makes it the workstation's way; quotes and a failing host
    first.write("/root/.config/sculler/hosts.toml", "[hosts]\ndefault = [\"10.99.0.2\"]\n");
    let plain = first.try_sh("sculler list-machines --no-legend");
    assert!(plain.ok() && plain.stdout.starts_with("23f81afe"), "{plain}");
    let failed = first.try_sh("sculler stop \"it's\"");
    assert!(failed.status.code() == Some(1) && failed.stderr.contains("'it's' is no unit name"), "{failed}");
}

/// Other users, other ports, and where a unit is.
fn ssh_and_users(hosts: &[Host]) {
    let first = &hosts[0];
    let sculler = |arguments: &str| first.try_sh(&format!("cd /root && sculler {arguments}"));
    let refused = sculler("-H core@10.99.0.2 stop web");
    assert!(refused.status.code() == Some(1) && refused.stderr.contains("sudo: a password is required"), "{refused}");
    assert!(sculler("-H core@10.99.0.2 status web").stdout.contains("web.service"));
    hosts[1].sh("echo 'core ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/core");
    let stopped = sculler("-H core@10.99.0.2:2222 stop web");
    assert!(stopped.ok() && stopped.stdout.starts_with("10.99.0.2:2222: Unit web.service loaded on "), "{stopped}");
    first.write("/root/added.service", &sleeper());
    let started = sculler("-H core@10.99.0.2 start web added.service");
    assert!(started.ok() && started.stdout.contains("Unit added.service launched"), "{started}");
    assert!(hosts[1].is_active("added.service") && !hosts[0].exists(&unit_path("added.service")));
    // IPv6, with a port and without
    let itself = sculler("-H 'root@[::1]:2222,::1' list-machines --no-legend --fields machine");
    assert!(itself.ok() && itself.stdout.matches("df515c36").count() == 2, "{itself}");

    let all = "-H 10.99.0.1,core@10.99.0.2,10.99.0.3";
    for lookup in ["one.service", "one", "23f81afe", "coreos002", "--unit one", "--machine 23f8", "10.99.0.2"] {
        let there = sculler(&format!("{all} ssh {lookup} hostname '&&' id -un"));
        assert!(there.ok() && there.stdout == "coreos002\ncore\n", "{lookup}: {there}");
    }
    assert_eq!(sculler(&format!("{all} ssh --ssh-port=2222 -A one -- exit 7")).status.code(), Some(7));
    let several = sculler(&format!("{all} ssh web true"));
    assert!(several.status.code() == Some(1) && several.stderr.contains("choose one with -H"), "{several}");
    let none = sculler(&format!("{all} ssh nothing true"));
    assert!(none.stderr.contains("nothing is on none of 10.99.0.1, core@10.99.0.2, 10.99.0.3"), "{none}");
    assert_eq!(sculler("ssh coreos001 hostname").stdout, "coreos001\n");
    assert_eq!(sculler("ssh").status.code(), Some(2));

    // fleetctl's way to name a host
    first.sh("ln -sf sculler /usr/bin/fleetctl");
    for tunnel in
        ["--tunnel 10.99.0.2", "--tunnel 10.99.0.2:2222 --ssh-timeout 3.5", "--ssh-port 2222 --tunnel 10.99.0.2"]
    {
        let there = first.try_sh(&format!("fleetctl {tunnel} list-machines --no-legend"));
        assert!(there.ok() && there.stdout.starts_with("23f81afe") && there.stderr.is_empty(), "{there}");
    }
    let stopped = first.try_sh("FLEETCTL_TUNNEL=10.99.0.2 fleetctl stop added");
    assert!(stopped.ok() && stopped.stdout.contains("Unit added.service loaded on "), "{stopped}");
    let there = first.try_sh("fleetctl --tunnel=10.99.0.2 ssh --unit one.service systemctl is-active one.service");
    assert_eq!(there.stdout, "active\n", "{there}");
    assert!(sculler("-H 10.99.0.2 destroy added").ok());
}
