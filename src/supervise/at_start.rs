//! The create body, completed by what only the moment of the start can tell.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::host::ApiVersion;
use crate::quadlet::create::{CreateBody, Endpoint, Mount};
use crate::quadlet::spec::{Container, Notify};

use super::{Failure, Job, environment, label, notify_socket, secrets};

/// From this version on several networks are given at the creation.
const SEVERAL_NETWORKS: ApiVersion = ApiVersion(1, 44);

/// What the Engine is asked for.
pub struct Completed {
    pub body: CreateBody,
    /// To be connected after the creation.
    pub networks: Vec<(String, Endpoint)>,
}

/// Completes the body of a container.
pub fn complete(job: &Job, spec: &Container, api: ApiVersion) -> Result<Completed, Failure> {
    let mut body = spec.create.clone();
    let start = &spec.start;
    let files =
        start.environment_files.iter().map(|path| read("EnvironmentFile=", path)).collect::<Result<Vec<_>, _>>()?;
    let service: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    body.env = environment::environment(start, &files, &service, &body.env);
    body.labels.extend(label::of(&job.spec));
    if let Some(path) = &start.seccomp_profile {
        body.host_config.security_opt.push(format!("seccomp={}", read("SeccompProfile=", path)?));
    }
    let present = start.optional_devices.iter().filter(|device| Path::new(&device.path_on_host).exists());
    body.host_config.devices.extend(present.cloned());
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let secrets = secrets::provide(&job.directory, &start.secrets, credentials.as_deref())?;
    body.host_config.mounts.extend(secrets);
    if start.local_timezone {
        body.host_config.mounts.push(local_timezone()?);
    }
    if spec.notify == Notify::Container && !spec.oneshot {
        let folder = job.directory.join(notify_socket::FOLDER);
        make_folder(&folder).map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
        body.host_config.mounts.push(read_only(&folder, notify_socket::TARGET));
        body.env.push(format!("NOTIFY_SOCKET={}", notify_socket::path_in_container()));
        if let Ok(time) = std::env::var("WATCHDOG_USEC") {
            body.env.push(format!("WATCHDOG_USEC={time}"));
        }
    }
    let networks = later_networks(&mut body, api);
    Ok(Completed { body, networks })
}

/// Takes the networks that this version of the API connects later out of the body.
fn later_networks(body: &mut CreateBody, api: ApiVersion) -> Vec<(String, Endpoint)> {
    let Some(config) = body.networking_config.as_mut().filter(|_| api < SEVERAL_NETWORKS) else { return Vec::new() };
    let endpoints = &mut config.endpoints_config;
    let mode = body.host_config.network_mode.as_deref();
    let first = mode.filter(|mode| endpoints.contains_key(*mode)).map(str::to_owned);
    let Some(first) = first.or_else(|| endpoints.keys().next().cloned()) else { return Vec::new() };
    let mut later = std::mem::take(endpoints);
    if let Some(endpoint) = later.remove(&first) {
        endpoints.insert(first, endpoint);
    }
    later.into_iter().collect()
}

/// The host's own time zone file, which an image need not have.
fn local_timezone() -> Result<Mount, Failure> {
    let zone = fs::canonicalize("/etc/localtime").map_err(|error| {
        Failure(format!("Timezone=local: /etc/localtime: {error}; set the host's with 'timedatectl set-timezone'"))
    })?;
    Ok(read_only(&zone, "/etc/localtime"))
}

fn read_only(source: &Path, target: &str) -> Mount {
    Mount {
        kind: "bind".into(),
        source: source.to_string_lossy().into_owned(),
        target: target.into(),
        read_only: true,
        ..Mount::default()
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// The text of a file that `key` names.
fn read(key: &str, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure(format!("{}, which {key} names, cannot be read: {error}; mend it or the path", path.display()))
    })
}
