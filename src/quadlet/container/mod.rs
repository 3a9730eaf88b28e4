//! `[Container]` → a [`Container`]: the body of `POST /containers/create` and what the supervisor does besides
//! (podman-container.unit(5); podman: `ConvertContainer()` in pkg/systemd/quadlet/quadlet.go; moby: api/swagger.yaml).

mod devices;
mod environment;
mod health;
mod labels;
mod limits;
mod logging;
mod mount_options;
mod mounts;
mod network;
mod ports;
mod process;
mod secrets;
mod security;
mod volumes;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::Context;
use super::create::{CreateBody, Empty};
use super::docker_names::{check_name, image_name};
use super::expand::Expander;
use super::quantities::{self, SIGNAL, duration, signal};
use super::read::{Quadlet, sort};
use super::spec::{
    AtStart, BindSource, Container, Follow, MountedImage, Notify, OnUnhealthy, Pull, PullPolicy, Reload,
};
use super::values::{Value, Values, is_yes};
use super::{service, slice};
use crate::host::ApiVersion;
use crate::unit::{Diagnostic, Finding, OnChange, Policy, UnitName};

pub(super) use mounts::parse_mount;
pub(super) use volumes::split_volume;

/// Translates a `.container` file for a host. `None` if it is invalid, there or anywhere; what is wrong there alone goes to
/// `findings`.
pub fn translate(
    quadlet: &Quadlet<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Container> {
    let expander = Expander::new(quadlet.merged, service, context.host, context.platform);
    let mut translation = Translation {
        values: Values::new(quadlet.merged, "Container", expander),
        file: quadlet.name,
        service,
        policy: quadlet.policy,
        context,
        create: CreateBody::default(),
        start: AtStart::default(),
        mounts: Vec::new(),
        targets: BTreeMap::new(),
        mounted_images: Vec::new(),
    };
    let container = translation.container();
    let mut found = translation.values.findings;
    sort(&mut found);
    // The same value may have been read more than once.
    found.dedup();
    let is_valid = !found.iter().chain(&quadlet.findings).any(Finding::is_error);
    findings.append(&mut found);
    container.filter(|_| is_valid)
}

/// What is known so far of a container that is being translated.
struct Translation<'a> {
    values: Values<'a>,
    /// The Quadlet file's name.
    file: &'a UnitName,
    service: &'a UnitName,
    policy: &'a Policy,
    context: &'a Context<'a>,
    create: CreateBody,
    start: AtStart,
    mounts: Vec<BindSource>,
    /// The paths in the container on which something is mounted, with the key that does it.
    targets: BTreeMap<String, &'static str>,
    /// Of mounts of type image: they have to be here before the container is made.
    mounted_images: Vec<MountedImage>,
}

impl Translation<'_> {
    fn container(&mut self) -> Option<Container> {
        let name = self.name();
        let image = self.image();
        let notify = self.notify();
        let pull = self.pull();
        let reload = self.reload();
        let on_unhealthy = self.on_unhealthy();
        self.process();
        self.environment();
        self.labels();
        self.logging();
        self.limits();
        self.devices();
        self.security();
        self.health();
        self.stop();
        self.network();
        self.ports();
        self.volumes();
        self.mount_lines();
        self.tmpfs();
        self.secrets();
        self.cgroup();
        let (name, image) = (name?, image?);
        self.create.image.clone_from(&image);
        Some(Container {
            name,
            image,
            pull,
            notify,
            oneshot: self.is_oneshot(),
            create: std::mem::take(&mut self.create),
            start: std::mem::take(&mut self.start),
            mounts: std::mem::take(&mut self.mounts),
            host_user: self.policy.host_user,
            mounted_images: std::mem::take(&mut self.mounted_images),
            follow: self.follow(reload.is_some()),
            reload,
            on_unhealthy,
        })
    }

    /// Podman's default is the service's name, so that it can be read in `docker ps` (podman: `getContainerName()`).
    fn name(&mut self) -> Option<String> {
        if let Some(value) = self.values.scalar("ContainerName") {
            return match check_name(&value.text) {
                Ok(()) => Some(value.text.into_owned()),
                Err(message) => self.values.refuse(&value, format!("ContainerName {message}")),
            };
        }
        let name = match self.service.instance() {
            Some(instance) => format!("systemd-{}_{instance}", self.service.prefix()),
            None => format!("systemd-{}", self.service.stem()),
        };
        match check_name(&name) {
            Ok(()) => Some(name),
            Err(message) => {
                let message = format!("the container's name {message}; set another one by ContainerName=");
                let path = self.values.merged().path().to_owned();
                self.values.findings.push(Finding { path, diagnostic: crate::unit::Diagnostic::error(0, 0, message) });
                None
            }
        }
    }

    fn image(&mut self) -> Option<String> {
        let value = self.values.scalar("Image")?;
        self.image_of(&value, &value.text.clone())
    }

    /// The image that a value names, directly or by an `.image` or `.build` file.
    fn image_of(&mut self, value: &Value<'_>, text: &str) -> Option<String> {
        if text.ends_with(".image") || text.ends_with(".build") {
            return match self.context.others.find(text) {
                Ok(resource) => Some(resource.name.clone()),
                Err(message) => self.values.refuse(value, message),
            };
        }
        match image_name(text) {
            Ok(name) => Some(name),
            Err(message) => self.values.refuse(value, message),
        }
    }

    fn is_oneshot(&self) -> bool {
        self.values.merged().last("Service", "Type").is_some_and(|found| found.entry.value == "oneshot")
    }

    /// podman: `--sdnotify`.
    fn notify(&mut self) -> Notify {
        let Some(value) = self.values.scalar("Notify") else { return Notify::Started };
        // The start of a oneshot service is over when the container has ended.
        if self.is_oneshot() {
            return Notify::Started;
        }
        match &*value.text {
            text if text.eq_ignore_ascii_case("healthy") => Notify::Healthy,
            text if is_yes(text) => Notify::Container,
            _ => Notify::Started,
        }
    }

    fn pull(&mut self) -> Pull {
        let pull = self.pull_as_written();
        let Some(service) = self.values.scalar("Image").and_then(|value| self.built_by(&value.text)) else {
            return pull;
        };
        if matches!(pull.policy, PullPolicy::Always | PullPolicy::Newer)
            && let Some(value) = self.values.scalar("Pull")
        {
            self.values.refuse::<()>(&value, "what a .build file makes is in no registry; leave Pull= out");
        }
        Pull { policy: PullPolicy::Never, built_by: Some(service), ..pull }
    }

    /// As the keys of the file have it.
    fn pull_as_written(&mut self) -> Pull {
        let policy = self.values.scalar("Pull").and_then(|value| match value.text.to_ascii_lowercase().as_str() {
            "always" => Some(PullPolicy::Always),
            "missing" | "ifnotpresent" => Some(PullPolicy::Missing),
            "never" => Some(PullPolicy::Never),
            "newer" | "ifnewer" => Some(PullPolicy::Newer),
            other => self
                .values
                .refuse(&value, format!("Pull '{other}' is unknown; it can be always, missing, never, newer")),
        });
        let retries = self.values.scalar("Retry").and_then(|value| self.number(&value));
        let delay = self.values.scalar("RetryDelay").and_then(|value| match duration(&value.text) {
            Some(nanoseconds) => u64::try_from(nanoseconds / 1000).ok(),
            None => self.not_a(&value, quantities::DURATION),
        });
        Pull {
            policy: policy.unwrap_or_default(),
            // containers.conf(5)
            retries: retries.unwrap_or(3),
            retry_delay_usec: delay,
            platform: None,
            auth_file: None,
            credentials: None,
            built_by: None,
        }
    }

    /// How an image that is mounted from `source` gets here: as the container's own, unless another file says how.
    fn pull_of_mount(&mut self, source: &str) -> Pull {
        let pull = self.pull_as_written();
        if let Some(service) = self.built_by(source) {
            return Pull { policy: PullPolicy::Never, built_by: Some(service), ..pull };
        }
        // The service of that file came first, and asked the registry if that was to be.
        let is_provided = [".image", ".volume"].iter().any(|suffix| source.ends_with(suffix));
        Pull { policy: if is_provided { PullPolicy::Missing } else { pull.policy }, ..pull }
    }

    /// The service that builds an image.
    fn built_by(&self, source: &str) -> Option<String> {
        let file = Some(source).filter(|source| source.ends_with(".build"))?;
        Some(self.context.others.find(file).ok()?.service.to_string())
    }

    fn reload(&mut self) -> Option<Reload> {
        let command = self.values.command("ReloadCmd");
        let signal_value = self.values.scalar("ReloadSignal");
        match (command, signal_value) {
            (Some(_), Some(value)) => {
                self.values.refuse(&value, "ReloadCmd= and ReloadSignal= exclude each other; remove one of them")
            }
            (Some((command, _)), None) => Some(Reload::Command(command)),
            (None, Some(value)) => match signal(&value.text) {
                Some(signal) => Some(Reload::Signal(signal)),
                None => self.not_a(&value, SIGNAL),
            },
            (None, None) => None,
        }
    }

    /// What a change of its files leads to.
    fn follow(&mut self, can_reload: bool) -> Follow {
        if self.policy.on_change == Some(OnChange::Reload) && !can_reload {
            let message = "OnChange=reload needs a way to reload: add ReloadCmd= or ReloadSignal= to [Container]";
            let path = self.values.merged().path().to_owned();
            self.values.findings.push(Finding { path, diagnostic: Diagnostic::error(0, 0, message) });
        }
        Follow {
            check: self.policy.check.clone(),
            on_change: self.policy.on_change.unwrap_or_default(),
            rollback_usec: u64::try_from(self.policy.rollback_time.as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn on_unhealthy(&mut self) -> OnUnhealthy {
        let Some(value) = self.values.scalar("HealthOnFailure") else { return OnUnhealthy::None };
        match value.text.to_ascii_lowercase().as_str() {
            "none" => OnUnhealthy::None,
            "kill" => OnUnhealthy::Kill,
            "restart" => OnUnhealthy::Restart,
            "stop" => OnUnhealthy::Stop,
            other => {
                let message = format!("HealthOnFailure '{other}' is unknown; it can be none, kill, restart, stop");
                self.values.findings.push(value.error(message));
                OnUnhealthy::None
            }
        }
    }

    fn stop(&mut self) {
        if let Some(value) = self.values.scalar("StopSignal") {
            self.create.stop_signal = signal(&value.text).or_else(|| self.not_a(&value, SIGNAL));
        }
        if let Some(value) = self.values.scalar("StopTimeout") {
            self.create.stop_timeout = self.number::<u32>(&value).map(i64::from);
        }
    }

    /// What ties the container's scope to the unit (see ARCHITECTURE.md): with it systemd itself stops the container
    /// whenever the unit ends, and leaves it while the unit restarts.
    fn cgroup(&mut self) {
        self.create.host_config.cgroup_parent = Some(self.slice());
        if !service::is_bound(self.context.platform) {
            return;
        }
        // In GVariant's text format.
        let service = ["[\"", &self.service.as_str().replace('\\', "\\\\"), "\"]"].concat();
        let annotations = &mut self.create.host_config.annotations;
        let properties =
            ["org.systemd.property.StopPropagatedFrom", "org.systemd.property.PartOf", "org.systemd.property.Before"];
        annotations.extend(properties.map(|property| (property.into(), service.clone())));
        let timeout = self.create.stop_timeout.unwrap_or(service::DEFAULT_STOP_TIMEOUT);
        annotations.insert("org.systemd.property.TimeoutStopSec".into(), timeout.to_string());
    }

    /// The slice of the container's own, or the one that `[Service]` names.
    fn slice(&self) -> String {
        match slice::given(self.values.merged()) {
            Some(given) => self.values.expander.specifiers(given.entry.value, &mut Vec::new()).into_owned(),
            None => slice::name(self.service),
        }
    }

    /// Whether the Engine's API is new enough for what a value asks; if not, that is an error.
    fn needs_api(&mut self, value: &Value<'_>, what: &str, version: ApiVersion, docker: &str) -> bool {
        let found = self.context.platform.docker_api;
        if found >= version {
            return true;
        }
        let message = format!(
            "{what} needs version {version} of Docker's API (Docker {docker}), and this host's Engine speaks {found}; \
             update Docker, or remove it"
        );
        self.values.findings.push(value.error(message));
        false
    }

    /// `KEY 'value' …`, as an error.
    fn not_a<T>(&mut self, value: &Value<'_>, what: &str) -> Option<T> {
        let message = format!("{} '{}' {what}", value.key(), value.text);
        self.values.refuse(value, message)
    }

    fn number<T: std::str::FromStr>(&mut self, value: &Value<'_>) -> Option<T> {
        match value.text.parse() {
            Ok(number) => Some(number),
            Err(_) => self.not_a(value, "is no number in range; write digits alone"),
        }
    }

    /// A path of the host; relative ones start from the Quadlet file's folder.
    fn host_path(&self, text: &str) -> PathBuf {
        let folder = self.values.merged().path().parent().unwrap_or(std::path::Path::new("/"));
        PathBuf::from(clean_path(&folder.join(text).to_string_lossy()).into_owned())
    }

    /// The path in the container that a value names, if it is one and nothing else is mounted there.
    fn target(&mut self, value: &Value<'_>, key: &'static str, text: &str) -> Option<String> {
        if !text.starts_with('/') {
            let message = format!("{key}: the path in the container has to be absolute; write '/{text}'");
            return self.values.refuse(value, message);
        }
        let target = clean_path(text).into_owned();
        if target == "/" {
            return self
                .values
                .refuse(value, format!("{key}: nothing can be mounted on '/' of a container; name a folder below it"));
        }
        if let Some(other) = self.targets.insert(target.clone(), key) {
            let message = format!("{key}: {other}= already mounts something on '{target}'; remove one of them");
            return self.values.refuse(value, message);
        }
        Some(target)
    }

    fn expose(&mut self, port: u16, protocol: &str) {
        self.create.exposed_ports.insert(format!("{port}/{protocol}"), Empty {});
    }
}

/// A path without `.`, `..` and doubled slashes (Go: `path.Clean()`).
fn clean_path(path: &str) -> Cow<'_, str> {
    let is_clean = |rest: &str| rest.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if path.strip_prefix('/').is_some_and(is_clean) {
        return path.into();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else if !path.starts_with('/') {
            parts.push(part);
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    [root, &parts.join("/")].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, clean) in [
            ("/a//b/./c/", "/a/b/c"),
            ("/a/../../b", "/b"),
            ("/a/b/../../c/..", "/"),
            ("a/../b", "b"),
            ("a/b/..", "a"),
            ("../a", "../a"),
            ("../../a/../..", "../../.."),
            ("/..", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a"),
            ("/a/.", "/a"),
            ("/.a/..b", "/.a/..b"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(clean_path(path), clean, "{path}");
        }
    }
}
