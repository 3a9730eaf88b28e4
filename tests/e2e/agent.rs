//! A host with an agent on it, and what tests of the agent ask again and again.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::host::{Builder, Host};

pub const UNITS: &str = "/etc/sculler/units";
/// Where sculler installs.
pub const ATTACHED: &str = "/etc/systemd/system.attached";
/// For states that come at once on an idle machine; nothing is measured here.
pub const SOON: Duration = Duration::from_secs(30);

/// A unit for every host that runs `command`.
pub fn service(command: &str) -> String {
    format!("[Service]\nExecStart={command}\n\n[X-Fleet]\nGlobal=true\n")
}

/// A unit for every host that stays up until it is stopped.
pub fn sleeper() -> String {
    service("/bin/sleep infinity")
}

impl Builder {
    /// Boots it and starts an agent.
    pub fn with_agent(self) -> Host {
        let host = self.up();
        host.install_sculler();
        host
    }
}

impl Host {
    /// Puts a file into the unit directory in one step.
    pub fn put(&self, file: &str, text: &str) {
        self.write(&unit_path(file), text);
    }

    /// Takes a file out of the unit directory.
    pub fn take_out(&self, file: &str) {
        self.remove(&unit_path(file));
    }

    /// Moves something in the host.
    pub fn rename(&self, from: &str, to: &str) {
        if let Err(error) = std::fs::rename(self.path(from), self.path(to)) {
            self.fail(&format!("mv {from} {to}: {error}"));
        }
    }

    /// Puts a unit that stays up there and waits until it is up.
    pub fn run_sleeper(&self, unit: &str) {
        self.put(unit, &sleeper());
        self.wait_active(unit);
    }

    pub fn wait_active(&self, unit: &str) {
        self.wait_for_unit(unit, "ActiveState", "active", SOON);
    }

    pub fn is_active(&self, unit: &str) -> bool {
        self.property(unit, "ActiveState") == "active"
    }

    /// Waits until a unit runs as another invocation than `before`; the new one.
    pub fn wait_restarted(&self, unit: &str, before: &str) -> String {
        self.wait_until(&format!("{unit} is restarted"), SOON, || {
            let now = self.invocation(unit);
            self.is_active(unit) && !now.is_empty() && now != before
        });
        self.invocation(unit)
    }

    /// Waits until a unit is wanted at boot, and systemd has read that.
    pub fn wait_enabled(&self, unit: &str) {
        self.wait_until(&format!("{unit} is wanted at boot"), SOON, || {
            self.exists(&format!("/etc/systemd/system/sculler.target.wants/{unit}"))
                && self.property(unit, "NeedDaemonReload") == "no"
                && self.property("sculler.target", "Wants").split(' ').any(|wanted| wanted == unit)
        });
    }

    /// Waits until nothing is left of a unit: neither process nor file nor record, nor systemd's memory.
    pub fn wait_gone(&self, unit: &str) {
        let files = [
            format!("{ATTACHED}/{unit}"),
            format!("{ATTACHED}/{unit}.d"),
            format!("/etc/systemd/system/sculler.target.wants/{unit}"),
            format!("/var/lib/sculler/units/{unit}"),
            format!("/run/sculler/started/{unit}"),
        ];
        self.wait_until_empty(&format!("nothing of {unit} is left"), SOON, || {
            let files = files.iter().filter(|path| self.exists(path)).cloned();
            let memory = Some(self.property(unit, "LoadState")).filter(|state| state != "not-found");
            files.chain(memory.map(|state| format!("LoadState={state}"))).collect()
        });
    }

    /// Identifies a run of a unit: the same one, the same process.
    pub fn invocation(&self, unit: &str) -> String {
        self.property(unit, "InvocationID")
    }

    /// Fails unless a unit still runs as it did.
    pub fn assert_untouched(&self, unit: &str, invocation: &str) {
        let now = self.invocation(unit);
        if now != invocation || invocation.is_empty() || !self.is_active(unit) {
            self.fail(&format!("{unit} runs as '{now}' and not as '{invocation}' any more"));
        }
    }

    /// Has the agent look at the unit directory and act; what it says is wrong.
    pub fn look(&self) -> Vec<String> {
        self.order(r#"{"wait":false}"#)
    }

    /// Has the agent look, and waits until it has nothing more to do or to wait for; what it says is wrong.
    pub fn settle(&self) -> Vec<String> {
        self.order(r#"{"wait":true}"#)
    }

    /// Tells the agent that what is missing in the unit directory is meant to be.
    pub fn accept_removal(&self) {
        self.order(r#"{"wait":true,"accept_removal":true}"#);
    }

    fn order(&self, order: &str) -> Vec<String> {
        // Between the agent's start and its first pass nobody listens
        let socket = self.path("/run/sculler/agent.sock");
        let mut answer = None;
        self.wait_until("the agent answers", SOON * 2, || {
            answer = ask(&socket, order).ok();
            answer.is_some()
        });
        let answer: serde_json::Value = answer.unwrap_or_default();
        let problems = answer["problems"].as_array().cloned().unwrap_or_default();
        problems.iter().filter_map(|problem| problem.as_str()).map(str::to_owned).collect()
    }

    /// What the agent published.
    pub fn status(&self) -> serde_json::Value {
        let text = self.read("/run/sculler/status.json");
        serde_json::from_str(&text).unwrap_or_else(|error| self.fail(&format!("status.json: {error}\n{text}")))
    }

    /// The agent's own lines in the journal.
    pub fn told(&self) -> String {
        self.sh("journalctl --sync; journalctl -t sculler -o cat --no-pager")
    }

    /// Waits until the agent has told of `what`.
    pub fn wait_told(&self, what: &str) {
        self.wait_until(&format!("the agent tells '{what}'"), SOON, || self.told().contains(what));
    }

    /// How often systemd was made to read all units again.
    pub fn reloads(&self) -> usize {
        self.sh("journalctl --sync; journalctl _PID=1 -o cat --no-pager").matches("Reloading finished").count()
    }
}

/// A path in the unit directory.
pub fn unit_path(file: &str) -> String {
    format!("{UNITS}/{file}")
}

fn ask(socket: &std::path::Path, order: &str) -> std::io::Result<serde_json::Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all(format!("{order}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
