//! What the supervisor works from: `/var/lib/sculler/units/NAME/spec.json`.
//!
//! Everything that the source file says is decided here already. What only the moment of the start can tell (files that
//! are read then, the environment of the service, the image's own user) is named, not resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::create::{CreateBody, Device};
use crate::unit::{Digest, HostUser, OnChange};

/// Raised when a new rendering of the same source has to restart what runs; anything else that changes in a rendering
/// takes effect at the unit's next start.
pub const VERSION: u32 = 1;

/// One Quadlet file, for one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// [`VERSION`] of the one who wrote it.
    pub version: u32,
    /// The service's name: `web.service`.
    pub unit: String,
    /// The Quadlet file.
    pub source: PathBuf,
    /// Of the source, the values used and [`VERSION`]: another digest, another container.
    pub run: Digest,
    /// What is asked for.
    #[serde(flatten)]
    pub request: Request,
}

impl Spec {
    /// What stays in the Engine when the unit is gone, and how to remove it.
    pub fn stays(&self) -> Option<String> {
        let images = |names: &[String]| {
            format!("the image {} stays; 'docker image rm {}' removes it", names.join(", "), names.join(" "))
        };
        match &self.request {
            Request::Volume(volume) => {
                let name = &volume.create.name;
                Some(format!("the volume {name} stays, with its data; 'docker volume rm {name}' removes it"))
            }
            Request::Image(image) => {
                let names: Vec<String> = [&image.image].into_iter().chain(&image.tag).cloned().collect();
                Some(images(&names))
            }
            Request::Build(build) => Some(images(&build.tags)),
            Request::Container(_) | Request::Network(_) => None,
        }
    }

    /// The container that is asked for, if it is one.
    pub fn container(&self) -> Option<&Container> {
        match &self.request {
            Request::Container(container) => Some(container),
            _ => None,
        }
    }
}

/// What is asked of the Engine, by the type of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    Container(Box<Container>),
    Volume(Volume),
    Network(Network),
    Image(Image),
    Build(Build),
}

/// A container that the service's main process watches over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name in the Engine.
    pub name: String,
    /// The image, with a tag or digest.
    pub image: String,
    /// How it gets here.
    pub pull: Pull,
    /// Who says that the service is up.
    pub notify: Notify,
    /// `Type=oneshot`: the start is over when the container has ended.
    pub oneshot: bool,
    /// The body of `POST /containers/create`; `start` completes it. Endpoints other than that of `NetworkMode` have to be
    /// connected after the creation on Engines with an API before 1.44.
    pub create: CreateBody,
    /// What has to be found out at the start.
    pub start: AtStart,
    /// The bind sources, also in `create`, and how their owners are matched.
    pub mounts: Vec<BindSource>,
    /// `HostUser=`: whether this host has to know the container's user.
    #[serde(default, skip_serializing_if = "is_ignore")]
    pub host_user: HostUser,
    /// The images of its mounts. The Engine makes no container that mounts an image that is not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounted_images: Vec<MountedImage>,
    /// How `systemctl reload` is passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Reload>,
    /// What an unhealthy container means.
    #[serde(default)]
    pub on_unhealthy: OnUnhealthy,
    /// What a change of its files leads to. It can change while the container runs.
    #[serde(default, skip_serializing_if = "Follow::is_default")]
    pub follow: Follow,
}

fn is_ignore(host_user: &HostUser) -> bool {
    *host_user == HostUser::Ignore
}

/// `[X-Sculler]`, as far as the supervisor acts by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// `CheckCmd=`, in the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<String>,
    /// `OnChange=`; a reload of a container without a way to reload replaces what was replaced on the host.
    pub on_change: OnChange,
    /// `RollbackSec=`: so long an end of the container is held against the reload before it. In microseconds.
    pub rollback_usec: u64,
}

impl Default for Follow {
    fn default() -> Self {
        Self { check: Vec::new(), on_change: OnChange::Reload, rollback_usec: 30_000_000 }
    }
}

impl Follow {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An image that a container mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedImage {
    /// With a tag or digest.
    pub image: String,
    /// How it gets here.
    pub pull: Pull,
}

/// Where an image comes from, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    pub policy: PullPolicy,
    /// Further attempts after the first.
    pub retries: u32,
    /// Between attempts, in microseconds; `None`: growing from 1 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay_usec: Option<u64>,
    /// `os[/arch[/variant]]`; `None`: the Engine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// A file as docker's config.json or containers-auth.json(5); `None`: root's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_file: Option<PathBuf>,
    /// `USER:PASSWORD` of `Creds=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// The service of the `.build` file that makes it; nobody else has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_by: Option<String>,
}

/// `Pull=` and `Policy=` (podman-pull(1)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// At each start.
    Always,
    /// Unless it is here.
    #[default]
    Missing,
    /// It has to be here.
    Never,
    /// If the registry has another one; a registry that does not answer is no error if the image is here.
    Newer,
}

/// `Notify=`: who says that the service is up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// It is up when it has started.
    #[default]
    Started,
    /// Its first successful health check.
    Healthy,
    /// The container itself, by sd_notify(3).
    Container,
}

/// `HealthOnFailure=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnhealthy {
    #[default]
    None,
    Kill,
    Restart,
    Stop,
}

/// `ReloadCmd=` or `ReloadSignal=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reload {
    /// A command in the container.
    Command(Vec<String>),
    /// A signal to its first process: `SIGHUP`.
    Signal(String),
}

/// What only the moment of the start can tell. The environment is put together in this order, later ones winning: proxy
/// variables, the service's environment, the files, the names, `Env` of the create body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtStart {
    /// `HttpProxy=`: pass on the proxy variables of the service's environment.
    #[serde(default)]
    pub http_proxy: bool,
    /// `EnvironmentHost=`: pass on the service's whole environment.
    #[serde(default)]
    pub environment_host: bool,
    /// `EnvironmentFile=`, absolute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment_files: Vec<PathBuf>,
    /// `Environment=NAME` without a value: the service's value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment_names: Vec<String>,
    /// `Timezone=local`: the host's.
    #[serde(default)]
    pub local_timezone: bool,
    /// `SeccompProfile=FILE`: its content goes to the Engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<PathBuf>,
    /// `AddDevice=-…`: only if they exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional_devices: Vec<Device>,
    /// `Secret=`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
}

/// A systemd credential of the service that the container sees as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// In `$CREDENTIALS_DIRECTORY`.
    pub credential: String,
    /// Absolute, in the container.
    pub target: String,
    pub uid: u32,
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// A path of the host in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindSource {
    /// On the host, absolute.
    pub source: PathBuf,
    /// In the container, absolute.
    pub target: String,
    pub read_only: bool,
    /// How it gets the owner that the container's user needs.
    pub owner: Owner,
    /// Made, with the right owner, if it is missing.
    #[serde(default)]
    pub create: bool,
}

/// How a bind source and the container's user come to match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// They have to match already.
    #[default]
    Check,
    /// `U`: the files are given to the user.
    Change,
    /// `idmap`: the kernel shows them as the user's.
    Map {
        /// `uids=` as Podman writes it; empty: the source's owner becomes the user.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        uids: String,
        /// `gids=`, likewise.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        gids: String,
    },
}

/// `POST /volumes/create`, and the owner of what it makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub create: super::create::VolumeBody,
    /// `UID=`, `GID=`: the owner of the volume's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// `POST /networks/create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub create: super::create::NetworkBody,
    /// `NetworkDeleteOnStop=`
    #[serde(default)]
    pub delete_on_stop: bool,
}

/// An image to be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// With a tag or digest; without either if `all_tags`.
    pub image: String,
    pub pull: Pull,
    /// `ImageTag=`: what other files call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(default)]
    pub all_tags: bool,
}

/// `POST /build`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// `ImageTag=`, all of them.
    pub tags: Vec<String>,
    /// `File=`: absolute, or a URL.
    pub file: String,
    /// The context: an absolute folder, or a URL.
    pub context: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Option<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `Pull=`
    #[serde(default)]
    pub pull: bool,
    #[serde(default)]
    pub force_remove: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// `IgnoreFile=`; `None`: the context's `.dockerignore`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_file: Option<PathBuf>,
    pub retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay_usec: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_file: Option<PathBuf>,
}
