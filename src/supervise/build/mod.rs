//! Images that are built here: the context goes to the Engine, its lines to the journal, and the image gets its tags when
//! it is whole.

mod archive;
mod context;
mod ignore;
mod lines;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::image::{self, PATIENCE, TELL_EVERY};
use super::{Failure, Job, advice, remembered, tell, words};
use crate::docker::{BuildQuery, Engine, Error, Output, registry_config, upload};
use crate::quadlet::spec::Build;
use archive::{Fault, Summary};
use lines::Lines;

/// Between attempts, where the file does not say: twice as long after each.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// How often systemd is told again what it was told.
const REMIND_EVERY: Duration = Duration::from_secs(2);

/// What failed may depend on more than the context.
const TRY_AGAIN: Duration = Duration::from_secs(600);

/// Signs of what may be over at the next attempt: registries and networks, not what a step says.
const PASSING: [&str; 11] = [
    "dial tcp",
    "i/o timeout",
    "tls handshake timeout",
    "client.timeout exceeded",
    "connection reset",
    "connection refused",
    "no such host",
    "unexpected eof",
    "toomanyrequests",
    "502 bad gateway",
    "503 service unavailable",
];

/// Builds what the spec says, whatever is there; the image's ID. It has no name yet.
pub async fn build(job: &Job, engine: &Engine, spec: &Build) -> Result<String, Failure> {
    attempts(job, engine, spec).await.map_err(|problem| Failure(problem.text))
}

async fn attempts(job: &Job, engine: &Engine, spec: &Build) -> Result<String, Problem> {
    let name = spec.tags.first().map(String::as_str).unwrap_or_default();
    let mut delay = spec.retry_delay_usec.map_or(FIRST_DELAY, Duration::from_micros);
    let mut attempt = 0;
    loop {
        let problem = match attempt_it(job, engine, spec, name).await {
            Ok(id) => return Ok(id),
            Err(problem) => problem,
        };
        if attempt == spec.retries || !problem.passes {
            let text = format!("The image {name} cannot be built: {}", advised(&problem.text));
            return Err(Problem { text, ..problem });
        }
        attempt += 1;
        let text = format!("Building {name} failed: {}; trying again in {} s", problem.text, delay.as_secs_f32());
        tracing::warn!("{text}");
        image::wait(&text, delay).await;
        if spec.retry_delay_usec.is_none() {
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }
}

/// Gives an image the names that the file says.
pub async fn tag(engine: &Engine, spec: &Build, id: &str) -> Result<(), Failure> {
    for tag in &spec.tags {
        image::tag(engine, id, tag).await?;
    }
    Ok(())
}

/// Builds the next version, while the present one is in use, and remembers it for the moment when it takes its place. A build
/// that failed is asked for again and again: it is done again when its context has changed, or now and then.
pub async fn prepare(job: &Job, engine: &Engine, spec: &Build) -> Result<(), Failure> {
    let fingerprint = fingerprint(spec).await;
    let known = remembered::failed_build(&job.spec);
    if let Some(known) = known.filter(|known| known.fingerprint == fingerprint && known.age() < TRY_AGAIN) {
        return Err(Failure(known.reason));
    }
    match attempts(job, engine, spec).await {
        Ok(id) => remembered::keep_built(&job.spec, &id),
        Err(problem) => {
            if !problem.passes {
                remembered::keep_failed_build(&job.spec, fingerprint, &problem.text);
            }
            Err(Failure(problem.text))
        }
    }
}

/// Of the context; empty if that is not sent from here, or cannot be.
async fn fingerprint(spec: &Build) -> String {
    let Some(archive) = context::of(spec).ok().and_then(|context| context.archive) else { return String::new() };
    let found = tokio::task::spawn_blocking(move || archive.fingerprint()).await;
    found.ok().and_then(Result::ok).unwrap_or_default()
}

/// What a preparation of this very version has built, if it is still here.
pub async fn prepared(job: &Job, engine: &Engine) -> Result<Option<String>, Failure> {
    let Some(id) = remembered::take_built(&job.spec) else { return Ok(None) };
    Ok(engine.image(&id).await?.map(|image| image.id))
}

/// Why an attempt failed.
struct Problem {
    text: String,
    /// Whether the next one may do better.
    passes: bool,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self { text: failure.0, passes: false }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let lower = text.to_lowercase();
        let passes = error.is_unreachable() || PASSING.iter().any(|sign| lower.contains(sign));
        Self { text, passes }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let passes = matches!(fault, Fault::Changed(_));
        let text = match fault {
            Fault::Changed(_) => format!("{fault}; leave it out by .dockerignore, or write it elsewhere and rename it"),
            _ => format!("the context cannot be read: {fault}"),
        };
        Self { text, passes }
    }
}

async fn attempt_it(job: &Job, engine: &Engine, spec: &Build, name: &str) -> Result<String, Problem> {
    tracing::info!("building {name} from {}", spec.context);
    tell::moving(&format!("Building {name}"), PATIENCE);
    let context = context::of(spec)?;
    let query = BuildQuery {
        file: &context.file,
        remote: context.remote.as_deref(),
        arguments: spec.arguments.iter().map(|(name, value)| (name.as_str(), argument(name, value))).collect(),
        labels: Some(&spec.labels),
        target: spec.target.as_deref(),
        network: spec.network.as_deref(),
        platform: spec.platform.as_deref(),
        pull: spec.pull,
        force_remove: spec.force_remove,
    };
    let credentials = image::all_credentials(spec.auth_file.as_deref())?;
    let registries = (!credentials.is_empty()).then(|| registry_config(&credentials));
    let mut building = match context.archive {
        None => engine.build(&query, None, registries).await?,
        Some(archive) => {
            let (mut writer, upload, sent) = upload();
            let sender = tokio::task::spawn_blocking(move || {
                let result = archive.send(&mut writer);
                if result.is_err() {
                    writer.abort();
                }
                result
            });
            let begun = {
                let mut answer = std::pin::pin!(engine.build(&query, Some(upload), registries));
                let mut told = 0;
                loop {
                    tokio::select! {
                        begun = &mut answer => break begun,
                        () = sleep_until(Instant::now() + TELL_EVERY) => {
                            let bytes = sent.bytes();
                            if bytes != told {
                                let size = words::size(bytes);
                                tell::moving(&format!("Building {name}: sent {size} of the context"), PATIENCE);
                                told = bytes;
                            }
                        }
                    }
                }
            };
            match begun {
                Ok(building) => {
                    // Of one that is refused early, the rest is not wanted.
                    if let Ok(Ok(Summary { files, bytes })) = sender.await {
                        let files = words::count(files, "file", "files");
                        tracing::info!("sent {files} of the context, {}", words::size(bytes));
                    }
                    building
                }
                // A context that broke off is the reason for whatever the Engine says of it.
                Err(error) => match sender.await {
                    Ok(Err(fault @ (Fault::Changed(_) | Fault::Io { .. }))) => return Err(fault.into()),
                    _ => return Err(error.into()),
                },
            }
        }
    };
    let mut lines = Lines::default();
    let mut told = Instant::now();
    let mut last = told;
    let mut text = format!("Building {name}");
    loop {
        let output = tokio::select! {
            biased;
            output = building.next() => output?,
            // A step that prints nothing has its time; a daemon-reload makes systemd forget what it was told of that.
            () = sleep_until(told + REMIND_EVERY), if last.elapsed() < PATIENCE => {
                tell::moving(&text, PATIENCE.saturating_sub(last.elapsed()));
                told = Instant::now();
                continue;
            }
        };
        let Some(output) = output else { break };
        last = Instant::now();
        let news = match output {
            Output::Text(text) => {
                lines.take(&text).iter().for_each(|line| tracing::info!("{line}"));
                lines.step.clone()
            }
            Output::Pulling(progress) => format!("{}: {}", lines.step, image::shown(&progress)),
            Output::Alive => lines.step.clone(),
        };
        if told.elapsed() >= TELL_EVERY || lines.step_is_new() {
            text = format!("Building {name}: {news}");
            tell::moving(&text, PATIENCE);
            told = Instant::now();
        }
    }
    lines.rest().iter().for_each(|line| tracing::info!("{line}"));
    let built = building.image().or_else(|| lines.built.clone());
    let Some(id) = built else {
        let text = format!("Docker does not say which image came out; see 'journalctl -u {}'", job.spec.unit);
        return Err(Problem { text, passes: false });
    };
    match engine.image(&id).await? {
        Some(image) => Ok(image.id),
        None => Err(Problem { text: format!("the image {id} is gone already"), passes: true }),
    }
}

/// A name alone stands for the service's own variable, as for podman; one that is not set is the Containerfile's.
fn argument(name: &str, value: &Option<String>) -> Option<String> {
    value.clone().or_else(|| std::env::var(name).ok())
}

/// The Engine's words, and what to do about them.
fn advised(text: &str) -> String {
    let lower = text.to_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
    let hint = if has(&["pull access denied", "unauthorized", "authentication required", "no basic auth"]) {
        "does the name after FROM exist? If it is private: run 'docker login' as root, or AuthFile="
    } else if has(&["requires buildkit", "buildkit"]) {
        "builds are done by Docker's builder without BuildKit; build it by 'docker build', and name the image by Image="
    } else if has(&["returned a non-zero code"]) {
        "the lines before this one say why"
    } else if has(&["manifest unknown", "not found: manifest"]) {
        "is the name and the tag after FROM right?"
    } else {
        return advice::with_advice(text);
    };
    format!("{text}; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_is_tried_again() {
        for (message, passes) in [
            ("The command '/bin/sh -c exit 3' returned a non-zero code: 3", false),
            ("Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host", true),
            ("dockerfile parse error line 2: unknown instruction: FORM", false),
            ("toomanyrequests: You have reached your pull rate limit", true),
        ] {
            assert_eq!(Problem::from(Error::Failed(message.into())).passes, passes, "{message}");
        }
        assert!(advised("pull access denied for x, repository does not exist").contains("docker login"));
        assert!(advised("the --mount option requires BuildKit").contains("docker build"));
        assert_eq!(advised("something else"), "something else");
    }
}
