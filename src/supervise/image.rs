//! How an image gets here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::docker::{
    Credentials, Engine, Error, Progress, all_credentials_from, credential_helper, credentials_from, registry_of,
};
use crate::quadlet::spec::{Container, MountedImage, Pull, PullPolicy};

use super::{Failure, advice, tell};

/// How much longer systemd waits after each sign of life.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often the status line changes at most.
pub const TELL_EVERY: Duration = Duration::from_millis(500);

/// Between attempts, where the file does not say: twice as long after each.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Whether an image of that name is here.
pub async fn is_here(engine: &Engine, image: &str) -> Result<bool, Error> {
    Ok(engine.image(image).await?.is_some())
}

/// Sees to it that the image is here as the policy wants it.
pub async fn provide(engine: &Engine, image: &str, pull: &Pull, all_tags: bool) -> Result<(), Failure> {
    let here = pull.policy != PullPolicy::Always && is_here(engine, image).await?;
    provide_unless(here, engine, image, pull, all_tags).await
}

/// The same, where it is known whether an image of that name is `here`.
pub async fn provide_unless(
    here: bool,
    engine: &Engine,
    image: &str,
    pull: &Pull,
    all_tags: bool,
) -> Result<(), Failure> {
    let credentials = || credentials(image, pull);
    match pull.policy {
        PullPolicy::Missing if here => Ok(()),
        PullPolicy::Never if here => Ok(()),
        PullPolicy::Never => Err(Failure(match &pull.built_by {
            Some(unit) => format!("The image {image} is not here; {unit} builds it: run 'systemctl restart {unit}'"),
            None => format!(
                "The image {image} is not here, and Pull=never keeps it from being pulled; run 'docker pull {image}'"
            ),
        })),
        PullPolicy::Newer if here => match newer(engine, image, credentials()?.as_ref()).await {
            Ok(false) => Ok(()),
            Ok(true) => pull_it(engine, image, pull, all_tags).await,
            Err(error) => {
                tracing::warn!("whether there is a newer {image} cannot be found out: {error}; the one here is used");
                Ok(())
            }
        },
        _ => pull_it(engine, image, pull, all_tags).await,
    }
}

/// Sees to the images that a container mounts, one after the other; `adapt` says how each gets here now.
pub async fn provide_mounted(engine: &Engine, spec: &Container, adapt: impl Fn(&Pull) -> Pull) -> Result<(), Failure> {
    for MountedImage { image, pull } in &spec.mounted_images {
        provide(engine, image, &adapt(pull), false).await?;
    }
    Ok(())
}

/// Whether the registry has another image of that name.
async fn newer(engine: &Engine, image: &str, credentials: Option<&Credentials>) -> Result<bool, Error> {
    let digest = engine.registry_digest(image, credentials).await?;
    let here = engine.image(image).await?.and_then(|image| image.repo_digests).unwrap_or_default();
    Ok(!here.iter().any(|known| known.ends_with(&format!("@{digest}"))))
}

async fn pull_it(engine: &Engine, image: &str, pull: &Pull, all_tags: bool) -> Result<(), Failure> {
    let credentials = credentials(image, pull)?;
    let mut delay = pull.retry_delay_usec.map_or(FIRST_DELAY, Duration::from_micros);
    for attempt in 0.. {
        let error = match attempt_it(engine, image, pull, all_tags, credentials.as_ref()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // What the registry or the Engine refuses is refused the next time too.
        if attempt >= pull.retries || matches!(error, Error::Refused { status: 400, .. }) {
            return Err(Failure(failure(image, pull, &error, credentials.is_some())));
        }
        let text = format!("Pulling {image} failed: {error}; trying again in {} s", delay.as_secs_f32());
        tracing::warn!("{text}");
        wait(&text, delay).await;
        if pull.retry_delay_usec.is_none() {
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }
    Ok(())
}

/// Waits, and says so again and again: a daemon-reload makes systemd forget what it was told before.
pub async fn wait(text: &str, time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        tell::moving(text, PATIENCE);
        tokio::time::sleep_until(end.min(tokio::time::Instant::now() + PATIENCE / 6)).await;
    }
    tell::moving(text, PATIENCE);
}

async fn attempt_it(
    engine: &Engine,
    image: &str,
    pull: &Pull,
    all_tags: bool,
    credentials: Option<&Credentials>,
) -> Result<(), Error> {
    tracing::info!("pulling {image}");
    tell::status(&format!("Pulling {image}"));
    let mut pulling = engine.pull(image, all_tags, pull.platform.as_deref(), credentials).await?;
    let mut told = (None, tokio::time::Instant::now());
    while let Some(progress) = pulling.next().await? {
        // Layers are also listed again and again while nothing moves.
        let is_first = told.0.is_none();
        if told.0 != Some(progress) && (is_first || told.1.elapsed() >= TELL_EVERY) {
            tell::moving(&format!("Pulling {image}: {}", shown(&progress)), PATIENCE);
            told = (Some(progress), tokio::time::Instant::now());
        }
    }
    Ok(())
}

/// How far a pull is.
pub fn shown(progress: &Progress) -> String {
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let layers = if progress.layers == 1 { "layer" } else { "layers" };
    let unpacking = if progress.unpacked > 0 && progress.current == progress.total { ", unpacking" } else { "" };
    let (current, total) = (megabytes(progress.current), megabytes(progress.total));
    format!("{current} of {total} MB, {} {layers}{unpacking}", progress.layers)
}

/// What is wrong and what to do.
fn failure(image: &str, pull: &Pull, error: &Error, with_credentials: bool) -> String {
    let text = error.to_string();
    let lower = text.to_lowercase();
    let hint = if ["unauthorized", "authentication required", "denied", "no basic auth"]
        .iter()
        .any(|sign| lower.contains(sign))
    {
        let registry = registry_of(image);
        match helper(image, pull) {
            _ if with_credentials => format!("; does the name exist, and are the credentials for {registry} right?"),
            // It would need the network or somebody's session, and a service has neither.
            Some((path, helper)) => format!(
                "; {} leaves the credentials for {registry} to docker-credential-{helper}, which services cannot run: write \
                 them to a file of their own by 'docker --config /etc/sculler/login login {registry}', and name it in a \
                 .image file by AuthFile=/etc/sculler/login/config.json",
                path.display()
            ),
            None => {
                format!(
                    "; does the name exist? If it is private: run 'docker login {registry}' as root, or write AuthFile= into \
                     a .image file"
                )
            }
        }
    } else if lower.contains("not found") || lower.contains("manifest unknown") {
        "; is the name and the tag right?".to_owned()
    } else {
        String::new()
    };
    format!("The image {image} cannot be pulled: {}{hint}", advice::with_advice(&text))
}

/// Root's own files, as docker and podman read them.
const FILES: [&str; 3] =
    ["/root/.docker/config.json", "/run/containers/0/auth.json", "/root/.config/containers/auth.json"];

/// Gives an image, named in any way, another name.
pub async fn tag(engine: &Engine, image: &str, name: &str) -> Result<(), Failure> {
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    };
    Ok(engine.tag(image, repository, tag).await?)
}

/// Everything that a build may need: those of the file, or else root's own.
pub fn all_credentials(auth_file: Option<&Path>) -> Result<Vec<Credentials>, Failure> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        all_credentials_from(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))
    };
    if let Some(path) = auth_file {
        return read(path);
    }
    let mut found = Vec::new();
    // Of two for one registry, the one that comes first counts.
    for path in FILES.map(Path::new).into_iter().rev().filter(|path| path.exists()) {
        match read(path) {
            Ok(credentials) => found.extend(credentials),
            Err(failure) => tracing::warn!("{failure}"),
        }
    }
    Ok(found)
}

fn credentials(image: &str, pull: &Pull) -> Result<Option<Credentials>, Failure> {
    if let Some(pair) = &pull.credentials {
        let read = Credentials::from_pair(pair, image);
        return read.map(Some).ok_or_else(|| Failure("Creds= is not USER:PASSWORD".into()));
    }
    let read = |path: &Path| match std::fs::read_to_string(path) {
        Ok(text) => credentials_from(&text, image).map_err(|error| Failure(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && pull.auth_file.is_none() => Ok(None),
        Err(error) if pull.auth_file.is_some() => {
            let path = path.display();
            Err(Failure(format!(
                "{path}, which AuthFile= names, cannot be read: {error}; 'docker --config' writes one"
            )))
        }
        Err(error) => Err(Failure(format!("{}: {error}", path.display()))),
    };
    if let Some(path) = &pull.auth_file {
        return read(path);
    }
    for path in FILES {
        // A file of root's that is no good for this registry is nothing that a public image has to fail for.
        match read(Path::new(path)) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(failure) => tracing::warn!("{failure}"),
        }
    }
    Ok(None)
}

/// The first file that leaves the credentials for an image to a program, and its name.
fn helper(image: &str, pull: &Pull) -> Option<(PathBuf, String)> {
    let files = pull.auth_file.clone().map_or_else(|| FILES.map(PathBuf::from).into(), |path| vec![path]);
    files.into_iter().find_map(|path| {
        let helper = credential_helper(&std::fs::read_to_string(&path).ok()?, image)?;
        Some((path, helper))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::docker::played::{Answers, Played};
    use crate::supervise::prepare::pull_now;

    const ENGINE: Answers = &[
        ("GET /_ping ", 200, "OK"),
        ("GET /v1.48/images/here%3A1/json ", 200, r#"{"Id":"sha256:9c"}"#),
        ("POST /v1.48/images/create?fromImage=full", 200, r#"{"error":"no space left on device"}"#),
        ("POST /v1.48/images/create?", 200, r#"{"status":"Pulling fs layer","id":"aa"}"#),
    ];

    /// What is pulled for mounts of images, each with its policy.
    async fn pulled(mounts: &[(&str, &str)], is_prepared: bool) -> Result<Vec<String>, String> {
        let mounted: Vec<_> = mounts
            .iter()
            .map(|(image, policy)| {
                let built_by = (*policy == "never").then_some("app-build.service");
                json!({ "image": image, "pull": { "policy": policy, "retries": 0, "built_by": built_by } })
            })
            .collect();
        let spec: Container = serde_json::from_value(json!({
            "name": "app", "image": "app:1", "pull": { "policy": "missing", "retries": 0 }, "notify": "started",
            "oneshot": false, "create": { "Image": "app:1" }, "start": {}, "mounts": [], "mounted_images": mounted,
        }))
        .unwrap();
        let played = Played::new("1.48", ENGINE);
        let engine = Engine::connect(played.socket()).await.unwrap();
        let adapt = |pull: &Pull| pull_now(pull, is_prepared);
        provide_mounted(&engine, &spec, adapt).await.map_err(|failure| failure.0)?;
        let asked = played.asked("POST /v1.48/images/create?");
        Ok(asked.iter().filter_map(|line| Some(line.split_once("fromImage=")?.1.to_owned())).collect())
    }

    #[tokio::test]
    async fn images_of_mounts_are_pulled_as_they_are_wanted() {
        let of = |mounts, is_prepared| pulled(mounts, is_prepared);
        assert_eq!(of(&[("here:1", "missing"), ("here:1", "never")], false).await.unwrap(), [""; 0]);
        assert_eq!(of(&[("gone:1", "missing"), ("here:1", "always")], false).await.unwrap(), ["gone%3A1", "here%3A1"]);
        // A start after the preparation asks for nothing twice; what was removed meanwhile comes again.
        assert_eq!(of(&[("gone:1", "always"), ("here:1", "always")], true).await.unwrap(), ["gone%3A1"]);
        let error = of(&[("gone:1", "never")], false).await.unwrap_err();
        assert!(error.contains("gone:1 is not here; app-build.service builds it"), "{error}");
        let error = of(&[("full:1", "missing"), ("gone:1", "missing")], false).await.unwrap_err();
        assert!(error.contains("full:1 cannot be pulled: no space left on device"), "{error}");
    }
}
