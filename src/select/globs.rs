//! The globs of all units at once: which of them match a name.

use std::collections::HashMap;

use globset::{GlobSet, GlobSetBuilder};

use crate::unit::fleet::{compile, unescaped_form};

/// How much text of globs goes into one matcher: far below where the regex engine refuses (10 MB of states).
const TEXT_PER_SET: usize = 16 * 1024;

/// Distinct globs, numbered.
#[derive(Default)]
pub(super) struct Globs<'a> {
    numbers: HashMap<std::borrow::Cow<'a, str>, usize>,
    texts: Vec<String>,
}

/// Tells which globs match a name.
pub(super) struct Matcher {
    /// With each set, the numbers of its globs.
    sets: Vec<(GlobSet, Vec<usize>)>,
}

impl<'a> Globs<'a> {
    /// The number of a glob; the same for the same text.
    pub fn number(&mut self, text: std::borrow::Cow<'a, str>) -> usize {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = self.texts.len();
        self.texts.push(text.as_ref().to_owned());
        self.numbers.insert(text, number);
        number
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn text(&self, number: usize) -> &str {
        &self.texts[number]
    }

    pub fn matcher(&self) -> Matcher {
        let mut sets = Vec::new();
        let mut builder = GlobSetBuilder::new();
        let mut numbers = Vec::new();
        let mut length = 0;
        for (number, text) in self.texts.iter().enumerate() {
            for form in [Some(text.clone()), unescaped_form(text)].into_iter().flatten() {
                // `placement` has refused what does not compile, but a host's name in place of %H may not compile.
                let Ok(glob) = compile(&form) else { continue };
                length += form.len();
                builder.add(glob);
                numbers.push(number);
            }
            if length >= TEXT_PER_SET || number + 1 == self.texts.len() {
                if let Ok(set) = builder.build() {
                    sets.push((set, std::mem::take(&mut numbers)));
                }
                builder = GlobSetBuilder::new();
                length = 0;
            }
        }
        Matcher { sets }
    }
}

impl Matcher {
    /// The numbers of the globs that match, each once.
    pub fn matches(&self, name: &str) -> Vec<usize> {
        let candidate = globset::Candidate::new(name);
        let mut found = Vec::new();
        for (set, numbers) in &self.sets {
            found.extend(set.matches_candidate(&candidate).into_iter().map(|index| numbers[index]));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
