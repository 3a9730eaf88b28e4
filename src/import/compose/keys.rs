//! THE table of a service's keys in a Compose file (compose-spec: schema/compose-spec.json): what becomes of each.

use std::fmt::Write as _;

use super::log::Log;
use super::service::Service;
use super::{build, depends, deploy, devices, environment, health, image, mounts, networks, process, secrets, top};
use crate::convert::flags::{self, Fate};
use crate::yaml::Entry;

/// A key of a service.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub handling: Handling,
}

/// How a value stands in the file.
#[derive(Clone, Copy)]
pub enum Shape {
    /// A text or number.
    Text,
    /// A truth.
    Truth,
    /// A list of texts.
    List,
    /// `KEY: VALUE`, or a list of `KEY=VALUE`.
    Assignments,
}

/// Does more than hand the value over.
pub type Translation = for<'a> fn(&mut Service<'a>, &'a Entry, &mut top::Used, &mut Log);

/// What becomes of a key.
#[derive(Clone, Copy)]
pub enum Handling {
    /// What becomes of this flag of `docker run`.
    Flag(&'static str, Shape),
    /// The function knows; into what.
    Own(Translation, &'static str),
    /// It is looked at before or after the others; into what.
    Elsewhere(&'static str),
    /// Nothing is lost without it, and why.
    Dropped(&'static str),
    /// No key does it; why, and what does instead.
    NotMapped(&'static str),
}

use Handling::{Dropped, Elsewhere, Flag, NotMapped, Own};
use Shape::{Assignments, List, Text, Truth};

const fn key(name: &'static str, handling: Handling) -> Key {
    Key { name, handling }
}

const HOOK: &str =
    "write it as ExecStartPost= or ExecStopPost= of [Service], with 'docker exec' and the container's name";

/// All keys of the specification, in its order.
pub const KEYS: &[Key] = &[
    key("annotations", Flag("annotation", Assignments)),
    key("attach", Dropped("the container's output goes to the journal")),
    key("build", Own(build::build, "a .build file, named by Image=")),
    key("blkio_config", Own(devices::blkio, "[Service] IOWeight=, IODeviceWeight=, IOReadBandwidthMax= and so on")),
    key("cap_add", Flag("cap-add", List)),
    key("cap_drop", Flag("cap-drop", List)),
    key("cgroup", Own(process::cgroup, "nothing, if it is 'private'")),
    key("cgroup_parent", Flag("cgroup-parent", Text)),
    key("command", Own(process::command, "Exec=")),
    key("configs", Own(secrets::configs, "Volume= of its file, or a credential (SetCredential= and Secret=)")),
    key("container_name", Elsewhere("ContainerName=")),
    key("cpu_count", Flag("cpu-count", Text)),
    key("cpu_percent", Flag("cpu-percent", Text)),
    key("cpu_period", Flag("cpu-period", Text)),
    key("cpu_quota", Flag("cpu-quota", Text)),
    key("cpu_rt_period", Flag("cpu-rt-period", Text)),
    key("cpu_rt_runtime", Flag("cpu-rt-runtime", Text)),
    key("cpu_shares", Flag("cpu-shares", Text)),
    key("cpus", Flag("cpus", Text)),
    key("cpuset", Flag("cpuset-cpus", Text)),
    key("credential_spec", NotMapped("Docker on Windows alone reads it")),
    key(
        "depends_on",
        Own(depends::depends_on, "[Unit] After= with Wants= or Requires=, and Notify=healthy of the other"),
    ),
    key("deploy", Own(deploy::deploy, "limits, further files for replicas, Restart=")),
    key("develop", Dropped("it is for 'docker compose watch'; [X-Sculler] Watch= follows files")),
    key("device_cgroup_rules", Flag("device-cgroup-rule", List)),
    key("devices", Own(devices::devices, "AddDevice=")),
    key("dns", Flag("dns", List)),
    key("dns_opt", Flag("dns-option", List)),
    key("dns_search", Flag("dns-search", List)),
    key("domainname", Flag("domainname", Text)),
    key("entrypoint", Own(process::entrypoint, "Entrypoint=")),
    key("env_file", Own(environment::env_file, "EnvironmentFile=")),
    key("environment", Own(environment::environment, "Environment=")),
    key("expose", Flag("expose", List)),
    key("extends", Elsewhere("the other service is put below this one")),
    key(
        "external_links",
        NotMapped(
            "no key does it; give both containers one network (Network=NAME), where they find each other by name",
        ),
    ),
    key("extra_hosts", Own(networks::extra_hosts, "AddHost=")),
    key("gpus", Own(devices::gpus, "AddDevice=nvidia.com/gpu=…")),
    key("group_add", Flag("group-add", List)),
    key("healthcheck", Own(health::healthcheck, "HealthCmd=, HealthInterval= and so on")),
    key("hostname", Flag("hostname", Text)),
    key("image", Own(image::image, "Image=")),
    key("init", Flag("init", Truth)),
    key("ipc", Flag("ipc", Text)),
    key("isolation", Flag("isolation", Text)),
    key("label_file", NotMapped("no key reads such a file; write its lines as Label=")),
    key("labels", Flag("label", Assignments)),
    key("links", Own(networks::links, "[Unit] After= and Wants=; other names as aliases of the other service")),
    key("logging", Own(process::logging, "LogDriver= and LogOpt=")),
    key("mac_address", Elsewhere("Network=NAME:mac=…")),
    key("mem_limit", Flag("memory", Text)),
    key("mem_reservation", Flag("memory-reservation", Text)),
    key("mem_swappiness", Flag("memory-swappiness", Text)),
    key("memswap_limit", Flag("memory-swap", Text)),
    key("models", NotMapped("there is no model runner; run one as a service, and give its address by Environment=")),
    key("network_mode", Elsewhere("Network=host, none, container:NAME or NAME.container")),
    key("networks", Elsewhere("Network=NAME.network with aliases and addresses, and a .network file")),
    key("oom_kill_disable", Flag("oom-kill-disable", Truth)),
    key("oom_score_adj", Flag("oom-score-adj", Text)),
    key("pid", Flag("pid", Text)),
    key("pids_limit", Flag("pids-limit", Text)),
    key("platform", Elsewhere("an .image file with Arch=, OS= and Variant=")),
    key("ports", Own(networks::ports, "PublishPort=")),
    key("post_start", NotMapped(HOOK)),
    key("pre_stop", NotMapped(HOOK)),
    key("privileged", Flag("privileged", Truth)),
    key("profiles", Elsewhere("services of other profiles are left out")),
    key("provider", NotMapped("it is for a plugin of Compose; run what it provides as a unit of its own")),
    key("pull_policy", Own(image::pull_policy, "Pull=")),
    key("pull_refresh_after", Dropped("images are pulled when the unit starts, as Pull= says")),
    key("read_only", Flag("read-only", Truth)),
    key("restart", Elsewhere("[Service] Restart=")),
    key("runtime", Flag("runtime", Text)),
    key("scale", Own(deploy::scale, "further files, NAME-2.container and so on")),
    key("secrets", Own(secrets::secrets, "a credential: LoadCredential= of [Service] and Secret=")),
    key("security_opt", Flag("security-opt", List)),
    key("shm_size", Flag("shm-size", Text)),
    key("stdin_open", Flag("interactive", Truth)),
    key("stop_grace_period", Own(process::stop_grace_period, "StopTimeout=")),
    key("stop_signal", Flag("stop-signal", Text)),
    key("storage_opt", Flag("storage-opt", Assignments)),
    key("sysctls", Flag("sysctl", Assignments)),
    key("tmpfs", Flag("tmpfs", List)),
    key("tty", Flag("tty", Truth)),
    key("ulimits", Own(devices::ulimits, "Ulimit=")),
    key("use_api_socket", Flag("use-api-socket", Truth)),
    key("user", Flag("user", Text)),
    key("userns_mode", Flag("userns", Text)),
    key("uts", Flag("uts", Text)),
    key("volumes", Own(mounts::volumes, "Volume=, Mount= or Tmpfs=, and a .volume file")),
    key("volumes_from", NotMapped("no key does it; write the same Volume= lines here")),
    key("working_dir", Flag("workdir", Text)),
];

/// A key by its name.
pub fn key_named(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The page docs/compose-keys.md.
pub fn markdown() -> String {
    let mut page = "# Compose's keys in unit files\n\n\
        Made from the table in `src/import/compose/keys.rs`; `UPDATE=1 cargo test --test import` makes it anew.\n\n\
        What `sculler import compose` makes of each key of a service. Networks, volumes, configs and secrets of the top level become \
        `.network` and `.volume` files, mounts and credentials, if a service uses them; `x-` keys, anchors, `<<`, `${VARIABLES}`, \
        `extends` and override files are carried out.\n\n| key | becomes |\n|---|---|\n"
        .to_owned();
    for key in KEYS {
        let text = match key.handling {
            Own(_, text) | Elsewhere(text) => text.to_owned(),
            Dropped(reason) => format!("*dropped*: {reason}"),
            NotMapped(reason) => format!("*not mapped*: {reason}"),
            Flag(name, _) => match flags::by_name(name).map(|flag| flag.fate) {
                Some(Fate::Key(key, _)) => format!("{key}="),
                Some(Fate::Dropped(reason)) => format!("*dropped*: {reason}"),
                Some(Fate::Unmapped(reason)) => format!("*not mapped*: {reason}"),
                _ => format!("as `docker run --{name}` in `sculler convert`"),
            },
        };
        let _ = writeln!(page, "| {} | {} |", key.name, text.replace('|', "\\|").replace('[', "\\["));
    }
    page
}
