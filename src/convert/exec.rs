//! The commands around `docker run` (`ExecStartPre=`, `ExecStop=` and their like): what is done for every `.container`
//! anyway, and what has to be said by a key.

use super::command::{Call, Line, read};
use super::draft::{Draft, Fate, Place};
use super::made;
use super::quote::{Grammar, quote};
use super::sheet::Block;
use crate::unit::UnitType;

/// What the unit's commands are held against.
#[derive(Debug, Default)]
pub struct Container {
    /// `--name`.
    pub name: Option<String>,
    /// The image.
    pub image: String,
    /// Whether its container was made by a `docker create`.
    pub is_created: bool,
}

/// Whether a command of the unit is still needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It goes.
    None,
    /// It stays.
    Kept,
}

const REMOVED: &str = "what is left of the last run's container is always removed before a start";
const STOPPED: &str = "sculler stops and removes the container itself";

/// Judges an assignment to `Exec…=` other than `ExecStart=`.
pub fn judge(block: &Block, container: &Container, draft: &mut Draft) -> Need {
    let key = block.key().unwrap_or_default();
    let reason = match read(block) {
        Line::Calls(calls) => {
            // A line with one call that has to stay stays whole.
            let mut trial = Draft::default();
            if !calls.iter().any(|call| judge_call(key, call, container, &mut trial) == Need::Kept) {
                for call in &calls {
                    judge_call(key, call, container, draft);
                }
                return Need::None;
            }
            let is_foreign = calls.iter().any(|call| matches!(call.verb.as_str(), "stop" | "kill" | "rm" | "wait"));
            let foreign = "it names a container that this docker run does not";
            Some(if is_foreign { foreign } else { "it still calls docker" }.to_owned())
        }
        Line::Unclear(reason) => Some(reason),
        Line::Other => None,
    };
    match (key, reason) {
        ("ExecReload", _) => {
            reload_by_kill(block, draft);
            return Need::None;
        }
        // Quadlet takes the stop for its own.
        ("ExecStop", _) => {
            let text = "the container is stopped without it; what has to run then can be an ExecStopPost= of [Service]";
            draft.say(block.place, Fate::NotMapped, format!("ExecStop '{}': {text}", block.value()));
            return Need::None;
        }
        (_, Some(reason)) => {
            draft.say(block.place, Fate::Note, format!("{key} '{}' is kept: {reason}", block.value()));
        }
        (_, None) => {}
    }
    Need::Kept
}

/// Judges a call of docker, also one in front of `docker run` on its own line.
pub fn judge_call(key: &str, call: &Call, container: &Container, draft: &mut Draft) -> Need {
    let shown = || format!("'docker {}' in {key}", call.verb);
    match (key, call.verb.as_str()) {
        ("ExecReload", _) => reload(call, container, draft),
        ("ExecStop", "stop" | "kill" | "rm" | "wait") if is_ours(call, container) => {
            stop(call, draft);
            draft.say(call.place, Fate::Dropped, format!("{}: {STOPPED}", shown()));
        }
        ("ExecStopPost", "stop" | "kill" | "rm" | "wait") if is_ours(call, container) => {
            draft.say(call.place, Fate::Dropped, format!("{}: {STOPPED}", shown()));
        }
        ("ExecStartPre" | "ExecStart" | "ExecCondition", "stop" | "kill" | "rm" | "wait")
            if is_ours(call, container) =>
        {
            draft.say(call.place, Fate::Dropped, format!("{}: {REMOVED}", shown()));
        }
        ("ExecStartPre" | "ExecStart" | "ExecCondition", "pull") if pulls(call, &container.image) => {
            // A pull whose failure was ignored is one that the image on this host can stand in for.
            let policy = if call.is_lenient { "newer" } else { "always" };
            draft.replace("Pull", policy.to_owned());
            draft.say(call.place, Fate::Dropped, format!("{}: Pull={policy} does it", shown()));
        }
        ("ExecStartPre", "create") if container.is_created => {}
        ("ExecStartPre" | "ExecStart", "network create") => made::file(call, UnitType::Network, draft),
        ("ExecStartPre" | "ExecStart", "volume create") => {
            let (flags, names) = parsed(call);
            match names.last().filter(|_| flags.is_empty()) {
                Some(name) => {
                    let message = format!("{}: Docker makes volume '{name}' when Volume= names it", shown());
                    draft.say(call.place, Fate::Dropped, message);
                }
                None => made::file(call, UnitType::Volume, draft),
            }
        }
        ("ExecStartPost" | "ExecStartPre", "network connect") => {
            let message = format!("{}: write a further Network= for that network", shown());
            draft.say(call.place, Fate::NotMapped, message);
        }
        _ => return Need::Kept,
    }
    Need::None
}

/// Flags (with their values) and the other words of a call of `docker stop`, `kill`, `rm`, `exec` and so on.
pub(super) fn parsed(call: &Call) -> (Vec<(String, String)>, Vec<&String>) {
    const WITH_VALUE: [&str; 16] = [
        "-t",
        "--time",
        "--timeout",
        "-s",
        "--signal",
        "--cidfile",
        "--driver",
        "--subnet",
        "--gateway",
        "--ip-range",
        "-o",
        "--opt",
        "--label",
        "--ipam-driver",
        "--aux-address",
        "--ipam-opt",
    ];
    let mut flags = Vec::new();
    let mut names = Vec::new();
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if !text.starts_with('-') {
            names.push(&word.text);
        } else if let Some((name, value)) = text.split_once('=') {
            flags.push((name.to_owned(), value.to_owned()));
        } else if WITH_VALUE.contains(&text) || text == "-d" && call.verb.ends_with(" create") {
            flags.push((text.to_owned(), words.next().map(|word| word.text.clone()).unwrap_or_default()));
        } else if let Some(value) =
            text.strip_prefix("-t").or(text.strip_prefix("-s")).filter(|_| !text.starts_with("--"))
        {
            flags.push((text[..2].to_owned(), value.to_owned()));
        } else {
            flags.push((text.to_owned(), String::new()));
        }
    }
    (flags, names)
}

/// The containers that a call of `docker stop`, `kill` or `rm` names.
pub fn targets(call: &Call) -> Vec<&str> {
    parsed(call).1.into_iter().map(String::as_str).collect()
}

/// Whether a call is about this unit's container and no other.
fn is_ours(call: &Call, container: &Container) -> bool {
    let (flags, names) = parsed(call);
    match &container.name {
        Some(name) if !names.is_empty() => names.iter().all(|other| *other == name),
        _ => names.is_empty() && flags.iter().any(|(flag, _)| flag == "--cidfile"),
    }
}

fn pulls(call: &Call, image: &str) -> bool {
    let bare = |image: &str| image.strip_suffix(":latest").unwrap_or(image).to_owned();
    let (_, names) = parsed(call);
    matches!(names[..], [name] if bare(name) == bare(image))
}

fn stop(call: &Call, draft: &mut Draft) {
    let (flags, _) = parsed(call);
    let value = |names: &[&str]| {
        flags.iter().rev().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.clone())
    };
    let signal = value(&["-s", "--signal"]);
    let time = value(&["-t", "--time", "--timeout"]);
    let is_forced = flags.iter().any(|(name, _)| matches!(name.as_str(), "-f" | "--force" | "-fv" | "-vf"));
    if std::mem::replace(&mut draft.is_stopped, true) {
        return;
    }
    match (call.verb.as_str(), signal) {
        ("stop" | "kill", Some(signal)) => draft.replace("StopSignal", signal),
        ("kill", None) => killed(call, draft),
        ("rm", _) if is_forced => killed(call, draft),
        _ => {}
    }
    if let Some(time) = time.filter(|_| call.verb == "stop") {
        draft.replace("StopTimeout", time);
    }
}

/// Without a stop before it, the container was killed at once.
fn killed(call: &Call, draft: &mut Draft) {
    draft.replace("StopSignal", "SIGKILL".to_owned());
    let text = "in ExecStop is StopSignal=SIGKILL; without that line the program may end by itself";
    draft.say(call.place, Fate::Note, format!("'docker {}' {text}", call.verb));
}

fn reload(call: &Call, container: &Container, draft: &mut Draft) {
    match call.verb.as_str() {
        "kill" if is_ours(call, container) => {
            let (flags, _) = parsed(call);
            match flags.into_iter().rev().find(|(name, _)| matches!(name.as_str(), "-s" | "--signal")) {
                Some((_, signal)) => set_reload(call.place, "ReloadSignal", signal, draft),
                None => not_reloaded(call.place, "'docker kill' without a signal is no reload; remove it", draft),
            }
        }
        "exec" => reload_by_exec(call, container, draft),
        "restart" if is_ours(call, container) => {
            draft.say(
                call.place,
                Fate::Dropped,
                "'docker restart' in ExecReload: 'systemctl restart' does it".to_owned(),
            );
        }
        verb => {
            let text = format!("'docker {verb}': write ReloadCmd= (a command in the container) or ReloadSignal=");
            not_reloaded(call.place, &text, draft);
        }
    }
}

fn reload_by_exec(call: &Call, container: &Container, draft: &mut Draft) {
    let is_plain = |flag: &str| {
        flag.starts_with("--") && matches!(flag, "--interactive" | "--tty" | "--detach")
            || !flag.starts_with("--") && flag[1..].chars().all(|c| "itd".contains(c))
    };
    let flags = call.arguments.iter().take_while(|word| word.text.starts_with('-') && word.text.len() > 1).count();
    let (flags, rest) = call.arguments.split_at(flags);
    let is_ours = rest.first().is_some_and(|word| Some(&word.text) == container.name.as_ref());
    if !is_ours || rest.len() < 2 || !flags.iter().all(|flag| is_plain(&flag.text)) {
        let text =
            "this 'docker exec' cannot be said by ReloadCmd=, which is a command in this container, run as its user";
        return not_reloaded(call.place, text, draft);
    }
    let words = rest[1..].iter().filter_map(|word| quote(&word.text, Grammar::Arguments).ok());
    let command = words.collect::<Vec<_>>().join(" ");
    set_reload(call.place, "ReloadCmd", command, draft);
}

/// `kill -HUP $MAINPID` reached the client, which passed the signal on.
fn reload_by_kill(block: &Block, draft: &mut Draft) {
    let words: Vec<&str> = block.value().split_whitespace().collect();
    let is_kill = words
        .first()
        .is_some_and(|word| word.trim_start_matches(['-', '+', '!', ':', '@']).rsplit('/').next() == Some("kill"));
    let signal = match words.get(1..) {
        Some(["-s", signal, "$MAINPID" | "${MAINPID}"]) => Some(*signal),
        Some([signal, "$MAINPID" | "${MAINPID}"]) => signal.strip_prefix('-'),
        _ => None,
    };
    match signal.filter(|_| is_kill) {
        Some(signal) => set_reload(block.place, "ReloadSignal", signal.to_owned(), draft),
        None => not_reloaded(
            block.place,
            "it is sculler's to reload; write ReloadCmd= (a command in the container) or ReloadSignal=",
            draft,
        ),
    }
}

fn set_reload(place: Place, key: &'static str, value: String, draft: &mut Draft) {
    if draft.has("ReloadCmd") || draft.has("ReloadSignal") {
        not_reloaded(place, "there is one way of reloading; ReloadCmd= can be a script with both", draft);
    } else {
        draft.container.push((key, value));
    }
}

fn not_reloaded(place: Place, text: &str, draft: &mut Draft) {
    draft.say(place, Fate::NotMapped, format!("ExecReload: {text}"));
}
