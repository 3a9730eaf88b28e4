//! THE table of Quadlet's keys (podman-systemd.unit(5); podman: `groupsInfo` in pkg/systemd/quadlet/quadlet.go): what
//! each means to Docker Engine, or why it means nothing there. The reader, its messages and the documentation are
//! made from it.

/// A key of one of Quadlet's sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub handling: Handling,
    /// What it is for, in one line.
    pub help: &'static str,
}

/// How values are read (podman: pkg/systemd/parser/unitfile.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The last one counts; one pair of outer quotes is taken off.
    Scalar,
    /// A scalar that is 1, yes, true or on; anything else is no.
    Boolean,
    /// One value per line, as it stands.
    Lines,
    /// Words; quotes are taken off, escapes stay.
    Words,
    /// Words, C escapes resolved.
    Arguments,
    /// Words, C escapes resolved; only the last line counts.
    Command,
    /// `NAME=VALUE` words, C escapes resolved; the last one of a name counts.
    Assignments,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// A field of the Engine's API.
    Field(&'static str),
    /// sculler does it: how.
    Own(&'static str),
    /// Accepted with a warning: what of it is not done.
    Warned(&'static str),
    /// Files that use it are invalid: why, and what to use instead.
    Refused(&'static str),
}

use Handling::{Field, Own, Refused, Warned};
use Kind::{Arguments, Assignments, Boolean, Command, Lines, Scalar, Words};

const fn key(name: &'static str, kind: Kind, handling: Handling, help: &'static str) -> Key {
    Key { name, kind, handling, help }
}

const MODULE: Key = key(
    "ContainersConfModule",
    Lines,
    Refused("containers.conf is Podman's alone; write the settings as keys of this file"),
    "Load a module of containers.conf",
);
const GLOBAL_ARGS: Key = key(
    "GlobalArgs",
    Arguments,
    Refused(
        "there is no podman command to pass arguments to; use the key for what the argument does ('sculler help keys' lists them)",
    ),
    "Arguments between podman and its subcommand",
);
const PODMAN_ARGS: Key = key(
    "PodmanArgs",
    Arguments,
    Refused(
        "there is no podman command to pass arguments to; use the key for what the argument does ('sculler help keys' lists them)",
    ),
    "Arguments at the end of the podman command",
);
const SERVICE_NAME: Key =
    key("ServiceName", Scalar, Own("the name of the service that is made"), "Name of the service, without .service");
const USER_NAMESPACE: Handling = Refused(
    "Docker has one mapping of users for the whole daemon; to match the owner of files, use User= and the option idmap of Volume=",
);
const ONE_PROBE: Handling =
    Refused("Docker has one health check, not two; use HealthCmd= with HealthStartPeriod= and HealthStartupInterval=");
const PROBE_LOG: Handling =
    Refused("Docker keeps the last 5 results of 4096 bytes by itself ('docker inspect'); remove it");
const REGISTRY: &str = "Docker's daemon decides this by registry; use insecure-registries of /etc/docker/daemon.json or /etc/docker/certs.d";

/// `[Container]`
pub const CONTAINER: &[Key] = &[
    key("AddCapability", Words, Field("HostConfig.CapAdd"), "Give capabilities"),
    key(
        "AddDevice",
        Words,
        Field("HostConfig.Devices, HostConfig.DeviceRequests"),
        "Pass on a device, HOST[:CONTAINER][:rwm], with '-' in front only if it exists; or a CDI name",
    ),
    key("AddHost", Lines, Field("HostConfig.ExtraHosts"), "A line for /etc/hosts, NAME:ADDRESS"),
    key("Annotation", Assignments, Field("HostConfig.Annotations (API 1.43)"), "Set an annotation of the OCI runtime"),
    key("AppArmor", Scalar, Field("HostConfig.SecurityOpt"), "AppArmor profile"),
    key(
        "AutoUpdate",
        Scalar,
        Warned("images are not updated automatically yet; only the label io.containers.autoupdate is set"),
        "Update the image automatically: registry or local",
    ),
    key(
        "CgroupsMode",
        Scalar,
        Warned("ignored: the container is in the slice of its own service"),
        "How Podman makes cgroups",
    ),
    key("ContainerName", Scalar, Own("the name in the Engine"), "Name of the container, systemd-%N by default"),
    MODULE,
    key("DNS", Lines, Field("HostConfig.Dns"), "Address of a DNS server"),
    key("DNSOption", Lines, Field("HostConfig.DnsOptions"), "Option of resolv.conf"),
    key("DNSSearch", Lines, Field("HostConfig.DnsSearch"), "Search domain; '.' for none"),
    key("DropCapability", Words, Field("HostConfig.CapDrop"), "Take capabilities away"),
    key(
        "Entrypoint",
        Scalar,
        Field("Entrypoint"),
        "Program instead of the image's: one word or a JSON array; empty clears it",
    ),
    key(
        "Environment",
        Assignments,
        Field("Env"),
        "Set environment variables; a bare NAME takes the service's value at each start",
    ),
    key(
        "EnvironmentFile",
        Arguments,
        Own("read at each start"),
        "File with environment variables, relative to this file",
    ),
    key("EnvironmentHost", Boolean, Own("passed on at each start"), "Pass on the service's whole environment"),
    key("Exec", Command, Field("Cmd"), "Arguments after the image"),
    key("ExposeHostPort", Lines, Field("ExposedPorts"), "Expose a port or range, N[-M][/PROTOCOL]"),
    key("GIDMap", Words, USER_NAMESPACE, "Map groups of a user namespace"),
    GLOBAL_ARGS,
    key("Group", Scalar, Field("User"), "Group of the container's process, besides User="),
    key("GroupAdd", Lines, Field("HostConfig.GroupAdd"), "Supplementary group"),
    key("HealthCmd", Scalar, Field("Healthcheck.Test"), "Health check: a shell command, a JSON array, or none"),
    key("HealthInterval", Scalar, Field("Healthcheck.Interval"), "Time between health checks, such as 30s"),
    key("HealthLogDestination", Scalar, PROBE_LOG, "Where results of health checks are stored"),
    key("HealthMaxLogCount", Scalar, PROBE_LOG, "How many results of health checks are kept"),
    key("HealthMaxLogSize", Scalar, PROBE_LOG, "How long results of health checks are"),
    key(
        "HealthOnFailure",
        Scalar,
        Own("the supervisor acts on it"),
        "What an unhealthy container means: none, kill, restart or stop",
    ),
    key("HealthRetries", Scalar, Field("Healthcheck.Retries"), "Failures in a row that make it unhealthy"),
    key(
        "HealthStartPeriod",
        Scalar,
        Field("Healthcheck.StartPeriod"),
        "Time after the start when failures do not count",
    ),
    key("HealthStartupCmd", Scalar, ONE_PROBE, "Health check during the start"),
    key(
        "HealthStartupInterval",
        Scalar,
        Field("Healthcheck.StartInterval (API 1.44)"),
        "Time between health checks during HealthStartPeriod=",
    ),
    key("HealthStartupRetries", Scalar, ONE_PROBE, "Failures of the startup check that restart the container"),
    key("HealthStartupSuccess", Scalar, ONE_PROBE, "Successes of the startup check that end it"),
    key("HealthStartupTimeout", Scalar, ONE_PROBE, "Longest time that the startup check may take"),
    key("HealthTimeout", Scalar, Field("Healthcheck.Timeout"), "Longest time that a health check may take"),
    key("HostName", Scalar, Field("Hostname"), "Hostname in the container"),
    key("HttpProxy", Boolean, Own("read at each start"), "Pass on the service's proxy variables, yes by default"),
    key(
        "IP",
        Scalar,
        Field("NetworkingConfig.EndpointsConfig.*.IPAMConfig.IPv4Address"),
        "Static IPv4 address in its network",
    ),
    key(
        "IP6",
        Scalar,
        Field("NetworkingConfig.EndpointsConfig.*.IPAMConfig.IPv6Address"),
        "Static IPv6 address in its network",
    ),
    key("Image", Scalar, Field("Image"), "The image, or NAME.image or NAME.build; without a tag, latest"),
    key(
        "ImageVolume",
        Scalar,
        Own("anonymous and bind are what Docker does; the others are refused"),
        "What is made of the image's volumes: anonymous",
    ),
    key("Label", Assignments, Field("Labels"), "Set labels"),
    key("LogDriver", Scalar, Field("HostConfig.LogConfig.Type"), "Where the output goes, journald by default"),
    key("LogOpt", Words, Field("HostConfig.LogConfig.Config"), "Options of the log driver, NAME=VALUE"),
    key(
        "Mask",
        Arguments,
        Field("HostConfig.MaskedPaths"),
        "Paths to hide in the container besides those hidden by default, parted by ':'",
    ),
    key("Memory", Scalar, Field("HostConfig.Memory"), "Memory limit, such as 512m"),
    key(
        "Mount",
        Arguments,
        Field("HostConfig.Mounts, HostConfig.Tmpfs"),
        "A mount as type=bind,source=…,destination=…",
    ),
    key(
        "Network",
        Lines,
        Field("HostConfig.NetworkMode, NetworkingConfig.EndpointsConfig"),
        "Network: none, host, container:NAME, NAME[:OPTIONS], NAME.network[:OPTIONS] or NAME.container",
    ),
    key("NetworkAlias", Lines, Field("NetworkingConfig.EndpointsConfig.*.Aliases"), "Further name in its networks"),
    key("NoNewPrivileges", Boolean, Field("HostConfig.SecurityOpt"), "No privileges by setuid and its like"),
    key(
        "Notify",
        Scalar,
        Own("the supervisor tells systemd"),
        "When the service is up: no (started), yes (the container says so) or healthy",
    ),
    key("PidsLimit", Scalar, Field("HostConfig.PidsLimit"), "Most processes; -1 for no limit"),
    key(
        "Pod",
        Scalar,
        Refused(
            "Docker has no pods; give the containers a common .network, or let this one use Network=OTHER.container",
        ),
        "The pod it belongs to",
    ),
    PODMAN_ARGS,
    key(
        "PublishPort",
        Lines,
        Field("HostConfig.PortBindings, ExposedPorts"),
        "Publish a port, [[ADDRESS:][HOSTPORT]:]PORT[/PROTOCOL], or a range; without ADDRESS on IPv4 and IPv6 (Podman: IPv4)",
    ),
    key("Pull", Scalar, Own("the supervisor pulls"), "When to pull: always, missing (default), never or newer"),
    key("ReadOnly", Boolean, Field("HostConfig.ReadonlyRootfs"), "Root file system read-only"),
    key(
        "ReadOnlyTmpfs",
        Boolean,
        Field("HostConfig.Tmpfs"),
        "With ReadOnly=yes, a tmpfs on /run, /tmp and /var/tmp; yes by default",
    ),
    key("ReloadCmd", Command, Own("run in the container"), "Command that 'systemctl reload' runs in the container"),
    key("ReloadSignal", Scalar, Own("sent to the container"), "Signal that 'systemctl reload' sends to the container"),
    key("RemapGid", Lines, USER_NAMESPACE, "Map groups (deprecated)"),
    key("RemapUid", Lines, USER_NAMESPACE, "Map users (deprecated)"),
    key("RemapUidSize", Scalar, USER_NAMESPACE, "Size of the user namespace (deprecated)"),
    key("RemapUsers", Scalar, USER_NAMESPACE, "How users are mapped (deprecated)"),
    key("Retry", Scalar, Own("the supervisor pulls"), "Further attempts to pull, 3 by default"),
    key("RetryDelay", Scalar, Own("the supervisor pulls"), "Time between attempts to pull"),
    key(
        "Rootfs",
        Scalar,
        Refused("Docker runs images only; make one of the folder ('docker import') and name it by Image="),
        "Run from a folder",
    ),
    key("RunInit", Boolean, Field("HostConfig.Init"), "An init process that reaps zombies and forwards signals"),
    key("SeccompProfile", Scalar, Field("HostConfig.SecurityOpt"), "Seccomp profile: a JSON file, or unconfined"),
    key(
        "Secret",
        Arguments,
        Own("a systemd credential of the service, mounted as a file"),
        "A secret as NAME[,target=…][,uid=…][,gid=…][,mode=…]; NAME is a credential of [Service] LoadCredential=",
    ),
    key("SecurityLabelDisable", Boolean, Field("HostConfig.SecurityOpt"), "No SELinux separation"),
    key("SecurityLabelFileType", Scalar, Field("HostConfig.SecurityOpt"), "SELinux type of the container's files"),
    key("SecurityLabelLevel", Scalar, Field("HostConfig.SecurityOpt"), "SELinux level of the container's process"),
    key(
        "SecurityLabelNested",
        Boolean,
        Refused("Docker knows no nested SELinux labels; remove it, or set SecurityLabelDisable=yes"),
        "SELinux labels work within the container",
    ),
    key("SecurityLabelType", Scalar, Field("HostConfig.SecurityOpt"), "SELinux type of the container's process"),
    SERVICE_NAME,
    key("ShmSize", Scalar, Field("HostConfig.ShmSize"), "Size of /dev/shm, such as 64m"),
    key(
        "StartWithPod",
        Boolean,
        Refused("Docker has no pods; use Wants= and PartOf= in [Unit] for what starts and stops together"),
        "Start with the pod",
    ),
    key("StopSignal", Scalar, Field("StopSignal"), "Signal that ends the container"),
    key("StopTimeout", Scalar, Field("StopTimeout"), "Seconds to wait before it is killed, 10 by default"),
    key("SubGIDMap", Scalar, USER_NAMESPACE, "Map groups by /etc/subgid"),
    key("SubUIDMap", Scalar, USER_NAMESPACE, "Map users by /etc/subuid"),
    key("Sysctl", Words, Field("HostConfig.Sysctls"), "Kernel parameters of the container, NAME=VALUE"),
    key("Timezone", Scalar, Own("the variable TZ"), "Time zone such as Europe/Berlin, or local"),
    key("Tmpfs", Lines, Field("HostConfig.Tmpfs"), "A tmpfs, FOLDER[:OPTIONS]"),
    key("UIDMap", Words, USER_NAMESPACE, "Map users of a user namespace"),
    key("Ulimit", Lines, Field("HostConfig.Ulimits"), "Resource limit, NAME=SOFT[:HARD]"),
    key(
        "Umask",
        Scalar,
        Refused("Docker has no umask for containers; set it in the command, such as Exec=sh -c 'umask 0077; exec …'"),
        "File mode creation mask",
    ),
    key(
        "Unmask",
        Arguments,
        Field("HostConfig.MaskedPaths, HostConfig.ReadonlyPaths"),
        "Paths not to hide or protect, parted by ':'; ALL for none",
    ),
    key("User", Scalar, Field("User"), "User of the container's process, NAME or NUMBER[:GROUP]"),
    key(
        "UserNS",
        Scalar,
        Field("HostConfig.UsernsMode"),
        "User namespace; only host: to match the owner of files, use User= and the option idmap of Volume=",
    ),
    key("VolatileTmp", Boolean, Field("HostConfig.Tmpfs"), "A tmpfs on /tmp (deprecated)"),
    key(
        "Volume",
        Lines,
        Field("HostConfig.Mounts, HostConfig.Binds, Volumes"),
        "A folder, file or volume, [SOURCE:]TARGET[:OPTIONS]; SOURCE may be NAME.volume or ./RELATIVE",
    ),
    key("WorkingDir", Scalar, Field("WorkingDir"), "Folder that the process starts in"),
];

/// `[Volume]`
pub const VOLUME: &[Key] = &[
    MODULE,
    key(
        "Copy",
        Boolean,
        Field("VolumeOptions.NoCopy of the mount"),
        "Fill it with what the image has at the target, yes by default",
    ),
    key("Device", Scalar, Field("DriverOpts.device"), "What is mounted as the volume"),
    key("Driver", Scalar, Field("Driver"), "Volume driver, local by default; image for a volume made of Image="),
    key("GID", Scalar, Own("set after it is made"), "Group that owns the volume's root"),
    GLOBAL_ARGS,
    key("Group", Scalar, Field("DriverOpts.o (gid=)"), "Group as a mount option, with Device= and Type="),
    key("Image", Scalar, Field("a mount of type image (API 1.48)"), "The image that Driver=image shows"),
    key("Label", Assignments, Field("Labels"), "Set labels"),
    key("Options", Scalar, Field("DriverOpts.o"), "Mount options"),
    PODMAN_ARGS,
    SERVICE_NAME,
    key("Type", Scalar, Field("DriverOpts.type"), "File system type of Device="),
    key("UID", Scalar, Own("set after it is made"), "User who owns the volume's root"),
    key("User", Scalar, Field("DriverOpts.o (uid=)"), "User as a mount option, with Device= and Type="),
    key("VolumeName", Scalar, Field("Name"), "Name of the volume, systemd-NAME by default"),
];

/// `[Network]`
pub const NETWORK: &[Key] = &[
    MODULE,
    key(
        "DNS",
        Lines,
        Refused("Docker's networks have no DNS servers of their own; set DNS= in each .container file"),
        "DNS servers of the network",
    ),
    key(
        "DisableDNS",
        Boolean,
        Refused("Docker's networks always resolve the names of their containers; remove it"),
        "No names in the network",
    ),
    key("Driver", Scalar, Field("Driver"), "Network driver, bridge by default"),
    key("Gateway", Lines, Field("IPAM.Config.Gateway"), "Gateway of the Subnet= in the same place"),
    GLOBAL_ARGS,
    key("IPAMDriver", Scalar, Field("IPAM.Driver"), "What gives out addresses"),
    key("IPRange", Lines, Field("IPAM.Config.IPRange"), "Addresses to give out, of the Subnet= in the same place"),
    key("IPv6", Boolean, Field("EnableIPv6"), "IPv6 as well"),
    key("InterfaceName", Scalar, Field("Options (com.docker.network.bridge.name)"), "Name of the bridge on the host"),
    key("Internal", Boolean, Field("Internal"), "No way out of the network"),
    key("Label", Assignments, Field("Labels"), "Set labels"),
    key("NetworkDeleteOnStop", Boolean, Own("removed at the stop"), "Remove the network when its service stops"),
    key("NetworkName", Scalar, Field("Name"), "Name of the network, systemd-NAME by default"),
    key("Options", Assignments, Field("Options"), "Options of the driver"),
    PODMAN_ARGS,
    SERVICE_NAME,
    key("Subnet", Lines, Field("IPAM.Config.Subnet"), "Addresses of the network, such as 10.5.0.0/24"),
];

/// `[Image]`
pub const IMAGE: &[Key] = &[
    key("AllTags", Boolean, Own("pulled without a tag"), "Pull all tags of the repository"),
    key("Arch", Scalar, Field("platform"), "Architecture instead of the host's"),
    key("AuthFile", Scalar, Own("X-Registry-Auth"), "File with the registry's credentials"),
    key("CertDir", Scalar, Refused(REGISTRY), "Folder with the registry's certificates"),
    MODULE,
    key("Creds", Scalar, Own("X-Registry-Auth"), "USER:PASSWORD for the registry"),
    key("DecryptionKey", Scalar, Refused("Docker cannot decrypt images; push a plain one"), "Key to decrypt the image"),
    GLOBAL_ARGS,
    key("Image", Scalar, Field("fromImage"), "The image"),
    key("ImageTag", Scalar, Own("the name that other files get"), "What the image is called for other files"),
    key("OS", Scalar, Field("platform"), "Operating system instead of the host's"),
    PODMAN_ARGS,
    key("Policy", Scalar, Own("the service pulls"), "When to pull: always (default), missing, never or newer"),
    key("Retry", Scalar, Own("the service pulls"), "Further attempts to pull, 3 by default"),
    key("RetryDelay", Scalar, Own("the service pulls"), "Time between attempts"),
    SERVICE_NAME,
    key("TLSVerify", Boolean, Refused(REGISTRY), "Check the registry's certificate"),
    key("Variant", Scalar, Field("platform"), "Variant of the architecture"),
];

/// `[Build]`
pub const BUILD: &[Key] = &[
    key(
        "Annotation",
        Assignments,
        Refused("Docker's builder sets no annotations; use Label="),
        "Set annotations of the image",
    ),
    key("Arch", Scalar, Field("platform"), "Architecture instead of the host's"),
    key("AuthFile", Scalar, Own("X-Registry-Config"), "File with the registry's credentials"),
    key("BuildArg", Assignments, Field("buildargs"), "Arguments of the build"),
    MODULE,
    key(
        "DNS",
        Lines,
        Refused("Docker's builder uses the daemon's DNS servers; set dns in /etc/docker/daemon.json"),
        "DNS servers of the build",
    ),
    key(
        "DNSOption",
        Lines,
        Refused("Docker's builder uses the daemon's DNS options; set dns-opts in /etc/docker/daemon.json"),
        "DNS options of the build",
    ),
    key(
        "DNSSearch",
        Lines,
        Refused("Docker's builder uses the daemon's DNS settings; set dns-search in /etc/docker/daemon.json"),
        "DNS search domains of the build",
    ),
    key(
        "Environment",
        Assignments,
        Refused("Docker's builder takes no environment; use ENV in the Containerfile, or BuildArg="),
        "Set environment variables",
    ),
    key("File", Scalar, Field("dockerfile"), "The Containerfile, relative to this file, or a URL"),
    key("ForceRM", Boolean, Field("forcerm"), "Remove intermediate containers after a failure too"),
    GLOBAL_ARGS,
    key(
        "GroupAdd",
        Lines,
        Refused("Docker's builder adds no groups; use USER in the Containerfile"),
        "Supplementary group",
    ),
    key("IgnoreFile", Scalar, Own("the context is filtered by it"), "File instead of .dockerignore"),
    key("ImageTag", Lines, Field("t"), "Name of the image; several are possible"),
    key("Label", Assignments, Field("labels"), "Set labels"),
    key("Network", Lines, Field("networkmode"), "Network of the build"),
    PODMAN_ARGS,
    key("Pull", Scalar, Field("pull"), "When to pull the base images"),
    key("Retry", Scalar, Own("the service builds again"), "Further attempts"),
    key("RetryDelay", Scalar, Own("the service builds again"), "Time between attempts"),
    key(
        "Secret",
        Arguments,
        Refused(
            "Docker's build API takes secrets by BuildKit's session only; build with 'docker build' and name the image by Image=",
        ),
        "Secret for the build",
    ),
    SERVICE_NAME,
    key("SetWorkingDirectory", Scalar, Field("the context"), "The context: file, unit, a folder or a URL"),
    key("TLSVerify", Boolean, Refused(REGISTRY), "Check the registry's certificate"),
    key("Target", Scalar, Field("target"), "Stage to build"),
    key("Variant", Scalar, Field("platform"), "Variant of the architecture"),
    key(
        "Volume",
        Lines,
        Refused("Docker's builder mounts no volumes; use COPY in the Containerfile"),
        "Mount into the build",
    ),
];

/// `[Quadlet]`
pub const QUADLET: &[Key] = &[key(
    "DefaultDependencies",
    Boolean,
    Own("no dependency on the network"),
    "Start after network-online.target, yes by default",
)];

/// The sections with their keys.
pub const SECTIONS: [(&str, &[Key]); 6] = [
    ("Container", CONTAINER),
    ("Volume", VOLUME),
    ("Network", NETWORK),
    ("Image", IMAGE),
    ("Build", BUILD),
    ("Quadlet", QUADLET),
];

/// The keys of a section; none if it is not Quadlet's.
pub fn keys(section: &str) -> &'static [Key] {
    SECTIONS.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| keys)
}

/// A key of a section.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    let keys = keys(section);
    keys.binary_search_by(|key| key.name.cmp(name)).ok().map(|index| &keys[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_keys_as_podman_6_has() {
        let counts = SECTIONS.map(|(section, keys)| (section, keys.len()));
        let expected =
            [("Container", 96), ("Volume", 16), ("Network", 18), ("Image", 18), ("Build", 28), ("Quadlet", 1)];
        assert_eq!(counts, expected);
    }

    #[test]
    fn keys_are_sorted_and_sentences_are_whole() {
        for (section, keys) in SECTIONS {
            assert!(keys.is_sorted_by(|a, b| a.name < b.name), "[{section}] is not sorted");
            for key in keys {
                assert!(!key.help.is_empty() && !key.help.ends_with('.'), "{}", key.name);
                if let Refused(reason) = key.handling {
                    assert!(reason.contains("; "), "{}: what to do instead is missing: {reason}", key.name);
                }
            }
        }
    }
}
