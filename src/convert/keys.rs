//! THE table of `[Service]` keys that do not stay as they are: what they did for `docker run`, and what does it now.

/// What becomes of a key of `[Service]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFate {
    /// Nothing is lost without it, and why.
    Dropped(&'static str),
    /// What it did has to be said otherwise.
    NotMapped(&'static str),
    /// It stays and means more than before.
    Kept(&'static str),
}

use KeyFate::{Dropped, Kept, NotMapped};

const OF_THE_UNIT: &str = "the unit of a .container has its own";
const OF_THE_CLIENT: &str = "it was the docker client's, never the container's";
const LIMIT: &str = "it limits the container now; before, it limited the docker client alone";
const ULIMIT: &str = "it was the docker client's; the container's is Ulimit= in [Container]";
const READ_ONLY: &str =
    "it held the docker client alone; in [Container], ReadOnly= and the option 'ro' of Volume= hold the container";
const CAPABILITIES: &str =
    "it held the docker client alone; in [Container], AddCapability= and DropCapability= hold the container";
const SECCOMP: &str = "it held the docker client alone; in [Container], SeccompProfile= holds the container";
const OWN_NAMESPACE: &str = "it held the docker client alone; a container has a namespace of its own";

const TABLE: &[(&[&str], KeyFate)] = &[
    (&["KillMode", "NotifyAccess", "PIDFile", "GuessMainPID", "BusName", "ExitType", "Delegate"], Dropped(OF_THE_UNIT)),
    (&["RestartMode"], Dropped(OF_THE_UNIT)),
    (
        &["WatchdogSec", "WatchdogSignal"],
        Dropped("nothing in the container could reach it; a health check can: HealthCmd= with HealthOnFailure=restart"),
    ),
    (
        &["User", "Group", "SupplementaryGroups", "DynamicUser"],
        Dropped("it was the docker client's; User= in [Container] is the container's"),
    ),
    (
        &["UMask", "Nice", "OOMScoreAdjust", "OOMPolicy", "IOSchedulingClass", "IOSchedulingPriority"],
        Dropped(OF_THE_CLIENT),
    ),
    (
        &[
            "CPUSchedulingPolicy",
            "CPUSchedulingPriority",
            "CPUSchedulingResetOnFork",
            "CPUAffinity",
            "NUMAPolicy",
            "NUMAMask",
        ],
        Dropped(OF_THE_CLIENT),
    ),
    (&["WorkingDirectory"], Dropped("it was the docker client's; WorkingDir= in [Container] is the container's")),
    (
        &["StandardInput", "StandardOutput", "StandardError", "SyslogFacility", "SyslogLevel", "SyslogLevelPrefix"],
        Dropped("the container's lines go to the journal without the client"),
    ),
    (
        &["TTYPath", "TTYReset", "TTYVHangup", "TTYVTDisallocate", "UtmpIdentifier", "UtmpMode", "PAMName"],
        Dropped(OF_THE_CLIENT),
    ),
    (
        &["SendSIGKILL", "SendSIGHUP", "FinalKillSignal", "RestartKillSignal"],
        Dropped("StopSignal= and StopTimeout= in [Container] say how it stops"),
    ),
    (
        &["LimitNOFILE", "LimitNPROC", "LimitCORE", "LimitMEMLOCK", "LimitSTACK", "LimitFSIZE", "LimitDATA", "LimitAS"],
        Dropped(ULIMIT),
    ),
    (
        &[
            "LimitCPU",
            "LimitRSS",
            "LimitLOCKS",
            "LimitSIGPENDING",
            "LimitMSGQUEUE",
            "LimitNICE",
            "LimitRTPRIO",
            "LimitRTTIME",
        ],
        Dropped(ULIMIT),
    ),
    (
        &["CPUQuota", "CPUWeight", "StartupCPUWeight", "CPUQuotaPeriodSec", "AllowedCPUs", "AllowedMemoryNodes"],
        Kept(LIMIT),
    ),
    (&["MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax", "TasksMax"], Kept(LIMIT)),
    (
        &["IOWeight", "IODeviceWeight", "IOReadBandwidthMax", "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax"],
        Kept(LIMIT),
    ),
    (&["MemoryLimit"], NotMapped("its name is MemoryMax= today")),
    (&["CPUShares", "StartupCPUShares"], NotMapped("its name is CPUWeight= today, where 100 stands for 1024")),
    (
        &[
            "BlockIOWeight",
            "BlockIODeviceWeight",
            "BlockIOReadBandwidth",
            "BlockIOWriteBandwidth",
            "StartupBlockIOWeight",
        ],
        NotMapped("its name begins with IO today: IOWeight=, IOReadBandwidthMax= and so on"),
    ),
    (
        &["IPAddressAllow", "IPAddressDeny", "RestrictNetworkInterfaces", "SocketBindAllow", "SocketBindDeny"],
        Dropped("it held the docker client alone; Network= in [Container] says what the container reaches"),
    ),
    (
        &["DeviceAllow", "DevicePolicy"],
        Dropped("it held the docker client alone; AddDevice= in [Container] gives the container devices"),
    ),
    (
        &[
            "ProtectSystem",
            "ProtectHome",
            "ReadWritePaths",
            "ReadOnlyPaths",
            "InaccessiblePaths",
            "ReadOnlyDirectories",
        ],
        Dropped(READ_ONLY),
    ),
    (
        &["ReadWriteDirectories", "InaccessibleDirectories", "ExecPaths", "NoExecPaths", "TemporaryFileSystem"],
        Dropped(READ_ONLY),
    ),
    (
        &[
            "BindPaths",
            "BindReadOnlyPaths",
            "RootDirectory",
            "RootVerity",
            "RootHash",
            "RootEphemeral",
            "BindLogSockets",
            "MountImages",
            "ExtensionImages",
            "ExtensionDirectories",
            "RootImage",
            "MountFlags",
            "MountAPIVFS",
        ],
        Dropped("it held the docker client alone; Volume= in [Container] mounts into the container"),
    ),
    (
        &[
            "PrivateTmp",
            "PrivatePIDs",
            "NetworkNamespacePath",
            "IPCNamespacePath",
            "PrivateDevices",
            "PrivateNetwork",
            "PrivateIPC",
            "PrivateUsers",
            "PrivateMounts",
        ],
        Dropped(OWN_NAMESPACE),
    ),
    (&["ProtectProc", "ProcSubset", "ProtectHostname", "ProtectClock", "ProtectControlGroups"], Dropped(OWN_NAMESPACE)),
    (
        &["ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "RestrictNamespaces"],
        Dropped(OWN_NAMESPACE),
    ),
    (&["CapabilityBoundingSet", "AmbientCapabilities", "SecureBits"], Dropped(CAPABILITIES)),
    (
        &["NoNewPrivileges", "RestrictSUIDSGID"],
        Dropped("it held the docker client alone; NoNewPrivileges= in [Container] holds the container"),
    ),
    (
        &["SystemCallFilter", "SystemCallArchitectures", "SystemCallErrorNumber", "RestrictAddressFamilies"],
        Dropped(SECCOMP),
    ),
    (&["LockPersonality", "MemoryDenyWriteExecute", "RestrictRealtime"], Dropped(SECCOMP)),
    (&["SELinuxContext"], Dropped("it was the docker client's; SecurityLabelType= in [Container] is the container's")),
    (
        &["AppArmorProfile", "SmackProcessLabel"],
        Dropped("it was the docker client's; AppArmor= in [Container] is the container's"),
    ),
];

/// What becomes of a key; `None`: it stays as it is.
pub fn fate(key: &str) -> Option<KeyFate> {
    TABLE.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, fate)| *fate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::systemd_keys;

    #[test]
    fn every_key_is_systemds_and_stands_once() {
        let keys: Vec<&str> = TABLE.iter().flat_map(|(keys, _)| keys.iter().copied()).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(systemd_keys::kind("Service", key).is_some(), "{key}");
            assert!(!keys[..index].contains(key), "{key}");
        }
    }
}
