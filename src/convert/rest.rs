//! Everything of a unit but its `docker run`: what stays, what goes, what changes.

use super::arguments::Run;
use super::draft::{Draft, Fate, Place, last};
use super::exec::{Container, Need, judge as judge_exec, judge_call};
use super::keys::{KeyFate, fate};
use super::sheet::{Block, Sheet};
use super::start::Start;

/// What becomes of an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// It stays as it is.
    Kept,
    /// It goes.
    Gone,
    /// It stays with another value.
    Changed(String),
}

const DOCKER_UNITS: [&str; 4] = ["docker.service", "docker.socket", "podman.service", "podman.socket"];

const DEPENDENCIES: [&str; 9] =
    ["After", "Requires", "BindsTo", "BindTo", "Wants", "Requisite", "PartOf", "RequiresOverridable", "Before"];

/// Judges every assignment; the answers by the assignments' places.
pub fn judge(sheet: &Sheet, start: &Start<'_>, run: &Run, image: &str, draft: &mut Draft) -> Vec<(Place, Rest)> {
    let container = Container {
        name: last(&run.flags, "name").map(|used| used.value.clone()),
        image: image.to_owned(),
        is_created: start.created.is_some(),
    };
    if start.is_lenient {
        let text = "'-' before docker run: a failure of the container is one of the unit now; \
                    SuccessExitStatus= in [Service] names exit codes that are none";
        draft.say(start.block.place, Fate::NotMapped, text.to_owned());
    }
    for call in &start.before {
        if judge_call("ExecStart", call, &container, draft) == Need::Kept {
            let message =
                format!("'docker {}' before docker run: put it into an ExecStartPre= of [Service]", call.verb);
            draft.say(call.place, Fate::NotMapped, message);
        }
    }
    let is_detached = start.created.is_none() && last(&run.flags, "detach").is_some_and(|used| used.is_on());
    let is_oneshot = sheet.last("Service", "Type").is_some_and(|block| block.value() == "oneshot");
    let mut rest = Vec::new();
    let mut keeps_command = false;
    for part in &sheet.parts {
        for block in &part.blocks {
            let Some(key) = block.key() else { continue };
            let answer = match (part.section.as_str(), key) {
                ("Unit", key) if DEPENDENCIES.contains(&key) => dependency(block, draft),
                ("Service", "ExecStart") => Rest::Gone,
                // A reset of commands that are not taken over has nothing to reset.
                ("Service", key) if key.starts_with("Exec") && block.value().is_empty() => Rest::Gone,
                (
                    "Service",
                    "ExecStartPre" | "ExecStartPost" | "ExecStop" | "ExecStopPost" | "ExecReload" | "ExecCondition",
                ) => {
                    let is_in_force = sheet.list("Service", key).iter().any(|other| other.place == block.place);
                    match is_in_force && judge_exec(block, &container, draft) == Need::Kept {
                        true => {
                            keeps_command = true;
                            Rest::Kept
                        }
                        false => Rest::Gone,
                    }
                }
                ("Service", "Type") => service_type(block, is_detached, draft),
                ("Service", "RemainAfterExit") if is_detached || !is_oneshot => {
                    let text = "RemainAfterExit: the unit is up as long as its container";
                    draft.say(block.place, Fate::Dropped, text.to_owned());
                    Rest::Gone
                }
                ("Service", "KillSignal") => kill_signal(block, sheet, draft),
                ("Service", "SyslogIdentifier") => identifier(block, draft),
                ("Service", key) => other(block, key, draft),
                _ => Rest::Kept,
            };
            rest.push((block.place, answer));
        }
    }
    let user = sheet.last("Service", "User").filter(|block| block.value() != "root");
    if let Some(user) = user.filter(|_| keeps_command) {
        let message = format!("User: the commands that are kept run as root now, not as '{}'", user.value());
        draft.say(user.place, Fate::Note, message);
    }
    rest
}

fn dependency(block: &Block, draft: &mut Draft) -> Rest {
    let (ours, others): (Vec<&str>, Vec<&str>) =
        block.value().split_whitespace().partition(|word| DOCKER_UNITS.contains(&word.trim_matches('"')));
    if ours.is_empty() {
        return Rest::Kept;
    }
    let key = block.key().unwrap_or_default();
    let message = format!("{key}={}: the unit of a .container has its own dependency on Docker", ours.join(" "));
    draft.say(block.place, Fate::Dropped, message);
    if others.is_empty() { Rest::Gone } else { Rest::Changed(others.join(" ")) }
}

/// Quadlet takes `oneshot` for a container that does its work and ends.
fn service_type(block: &Block, is_detached: bool, draft: &mut Draft) -> Rest {
    if block.value() == "oneshot" && !is_detached {
        return Rest::Kept;
    }
    let text = match block.value() {
        "notify" | "notify-reload" => {
            "nothing in the container could reach it; if the program reports READY=1, write Notify=true"
        }
        _ => "the unit of a .container has its own",
    };
    draft.say(block.place, Fate::Dropped, format!("Type={}: {text}", block.value()));
    Rest::Gone
}

/// Without an `ExecStop=` the client passed systemd's signal on to the container.
fn kill_signal(block: &Block, sheet: &Sheet, draft: &mut Draft) -> Rest {
    if sheet.list("Service", "ExecStop").is_empty() && !draft.has("StopSignal") {
        draft.container.push(("StopSignal", block.value().to_owned()));
    } else {
        let text = "KillSignal: it was the docker client's; StopSignal= in [Container] is the container's";
        draft.say(block.place, Fate::Dropped, text.to_owned());
    }
    Rest::Gone
}

/// Docker's journald driver takes the identifier from the tag.
fn identifier(block: &Block, draft: &mut Draft) -> Rest {
    let has_tag = draft.container.iter().any(|(key, value)| *key == "LogOpt" && value.starts_with("tag="));
    let is_journal = !draft.has("LogDriver");
    let word = block.value();
    if has_tag || !is_journal || word.is_empty() || word.contains(['"', '\'', '\\', ' ']) {
        draft.say(
            block.place,
            Fate::Dropped,
            "SyslogIdentifier: LogOpt=tag=… in [Container] is the container's".to_owned(),
        );
    } else {
        draft.container.push(("LogOpt", format!("tag={word}")));
    }
    Rest::Gone
}

fn other(block: &Block, key: &str, draft: &mut Draft) -> Rest {
    match fate(key) {
        None => Rest::Kept,
        Some(_) if block.value().is_empty() => Rest::Gone,
        Some(KeyFate::Kept(_)) if draft.service.iter().any(|(flag_key, _)| *flag_key == key) => {
            let text = "it limited the docker client alone; the flag of docker run limits the container";
            draft.say(block.place, Fate::Dropped, format!("{key}: {text}"));
            Rest::Gone
        }
        Some(KeyFate::Kept(text)) => {
            draft.say(block.place, Fate::Note, format!("{key}: {text}"));
            Rest::Kept
        }
        Some(KeyFate::Dropped(text)) => {
            draft.say(block.place, Fate::Dropped, format!("{key}: {text}"));
            Rest::Gone
        }
        Some(KeyFate::NotMapped(text)) => {
            draft.say(block.place, Fate::NotMapped, format!("{key}: {text}"));
            Rest::Gone
        }
    }
}
