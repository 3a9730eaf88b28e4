//! A container's service from start to end.

use std::pin::pin;
use std::time::Duration;

use crate::docker::{Container as Inspected, Engine};
use crate::hurry::Hurry;
use crate::quadlet::spec::{Container, Notify, OnUnhealthy};

use super::follow::{End, Follower};
use super::health::Health;
use super::leftovers::{self, Found};
use super::notify_socket::NotifySocket;
use super::owners::{self, Owners};
use super::prepare::{pull_now, take_prepared};
use super::reload::Trial;
use super::signals::Signals;
use super::{
    Ending, Failure, Job, at_start, engine, exit, freezer, image, label, reload, secrets, stop, tell, unblock,
};

/// How long a reload may go on after the container's end.
const LAST_RELOAD: Duration = Duration::from_secs(5);

/// What the service is after its start.
struct Started {
    engine: Engine,
    container: Inspected,
    waiting: crate::docker::Waiting,
}

/// How a start went.
enum Begun {
    Up(Box<Started>),
    /// A stop came in the middle of it.
    Stopped(Ending),
}

/// Runs the container of a spec until it ends.
pub async fn run(job: &Job, spec: &Container, signals: &mut Signals) -> Result<Ending, Failure> {
    freezer::thaw_leftover(&job.directory);
    let started = {
        // A stop does not wait for a pull; what begins with the creation is over soon, and is not left half done.
        let (engine, found, owners) = tokio::select! {
            ready = prepare(job, spec) => ready?,
            () = signals.stop() => {
                tell::cut_off();
                stop::note_if_docker_stops(job).await;
                return Ok(Ending::Code(0));
            }
        };
        match found {
            Found::Adoptable(container) => adopt(engine, *container).await?,
            Found::Outdated(leftovers) => match start(job, spec, engine, &leftovers, owners.as_ref(), signals).await? {
                Begun::Up(started) => *started,
                Begun::Stopped(ending) => return Ok(ending),
            },
        }
    };
    watch(job, spec, started, signals).await
}

/// Everything that may take long or fail before the container is touched.
async fn prepare(job: &Job, spec: &Container) -> Result<(Engine, Found, Option<Owners>), Failure> {
    let engine = engine::for_start(&job.socket).await;
    // Neither needs to know the other's answer.
    let (found, is_here) = tokio::join!(leftovers::find(&engine, &job.spec), image::is_here(&engine, &spec.image));
    let found = found?;
    if let Found::Adoptable(_) = found {
        return Ok((engine, found, None));
    }
    let is_prepared = take_prepared(job);
    image::provide_unless(is_here?, &engine, &spec.image, &pull_now(&spec.pull, is_prepared), false).await?;
    image::provide_mounted(&engine, spec, |pull| pull_now(pull, is_prepared)).await?;
    let owners = owners::check(job, spec, &engine).await?;
    Ok((engine, found, owners))
}

/// Takes over what an earlier supervisor of this unit started.
async fn adopt(engine: Engine, container: Inspected) -> Result<Started, Failure> {
    let waiting = engine.wait(&container.id, false).await?;
    tracing::info!("container {} runs already; it goes on", short(&container.id));
    Ok(Started { engine, container, waiting })
}

async fn start(
    job: &Job,
    spec: &Container,
    engine: Engine,
    leftovers: &[String],
    owners: Option<&Owners>,
    signals: &mut Signals,
) -> Result<Begun, Failure> {
    leftovers::remove(&engine, leftovers).await?;
    owners::make_missing(spec, owners)?;
    let mut completed = at_start::complete(job, spec, engine.api())?;
    let staged = owners::apply(job, spec, owners, &mut completed.body).await?;
    let hurry = Hurry::begin();
    let created = engine.create(&spec.name, spec.pull.platform.as_deref(), &completed.body).await;
    let (id, warnings) = match created {
        Ok(created) => created,
        Err(error) if error.is_conflict() => return Err(in_the_way(&engine, &spec.name, error).await),
        Err(error) => return Err(error.into()),
    };
    warnings.iter().for_each(|warning| tracing::warn!("Docker warns: {warning}"));
    let begun = {
        let begun = async {
            for (network, endpoint) in &completed.networks {
                engine.connect_network(network, &id, endpoint).await?;
            }
            let waiting = engine.wait(&id, true).await?;
            engine.start(&id).await?;
            Ok::<_, crate::docker::Error>(waiting)
        };
        let mut begun = pin!(begun);
        tokio::select! {
            begun = &mut begun => begun,
            () = signals.stop() => {
                let failed = unblock::while_it_stops(&id, begun).await.err();
                drop((staged, hurry));
                return stop_after_start(job, spec, &engine, &id, failed).await.map(Begun::Stopped);
            }
        }
    };
    drop((staged, hurry));
    let waiting = match begun {
        Ok(waiting) => waiting,
        Err(error) => {
            remove(job, &engine, &id).await;
            return Err(error.into());
        }
    };
    reload::settle(job);
    super::made_anew(job);
    // One that ended at once is inspected as well as one that runs.
    let container = engine.container(&id).await?.unwrap_or_else(|| Inspected { id, ..Inspected::default() });
    Ok(Begun::Up(Box::new(Started { engine, container, waiting })))
}

/// A stop that came while the container was started, which may have `failed` for that very reason.
async fn stop_after_start(
    job: &Job,
    spec: &Container,
    engine: &Engine,
    id: &str,
    failed: Option<crate::docker::Error>,
) -> Result<Ending, Failure> {
    let Some(error) = failed else { return stop::stop(job, spec, id, spec.create.stop_signal.as_deref()).await };
    tracing::info!("the start was given up for the stop: {error}");
    stop::note_if_docker_stops(job).await;
    remove(job, engine, id).await;
    Ok(Ending::Code(0))
}

/// Why a name cannot be had.
async fn in_the_way(engine: &Engine, name: &str, error: crate::docker::Error) -> Failure {
    match engine.container(name).await {
        Ok(Some(other)) => stranger(name, &other),
        _ => error.into(),
    }
}

/// What to do about another container that has the name.
pub fn stranger(name: &str, other: &Inspected) -> Failure {
    let whose = match other.label(label::UNIT).filter(|unit| other.is_of(unit)) {
        Some(unit) => format!("which is {unit}'s"),
        None => "which sculler did not make".to_owned(),
    };
    Failure(format!(
        "The name '{name}' is taken by container {} ({}, {}), {whose}; remove it by 'docker rm -f {name}', or choose \
         another ContainerName=",
        short(&other.id),
        other.config.image,
        other.state.status
    ))
}

/// Holds the container until it ends or is to be stopped.
async fn watch(job: &Job, spec: &Container, started: Started, signals: &mut Signals) -> Result<Ending, Failure> {
    let Started { engine, container, waiting } = started;
    let id = container.id.clone();
    let mut socket = match spec.notify {
        Notify::Container if !spec.oneshot => Some(NotifySocket::bind(&job.directory)?),
        _ => None,
    };
    let mut health = Health::watch(job, spec, &container);
    let line = status_line(&container);
    match spec.notify {
        _ if spec.oneshot => tell::status(&line),
        Notify::Started => tell::ready(&line),
        Notify::Healthy => tell::status(&format!("{line}; waiting for its first successful health check")),
        Notify::Container => tell::status(&format!("{line}; waiting for its READY=1")),
    }
    let mut is_ready = spec.notify == Notify::Started;
    let mut is_unhealthy = false;
    let stop_signal = container.config.stop_signal.clone();
    // The connection that the start was made with is not needed any more.
    drop(engine);
    let mut watchdog = watchdog(spec);
    let mut reloading = pin!(None);
    let mut reload_again = false;
    let mut trial: Option<Trial> = None;
    let mut trial_health = Health::unwatched();
    let is_checked = container.state.health.is_some();
    let mut end = pin!(Follower::new(job, container, waiting).end());
    loop {
        tokio::select! {
            is_stop = signals.next() => {
                if is_stop {
                    break;
                }
                // However often it is asked meanwhile: one more sees everything.
                reload_again = reloading.is_some();
                if !reload_again {
                    tell::reloading();
                    reloading.set(Some(reload::reload(job, &id, is_checked)));
                }
            }
            outcome = async {
                match reloading.as_mut().as_pin_mut() {
                    Some(reload) => reload.await,
                    None => std::future::pending().await,
                }
            } => {
                reloading.set(None);
                tell::ready(&format!("{line}; {}", outcome.text));
                // A reload that was refused changes nothing about the one before it.
                trial = outcome.on_trial.or(trial);
                if trial.as_ref().is_some_and(Trial::is_of_health) && !health.is_watched() {
                    trial_health = Health::of(job, &id);
                }
                if std::mem::take(&mut reload_again) {
                    tell::reloading();
                    reloading.set(Some(reload::reload(job, &id, is_checked)));
                }
            }
            () = async {
                match &trial {
                    Some(trial) => tokio::time::sleep_until(trial.end()).await,
                    None => std::future::pending().await,
                }
            } => {
                trial = None;
                trial_health = Health::unwatched();
            }
            // Until a reload is over, it is not on trial yet.
            verdict = trial_health.next(), if reloading.is_none() => {
                if verdict == "unhealthy" && let Some(trial) = trial.take() {
                    trial.failed(job, "the container became unhealthy");
                }
            }
            message = NotifySocket::next(&mut socket) => tell::forward(&message),
            verdict = health.next() => {
                if verdict == "healthy" && !is_ready && spec.notify == Notify::Healthy {
                    is_ready = true;
                    tell::ready(&line);
                } else if verdict == "unhealthy" {
                    if let Some(trial) = trial.take_if(|trial| trial.is_of_health() && reloading.is_none()) {
                        trial.failed(job, "the container became unhealthy");
                    }
                    let acted = tokio::select! {
                        acted = health.act(job, &id, spec) => acted,
                        () = signals.stop() => break,
                    };
                    is_unhealthy |= acted && spec.on_unhealthy != OnUnhealthy::Restart;
                }
            }
            () = alive(&mut watchdog) => tell::alive(),
            end = &mut end => {
                // It may be the doing of a reload that is not over yet.
                if let Some(reload) = reloading.as_mut().as_pin_mut()
                    && let Ok(outcome) = tokio::time::timeout(LAST_RELOAD, reload).await
                {
                    trial = outcome.on_trial.or(trial);
                }
                if let (Some(trial), End::Ended { state, .. }) = (&trial, &end) {
                    trial.failed(job, &format!("the container ended with exit code {}", state.exit_code));
                }
                // Its own end by HealthOnFailure= is a failure, whoever sent the signal.
                let end = match end {
                    End::Ended { state, .. } if is_unhealthy => End::Ended { state, by_hand: false },
                    end => end,
                };
                return conclude(job, end, &id, stop_signal.as_deref()).await;
            }
        }
    }
    stop::stop(job, spec, &id, stop_signal.as_deref()).await
}

/// After an end that systemd did not ask for.
async fn conclude(job: &Job, end: End, id: &str, stop_signal: Option<&str>) -> Result<Ending, Failure> {
    let verdict = match end {
        End::Again => {
            tell::status("Docker took the container with it; it is started again as soon as Docker is up");
            tracing::warn!("Docker took the container with it; it is started again as soon as Docker is up");
            return Ok(Ending::Again);
        }
        End::Gone { code } => {
            secrets::remove(&job.directory);
            return Err(Failure(format!(
                "Container {} was removed by somebody else{}",
                short(id),
                code.map(|code| format!("; it ended with exit code {code}")).unwrap_or_default()
            )));
        }
        End::Ended { state, by_hand } => exit::verdict(&state, by_hand, stop_signal),
    };
    if let Some(engine) = engine::if_up(&job.socket).await {
        remove(job, &engine, id).await;
    }
    if verdict.code != 0 {
        owners::forget(job);
    }
    report(&verdict);
    Ok(Ending::Code(verdict.code))
}

/// Says how it ended.
pub fn report(verdict: &exit::Verdict) {
    tell::status(&verdict.text);
    match verdict.code {
        0 => tracing::info!("{}", verdict.text),
        _ => tracing::error!("{}", verdict.text),
    }
}

/// Removes the container and what it saw of the host; what stays is removed at the next start.
pub async fn remove(job: &Job, engine: &Engine, id: &str) {
    if let Err(error) = engine.remove(id).await {
        tracing::warn!("container {} cannot be removed: {error}", short(id));
    }
    secrets::remove(&job.directory);
}

/// As `docker ps` shows an ID.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// What runs, for `systemctl status`.
pub fn status_line(container: &Inspected) -> String {
    format!(
        "Container {} ({}), PID {}, image {}",
        container.name.trim_start_matches('/'),
        short(&container.id),
        container.state.pid,
        container.config.image
    )
}

/// `WatchdogSec=` is answered by the container itself if it also says when it is up.
fn watchdog(spec: &Container) -> Option<tokio::time::Interval> {
    let every = sd_notify::watchdog_enabled().filter(|_| spec.notify != Notify::Container)?;
    Some(tokio::time::interval((every / 2).max(Duration::from_millis(1))))
}

async fn alive(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}
