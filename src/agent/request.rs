//! Requests of commands over `/run/sculler/agent.sock`: one line of JSON each way, root alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::render::TargetState;

/// How long to wait before listening again after an error.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// The socket's name below `/run/sculler`.
pub const SOCKET: &str = "agent.sock";

/// What a command asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Order {
    /// Answer when the jobs of the pass are over, not when they are queued.
    pub wait: bool,
    /// Remove units although the unit directory is another one than before.
    pub accept_removal: bool,
    /// What is wanted of units, by their names.
    pub units: BTreeMap<String, UnitOrder>,
}

/// What a command wants of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitOrder {
    /// What.
    pub wish: Wish,
    /// Its file in the unit directory, which may be about to be written.
    pub source: PathBuf,
    /// Its files were just replaced as a whole: drop-ins that are missing are meant to be.
    #[serde(default)]
    pub is_replaced: bool,
}

/// fleet's transitions (`fleet: Documentation/states.md`), with what systemctl adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// Nothing but to know what becomes of it.
    Keep,
    /// Target state inactive: not installed.
    Unload,
    /// Target state loaded. What was launched is stopped; what a timer or socket started goes on.
    Load,
    /// Target state loaded, and stopped.
    Stop,
    /// Target state launched, and started, whatever stopped it.
    Start,
    /// The same, and its file's version runs whatever becomes of it.
    Force,
    /// A restart. What was loaded is launched by it, as fleet did.
    Restart,
    /// Its last good version comes back, until the file changes.
    Rollback,
    /// Its file was removed on purpose: no patience, no target state.
    Forget,
}

impl Wish {
    /// The target state that it leaves, if it sets one whatever it was.
    pub fn target(self) -> Option<TargetState> {
        match self {
            Self::Unload => Some(TargetState::Inactive),
            Self::Load | Self::Stop => Some(TargetState::Loaded),
            Self::Start | Self::Force => Some(TargetState::Launched),
            Self::Keep | Self::Restart | Self::Rollback | Self::Forget => None,
        }
    }
}

/// What the agent answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// What is wrong now, a line each; empty if nothing is.
    pub problems: Vec<String>,
    /// What was done since the request, a line each.
    pub done: Vec<String>,
    /// What became of the units in the order.
    #[serde(default)]
    pub units: BTreeMap<String, UnitAnswer>,
}

/// What became of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitAnswer {
    /// How far it is to go on this host now.
    pub target: TargetState,
    /// Whether it is installed.
    pub is_installed: bool,
    /// Whether its file is there and not for this host; `problem` says why.
    pub is_elsewhere: bool,
    /// What is in the way of the order: a line each.
    pub problem: Option<String>,
    /// What the last job since the order ended with, in systemd's word.
    pub result: Option<String>,
}

/// An order with the way back.
#[derive(Debug)]
pub struct Request {
    /// What is asked for.
    pub order: Order,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// Listens below `folder` and passes requests on.
pub fn listen(folder: &Path, requests: mpsc::Sender<Request>) -> io::Result<()> {
    let path = folder.join(SOCKET);
    crate::files::remove(&path)?;
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // Such as too many open files: that passes.
                Err(error) => {
                    tracing::warn!("a command cannot be heard: {error}");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            let requests = requests.clone();
            tokio::spawn(async move {
                if let Err(error) = serve(stream, requests).await {
                    tracing::debug!("a command went away: {error}");
                }
            });
        }
    });
    Ok(())
}

async fn serve(stream: UnixStream, requests: mpsc::Sender<Request>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).await?;
    let order: Order = serde_json::from_str(&line)?;
    let (reply, answer) = oneshot::channel();
    let is_sent = requests.send(Request { order, reply }).await.is_ok();
    if let (true, Ok(answer)) = (is_sent, answer.await) {
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        writer.write_all(&text).await?;
    }
    Ok(())
}

/// Sends an order to the agent that listens below `folder`.
pub async fn send(folder: &Path, order: &Order) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(folder.join(SOCKET)).await?;
    let mut text = serde_json::to_vec(order)?;
    text.push(b'\n');
    stream.write_all(&text).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}
