//! The words after `docker run` → flags, image, command, as the client reads them (spf13/pflag, not interspersed).

use super::command::Word;
use super::draft::{Draft, Fate, Used};
use super::flags::{self, Flag};

/// What stands behind `docker run`.
#[derive(Default)]
pub struct Run {
    /// The flags, in order.
    pub flags: Vec<Used>,
    /// The image.
    pub image: Option<Word>,
    /// Its arguments.
    pub command: Vec<Word>,
}

/// Reads the words after `docker run`; what is no flag of it is told of in the draft.
pub fn read(words: &[Word], draft: &mut Draft) -> Run {
    let mut run = Run::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if text == "--" {
            run.image = rest.next().cloned();
            break;
        }
        if is_split_variable(text) {
            let message = format!("'{text}': systemd makes words of it at the start; write them here");
            draft.say(word.place, Fate::NotMapped, message);
        } else if let Some(long) = text.strip_prefix("--") {
            read_long(long, word, &mut rest, &mut run, draft);
        } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            read_letters(letters, word, &mut rest, &mut run, draft);
        } else {
            run.image = Some(word.clone());
            break;
        }
    }
    run.command = rest.cloned().collect();
    run
}

/// `$NAME` as a word of its own, which systemd splits; `${NAME}` stays one word.
fn is_split_variable(text: &str) -> bool {
    text.strip_prefix('$')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

fn read_long<'a>(long: &str, word: &Word, rest: &mut impl Iterator<Item = &'a Word>, run: &mut Run, draft: &mut Draft) {
    let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
    let Some(flag) = flags::by_name(name) else {
        let message = format!("'--{name}': docker run has no such flag; what follows it may be read wrongly");
        draft.say(word.place, Fate::NotMapped, message);
        return;
    };
    let value = match value {
        Some(value) => Some(value),
        None if flag.takes_value => rest.next().map(|next| next.text.clone()),
        None => Some("true".to_owned()),
    };
    push(flag, format!("--{name}"), value, word, run, draft);
}

fn read_letters<'a>(
    letters: &str,
    word: &Word,
    rest: &mut impl Iterator<Item = &'a Word>,
    run: &mut Run,
    draft: &mut Draft,
) {
    let mut left = letters;
    while let Some(letter) = left.chars().next() {
        left = &left[letter.len_utf8()..];
        let name = format!("-{letter}");
        let Some(flag) = flags::by_letter(letter) else {
            let message = format!("'{name}': docker run has no such flag; what follows it may be read wrongly");
            draft.say(word.place, Fate::NotMapped, message);
            return;
        };
        let attached = left.strip_prefix('=').map(ToOwned::to_owned);
        let value = match attached {
            Some(value) => Some(value),
            None if !flag.takes_value => {
                push(flag, name, Some("true".to_owned()), word, run, draft);
                continue;
            }
            None if left.is_empty() => rest.next().map(|next| next.text.clone()),
            None => Some(left.to_owned()),
        };
        push(flag, name, value, word, run, draft);
        return;
    }
}

fn push(flag: &'static Flag, name: String, value: Option<String>, word: &Word, run: &mut Run, draft: &mut Draft) {
    match value {
        Some(value) => run.flags.push(Used { flag, name, value, place: word.place }),
        None => draft.say(word.place, Fate::NotMapped, format!("'{name}': its value is missing")),
    }
}
