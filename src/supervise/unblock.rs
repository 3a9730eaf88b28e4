//! A stop in the middle of a start. The container's scope is ordered before the service: systemd starts it only after the stop of
//! the service is over, for which the supervisor has to end, which waits for the Engine, which waits for the scope.

use std::pin::pin;
use std::time::Duration;

use crate::systemd::Systemd;

/// How often to look: at first, and at most.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(2);

/// Waits for `work` of the Engine on the container `id` while its service stops; what waits for that stop is cancelled.
pub async fn while_it_stops<T>(id: &str, work: impl Future<Output = T>) -> T {
    let systemd = Systemd::connect().await.ok();
    let scope = format!("docker-{id}.scope");
    let mut work = pin!(work);
    let mut pause = FIRST;
    loop {
        if let Some(systemd) = &systemd {
            cancel_start(systemd, &scope).await;
        }
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 5 / 4).min(LONGEST);
    }
}

async fn cancel_start(systemd: &Systemd, scope: &str) {
    match systemd.cancel_start(scope).await {
        Ok(true) => tracing::info!("{scope} waits for this stop; its start is cancelled"),
        Ok(false) => {}
        Err(error) => tracing::debug!("{error}"),
    }
}
