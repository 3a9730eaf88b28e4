//! Orders to the agent, and why they do not reach it.

use std::io;

use anyhow::bail;

use crate::agent::{self, Answer, Order};

/// Sends an order and waits for the answer.
pub fn ask(order: &Order) -> anyhow::Result<Answer> {
    let folder = agent::run_directory();
    match super::block_on(async { Ok(agent::send(&folder, order).await) })? {
        Ok(answer) => Ok(answer),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            bail!("only root may ask the agent; run it with sudo")
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            bail!("the agent is not running; run 'systemctl start sculler'")
        }
        Err(error) => bail!("the agent did not answer ({error}); see 'journalctl -u sculler'"),
    }
}
