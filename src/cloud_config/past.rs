//! What a cloud-config of CoreOS set up that nobody has any more, and what takes its place.

/// Keys below `coreos:` that are not applied.
pub const KEYS: &[(&str, &str)] = &[
    ("etcd", ETCD),
    ("etcd2", ETCD),
    ("flannel", FLANNEL),
    ("locksmith", REBOOTS),
    ("update", REBOOTS),
    ("oem", "the image of the host says what it is, in /etc/os-release"),
];

const ETCD: &str = "sculler needs no etcd: each host takes its part of the same unit directory; what your own programs keep in \
                    etcd needs a unit of yours, such as an etcd.container";
const FLANNEL: &str = "containers of one host find each other on a .network; between hosts, by the hosts' addresses, or by \
                       'docker swarm' with an overlay network";
const REBOOTS: &str = "the distribution updates itself: unattended-upgrades (Debian, Ubuntu), dnf-automatic and rpm-ostree \
                       (Fedora), update-engine and locksmith still on Flatcar";

/// Units of CoreOS's own, of which entries without content are not applied.
pub const UNITS: &[(&str, &str)] = &[
    ("fleet.service", "sculler.service is in its place, and runs"),
    ("fleet.socket", "sculler.service is in its place; commands reach other hosts by ssh (-H)"),
    ("etcd.service", ETCD),
    ("etcd2.service", ETCD),
    ("etcd-member.service", ETCD),
    ("flanneld.service", FLANNEL),
    ("flannel-docker-opts.service", FLANNEL),
    ("early-docker.service", "docker.service alone is enough"),
    ("locksmithd.service", REBOOTS),
    ("update-engine.service", REBOOTS),
    ("update-engine-stub.service", REBOOTS),
    ("update-engine-stub.timer", REBOOTS),
];

/// What takes the place of a key or a unit.
pub fn find(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter().find(|(known, _)| *known == name).map(|(_, reason)| *reason)
}
