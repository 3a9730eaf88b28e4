//! Getting at the Engine without starting one that somebody stopped.

use std::path::Path;
use std::time::Duration;

use crate::docker::{Engine, ServiceState, service_has_process, service_state};

use super::tell;

/// How long to wait before looking again: at first, and at most.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// How much longer a start that waits for the Engine may take, again and again: nobody else would try it once it is up.
const EXTENSION: Duration = Duration::from_secs(60);

/// The Engine for a start, as soon as it is up. systemd starts nothing that is ordered after docker.service while that is
/// stopped, so its process is proof enough; systemd has much to do now, and each question to it takes milliseconds.
pub async fn for_start(socket: &Path) -> Engine {
    if service_has_process()
        && let Ok(engine) = Engine::connect(socket).await
    {
        return engine;
    }
    when_up(socket).await
}

/// The Engine, as soon as it is up. It says what it waits for.
pub async fn when_up(socket: &Path) -> Engine {
    let mut pause = FIRST;
    let mut told = String::new();
    loop {
        let waits_for = match service_state().await {
            ServiceState::Up => match Engine::connect(socket).await {
                Ok(engine) => return engine,
                Err(error) => error.to_string(),
            },
            ServiceState::Starting => "docker.service starts".to_owned(),
            ServiceState::Stopping => "docker.service stops".to_owned(),
            ServiceState::Down => "docker.service is down; run 'systemctl start docker'".to_owned(),
        };
        tell::moving(&format!("Waiting for Docker: {waits_for}"), EXTENSION);
        if told != waits_for {
            tracing::info!("waiting for Docker: {waits_for}");
            told = waits_for;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// The Engine, if it is up now.
pub async fn if_up(socket: &Path) -> Option<Engine> {
    match service_state().await {
        ServiceState::Up => Engine::connect(socket).await.ok(),
        _ => None,
    }
}
