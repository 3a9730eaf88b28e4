//! A stop in the middle of a start. The container's scope is bound to the service: systemd starts it only after the stop of the
//! service is over, for which the supervisor has to end, which waits for the Engine, which waits for the scope. And whoever
//! starts something that is bound to the service asks for a start of the service, which takes back a stop that is queued.

use std::pin::pin;
use std::time::Duration;

use crate::systemd::{JobKind, Systemd};

/// How often to look: at first, and at most.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(2);

/// Waits for `work` of the Engine on the container `id` while its `unit` stops; what waits for that stop is cancelled.
pub async fn while_it_stops<T>(unit: &str, id: &str, work: impl Future<Output = T>) -> T {
    let systemd = Systemd::connect().await.ok();
    let scope = format!("docker-{id}.scope");
    let mut stop = Stop { unit, scope: &scope, systemd, was_asked: false };
    let mut work = pin!(work);
    let mut pause = FIRST;
    let done = loop {
        stop.look().await;
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 5 / 4).min(LONGEST);
    };
    stop.insist().await;
    done
}

struct Stop<'a> {
    unit: &'a str,
    scope: &'a str,
    systemd: Option<Systemd>,
    /// Whether a stop was queued, and not a restart.
    was_asked: bool,
}

impl Stop<'_> {
    async fn look(&mut self) {
        self.was_asked |= self.job(self.unit).await == Some(JobKind::Stop);
        let Some(systemd) = &self.systemd else { return };
        match systemd.cancel_start(self.scope).await {
            Ok(true) => tracing::info!("{} waits for this stop; its start is cancelled", self.scope),
            Ok(false) => {}
            Err(error) => tracing::debug!("{error}"),
        }
    }

    async fn insist(&self) {
        if self.was_asked && self.job(self.unit).await == Some(JobKind::Start) {
            tracing::info!("the start of the container took the stop back; it is asked for again");
            let Some(systemd) = &self.systemd else { return };
            if let Err(error) = systemd.stop(self.unit).await {
                tracing::debug!("{error}");
            }
        }
    }

    async fn job(&self, unit: &str) -> Option<JobKind> {
        let states = self.systemd.as_ref()?.states(&[unit]).await.ok()?;
        states.get(unit)?.job
    }
}
