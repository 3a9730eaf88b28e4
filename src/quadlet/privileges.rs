//! What the supervisor may do: as little as its work allows, each exception with its reason in the unit.

use crate::unit::UnitType;

/// The lines of `[Service]` for a file of this type.
pub fn of(unit_type: UnitType) -> &'static str {
    match unit_type {
        UnitType::Container => CONTAINER,
        UnitType::Volume => VOLUME,
        UnitType::Build => BUILD,
        _ => REST,
    }
}

/// What the mount options `U` and `idmap` need besides. Capabilities add up.
pub fn for_owners(changes: bool, maps: bool) -> String {
    let mut text = String::new();
    if changes {
        text += "# U: openat2(2), by which nothing outside of the source is reached, and which is not there with 'yes'.\n\
                 RestrictSUIDSGID=no\n";
    }
    if maps {
        text += "# idmap: write the mapping of users.\nCapabilityBoundingSet=CAP_SETFCAP CAP_SETGID CAP_SETUID\n";
    }
    text
}

// Everything else is the same in all four; macros take literals alone.
macro_rules! privileges {
    ($exceptions:literal) => {
        concat!(
            "\n# No privileges but these. No mount namespace: it would hide the supervisor's mounts from Docker.\n",
            $exceptions,
            "AmbientCapabilities=\n",
            "NoNewPrivileges=yes\n",
            "DevicePolicy=closed\n",
            "IPAddressDeny=any\n",
            "KeyringMode=private\n",
            "LockPersonality=yes\n",
            "MemoryDenyWriteExecute=yes\n",
            "ProtectClock=yes\n",
            "RestrictAddressFamilies=AF_UNIX\n",
            "RestrictRealtime=yes\n",
            "RestrictSUIDSGID=yes\n",
            "SystemCallArchitectures=native\n",
            "# A list of what is allowed would take systemd milliseconds to compile, at each start.\n",
            "SystemCallFilter=~@clock @cpu-emulation @debug @keyring @module @obsolete @raw-io @reboot @resources @swap\n",
            "UMask=0077\n"
        )
    };
}

const CONTAINER: &str = privileges!(
    "# CHOWN, FOWNER and DAC_*: see and mend the owners of bind sources. SYS_ADMIN, SYS_CHROOT and SYS_PTRACE: map\n\
     # mounts to the container's user, and replace them in the running container.\n\
     CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_SYS_ADMIN CAP_SYS_CHROOT \
     CAP_SYS_PTRACE\n\
     RestrictNamespaces=mnt user\n"
);

const VOLUME: &str = privileges!(
    "# The owner of the volume's root.\n\
     CapabilityBoundingSet=CAP_CHOWN CAP_DAC_READ_SEARCH CAP_FOWNER\n\
     RestrictNamespaces=yes\n\
     SystemCallFilter=~@mount\n"
);

const BUILD: &str = privileges!(
    "# The files of the context, whoever owns them.\n\
     CapabilityBoundingSet=CAP_DAC_READ_SEARCH\n\
     RestrictNamespaces=yes\n\
     SystemCallFilter=~@mount\n"
);

const REST: &str = privileges!(
    "CapabilityBoundingSet=\n\
     RestrictNamespaces=yes\n\
     SystemCallFilter=~@mount\n"
);
