//! The globs of all units at once: which of them match which names.
//!
//! Most globs hold some letters that few names have (`web@*.service`). So the names are sorted by each three letters
//! in a row that they hold, both ends counting as letters, and a glob is only tried on the names that have its rarest.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::unit::glob::Glob;

/// Distinct globs, numbered.
#[derive(Default)]
pub(super) struct Globs<'a> {
    numbers: HashMap<Cow<'a, str>, usize>,
    texts: Vec<Cow<'a, str>>,
}

impl<'a> Globs<'a> {
    /// The number of a glob; the same for the same text.
    pub fn number(&mut self, text: Cow<'a, str>) -> usize {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = self.texts.len();
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn text(&self, number: usize) -> &str {
        &self.texts[number]
    }

    /// For each name the numbers of the globs that match it, ascending.
    pub fn match_all(&self, names: &[&str]) -> Vec<Vec<usize>> {
        let mut matched = vec![Vec::new(); names.len()];
        if self.texts.is_empty() {
            return matched;
        }
        let index = Index::new(names);
        for (number, text) in self.texts.iter().enumerate() {
            // `placement` has refused what is no glob, but a host's name in place of %H may make it none.
            let Ok(glob) = Glob::parse(text) else { continue };
            match index.rarest(&glob) {
                Some(candidates) => {
                    for &(_, name) in candidates.iter().filter(|(_, name)| glob.matches(names[*name as usize])) {
                        matched[name as usize].push(number);
                    }
                }
                None => {
                    let all = matched.iter_mut().zip(names);
                    all.filter(|(_, name)| glob.matches(name)).for_each(|(matched, _)| matched.push(number));
                }
            }
        }
        matched
    }
}

/// Three letters in a row.
type Trigram = [u8; 3];

/// Bytes that no name holds, for its ends.
const START: u8 = 0x02;
const END: u8 = 0x03;

/// Which names hold which three letters: sorted, each pair once.
struct Index {
    pairs: Vec<(Trigram, u32)>,
}

impl Index {
    fn new(names: &[&str]) -> Self {
        let mut pairs = Vec::with_capacity(names.iter().map(|name| name.len()).sum());
        let mut bytes = Vec::new();
        for (number, name) in (0u32..).zip(names) {
            bytes.clear();
            bytes.push(START);
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(END);
            pairs.extend(trigrams(&bytes).map(|trigram| (trigram, number)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        Self { pairs }
    }

    /// The names that hold those three letters of the glob that the fewest names hold; `None` if it has no three.
    fn rarest(&self, glob: &Glob) -> Option<&[(Trigram, u32)]> {
        let mut rarest: Option<&[(Trigram, u32)]> = None;
        for literal in glob.literals() {
            let mut bytes = literal.bytes;
            if literal.starts {
                bytes.insert(0, START);
            }
            if literal.ends {
                bytes.push(END);
            }
            for trigram in trigrams(&bytes) {
                let from = self.pairs.partition_point(|(other, _)| *other < trigram);
                let length = self.pairs[from..].partition_point(|(other, _)| *other == trigram);
                if rarest.is_none_or(|rarest| length < rarest.len()) {
                    rarest = Some(&self.pairs[from..from + length]);
                }
            }
        }
        rarest
    }
}

fn trigrams(bytes: &[u8]) -> impl Iterator<Item = Trigram> {
    bytes.windows(3).filter_map(|window| window.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_trying_all_finds() {
        let names: Vec<String> =
            (0..60).map(|n| format!("{}-{n}@{}.service", ["web", "db", "a"][n % 3], n % 7)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["aaaa.service", "-.slice"]).collect();
        let texts = [
            "*",
            "web-3@3.service",
            "web-*",
            "a*",
            "*5@*",
            "*.slice",
            "db-?@[0-3].service",
            "?",
            "*aa*",
            "*e-1*.service",
            "",
        ];
        let mut globs = Globs::default();
        texts.iter().for_each(|text| assert_eq!(globs.number((*text).into()), globs.len() - 1));
        let matched = globs.match_all(&names);
        for (name, found) in names.iter().zip(matched) {
            let expected: Vec<usize> =
                (0..texts.len()).filter(|number| Glob::parse(texts[*number]).unwrap().matches(name)).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
