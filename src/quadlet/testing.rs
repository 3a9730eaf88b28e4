//! What the tests of this module have in common.

use std::path::PathBuf;
use std::sync::Arc;

use crate::host::{Host, MachineId, Platform, System};
use crate::unit::{TextFile, Unit, UnitName};

pub(super) fn unit(name: &str, text: &str) -> Unit {
    let path = PathBuf::from(format!("/etc/sculler/units/{name}"));
    let file = TextFile { path, text: text.as_bytes().into(), is_private: false };
    Unit::read(UnitName::parse(name).unwrap(), Arc::new(file), Vec::new())
}

pub(super) fn host() -> Host {
    Host {
        machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
        hostname: "coreos001.example.com".into(),
        metadata: Default::default(),
    }
}

pub(super) fn platform() -> Platform {
    let os_release = [("ID", "debian"), ("VERSION_ID", "13")];
    let system = System {
        architecture: "x86-64".into(),
        kernel: "6.18.0".into(),
        boot_id: "b007".into(),
        pretty_hostname: String::new(),
        os_release: os_release.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        root_shell: "/bin/bash".into(),
    };
    Platform { system: Some(system), ..Platform::default() }
}
