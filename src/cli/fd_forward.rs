//! `fleetctl fd-forward SOCKET`: standard input and output, connected to a socket. fleetctl's `--tunnel` calls it on the
//! other host.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;

/// Connect standard input and output to a Unix socket.
#[derive(Debug, clap::Args)]
pub struct FdForward {
    /// The socket's path
    socket: PathBuf,
}

impl FdForward {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let name = || format!("{}: cannot be connected to", self.socket.display());
        let mut from = UnixStream::connect(&self.socket).with_context(name)?;
        let to = from.try_clone().with_context(name)?;
        // Not waited for: when the other side has ended, there is nobody to read any more.
        thread::spawn(move || {
            let _ = copy(&mut io::stdin().lock(), &mut &to);
            let _ = to.shutdown(Shutdown::Write);
        });
        copy(&mut from, &mut io::stdout().lock())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Passes on what comes as it comes; standard output would keep it until a line is whole.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
