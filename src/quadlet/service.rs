//! The text of the service that systemd runs for a Quadlet file. It is what `systemctl cat` shows, so it explains itself.
//!
//! It says how the supervisor runs and what has to be up before it, and nothing of the container but bind sources and
//! references to other files: an edit of the container's part alone costs no daemon-reload.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::context::Context;
use super::dependencies;
use super::merged::{Assignment, Merged};
use super::privileges;
use super::slice::Slice;
use crate::host::{ApiVersion, Platform};
use crate::unit::values::parse_boolean;
use crate::unit::words::split_words;
use crate::unit::{Finding, UnitName, UnitType};

/// What the text depends on beside the file's own `[Unit]`, `[Service]` and `[Install]`.
#[derive(Debug, Default)]
pub struct Needs {
    /// Absolute paths of the host that the container sees.
    pub paths: BTreeSet<String>,
    /// The services of other Quadlet files.
    pub services: BTreeSet<UnitName>,
    /// How long the container may take to stop, in seconds.
    pub stop_timeout: i64,
    /// What has to be undone when the service stops.
    pub is_undone: bool,
    /// The option `U`: files are given another owner.
    pub changes_owners: bool,
    /// The option `idmap`.
    pub maps_owners: bool,
}

/// A service, ready for systemd.
#[derive(Debug)]
pub struct Service {
    /// The unit file.
    pub text: String,
    /// Its place among other services.
    pub order: Order,
    /// For a container without a slice of the user's: the service's own.
    pub slice: Option<Slice>,
    /// `Type=oneshot`.
    pub is_oneshot: bool,
}

/// The services of `After=` and of `Before=`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    pub after: Vec<String>,
    pub before: Vec<String>,
}

impl Order {
    /// Takes an assignment in; an empty one forgets those before it.
    fn add(&mut self, key: &str, value: &str) {
        let list = match key {
            "After" => &mut self.after,
            "Before" => &mut self.before,
            _ => return,
        };
        if value.is_empty() {
            list.clear();
        }
        let words = split_words(value).map_while(Result::ok);
        list.extend(words.filter(|word| word.text.ends_with(".service")).map(|word| word.text.into_owned()));
    }
}

/// How long the Engine waits for a container that says nothing of it (moby: `DefaultStopTimeout`).
pub const DEFAULT_STOP_TIMEOUT: i64 = 10;

/// What the supervisor needs after the container had its time.
const STOP_MARGIN: i64 = 15;

/// systemd's own default, which administrators shorten: the container's StopTimeout counts here.
const SHORTEST_STOP: i64 = 90;

/// Docker Engine's own service.
const DOCKER: &str = "docker.service";

/// What most services fit into, which spares growing them in small steps.
const TEXT_SIZE: usize = 2000;

/// `Type=notify-reload`.
const NOTIFY_RELOAD: u32 = 253;

/// `RestartMode=direct`.
const RESTART_MODE: u32 = 254;

/// `RestartForceExitStatus=` for `Type=oneshot`: 252 refuses such a service.
const ONESHOT_RESTART: u32 = 257;

/// Annotations, by which the container's scope is bound to its service.
const ANNOTATIONS: ApiVersion = ApiVersion(1, 43);

/// Whether systemd itself stops the container of a service that ended, and a supervisor that was killed finds its container
/// again.
pub fn is_bound(platform: &Platform) -> bool {
    platform.systemd >= RESTART_MODE && platform.docker_api >= ANNOTATIONS
}

/// Whether `[Service]` asks for `Type=oneshot`.
pub fn is_oneshot(merged: Merged<'_>) -> bool {
    merged.last("Service", "Type").is_some_and(|assignment| assignment.entry.value == "oneshot")
}

/// What a service is rendered from.
pub struct Source<'a> {
    /// The type of the file.
    pub unit_type: UnitType,
    /// The service's name.
    pub service: &'a UnitName,
    /// The file and its drop-ins.
    pub merged: Merged<'a>,
    /// What its own section needs.
    pub needs: &'a Needs,
    /// The host and the other files.
    pub context: &'a Context<'a>,
}

impl Source<'_> {
    /// Renders the service. What cannot be in it is in `findings`.
    pub fn render(&self, findings: &mut Vec<Finding>) -> Service {
        let slice = self.is_container().then(|| Slice::of(self.service, self.merged, findings)).flatten();
        let mut text = String::with_capacity(TEXT_SIZE);
        let order = self.unit_section(&mut text, findings);
        text += "\n[Service]\n";
        if self.is_container() {
            self.supervisor(&mut text)
        } else {
            self.oneshot(&mut text)
        }
        text += privileges::of(self.unit_type);
        text += &privileges::for_owners(self.needs.changes_owners, self.needs.maps_owners);
        if let Some(slice) = &slice {
            let limits = if slice.limits.is_empty() { "" } else { ", and its limits" };
            let _ = write!(text, "\n# Holds the container, too{limits}.\nSlice={}\n", slice.name);
        }
        let is_passed = |assignment: &Assignment<'_>| {
            let key = assignment.entry.key;
            key != "Type" && !slice.as_ref().is_some_and(|slice| slice.takes(key))
        };
        let service = self.merged.section("Service").iter().filter(is_passed);
        write_entries(&mut text, "\n# As the file says.\n", service);
        write_entries(&mut text, "\n[Install]\n", self.merged.section("Install").iter());
        Service { text, order, slice, is_oneshot: is_oneshot(self.merged) }
    }

    fn is_container(&self) -> bool {
        self.unit_type == UnitType::Container
    }

    fn unit_section(&self, text: &mut String, findings: &mut Vec<Finding>) -> Order {
        let mut order = Order::default();
        *text += "[Unit]\n";
        let assignments = || self.merged.section("Unit").iter();
        let is_name = |assignment: &Assignment<'_>| matches!(assignment.entry.key, "Description" | "Documentation");
        write_entries(text, "", assignments().filter(is_name));
        // First, so that an empty After= of the file takes it back.
        let waits = self.merged.last("Quadlet", "DefaultDependencies").and_then(|a| parse_boolean(a.entry.value));
        if waits != Some(false) {
            *text += "Wants=network-online.target\nAfter=network-online.target\n";
        }
        for assignment in assignments().filter(|assignment| !is_name(assignment)) {
            let translated = dependencies::translated(&assignment, self.service, self.context, findings);
            let value = translated.as_deref().unwrap_or(assignment.entry.value);
            order.add(assignment.entry.key, value);
            write_entry(text, assignment.entry.key, value);
        }
        // Containers die with the Engine, unless it keeps them, and have to come back with it; volumes and the like stay.
        let dies = self.is_container() && !self.context.platform.live_restore;
        let services = || self.needs.services.iter().map(UnitName::as_str);
        if !dies {
            *text += "Wants=docker.service\n";
        }
        write_words(text, "Requires", dies.then_some(DOCKER).into_iter().chain(services()));
        if self.needs.maps_owners {
            // What it staged for the Engine must not outlive a supervisor that was killed, and not restarted.
            *text += "OnFailure=sculler-tidy.service\n";
        }
        let waits_for = || [DOCKER].into_iter().chain(services());
        order.after.extend(waits_for().map(str::to_owned));
        write_words(text, "After", waits_for());
        write_words(text, "RequiresMountsFor", self.needs.paths.iter().map(|path| quoted(path)));
        order
    }

    /// What is ours in the `[Service]` of a container.
    fn supervisor(&self, text: &mut String) {
        let platform = self.context.platform;
        *text += match is_oneshot(self.merged) {
            true => "Type=oneshot\n",
            false if platform.systemd >= NOTIFY_RELOAD => "Type=notify-reload\n",
            false => "Type=notify\nExecReload=kill -HUP $MAINPID\n",
        };
        let stop = SHORTEST_STOP.max(self.needs.stop_timeout.saturating_add(STOP_MARGIN));
        let _ = write!(
            text,
            "NotifyAccess=main\nExecStart={}\nKillMode=mixed\nTimeoutStopSec={stop}\nSyslogIdentifier=%N\n",
            self.supervise("")
        );
        if !is_oneshot(self.merged) || platform.systemd >= ONESHOT_RESTART {
            *text += "# By this signal it ends when Docker went away; the next start waits for Docker.\n\
                     RestartForceExitStatus=SIGUSR2\n";
        }
        if is_bound(platform) {
            *text += "# A supervisor that was killed comes back to its container.\nRestartMode=direct\n";
        } else {
            *text += "# A supervisor that was killed leaves its container: this host's versions cannot bind the two.\n";
            let _ = writeln!(text, "ExecStopPost={}", self.supervise("--clean-up "));
        }
    }

    /// What is ours in the `[Service]` of anything else.
    fn oneshot(&self, text: &mut String) {
        *text += "Type=oneshot\n";
        if self.unit_type == UnitType::Build {
            *text += "# A container that starts again does not wait for a build; 'systemctl reload' builds anew.\n";
        }
        let _ = write!(
            text,
            "RemainAfterExit=yes\nNotifyAccess=exec\nExecStart={}\n\
             # An edit leads to a reload: a restart would stop what requires it.\nExecReload={}\n",
            self.supervise(""),
            self.supervise("--reload ")
        );
        if self.needs.is_undone {
            *text += "# Removes it only if the file says so, or is gone.\n";
            let _ = writeln!(text, "ExecStop={}", self.supervise("--clean-up "));
        }
        // Pulls and builds take what they take.
        if matches!(self.unit_type, UnitType::Volume | UnitType::Network) {
            *text += "TimeoutStartSec=90\n";
        }
        *text += "SyslogIdentifier=%N\n";
    }

    fn supervise(&self, option: &str) -> String {
        format!("{} supervise {option}{}", self.context.platform.executable.display(), self.service)
    }
}

/// Assignments below a title, if there are any.
fn write_entries<'a>(text: &mut String, title: &str, assignments: impl Iterator<Item = Assignment<'a>>) {
    for (index, assignment) in assignments.enumerate() {
        if index == 0 {
            *text += title;
        }
        write_entry(text, assignment.entry.key, assignment.entry.value);
    }
}

fn write_entry(text: &mut String, key: &str, value: &str) {
    for part in [key, "=", value, "\n"] {
        text.push_str(part);
    }
}

/// An assignment of words, if there are any.
fn write_words(text: &mut String, key: &str, words: impl Iterator<Item: Borrow<str>>) {
    let start = text.len();
    for word in words {
        text.extend(if text.len() == start { [key, "="] } else { [" ", ""] });
        text.push_str(word.borrow());
    }
    if text.len() > start {
        text.push('\n');
    }
}

/// A path as a word of a list: quoted if it has to be, with nothing in it that systemd would expand.
fn quoted(path: &str) -> String {
    let path = path.replace('%', "%%");
    if path.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\')) {
        format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        path
    }
}
