//! What `docker run` under systemd loses, in services that stay as they are. systemd supervises the client there; the
//! container is a child of the Engine's.

use super::arguments;
use super::command::{Call, Line, read};
use super::draft::{Draft, Place, Used, last};
use super::exec::targets;
use super::keys::{KeyFate, fate};
use super::sheet::{Block, Sheet};
use crate::unit::{Diagnostic, Finding, Unit, UnitType};

/// Warnings about a service that runs `docker run`; none about any other unit.
pub fn warnings(unit: &Unit) -> Vec<Finding> {
    if unit.name.unit_type() != UnitType::Service {
        return Vec::new();
    }
    let Ok(sheet) = super::read(unit) else { return Vec::new() };
    let Some((block, call)) = docker_run(&sheet) else { return Vec::new() };
    let flags = arguments::read(&call.arguments, &mut Draft::default()).flags;
    let mut found = Found { sheet: &sheet, block, flags: &flags, warnings: Vec::new() };
    found.detached();
    found.leftovers();
    found.stopping();
    found.terminal();
    found.restarts();
    found.logs();
    found.pull_time();
    found.limits();
    found.readiness();
    let mut warnings = found.warnings;
    warnings.sort_by_key(|(place, _)| *place);
    if super::convert(unit).is_ok()
        && let Some((_, message)) = warnings.first_mut()
    {
        *message +=
            &format!("; 'sculler convert {}' proposes a .container file without such traps", unit.file.path.display());
    }
    let file = |place: &Place| match place.file.checked_sub(1).and_then(|index| unit.drop_ins.get(index)) {
        Some(drop_in) => drop_in.path.clone(),
        None => unit.file.path.clone(),
    };
    warnings
        .into_iter()
        .map(|(place, message)| Finding {
            path: file(&place),
            diagnostic: Diagnostic::warning(place.line, place.column, message),
        })
        .collect()
}

/// The `docker run` of `ExecStart=`. Podman is another matter: there is no daemon that keeps its containers.
fn docker_run(sheet: &Sheet) -> Option<(&Block, Call)> {
    sheet.list("Service", "ExecStart").into_iter().find_map(|block| match read(block) {
        Line::Calls(calls) => {
            calls.into_iter().find(|call| call.verb == "run" && !call.is_podman).map(|call| (block, call))
        }
        _ => None,
    })
}

struct Found<'a> {
    sheet: &'a Sheet,
    block: &'a Block,
    flags: &'a [Used],
    warnings: Vec<(Place, String)>,
}

impl Found<'_> {
    fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push((place, message.into()));
    }

    fn is_on(&self, flag: &str) -> bool {
        last(self.flags, flag).is_some_and(Used::is_on)
    }

    fn name(&self) -> Option<&str> {
        last(self.flags, "name").map(|used| used.value.as_str())
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.sheet.last("Service", key).map(Block::value)
    }

    /// The calls of docker in some keys, each with its place.
    fn calls(&self, keys: &[&str], verbs: &[&str]) -> Vec<Call> {
        keys.iter()
            .flat_map(|key| self.sheet.list("Service", key))
            .filter_map(|block| match read(block) {
                Line::Calls(calls) => Some(calls),
                _ => None,
            })
            .flatten()
            .filter(|call| verbs.contains(&call.verb.as_str()))
            .collect()
    }

    /// Whether some command of these keys cannot be followed, so that nothing is known to be missing.
    fn is_unclear(&self, keys: &[&str]) -> bool {
        keys.iter().flat_map(|key| self.sheet.list("Service", key)).any(|block| !matches!(read(block), Line::Calls(_)))
    }

    fn detached(&mut self) {
        let Some(used) = last(self.flags, "detach").filter(|used| used.is_on()) else { return };
        let text = match self.value("Type") {
            Some("oneshot") => {
                "docker run -d ends at once: the unit stays up whatever becomes of the container; remove -d and Type=oneshot"
            }
            _ => "docker run -d ends at once, and systemd has nothing left to supervise; remove -d",
        };
        self.warn(used.place, text);
    }

    fn leftovers(&mut self) {
        if self.is_on("rm") {
            return;
        }
        let cleaners = ["ExecStartPre", "ExecStop", "ExecStopPost"];
        if self.is_unclear(&cleaners) || !self.calls(&cleaners, &["rm", "container prune"]).is_empty() {
            return;
        }
        let message = match self.name() {
            Some(name) => format!(
                "the container stays when it has ended, and the next start finds the name '{name}' taken; \
                 add --rm, or ExecStartPre=-docker rm -f {name}"
            ),
            None => "every start leaves one more stopped container behind; add --rm".to_owned(),
        };
        self.warn(self.block.place, message);
    }

    fn stopping(&mut self) {
        let keys = ["ExecStop", "ExecStopPost"];
        if self.is_unclear(&keys) {
            return;
        }
        let calls = self.calls(&keys, &["stop", "kill", "rm"]);
        if calls.is_empty() && !self.is_on("detach") && self.value("Type") != Some("oneshot") {
            let name = self.name().unwrap_or("NAME");
            let with_name = if self.name().is_none() { " and --name" } else { "" };
            let message = format!(
                "there is no ExecStop=: a container that does not heed SIGTERM runs on when systemd kills the docker \
                 client; add ExecStop=docker stop {name}{with_name}"
            );
            self.warn(self.block.place, message);
        }
        let is_ours = |call: &Call| targets(call).into_iter().any(|target| Some(target) == self.name());
        if calls.iter().any(is_ours) {
            return;
        }
        let wrong = calls.iter().find_map(|call| {
            let target =
                targets(call).first().filter(|target| !target.contains('$')).map(|target| (*target).to_owned())?;
            Some((call.place, target))
        });
        if let Some((place, target)) = wrong {
            let called = self.name().map_or("has no --name".to_owned(), |name| format!("has --name {name}"));
            self.warn(place, format!("this is about a container '{target}', but docker run {called}"));
        }
    }

    fn terminal(&mut self) {
        let is_tty = self.value("StandardInput").is_some_and(|input| input.starts_with("tty"));
        if self.is_on("interactive")
            && !self.is_on("detach")
            && !is_tty
            && let Some(used) = last(self.flags, "tty").filter(|used| used.is_on())
        {
            self.warn(
                used.place,
                "docker run refuses -i with -t where there is no terminal, as in a service; remove -t",
            );
        }
    }

    fn restarts(&mut self) {
        let Some(used) = last(self.flags, "restart").filter(|used| !matches!(used.value.as_str(), "" | "no")) else {
            return;
        };
        let text = match self.is_on("rm") {
            true => "docker refuses --restart together with --rm; use [Service] Restart= instead of it",
            false => "Docker restarts the container behind systemd's back; use [Service] Restart= alone",
        };
        self.warn(used.place, text);
    }

    fn logs(&mut self) {
        let is_silent = matches!(self.value("StandardOutput"), Some("null"));
        if let Some(used) = last(self.flags, "log-driver").filter(|used| used.value == "journald")
            && !self.is_on("detach")
            && !is_silent
        {
            self.warn(
                used.place,
                "every line is in the journal twice, by Docker and by its client; use --log-driver=none",
            );
        }
    }

    fn pull_time(&mut self) {
        let is_set = self.value("TimeoutStartSec").or(self.value("TimeoutSec")).is_some();
        if is_set || self.value("Type") == Some("oneshot") {
            return;
        }
        if let Some(pull) = self.calls(&["ExecStartPre"], &["pull"]).first() {
            self.warn(
                pull.place,
                "a pull that outlasts TimeoutStartSec= (90s by default) fails the start; add TimeoutStartSec=0",
            );
        }
    }

    fn limits(&mut self) {
        for block in self.sheet.blocks("Service") {
            let Some(key) = block.key().filter(|_| !block.value().is_empty()) else { continue };
            let is_limit =
                key.starts_with("Limit") || matches!(fate(key), Some(KeyFate::Kept(_))) || key == "MemoryLimit";
            let flag = match key {
                _ if !is_limit => continue,
                _ if key.starts_with("Limit") => "--ulimit",
                "AllowedCPUs" => "--cpuset-cpus",
                "AllowedMemoryNodes" => "--cpuset-mems",
                "CPUWeight" | "StartupCPUWeight" => "--cpu-shares",
                "TasksMax" => "--pids-limit",
                "IOWeight" => "--blkio-weight",
                "MemoryLow" | "MemoryMin" => "--memory-reservation",
                "MemorySwapMax" => "--memory-swap",
                _ if key.starts_with("Memory") => "--memory",
                _ if key.starts_with("CPU") => "--cpus",
                _ => "--device-read-bps and its like",
            };
            self.warn(block.place, format!("{key} holds the docker client, not the container; use {flag}"));
        }
    }

    fn readiness(&mut self) {
        let of = |key: &str| self.sheet.last("Service", key);
        let notify = of("Type").filter(|block| matches!(block.value(), "notify" | "notify-reload"));
        let watchdog = of("WatchdogSec").filter(|block| block.value() != "0");
        let places = (notify.map(|block| block.place), watchdog.map(|block| block.place));
        if let Some(place) = places.0 {
            self.warn(place, "docker run reports nothing to systemd, so the start times out; remove Type=");
        }
        if let Some(place) = places.1 {
            self.warn(place, "docker run sends no keep-alives, so systemd kills it when this time is over; remove it");
        }
    }
}
