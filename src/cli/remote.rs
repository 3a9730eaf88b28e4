//! Other hosts, over ssh: how they are reached, what their shells are told, and what they answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::Context as _;

use super::UsageError;

/// What ssh itself exits with when it does not get through (ssh(1)).
pub const NO_ANSWER: i32 = 255;

/// Begins the line by which a sculler among many hosts tells the one that called it which units are for other hosts: a
/// JSON array of names.
pub const REPORT: char = '\x1e';

/// This host, whatever hosts.toml says: the others must not pass a command on.
pub const HERE: &str = ".";

/// How ssh is called, whatever the host.
#[derive(Debug, Clone, Default)]
pub struct Ssh {
    /// Options before the host.
    pub options: Vec<String>,
    /// The port of hosts that name none.
    pub port: Option<u16>,
}

impl Ssh {
    /// A call that must not ask anybody; the line for the other shell follows.
    pub fn unattended(&self, host: &str) -> Command {
        self.call(host, &["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"])
    }

    /// A call that a person waits for.
    pub fn attended(&self, host: &str, options: &[&str]) -> Command {
        self.call(host, options)
    }

    fn call(&self, host: &str, options: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        // The first value of an option counts (ssh_config(5)).
        ssh.args(&self.options).args(options);
        let (destination, port) = destination(host);
        if let Some(port) = port.or(self.port) {
            ssh.args(["-p", &port.to_string()]);
        }
        ssh.args(["--", &destination]);
        ssh
    }
}

/// Reads a port number.
pub fn port(text: &str) -> anyhow::Result<u16> {
    text.parse().map_err(|_| UsageError(format!("--ssh-port: '{text}' is no port")).into())
}

/// `core@host:22` and `core@[::1]:22`, as fleetctl took them, → what ssh takes.
fn destination(host: &str) -> (String, Option<u16>) {
    let (user, address) = match host.rsplit_once('@') {
        Some((user, address)) => (format!("{user}@"), address),
        None => (String::new(), host),
    };
    let bracketed = address.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (address, port) = match (bracketed, address.split_once(':')) {
        (Some((address, rest)), _) => (address, rest.strip_prefix(':')),
        // More colons are an IPv6 address without a port.
        (None, Some((name, port))) if !port.contains(':') => (name, Some(port)),
        (None, _) => (address, None),
    };
    match port.map(str::parse) {
        Some(Err(_)) => (host.to_owned(), None),
        port => (format!("{user}{address}"), port.and_then(Result::ok)),
    }
}

/// `core@coreos001` → `coreos001`
pub fn short(host: &str) -> &str {
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

/// A call of sculler for the other host's shell.
pub fn line(arguments: &[String], needs_root: bool) -> String {
    let quoted: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
    let call = format!("sculler -H {HERE} {}", quoted.join(" "));
    match needs_root {
        true => format!("if [ \"$(id -u)\" = 0 ]; then {call}; else sudo -n {call}; fi"),
        false => call,
    }
}

fn quoted(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// How a command ended on a host.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output, if it was kept.
    pub output: String,
    /// Standard error, at least its last line.
    pub errors: String,
    /// What the other sculler tells this one; see [`REPORT`].
    pub report: Option<String>,
}

/// Runs `line` on `hosts` at the same time; what becomes of each, in their order.
pub fn on_all(
    hosts: &[String],
    ssh: &Ssh,
    line: &str,
    input: &[u8],
    keeps_output: bool,
) -> Vec<anyhow::Result<Outcome>> {
    thread::scope(|scope| {
        let running: Vec<_> =
            hosts.iter().map(|host| scope.spawn(move || on_host(host, ssh, line, input, keeps_output))).collect();
        let lost = |_| Err(anyhow::anyhow!("a thread of this command ended"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect()
    })
}

fn on_host(host: &str, ssh: &Ssh, line: &str, input: &[u8], keeps_output: bool) -> anyhow::Result<Outcome> {
    let mut command = match host {
        HERE => Command::new("sh"),
        host => ssh.unattended(host),
    };
    if host == HERE {
        command.arg("-c");
    }
    command.arg(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("'ssh' cannot be run; install openssh-client")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A host that does not answer does not read either.
        let _ = stdin.write_all(input);
    }
    let mut outcome = if keeps_output { collect(&mut child)? } else { pass_on(&mut child, host) };
    outcome.code = child.wait()?.code();
    Ok(outcome)
}

fn collect(child: &mut Child) -> anyhow::Result<Outcome> {
    let read = |stream: Option<&mut dyn Read>| -> std::io::Result<String> {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            stream.read_to_end(&mut bytes)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let errors = scope.spawn(|| read(stderr.as_mut().map(|stream| stream as &mut dyn Read)));
        let output = read(stdout.as_mut().map(|stream| stream as &mut dyn Read))?;
        let errors = errors.join().unwrap_or_else(|_| Ok(String::new()))?;
        Ok(Outcome { output, errors, ..Outcome::default() })
    })
}

/// Every line as it comes, with its host; the last line of standard error is kept.
fn pass_on(child: &mut Child, host: &str) -> Outcome {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let host = short(host);
    thread::scope(|scope| {
        let mut report = None;
        let errors = scope.spawn(|| {
            let mut last = String::new();
            for line in stderr.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok) {
                eprintln!("{host}: {line}");
                last = line;
            }
            last
        });
        for line in stdout.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok) {
            if let Some(text) = line.strip_prefix(REPORT) {
                report = Some(text.to_owned());
                continue;
            }
            // Somebody stopped reading.
            if writeln!(std::io::stdout(), "{host}: {line}").is_err() {
                break;
            }
        }
        let errors = errors.join().unwrap_or_default();
        Outcome { errors, report, ..Outcome::default() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_behind_names_and_bracketed_addresses() {
        for (host, expected, port) in [
            ("coreos001", "coreos001", None),
            ("core@coreos001", "core@coreos001", None),
            ("core@coreos001:2222", "core@coreos001", Some(2222)),
            ("10.0.0.1:22", "10.0.0.1", Some(22)),
            ("core@[::1]:22", "core@::1", Some(22)),
            ("[fe80::1%eth0]", "fe80::1%eth0", None),
            ("core@::1", "core@::1", None),
            ("host:ssh", "host:ssh", None),
        ] {
            assert_eq!(destination(host), (expected.to_owned(), port), "{host}");
        }
    }

    #[test]
    fn what_is_quoted_is_one_word() {
        assert_eq!(line(&["stop".to_owned(), "it's".to_owned()], false), r"sculler -H . 'stop' 'it'\''s'");
    }
}
