//! THE table of `docker run`'s flags (docker-run(1), Docker 20.10 to 28) and of those that Podman adds: what becomes of
//! each. Flags that do the same in a `.container` file as on the command line are mapped without a word.

use super::draft::{Draft, Used};
use super::quote::Grammar;
use super::{limits, mounts, network, values};

/// A flag of `docker run`.
pub struct Flag {
    /// Its name behind `--`.
    pub long: &'static str,
    /// Its letter behind `-`.
    pub short: Option<char>,
    /// Whether a value belongs to it; without, it is a boolean.
    pub takes_value: bool,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a flag.
#[derive(Clone, Copy)]
pub enum Fate {
    /// This key of `[Container]` with the same value; a boolean as `true`.
    Key(&'static str, Grammar),
    /// More than that: the function knows.
    Translated(fn(&mut Draft, &Used, &[Used])),
    /// Nothing is lost without it, and why.
    Dropped(&'static str),
    /// No key does it; why, and what does instead.
    Unmapped(&'static str),
}

use Fate::{Dropped, Key, Translated, Unmapped};
use Grammar::{Arguments, Line, Scalar, Words};

const fn value(long: &'static str, fate: Fate) -> Flag {
    Flag { long, short: None, takes_value: true, fate }
}

const fn short(long: &'static str, short: char, fate: Fate) -> Flag {
    Flag { long, short: Some(short), takes_value: true, fate }
}

const fn switch(long: &'static str, fate: Fate) -> Flag {
    Flag { long, short: None, takes_value: false, fate }
}

const fn short_switch(long: &'static str, short: char, fate: Fate) -> Flag {
    Flag { long, short: Some(short), takes_value: false, fate }
}

const OF_THE_CLIENT: &str = "there is no docker client between systemd and the container any more";
const OF_WINDOWS: &str = "Docker on Windows alone reads it";
const OF_CGROUP_1: &str = "cgroup v2 has no such limit; [Service] CPUWeight= and CPUQuota= share the CPU";
const OF_PODMAN: &str = "Docker has no such thing";
const STARTUP_PROBE: &str = "Docker has one probe; HealthStartPeriod= gives it time";
const USER_MAP: &str =
    "Docker has one mapping of users for all containers (userns-remap); User= with the UID that owns the files";
const OWN_PULL: &str = "sculler pulls with the credentials and certificates of Docker; an .image file says more";

/// `docker run --help`, in its order; names that Docker accepts but no longer shows stand behind the ones it shows.
pub const DOCKER: &[Flag] = &[
    value("add-host", Translated(network::add_host)),
    value("annotation", Key("Annotation", Arguments)),
    short("attach", 'a', Dropped("the container's output goes to the journal")),
    value("blkio-weight", Translated(limits::blkio_weight)),
    value("blkio-weight-device", Translated(limits::blkio_weight_device)),
    value("cap-add", Key("AddCapability", Words)),
    value("cap-drop", Key("DropCapability", Words)),
    value("cgroup-parent", Unmapped("the container is in the slice of its unit; put limits into [Service]")),
    value(
        "cgroupns",
        Unmapped("no key does it; 'default-cgroupns-mode' of Docker's daemon.json holds for all containers"),
    ),
    value("cidfile", Dropped("what reads the file can ask 'docker inspect' by the container's name")),
    value("cpu-count", Unmapped(OF_WINDOWS)),
    value("cpu-percent", Unmapped(OF_WINDOWS)),
    value("cpu-period", Translated(limits::cpu_period)),
    value("cpu-quota", Translated(limits::cpu_quota)),
    value("cpu-rt-period", Unmapped(OF_CGROUP_1)),
    value("cpu-rt-runtime", Unmapped(OF_CGROUP_1)),
    short("cpu-shares", 'c', Translated(limits::cpu_shares)),
    value("cpus", Translated(limits::cpus)),
    value("cpuset-cpus", Translated(limits::cpuset_cpus)),
    value("cpuset-mems", Translated(limits::cpuset_mems)),
    short_switch("detach", 'd', Dropped("systemd waits for the container itself")),
    value("detach-keys", Dropped(OF_THE_CLIENT)),
    value("device", Key("AddDevice", Words)),
    value("device-cgroup-rule", Unmapped("no key does it; name the devices by AddDevice=")),
    value("device-read-bps", Translated(limits::read_bps)),
    value("device-read-iops", Translated(limits::read_iops)),
    value("device-write-bps", Translated(limits::write_bps)),
    value("device-write-iops", Translated(limits::write_iops)),
    switch("disable-content-trust", Translated(values::disable_content_trust)),
    value("dns", Key("DNS", Line)),
    value("dns-opt", Key("DNSOption", Line)),
    value("dns-option", Key("DNSOption", Line)),
    value("dns-search", Key("DNSSearch", Line)),
    value("domainname", Unmapped("no key does it; write the whole name, with its domain, as HostName=")),
    value("entrypoint", Translated(values::entrypoint)),
    short("env", 'e', Key("Environment", Arguments)),
    value("env-file", Translated(values::env_file)),
    value("expose", Key("ExposeHostPort", Line)),
    value("gpus", Translated(values::gpus)),
    value("group-add", Key("GroupAdd", Line)),
    value("health-cmd", Key("HealthCmd", Scalar)),
    value("health-interval", Translated(values::health)),
    value("health-retries", Translated(values::health)),
    value("health-start-interval", Translated(values::health)),
    value("health-start-period", Translated(values::health)),
    value("health-timeout", Translated(values::health)),
    switch("help", Unmapped("it only prints docker's help; remove it")),
    short("hostname", 'h', Key("HostName", Scalar)),
    switch("init", Key("RunInit", Scalar)),
    short_switch("interactive", 'i', Dropped("a service has no standard input")),
    value("io-maxbandwidth", Unmapped(OF_WINDOWS)),
    value("io-maxiops", Unmapped(OF_WINDOWS)),
    value("ip", Translated(network::address)),
    value("ip6", Translated(network::address)),
    value("ipc", Translated(values::ipc)),
    value("isolation", Translated(values::isolation)),
    value("kernel-memory", Unmapped("kernels and Docker have given it up; Memory= counts kernel memory too")),
    short("label", 'l', Key("Label", Arguments)),
    value("label-file", Unmapped("no key reads such a file; write its lines as Label=")),
    value(
        "link",
        Unmapped(
            "no key does it; give both containers one network (Network=NAME.network), where they find each other by name",
        ),
    ),
    value("link-local-ip", Unmapped("no key does it; IP= and IP6= give addresses of the network")),
    value("log-driver", Translated(values::log_driver)),
    value("log-opt", Translated(values::log_opt)),
    value("mac-address", Translated(network::mac_address)),
    short("memory", 'm', Translated(limits::memory)),
    value("memory-reservation", Translated(limits::memory_reservation)),
    value("memory-swap", Translated(limits::memory_swap)),
    value("memory-swappiness", Unmapped("cgroup v2 has no such setting; [Service] MemorySwapMax= limits the swap")),
    value("mount", Translated(mounts::mount)),
    value("name", Key("ContainerName", Scalar)),
    value("net", Translated(network::network)),
    value("net-alias", Key("NetworkAlias", Line)),
    value("network", Translated(network::network)),
    value("network-alias", Key("NetworkAlias", Line)),
    switch("no-healthcheck", Translated(values::no_healthcheck)),
    switch("oom-kill-disable", Unmapped("cgroup v2 has no such setting; Memory= sets the limit")),
    value(
        "oom-score-adj",
        Unmapped("no key does it: [Service] OOMScoreAdjust= is sculler's supervisor's, not the container's"),
    ),
    value("pid", Unmapped("no key does it; the container keeps a PID namespace of its own")),
    value("pids-limit", Key("PidsLimit", Scalar)),
    value("platform", Unmapped("an .image file says it, by Arch=, OS= and Variant=; then write Image=NAME.image")),
    switch(
        "privileged",
        Unmapped("no key does it; add what the program needs, by AddCapability=, AddDevice=, Unmask="),
    ),
    short("publish", 'p', Key("PublishPort", Line)),
    short_switch("publish-all", 'P', Unmapped("no key does it; write each port as PublishPort=PORT")),
    value("pull", Translated(values::pull)),
    short_switch("quiet", 'q', Dropped(OF_THE_CLIENT)),
    switch("read-only", Translated(values::read_only)),
    value("restart", Translated(values::restart)),
    switch("rm", Dropped("a stopped container is always removed")),
    value("runtime", Unmapped("no key does it; 'default-runtime' of Docker's daemon.json holds for all containers")),
    value("security-opt", Translated(values::security_opt)),
    value("shm-size", Key("ShmSize", Scalar)),
    switch("sig-proxy", Dropped(OF_THE_CLIENT)),
    value("stop-signal", Key("StopSignal", Scalar)),
    value("stop-timeout", Key("StopTimeout", Scalar)),
    value("storage-opt", Unmapped("no key does it; 'storage-opts' of Docker's daemon.json hold for all containers")),
    value("sysctl", Key("Sysctl", Words)),
    value("tmpfs", Key("Tmpfs", Line)),
    short_switch(
        "tty",
        't',
        Dropped(
            "nobody sits at a service's terminal; if lines now come late, the program buffers them (Python: PYTHONUNBUFFERED=1)",
        ),
    ),
    value("ulimit", Key("Ulimit", Line)),
    switch(
        "use-api-socket",
        Unmapped(
            "no key does it; Volume=/run/docker.sock:/run/docker.sock gives the socket, and with it root on this host",
        ),
    ),
    short("user", 'u', Translated(values::user)),
    value("userns", Translated(values::userns)),
    value("uts", Unmapped("no key does it; HostName= gives the host's name, as %H")),
    short("volume", 'v', Translated(mounts::volume)),
    value("volume-driver", Unmapped("a .volume file says it, by Driver=; then write Volume=NAME.volume:/path")),
    value("volumes-from", Unmapped("no key does it; write the same Volume= and Mount= lines here")),
    short("workdir", 'w', Key("WorkingDir", Scalar)),
];

/// What `podman run` takes besides (podman-run(1)), for units that `podman generate systemd` wrote.
pub const PODMAN: &[Flag] = &[
    value("arch", Unmapped("an .image file says it, by Arch=; then write Image=NAME.image")),
    value("authfile", Unmapped(OWN_PULL)),
    value("cert-dir", Unmapped(OWN_PULL)),
    value("cgroups", Dropped("the container is in the slice of its unit")),
    value("conmon-pidfile", Dropped("there is no conmon")),
    value("creds", Unmapped(OWN_PULL)),
    switch("env-host", Key("EnvironmentHost", Scalar)),
    value("gidmap", Unmapped(USER_MAP)),
    value("health-log-destination", Unmapped(OF_PODMAN)),
    value("health-max-log-count", Unmapped(OF_PODMAN)),
    value("health-max-log-size", Unmapped(OF_PODMAN)),
    value("health-on-failure", Key("HealthOnFailure", Scalar)),
    value("health-startup-cmd", Unmapped(STARTUP_PROBE)),
    value("health-startup-interval", Key("HealthStartupInterval", Scalar)),
    value("health-startup-retries", Unmapped(STARTUP_PROBE)),
    value("health-startup-success", Unmapped(STARTUP_PROBE)),
    value("health-startup-timeout", Unmapped(STARTUP_PROBE)),
    switch("http-proxy", Key("HttpProxy", Scalar)),
    value("os", Unmapped("an .image file says it, by OS=; then write Image=NAME.image")),
    value("pidfile", Dropped("systemd knows the process")),
    value("pod", Unmapped("Docker has no pods; Network=NAME.container gives two containers one network")),
    value("pod-id-file", Unmapped("Docker has no pods; Network=NAME.container gives two containers one network")),
    switch("read-only-tmpfs", Translated(values::read_only_tmpfs)),
    switch("replace", Dropped("the container of the unit's last run is always removed")),
    value("retry", Key("Retry", Scalar)),
    value("retry-delay", Key("RetryDelay", Scalar)),
    switch("rmi", Unmapped("no key does it; 'docker image prune' removes what nobody uses")),
    switch("rootfs", Unmapped("Docker needs an image")),
    value("sdnotify", Translated(values::sdnotify)),
    value("secret", Key("Secret", Arguments)),
    value("subgidname", Unmapped(USER_MAP)),
    value("subuidname", Unmapped(USER_MAP)),
    value("systemd", Unmapped(OF_PODMAN)),
    switch("tls-verify", Unmapped(OWN_PULL)),
    value("timeout", Unmapped("no key of [Container] does it; [Service] RuntimeMaxSec= does")),
    value("tz", Key("Timezone", Scalar)),
    value("uidmap", Unmapped(USER_MAP)),
    value("umask", Unmapped(OF_PODMAN)),
    value("variant", Unmapped("an .image file says it, by Variant=; then write Image=NAME.image")),
];

/// Flags that stand before `run`: the client's own. Name, letter, whether a value belongs to it.
pub const GLOBAL: &[(&str, Option<char>, bool)] = &[
    ("config", None, true),
    ("context", Some('c'), true),
    ("debug", Some('D'), false),
    ("host", Some('H'), true),
    ("log-level", Some('l'), true),
    ("tls", None, false),
    ("tlscacert", None, true),
    ("tlscert", None, true),
    ("tlskey", None, true),
    ("tlsverify", None, false),
];

/// A flag by its long name.
pub fn by_name(name: &str) -> Option<&'static Flag> {
    DOCKER.iter().chain(PODMAN).find(|flag| flag.long == name)
}

/// A flag by its letter.
pub fn by_letter(letter: char) -> Option<&'static Flag> {
    DOCKER.iter().find(|flag| flag.short == Some(letter))
}
