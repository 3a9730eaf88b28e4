//! The one `docker run` of a service.

use std::collections::BTreeSet;

use super::arguments;
use super::command::{Call, Line, Word, read};
use super::draft::{Draft, Fate, Place, last};
use super::flags;
use super::sheet::{Block, Sheet};
use crate::unit::words::split_words;

/// How a service runs its container.
pub struct Start<'a> {
    /// The `ExecStart=`.
    pub block: &'a Block,
    /// What stands behind `docker run`, or behind the `docker create` that `docker start` starts.
    pub words: Vec<Word>,
    /// Where the call begins.
    pub place: Place,
    /// The client's own flags.
    pub globals: Vec<Word>,
    /// Calls in front of it on its own line.
    pub before: Vec<Call>,
    /// Whether a failure of it is ignored.
    pub is_lenient: bool,
    /// The `docker create` that made the container.
    pub created: Option<&'a Block>,
}

type Refusal = (Place, String);

/// Finds what runs the container, or says why nothing does.
pub fn find(sheet: &Sheet) -> Result<Start<'_>, Refusal> {
    let starts = sheet.list("Service", "ExecStart");
    let Some(block) = starts.first() else {
        return Err((Place::default(), "there is no ExecStart=, so no 'docker run' to convert".to_owned()));
    };
    let mut calls = match read(block) {
        Line::Calls(calls) => calls,
        Line::Unclear(reason) => return Err((block.place, format!("ExecStart: {reason}"))),
        Line::Other => {
            return Err((
                block.place,
                "ExecStart runs no 'docker run', so there is no container to convert".to_owned(),
            ));
        }
    };
    if let Some(second) = starts.get(1) {
        return Err((second.place, "a second ExecStart=; give each container a unit of its own".to_owned()));
    }
    let runs = calls.iter().filter(|call| matches!(call.verb.as_str(), "run" | "start")).count();
    let main = calls.pop().filter(|_| runs == 1);
    match main {
        Some(call) if call.verb == "run" => Ok(Start {
            block,
            words: call.arguments,
            place: call.place,
            globals: call.globals,
            before: calls,
            is_lenient: call.is_lenient,
            created: None,
        }),
        Some(call) if call.verb == "start" => created(sheet, block, call, calls),
        _ => Err((block.place, "ExecStart has to end with its one 'docker run' to be converted".to_owned())),
    }
}

/// `docker start -a NAME` of a container that an `ExecStartPre=` makes.
fn created<'a>(sheet: &'a Sheet, block: &'a Block, start: Call, before: Vec<Call>) -> Result<Start<'a>, Refusal> {
    let name = start.arguments.iter().find(|word| !word.text.starts_with('-')).map(|word| word.text.as_str());
    for made in sheet.list("Service", "ExecStartPre") {
        let Line::Calls(calls) = read(made) else { continue };
        for call in calls.into_iter().filter(|call| call.verb == "create") {
            let run = arguments::read(&call.arguments, &mut Draft::default());
            if last(&run.flags, "name").map(|used| used.value.as_str()) == name {
                let (words, globals, place) = (call.arguments, call.globals, call.place);
                let is_lenient = start.is_lenient;
                return Ok(Start { block, words, place, globals, before, is_lenient, created: Some(made) });
            }
        }
    }
    let message = "'docker start' starts a container that was made elsewhere; write the 'docker run' that would make it, \
                   then convert that";
    Err((start.place, message.to_owned()))
}

/// Says which `${VARIABLE}`s the file cannot have: those that `Environment=` does not set are known at the start alone.
/// Then, what the client's own flags were for.
pub fn check_variables(sheet: &Sheet, start: &Start<'_>, draft: &mut Draft) {
    let known: BTreeSet<String> = sheet
        .list("Service", "Environment")
        .into_iter()
        .flat_map(|block| {
            split_words(block.value()).map_while(Result::ok).map(|word| word.text.into_owned()).collect::<Vec<_>>()
        })
        .filter_map(|word| word.split_once('=').map(|(name, _)| name.to_owned()))
        .collect();
    let mut said = BTreeSet::new();
    for word in &start.words {
        for (at, _) in word.text.match_indices("${") {
            // `$$` is a plain `$`.
            let dollars = word.text[..at].bytes().rev().take_while(|b| *b == b'$').count();
            let Some((name, _)) = word.text[at + 2..].split_once('}').filter(|_| dollars.is_multiple_of(2)) else {
                continue;
            };
            if !known.contains(name) && said.insert(name.to_owned()) {
                let message = format!(
                    "'${{{name}}}': no Environment= of the unit sets it, and a file read at the start comes too late; \
                     write its value (or Environment={name}= in [Service])"
                );
                draft.say(word.place, Fate::NotMapped, message);
            }
        }
    }
    let mut words = start.globals.iter();
    while let Some(word) = words.next() {
        let name = word.text.split('=').next().unwrap_or_default();
        let takes_value = flags::GLOBAL.iter().any(|(long, short, takes_value)| {
            *takes_value && (name == format!("--{long}") || short.is_some_and(|short| name == format!("-{short}")))
        });
        if takes_value && !word.text.contains('=') {
            words.next();
        }
        let (fate, reason) = match name {
            "-D" | "--debug" | "-l" | "--log-level" => (Fate::Dropped, "there is no docker client any more"),
            "--config" => (Fate::NotMapped, "sculler pulls with the credentials that root's 'docker login' stores"),
            _ => (Fate::NotMapped, "sculler talks to the Engine of this host, at 'docker_socket' of sculler.toml"),
        };
        draft.say(word.place, fate, format!("'{name}' before 'run': {reason}"));
    }
}
