//! A stop in the middle of a start. The container's scope is bound to the service: systemd starts it only after the stop of the
//! service is over, for which the supervisor has to end, which waits for the Engine, which waits for the scope. And whoever
//! starts something that is bound to the service asks for a start of the service, which takes back a stop that is queued.

use std::pin::pin;
use std::time::Duration;

use crate::systemd::{ActiveState, JobKind, Systemd, UnitState};

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
        self.was_asked = self.was_asked || self.is_asked().await;
        let Some(systemd) = &self.systemd else { return };
        match systemd.cancel_start(self.scope).await {
            Ok(true) => tracing::info!("{} waits for this stop; its start is cancelled", self.scope),
            Ok(false) => {}
            Err(error) => tracing::debug!("{error}"),
        }
    }

    async fn insist(&self) {
        if self.was_asked && self.state().await.is_some_and(|state| state.job == Some(JobKind::Start)) {
            tracing::info!("the start of the container took the stop back; it is asked for again");
            let Some(systemd) = &self.systemd else { return };
            if let Err(error) = systemd.stop(self.unit).await {
                tracing::debug!("{error}");
            }
        }
    }

    async fn is_asked(&self) -> bool {
        match self.state().await {
            Some(UnitState { job: Some(JobKind::Stop), .. }) => true,
            Some(UnitState { job: Some(JobKind::Start), active: ActiveState::Deactivating, .. }) => {
                self.was_taken_back().await.unwrap_or_default()
            }
            _ => false,
        }
    }

    /// Whether the start that is queued came with the scope, which was started after the stop had begun, and is nobody's will.
    async fn was_taken_back(&self) -> Option<bool> {
        let systemd = self.systemd.as_ref()?;
        let scope = systemd.details(self.scope).await.ok()?;
        let unit = systemd.details(self.unit).await.ok()?;
        Some(scope.started_at >= unit.changed_at)
    }

    async fn state(&self) -> Option<UnitState> {
        self.systemd.as_ref()?.states(&[self.unit]).await.ok()?.remove(self.unit)
    }
}
