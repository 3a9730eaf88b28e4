//! Whether the container's user can do with its mounts what it is to do, found out before anything is stopped or made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::config;
use crate::docker::{Engine, ImageInfo};
use crate::files;
use crate::mounts::access::Who;
use crate::mounts::accounts::Accounts;
use crate::mounts::check::{self, Report};
use crate::mounts::identity::{self, Identity};
use crate::mounts::{advice, image, remember};
use crate::quadlet::create::HostConfig;
use crate::quadlet::spec::{BindSource, Container, Owner};

use super::{Failure, Job, tell};

/// How often systemd hears that a long check goes on, and how much longer it waits after that.
const TELL_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds out whom the container runs as, and checks its mounts for it. A container without mounts costs nothing.
pub async fn check(job: &Job, spec: &Container, engine: &Engine) -> Result<(), Failure> {
    sources_are_there(spec)?;
    if spec.mounts.is_empty() {
        return Ok(());
    }
    let Some(info) = engine.image(&spec.image).await? else { return Ok(()) };
    let identity = identity(engine, spec, &info).await?;
    if is_root(&identity, &spec.create.host_config) {
        warn_of_root(spec);
        return Ok(());
    }
    let host = Accounts::host().map_err(|error| Failure(error.to_string()))?;
    let mut failures = Vec::new();
    for mount in spec.mounts.iter().filter(|mount| mount.owner == Owner::Check && is_there(mount)) {
        failures.extend(names_differ(&identity, &host));
        failures.extend(one(job, mount, &identity, &host).await);
    }
    failures.dedup();
    if failures.is_empty() {
        return Ok(());
    }
    let text = failures.join("; and: ");
    if engine.remaps_users().await? {
        tracing::warn!("not checked, since Docker remaps users (userns-remap). Without that: {text}");
        return Ok(());
    }
    Err(Failure(text))
}

/// What was in order may be what made the container fail: the next start looks at everything.
pub fn forget(job: &Job) {
    let _ = files::remove_folder(&memory(job));
}

fn memory(job: &Job) -> PathBuf {
    Path::new(config::RUN_DIRECTORY).join("checked").join(&job.spec.unit)
}

/// Sources that have to be there, or are made.
fn sources_are_there(spec: &Container) -> Result<(), Failure> {
    for mount in spec.mounts.iter().filter(|mount| !mount.create) {
        let path = mount.source.display();
        if let Err(error) = mount.source.metadata() {
            return Err(Failure(match error.kind() {
                std::io::ErrorKind::NotFound => format!(
                    "{path}, which Volume= or Mount= names, does not exist; make it, or add the option 'create'"
                ),
                _ => format!("{path}: {error}"),
            }));
        }
    }
    Ok(())
}

fn is_there(mount: &BindSource) -> bool {
    mount.source.exists()
}

/// Whom the container runs as.
pub async fn identity(engine: &Engine, spec: &Container, info: &ImageInfo) -> Result<Identity, Failure> {
    let of_image = info.config.as_ref().map_or("", |config| config.user.as_str());
    let asked = spec.create.user.as_deref().unwrap_or(of_image);
    let groups = &spec.create.host_config.group_add;
    let accounts = match identity::needs_accounts(asked, groups) {
        true => image::accounts(engine, &spec.image, info, spec.pull.platform.as_deref()).await?,
        false => Accounts::default(),
    };
    identity::resolve(asked, groups, &accounts).map_err(|error| Failure(unknown(&error, spec, &accounts)))
}

fn unknown(error: &identity::Error, spec: &Container, accounts: &Accounts) -> String {
    let image = &spec.image;
    let (file, key, number, known): (_, _, _, Vec<&str>) = match error {
        identity::Error::NoUser(_) => {
            ("/etc/passwd", "User", "User=1500", accounts.users.iter().map(|user| user.name.as_str()).collect())
        }
        identity::Error::NoGroup(_) => {
            ("/etc/group", "Group", "Group=1500", accounts.groups.iter().map(|group| group.name.as_str()).collect())
        }
        identity::Error::OutOfRange(_) => return format!("{error}; correct User= or Group="),
    };
    match known[..] {
        [] => format!("{error} {image}, which has no {file}, so that only numbers mean anything in it; write {number}"),
        _ => format!(
            "{error} {image}; it knows {}{}: write one of these to {key}=, or a number",
            known[..known.len().min(10)].join(", "),
            if known.len() > 10 { " and others" } else { "" }
        ),
    }
}

/// Whether files are open to the container whoever owns them.
fn is_root(identity: &Identity, host: &HostConfig) -> bool {
    let has = |list: &[String], name: &str| {
        list.iter().any(|entry| entry.trim_start_matches("CAP_").eq_ignore_ascii_case(name))
    };
    let is_dropped = has(&host.cap_drop, "ALL") || has(&host.cap_drop, "DAC_OVERRIDE");
    let is_added = has(&host.cap_add, "ALL") || has(&host.cap_add, "DAC_OVERRIDE");
    identity.uid == 0 && (is_added || !is_dropped)
}

fn warn_of_root(spec: &Container) {
    let paths: Vec<String> = spec
        .mounts
        .iter()
        .filter(|mount| !mount.read_only)
        .map(|mount| mount.source.display().to_string())
        .collect();
    if !paths.is_empty() {
        tracing::warn!(
            "The container runs as root and can write to {} of this host as root; if it need not, set User= to a user of \
             the image, or add 'ro' to the mount",
            paths.join(", ")
        );
    }
}

/// A name that means one number in the image and another one here.
fn names_differ(identity: &Identity, host: &Accounts) -> Option<String> {
    let user = identity.user.as_ref().filter(|_| identity.is_user_named);
    if let Some(known) = user.and_then(|name| host.user(name)).filter(|known| known.uid != identity.uid) {
        return Some(format!(
            "The user {} is {} in the image and {} on this host, so that the owners of files would be mistaken for each \
             other; write User={} if the number is what counts, or give the user of one side the other's number",
            known.name, identity.uid, known.uid, identity.uid
        ));
    }
    let group = identity.group.as_ref().filter(|_| identity.is_group_named);
    let known = group.and_then(|name| host.group(name)).filter(|known| known.gid != identity.gid)?;
    Some(format!(
        "The group {} is {} in the image and {} on this host, so that the groups of files would be mistaken for each \
         other; write the number to Group= if that is what counts",
        known.name, identity.gid, known.gid
    ))
}

/// What is wrong with one mount.
async fn one(job: &Job, mount: &BindSource, identity: &Identity, host: &Accounts) -> Option<String> {
    let who = Who { uid: identity.uid, gid: identity.gid, groups: identity.groups.clone() };
    let progress = Arc::new(AtomicU64::new(0));
    let memory = memory(job);
    let (source, is_writable) = (mount.source.clone(), !mount.read_only);
    let work = {
        let progress = Arc::clone(&progress);
        move || look(&memory, &source, &who, is_writable, &progress)
    };
    let found = apart(work, || {
        let count = progress.load(Ordering::Relaxed);
        tell::moving(&format!("Checking the owners in {}: {count} looked at", mount.source.display()), PATIENCE);
    });
    match found.await {
        Ok((_, report)) if report.is_fine() => None,
        Ok((source, report)) => {
            let has_setfacl = ["/usr/bin/setfacl", "/bin/setfacl"].iter().any(|path| Path::new(path).exists());
            let host = advice::Host { accounts: host, has_setfacl };
            Some(advice::sentence(&source, identity, &report, is_writable, &host))
        }
        // As on a network's file system that shuts root out: then nobody here can tell.
        Err(error) => {
            tracing::warn!("whether {} can use it cannot be checked: {error}", identity.shown());
            None
        }
    }
}

fn look(
    memory: &Path,
    source: &Path,
    who: &Who,
    is_writable: bool,
    progress: &AtomicU64,
) -> std::io::Result<(PathBuf, Report)> {
    let source = check::canonical(source)?;
    let known = remember::path(memory, &source, who, is_writable);
    if remember::is_unchanged(&known) {
        return Ok((source, Report::default()));
    }
    let then = SystemTime::now();
    let report = check::check(&source, who, is_writable, progress)?;
    if let Err(error) = remember::keep(&known, &report, then) {
        tracing::debug!("{}: {error}", known.display());
    }
    Ok((source, report))
}

/// Runs `work` on a thread of its own, which may wait for a file system that does not answer; meanwhile `told` is called
/// every now and then.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    told: impl Fn(),
) -> std::io::Result<T> {
    let (sender, mut receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("owners".into()).spawn(move || {
        let _ = sender.send(work());
    })?;
    loop {
        tokio::select! {
            result = &mut receiver => {
                return result.unwrap_or_else(|_| Err(std::io::Error::other("the thread that checks ended early")));
            }
            () = tokio::time::sleep(TELL_EVERY) => told(),
        }
    }
}
