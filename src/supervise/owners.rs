//! Whether the container's user can do with its mounts what it is to do, found out before anything is stopped or made;
//! and what the mount options `create`, `U` and `idmap` ask for, done just before the start.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::config;
use crate::docker::Engine;
use crate::files;
use crate::mounts::access::Who;
use crate::mounts::accounts::Accounts;
use crate::mounts::check::{self, Report, Wish};
use crate::mounts::chown::{self, Work};
use crate::mounts::host;
use crate::mounts::identity::{self, Identity};
use crate::mounts::idmap::{self, Map, Staged};
use crate::mounts::{advice, remember};
use crate::quadlet::create::CreateBody;
use crate::quadlet::spec::{BindSource, Container, Owner};
use crate::unit::HostUser;

use super::{Failure, Job, host_user, tell, user};

/// How often systemd hears that a long walk goes on, and how much longer it waits after that.
const TELL_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// Where mounts with mapped owners stand until the Engine has taken them.
const STAGE: &str = "mounts";

/// Whom the container runs as, among the users of this host.
#[derive(Debug)]
pub struct Owners {
    identity: Identity,
    host: Accounts,
    /// Sources with the option `U` in which something has another owner.
    foreign: Vec<PathBuf>,
}

/// Finds out whom the container runs as, and checks its mounts for it. A container without mounts, whose user is not
/// named, costs nothing.
pub async fn check(job: &Job, spec: &Container, engine: &Engine) -> Result<Option<Owners>, Failure> {
    sources_are_there(spec)?;
    let is_named = spec.create.user.as_deref().is_some_and(identity::has_names);
    if spec.mounts.is_empty() && spec.host_user == HostUser::Ignore && !is_named {
        return Ok(None);
    }
    // A start provides it; whoever asks at another time learns nothing.
    let Some((identity, _)) = user::of(engine, spec).await? else { return Ok(None) };
    let host = host::accounts(&identity).map_err(|error| Failure(error.to_string()))?;
    let mut failures: Vec<String> = host_user::problem(spec.host_user, &identity, &host).into_iter().collect();
    let look = Look {
        memory: Some(memory(job)),
        chown_roots: &job.chown_roots,
        is_root: user::is_root(&identity, &spec.create.host_config),
        identity: &identity,
        host: &host,
    };
    let there = || spec.mounts.iter().filter(|mount| mount.source.exists());
    if there().any(|mount| !matches!(mount.owner, Owner::Map { .. })) {
        failures.extend(user::names_differ(&identity, &host));
    }
    let mut foreign = Vec::new();
    for mount in there() {
        match look.at(mount).await {
            Ok(Found::Fits) => {}
            Ok(Found::Foreign) => foreign.push(mount.source.clone()),
            Err(Failure(text)) => failures.push(text),
        }
    }
    if !failures.is_empty() {
        let text = failures.join("; and: ");
        if !engine.remaps_users().await? {
            return Err(Failure(text));
        }
        tracing::warn!("not checked, since Docker remaps users (userns-remap). Without that: {text}");
    }
    Ok(Some(Owners { identity, host, foreign }))
}

/// What was in order may be what made the container fail: the next start looks at everything.
pub fn forget(job: &Job) {
    let _ = files::remove_folder(&memory(job));
}

fn memory(job: &Job) -> PathBuf {
    Path::new(config::RUN_DIRECTORY).join(config::CHECKED).join(&job.spec.unit)
}

/// Sources that have to be there, or are made.
fn sources_are_there(spec: &Container) -> Result<(), Failure> {
    for mount in spec.mounts.iter().filter(|mount| !mount.create) {
        let path = mount.source.display();
        if let Err(error) = mount.source.metadata() {
            return Err(Failure(match error.kind() {
                io::ErrorKind::NotFound => format!(
                    "{path}, which Volume= or Mount= names, does not exist; make it, or add the option 'create'"
                ),
                _ => format!("{path}: {error}"),
            }));
        }
    }
    Ok(())
}

/// Makes the sources that are missing and may be made.
pub fn make_missing(spec: &Container, owners: Option<&Owners>) -> Result<(), Failure> {
    let Some(Owners { identity, .. }) = owners else { return Ok(()) };
    for mount in spec.mounts.iter().filter(|mount| mount.create && !mount.source.exists()) {
        let owner = match mount.owner {
            Owner::Check | Owner::Change => chown::Owner { uid: identity.uid, gid: identity.gid },
            Owner::Map { .. } => chown::Owner { uid: 0, gid: 0 },
        };
        chown::make(&mount.source, owner)
            .map_err(|error| Failure(format!("The option 'create' of {}: {error}", mount.source.display())))?;
        tracing::info!("{} was made, for {}", mount.source.display(), identity.shown());
    }
    Ok(())
}

/// Does what `HostUser=create` and the options `U` and `idmap` ask for. What is staged for the Engine goes with what is
/// returned.
pub async fn apply(
    job: &Job,
    spec: &Container,
    owners: Option<&Owners>,
    body: &mut CreateBody,
) -> Result<Staged, Failure> {
    let stage = stage();
    idmap::tidy(&stage);
    let mut staged = Staged::default();
    let Some(Owners { identity, host, foreign }) = owners else { return Ok(staged) };
    if user::is_root(identity, &body.host_config)
        && let Some(warning) = user::root_warning(spec)
    {
        tracing::warn!("{warning}");
    }
    if spec.host_user == HostUser::Create {
        host_user::create(job, identity, host)?;
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        match &mount.owner {
            Owner::Check => {}
            Owner::Change if foreign.contains(&mount.source) => {
                let changed = change(mount, identity, &job.chown_roots, Work::Change).await?;
                tracing::info!("gave {changed} paths of {} to {}", mount.source.display(), identity.shown());
            }
            Owner::Change => {}
            Owner::Map { uids, gids } => {
                let map = map(mount, uids, gids, identity)?;
                let path = stage.join(format!("{}-{index}", std::process::id()));
                let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&stage);
                made.and_then(|()| staged.put(&idmap::make(&mount.source, &map)?, path.clone()))
                    .map_err(|error| Failure(cannot_map(mount, &error)))?;
                take(body, mount, &path);
            }
        }
    }
    Ok(staged)
}

fn stage() -> PathBuf {
    Path::new(config::RUN_DIRECTORY).join(STAGE)
}

/// Takes away what supervisors staged that were killed before they could take it away.
pub fn tidy() {
    idmap::tidy(&stage());
}

/// Has the Engine mount `path` in the place of a source.
fn take(body: &mut CreateBody, mount: &BindSource, path: &Path) {
    let path = path.display().to_string();
    let host = &mut body.host_config;
    if let Some(found) = host.mounts.iter_mut().find(|found| found.target == mount.target) {
        found.source = path;
        return;
    }
    let beginning = format!("{}:{}:", mount.source.display(), mount.target);
    if let Some(bind) = host.binds.iter_mut().find(|bind| bind.starts_with(&beginning)) {
        *bind = format!("{path}:{}:{}", mount.target, &bind[beginning.len()..]);
    }
}

/// Who is shown as whom in a mount.
pub fn map(mount: &BindSource, uids: &str, gids: &str, identity: &Identity) -> Result<Map, Failure> {
    let source = mount.source.display();
    let found = mount.source.metadata().map_err(|error| Failure(format!("{source}: {error}")))?;
    Map::of(uids, gids, (found.uid(), found.gid()), identity)
        .map_err(|reason| Failure(format!("The option idmap of {source}: {reason}")))
}

fn cannot_map(mount: &BindSource, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Unsupported => format!("The option idmap: {error}"),
        _ => format!("The option idmap of {}: {error}", mount.source.display()),
    }
}

/// Gives a source to the container's user, or looks what differs; how much did.
async fn change(mount: &BindSource, identity: &Identity, chown_roots: &[PathBuf], work: Work) -> Result<u64, Failure> {
    let owner = chown::Owner { uid: identity.uid, gid: identity.gid };
    let (source, roots) = (mount.source.clone(), chown_roots.to_vec());
    let walk = move |progress: &AtomicU64| Ok(chown::give(&source, &roots, owner, work, progress));
    match walking("Changing the owners", mount, walk).await {
        Ok(Ok(report)) => Ok(report.differing),
        Ok(Err(error)) => Err(Failure(error.to_string())),
        Err(error) => Err(Failure(error.to_string())),
    }
}

/// What mounts are looked at for.
pub struct Look<'a> {
    /// Where it is remembered what was in order; `None`: everything is looked at.
    pub memory: Option<PathBuf>,
    pub chown_roots: &'a [PathBuf],
    pub identity: &'a Identity,
    pub is_root: bool,
    pub host: &'a Accounts,
}

impl Look<'_> {
    /// Whether a mount can be used as it is, or as it is going to be; an error says why not.
    pub async fn at(&self, mount: &BindSource) -> Result<Found, Failure> {
        let identity = self.identity;
        let is_writable = !mount.read_only;
        match &mount.owner {
            Owner::Check if self.is_root => Ok(Found::Fits),
            Owner::Check => {
                let who = Who { uid: identity.uid, gid: identity.gid, groups: identity.groups.clone() };
                self.check(mount, Wish { who, is_writable, is_root: false, map: None }).await
            }
            Owner::Change => match change(mount, identity, self.chown_roots, Work::Look).await? {
                0 => Ok(Found::Fits),
                _ => Ok(Found::Foreign),
            },
            Owner::Map { uids, gids } => {
                let map = map(mount, uids, gids, identity)?;
                idmap::make(&mount.source, &map).map_err(|error| Failure(cannot_map(mount, &error)))?;
                let who = map.on_disk(identity);
                self.check(mount, Wish { who, is_writable, is_root: self.is_root, map: Some(map) }).await
            }
        }
    }

    async fn check(&self, mount: &BindSource, wish: Wish) -> Result<Found, Failure> {
        let (memory, source, wanted) = (self.memory.clone(), mount.source.clone(), wish.clone());
        let walk = move |progress: &AtomicU64| look(memory.as_deref(), &source, &wanted, progress);
        let (source, report) = match walking("Checking the owners", mount, walk).await {
            Ok(found) => found,
            // As on a network's file system that shuts root out: then nobody here can tell.
            Err(error) => {
                tracing::warn!("whether {} can use it cannot be checked: {error}", self.identity.shown());
                return Ok(Found::Fits);
            }
        };
        let mut user = self.identity.clone();
        if let Some(map) = &wish.map {
            tell_outside(&source, &report, map, self.host);
            let name = user.user.unwrap_or_else(|| user.uid.to_string());
            (user.uid, user.gid, user.user) = (wish.who.uid, wish.who.gid, Some(format!("{name}, by idmap")));
        }
        if report.is_fine() {
            return Ok(Found::Fits);
        }
        let has_setfacl = ["/usr/bin/setfacl", "/bin/setfacl"].iter().any(|path| Path::new(path).exists());
        let host = advice::Host { accounts: self.host, has_setfacl };
        Err(Failure(advice::sentence(&source, &user, &report, wish.is_writable, &host)))
    }
}

/// How a mount that can be used was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Fits,
    /// It is yet to be given to the container's user.
    Foreign,
}

/// Owners that a map does not have.
fn tell_outside(source: &Path, report: &Report, map: &Map, host: &Accounts) {
    let owners: Vec<String> = report
        .outside(map)
        .take(check::NAMED)
        .map(|((uid, gid), (count, path))| format!("{} ({count}, such as {})", host.owner(*uid, *gid), path.display()))
        .collect();
    if !owners.is_empty() {
        tracing::warn!(
            "idmap of {} does not have these owners, which the container sees as nobody ({}): {}; map them by \
             idmap=uids=…;gids=…, or give them to the owner of the folder by chown",
            source.display(),
            idmap::NOBODY,
            owners.join(", ")
        );
    }
}

fn look(memory: Option<&Path>, source: &Path, wish: &Wish, progress: &AtomicU64) -> io::Result<(PathBuf, Report)> {
    let source = check::canonical(source)?;
    let known = memory.map(|memory| remember::path(memory, &source, wish));
    if known.as_deref().is_some_and(remember::is_unchanged) {
        return Ok((source, Report::default()));
    }
    let then = SystemTime::now();
    let report = check::check(&source, wish, progress)?;
    let is_told = wish.map.as_ref().is_some_and(|map| report.outside(map).next().is_some());
    if let Some(known) = known.filter(|_| !is_told)
        && let Err(error) = remember::keep(&known, &report, then)
    {
        tracing::debug!("{}: {error}", known.display());
    }
    Ok((source, report))
}

/// Runs `work` on a thread of its own, which may wait for a file system that does not answer; systemd hears of it.
async fn walking<T: Send + 'static>(
    what: &str,
    mount: &BindSource,
    work: impl FnOnce(&AtomicU64) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let progress = Arc::new(AtomicU64::new(0));
    let (sender, mut receiver) = tokio::sync::oneshot::channel();
    let counter = Arc::clone(&progress);
    std::thread::Builder::new().name("owners".into()).spawn(move || {
        let _ = sender.send(work(&counter));
    })?;
    loop {
        tokio::select! {
            result = &mut receiver => {
                return result.unwrap_or_else(|_| Err(io::Error::other("the thread that looks ended early")));
            }
            () = tokio::time::sleep(TELL_EVERY) => {
                let count = progress.load(Ordering::Relaxed);
                tell::moving(&format!("{what} in {}: {count} looked at", mount.source.display()), PATIENCE);
            }
        }
    }
}
