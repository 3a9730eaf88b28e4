//! A line of `ExecStart=` and its like → commands → calls of docker (systemd: `config_parse_exec()` in
//! src/core/load-fragment.c; the client's own flags: docker(1)).

use super::draft::Place;
use super::flags::GLOBAL;
use super::sheet::Block;
use crate::unit::words::split_words;

/// A word of a command, quotes removed and escapes read; specifiers and variables are left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What the program gets.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// A call of docker or podman.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Whether a failure is ignored (`-` in front, or `|| true` behind).
    pub is_lenient: bool,
    /// Whether it is podman's.
    pub is_podman: bool,
    /// The client's own flags, as they were written.
    pub globals: Vec<Word>,
    /// `run`, `rm`, `network create` and so on; `container run` is `run`.
    pub verb: String,
    /// What follows.
    pub arguments: Vec<Word>,
    /// Where it begins.
    pub place: Place,
}

/// What a command line holds.
#[derive(Debug, Clone)]
pub enum Line {
    /// Nothing of Docker's.
    Other,
    /// Calls of docker and nothing else, one after the other.
    Calls(Vec<Call>),
    /// Docker is called, but in a way that cannot be followed; why.
    Unclear(String),
}

const CLIENTS: [&str; 2] = ["docker", "podman"];

/// What a shell would do more than split words.
const SHELL: [&str; 12] = ["|", "&", "<", ">", "(", ")", "`", "*", "?", "\\", "\n", "~"];

/// Reads the value of an `Exec…=` assignment.
pub fn read(block: &Block) -> Line {
    let mut calls = Vec::new();
    for mut words in commands(block) {
        let Some(first) = words.first_mut() else { continue };
        let prefix: String = first.text.chars().take_while(|c| "-@:+!|".contains(*c)).collect();
        first.text.drain(..prefix.len());
        if prefix.contains('@') && words.len() > 1 {
            // The word after the program is only its name.
            words.remove(1);
        }
        if prefix.contains(':') {
            words.iter_mut().for_each(|word| word.text = word.text.replace('$', "$$"));
        }
        let is_lenient = prefix.contains('-');
        match command(&words) {
            Line::Other if calls.is_empty() => return Line::Other,
            Line::Other => {
                return Line::Unclear("docker and another program share this line; give each its own".into());
            }
            Line::Unclear(reason) => return Line::Unclear(reason),
            Line::Calls(found) => {
                calls.extend(found.into_iter().map(|call| Call { is_lenient: is_lenient || call.is_lenient, ..call }));
            }
        }
    }
    if calls.is_empty() { Line::Other } else { Line::Calls(calls) }
}

/// The commands of a value, which `;` parts.
fn commands(block: &Block) -> Vec<Vec<Word>> {
    let mut commands = vec![Vec::new()];
    for word in split_words(block.value()).map_while(Result::ok) {
        let is_bare = block.value()[word.offset..].starts_with(&*word.text);
        let text = match &*word.text {
            ";" if is_bare => {
                commands.push(Vec::new());
                continue;
            }
            "\\;" => ";".to_owned(),
            text => unescape(text),
        };
        if let Some(last) = commands.last_mut() {
            last.push(Word { text, place: block.place_at(word.offset) });
        }
    }
    commands
}

fn program(word: &Word) -> &str {
    word.text.rsplit('/').next().unwrap_or_default()
}

/// One command, without its prefixes.
fn command(words: &[Word]) -> Line {
    let Some((first, rest)) = words.split_first() else { return Line::Other };
    match program(first) {
        client if CLIENTS.contains(&client) => {
            let is_podman = client == "podman";
            call(first.place, rest).map_or(Line::Other, |call| Line::Calls(vec![Call { is_podman, ..call }]))
        }
        "docker-compose" | "podman-compose" => {
            Line::Unclear("it runs a Compose file; write a .container file for each of its services".into())
        }
        // Their own flags are not followed: what is behind them would be guessed.
        "sudo" | "exec" | "nohup" if rest.first().is_some_and(|word| !word.text.starts_with('-')) => command(rest),
        "sudo" if rest.first().is_some_and(|word| matches!(word.text.as_str(), "-n" | "-E" | "--")) => {
            command(&rest[1..])
        }
        "env" if rest.first().is_some_and(|word| CLIENTS.contains(&program(word))) => command(rest),
        "sh" | "bash" | "dash" | "ash" => shell(rest),
        _ if rest.iter().any(|word| CLIENTS.contains(&program(word))) && rest.iter().any(|word| word.text == "run") => {
            Line::Unclear(format!("'{}' runs docker; call docker itself", first.text))
        }
        _ => Line::Other,
    }
}

/// `sh -c '…'` with plain commands, parted by `;` and `&&`.
fn shell(words: &[Word]) -> Line {
    let is_flag = |word: &&Word| word.text.starts_with('-') && word.text.len() > 1;
    let flags = words.iter().take_while(is_flag).count();
    let runs_text = words[..flags].iter().any(|word| word.text.ends_with('c'));
    let Some(script) = words.get(flags).filter(|_| runs_text) else { return Line::Other };
    if !CLIENTS.iter().any(|client| script.text.contains(client)) {
        return Line::Other;
    }
    let mut calls = Vec::new();
    for part in script.text.replace("&&", ";").split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (part, is_lenient) = without_tail(part);
        if matches!(part, "true" | ":" | "set -e" | "set -ex") {
            continue;
        }
        let has_variable = part.match_indices('$').any(|(at, _)| !part[at + 1..].starts_with('{'));
        if has_variable || SHELL.iter().any(|sign| part.contains(sign)) || words.len() > flags + 1 {
            return Line::Unclear("a shell does more here than call docker; call docker without it".into());
        }
        let split: Vec<Word> = split_words(part)
            .map_while(Result::ok)
            .map(|word| Word { text: word.text.into_owned(), place: script.place })
            .collect();
        match command(&split) {
            Line::Calls(found) => calls.extend(found.into_iter().map(|call| Call { is_lenient, ..call })),
            Line::Unclear(reason) => return Line::Unclear(reason),
            Line::Other => {
                return Line::Unclear("the shell calls docker and other programs; give each a line of its own".into());
            }
        }
    }
    if calls.is_empty() { Line::Other } else { Line::Calls(calls) }
}

/// A command without what silences it, and whether its failure is ignored.
fn without_tail(mut part: &str) -> (&str, bool) {
    let mut is_lenient = false;
    loop {
        let before = part;
        for tail in ["|| true", "|| :", "||true", "||:"] {
            if let Some(rest) = part.strip_suffix(tail) {
                part = rest.trim_end();
                is_lenient = true;
            }
        }
        for tail in ["2>&1", "&>/dev/null", "&> /dev/null", "2>/dev/null", "2> /dev/null", ">/dev/null", "> /dev/null"]
        {
            part = part.strip_suffix(tail).map_or(part, str::trim_end);
        }
        if part == before {
            return (part, is_lenient);
        }
    }
}

fn call(place: Place, words: &[Word]) -> Option<Call> {
    let mut globals = Vec::new();
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first().filter(|(word, _)| word.text.starts_with('-')) {
        globals.push(word.clone());
        rest = tail;
        if global_takes_next(&word.text) {
            let (value, tail) = rest.split_first()?;
            globals.push(value.clone());
            rest = tail;
        }
    }
    let (first, mut arguments) = rest.split_first()?;
    let mut verb = first.text.clone();
    if matches!(verb.as_str(), "container" | "image" | "network" | "volume" | "compose" | "builder" | "system") {
        let (second, tail) = arguments.split_first()?;
        verb = match verb.as_str() {
            "container" | "image" => second.text.clone(),
            group => format!("{group} {}", second.text),
        };
        arguments = tail;
    }
    Some(Call { is_lenient: false, is_podman: false, globals, verb, arguments: arguments.to_vec(), place })
}

fn global_takes_next(word: &str) -> bool {
    GLOBAL.iter().any(|(long, short, takes_value)| {
        *takes_value
            && (word.strip_prefix("--") == Some(long)
                || short.is_some_and(|letter| word.strip_prefix('-') == Some(letter.encode_utf8(&mut [0; 4]))))
    })
}

/// Reads the C escapes of a word; what is none stays as it is (systemd: `cunescape_one()` in src/basic/escape.c).
fn unescape(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match escape(after) {
            Some((c, length)) => {
                text.push(c);
                rest = &after[length..];
            }
            None => {
                text.push('\\');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn escape(after: &str) -> Option<(char, usize)> {
    let number = |skip: usize, digits: usize, radix: u32| {
        let text = after.get(skip..skip + digits)?;
        let is_digits = text.chars().all(|c| c.is_digit(radix));
        let code = u32::from_str_radix(text, radix).ok().filter(|code| is_digits && *code != 0)?;
        // A byte above ASCII is a part of a character, which no line of its own can say.
        (digits > 3 || code < 128).then(|| char::from_u32(code)).flatten().map(|c| (c, skip + digits))
    };
    let simple = |c: char| Some((c, 1));
    match after.chars().next()? {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        's' => simple(' '),
        c @ ('\\' | '"' | '\'') => simple(c),
        'x' => number(1, 2, 16),
        'u' => number(1, 4, 16),
        'U' => number(1, 8, 16),
        '0'..='7' => number(0, 3, 8),
        _ => None,
    }
}
