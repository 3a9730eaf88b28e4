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
        host.sh("mkdir -p -m 700 /root/.ssh; systemctl start ssh.service");
        host.write("/root/.ssh/authorized_keys", &key);
        host.sh("chown -R root: /root/.ssh; chmod 600 /root/.ssh/authorized_keys");
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
