//! What becomes of a running container: followed through restarts by hand and restarts of the Engine.

use std::time::{Duration, SystemTime};

use crate::docker::{Container, ContainerState, Engine, Error, Event, ServiceState, Waiting, service_state};

use super::container::{short, status_line};
use super::{Job, engine, tell};

/// How long `docker restart` may take from the container's end to its next start, and `docker stop` to say so.
const BY_HAND: Duration = Duration::from_secs(3);
const STOP_IS_TOLD: Duration = Duration::from_secs(1);

/// How a container ended.
pub enum End {
    /// Its state tells; `by_hand`: somebody stopped it by the Engine's API.
    Ended { state: ContainerState, by_hand: bool },
    /// Somebody removed it.
    Gone { code: Option<i64> },
    /// The Engine ended it because it went down itself.
    Again,
}

/// Follows one container.
pub struct Follower<'a> {
    job: &'a Job,
    container: Container,
    waiting: Waiting,
}

impl<'a> Follower<'a> {
    pub fn new(job: &'a Job, container: Container, waiting: Waiting) -> Self {
        Self { job, container, waiting }
    }

    /// Until it has ended for good.
    pub async fn end(mut self) -> End {
        loop {
            let end = match self.waiting.exit().await {
                Ok(exit) => self.judge(exit.code).await,
                Err(error) => Err(error),
            };
            let end = match end {
                Ok(end) => end,
                // A broken stream is not an end.
                Err(error) => self.find_again(&error).await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// After an end: what was it? `None` if the container runs again.
    async fn judge(&mut self, code: i64) -> Result<Option<End>, Error> {
        if service_state().await != ServiceState::Up {
            return Err(self.lost());
        }
        let engine = Engine::connect(&self.job.socket).await?;
        let Some(container) = engine.container(&self.container.id).await? else {
            return Ok(Some(End::Gone { code: Some(code) }));
        };
        if container.state.running {
            return self.go_on(&engine, container).await.map(|()| None);
        }
        match self.by_hand(&engine).await? {
            ByHand::No => Ok(Some(End::Ended { state: container.state, by_hand: false })),
            ByHand::Stopped => Ok(Some(End::Ended { state: container.state, by_hand: true })),
            ByHand::Removed => Ok(Some(End::Gone { code: Some(code) })),
            ByHand::Started => match engine.container(&self.container.id).await? {
                Some(container) => self.go_on(&engine, container).await.map(|()| None),
                None => Ok(Some(End::Gone { code: Some(code) })),
            },
        }
    }

    /// Whether an end came from `docker stop`, `restart` or `rm`, by what the Engine tells of it.
    async fn by_hand(&self, engine: &Engine) -> Result<ByHand, Error> {
        let now = SystemTime::now();
        let (mut killed, mut stopped) = (false, false);
        let mut past = engine.events_until(&self.container.id, now).await?;
        while let Some(event) = past.next().await? {
            match event {
                Event::Start => (killed, stopped) = (false, false),
                Event::Kill => killed = true,
                Event::Stop => stopped = true,
                Event::Destroy => return Ok(ByHand::Removed),
                Event::Health(_) => {}
            }
        }
        if !killed {
            return Ok(ByHand::No);
        }
        let mut events = engine.events_since(&self.container.id, now).await?;
        loop {
            let patience = if stopped { BY_HAND } else { STOP_IS_TOLD };
            match tokio::time::timeout(patience, events.next()).await {
                Ok(event) => match event? {
                    Some(Event::Start) => return Ok(ByHand::Started),
                    Some(Event::Stop) => stopped = true,
                    Some(Event::Destroy) => return Ok(ByHand::Removed),
                    Some(Event::Kill | Event::Health(_)) => {}
                    None => return Err(self.lost()),
                },
                Err(_) => return Ok(if stopped { ByHand::Stopped } else { ByHand::No }),
            }
        }
    }

    /// After a broken stream: waits for the Engine and looks what is there. `None` if the container runs.
    async fn find_again(&mut self, error: &Error) -> Option<End> {
        tracing::info!("the connection to Docker is gone ({error}); looking for container {}", self.id());
        let mut error = Some(self.lost());
        loop {
            if error.take().is_some() {
                // Nothing is known of a container whose Engine is down.
                tell::status(&format!("Docker is away; container {} was left running", self.id()));
            }
            let engine = engine::when_up(&self.job.socket).await;
            match self.look(&engine).await {
                Ok(end) => return end,
                Err(reason) => {
                    tracing::debug!("{reason}");
                    error = Some(reason);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    async fn look(&mut self, engine: &Engine) -> Result<Option<End>, Error> {
        match engine.container(&self.container.id).await? {
            None => Ok(Some(End::Gone { code: None })),
            Some(container) if container.state.running => self.go_on(engine, container).await.map(|()| None),
            // Without live-restore the Engine ends what it finds at its start; with it, the end was the container's own.
            Some(container) => Ok(Some(match engine.live_restore().await? {
                true => End::Ended { state: container.state, by_hand: false },
                false => End::Again,
            })),
        }
    }

    async fn go_on(&mut self, engine: &Engine, container: Container) -> Result<(), Error> {
        self.waiting = engine.wait(&container.id, false).await?;
        if container.state.started_at != self.container.state.started_at {
            tracing::info!("container {} was restarted by hand; it is followed", short(&container.id));
        }
        tell::status(&status_line(&container));
        self.container = container;
        Ok(())
    }

    fn lost(&self) -> Error {
        Error::Unreachable { socket: self.job.socket.clone(), reason: "it went down".into() }
    }

    fn id(&self) -> &str {
        short(&self.container.id)
    }
}

enum ByHand {
    No,
    Stopped,
    Started,
    Removed,
}
