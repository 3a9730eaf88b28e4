//! The socket by which a container tells systemd about itself: systemd knows senders by their cgroup, and the container is
//! in another one than its service.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio::net::UnixDatagram;

use super::Failure;

/// The folder below the unit's own that the container sees, and where. A folder, since a socket that a new supervisor
/// binds is another file.
pub const FOLDER: &str = "notify";
pub const TARGET: &str = "/run/notify";

const NAME: &str = "notify.sock";

/// What a container may tell systemd: nothing that would make it think of another process or of file descriptors.
const PASSED_ON: [&str; 6] = ["READY=", "STATUS=", "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=", "ERRNO=", "STOPPING="];

/// Where a container finds it.
pub fn path_in_container() -> String {
    format!("{TARGET}/{NAME}")
}

/// The bound socket.
pub struct NotifySocket {
    socket: UnixDatagram,
    buffer: Vec<u8>,
}

impl NotifySocket {
    /// Binds it below the unit's `directory`.
    pub fn bind(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(FOLDER).join(NAME);
        let socket = (|| {
            crate::files::remove(&path)?;
            let socket = UnixDatagram::bind(&path)?;
            // The container's user may be anybody.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
            Ok(socket)
        })();
        let socket = socket.map_err(|error: std::io::Error| Failure(format!("{}: {error}", path.display())))?;
        Ok(Self { socket, buffer: vec![0; 4096] })
    }

    /// The next message, as far as it is passed on; none ever without a socket.
    pub async fn next(socket: &mut Option<Self>) -> String {
        let Some(this) = socket else { return std::future::pending().await };
        loop {
            match this.socket.recv(&mut this.buffer).await {
                Ok(length) => {
                    let message = passed_on(&this.buffer[..length]);
                    if !message.is_empty() {
                        return message;
                    }
                }
                Err(error) => {
                    tracing::warn!("the notify socket fails: {error}");
                    return std::future::pending().await;
                }
            }
        }
    }
}

fn passed_on(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let kept = text.lines().filter(|line| PASSED_ON.iter().any(|start| line.starts_with(start)));
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_speaks_for_itself_alone() {
        assert_eq!(passed_on(b"READY=1\nMAINPID=1\nSTATUS=up\nFDSTORE=1\n"), "READY=1\nSTATUS=up");
        assert_eq!(passed_on(b"MAINPID=1"), "");
        assert_eq!(passed_on(b"STATUS=\xff"), "STATUS=\u{fffd}");
    }
}
