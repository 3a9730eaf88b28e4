//! What of a context is not sent: `.dockerignore` (moby: patternmatcher). Pure.
//!
//! Of the rules that match a path, or a folder above it, the last one counts. `*` and `?` stop at slashes, `**` stands for
//! any number of folders, and `!` takes back what rules before it left out.

/// The rules of a file.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    /// `!`
    is_exception: bool,
    /// Without `!`, in its shortest form.
    text: String,
    pattern: Pattern,
}

#[derive(Debug, Clone)]
enum Pattern {
    Exact,
    /// `…**`, without other wildcards: whatever begins so.
    Prefix,
    /// `**…`, likewise: whatever ends so.
    Suffix,
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone)]
enum Token {
    Character(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**/`
    Folders,
    /// `**` at the end.
    Rest,
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A rule that says nothing that can be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}: '{text}': {reason}")]
pub struct Mistake {
    line: usize,
    text: String,
    reason: &'static str,
}

impl Rules {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut rules = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let trimmed = line.trim();
            if line.starts_with('#') || trimmed.is_empty() {
                continue;
            }
            let mistake = |reason| Mistake { line: index + 1, text: trimmed.to_owned(), reason };
            let exception = trimmed.strip_prefix('!').map(str::trim);
            if exception == Some("") {
                return Err(mistake("there is no pattern after '!'"));
            }
            let mut text = clean(exception.unwrap_or(trimmed));
            if text.len() > 1 && text.starts_with('/') {
                text.remove(0);
            }
            let pattern = Pattern::parse(&text).map_err(mistake)?;
            rules.push(Rule { is_exception: exception.is_some(), text, pattern });
        }
        Ok(Self(rules))
    }

    /// Sends a path whatever the rules say.
    pub fn keep(&mut self, path: &str) {
        self.0.push(Rule { is_exception: true, text: path.to_owned(), pattern: Pattern::Exact });
    }

    /// Whether a path, relative to the context, is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let mut is_ignored = false;
        for rule in &self.0 {
            if rule.is_exception == is_ignored && rule.matches_with_parents(path) {
                is_ignored = !rule.is_exception;
            }
        }
        is_ignored
    }

    /// Whether something in a folder that is left out may be sent all the same.
    pub fn may_keep_in(&self, folder: &str) -> bool {
        let folder = format!("{folder}/");
        self.0.iter().filter(|rule| rule.is_exception).any(|rule| match rule.pattern {
            Pattern::Exact => rule.text.starts_with(&folder),
            _ => {
                let fixed = rule.text.split(['*', '?', '[', '\\']).next().unwrap_or_default();
                fixed.starts_with(&folder) || folder.starts_with(fixed)
            }
        })
    }
}

impl Rule {
    fn matches_with_parents(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.into_iter().any(|end| self.matches(&path[..end]))
    }

    fn matches(&self, path: &str) -> bool {
        match &self.pattern {
            Pattern::Exact => path == self.text,
            Pattern::Prefix => self.text.strip_suffix("**").is_some_and(|prefix| path.starts_with(prefix)),
            Pattern::Suffix => self.text.strip_prefix("**").is_some_and(|suffix| {
                path.ends_with(suffix) || suffix.strip_prefix('/').is_some_and(|suffix| path == suffix)
            }),
            Pattern::Tokens(tokens) => matches(tokens, path),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pattern = Self::Exact;
        let mut tokens = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            let is_first = tokens.is_empty();
            match character {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    rest.next_if_eq(&'/');
                    let is_last = rest.peek().is_none();
                    pattern = match pattern {
                        _ if is_first => Self::Suffix,
                        Self::Exact if is_last => Self::Prefix,
                        _ => Self::Tokens(Vec::new()),
                    };
                    tokens.push(if is_last { Token::Rest } else { Token::Folders });
                    continue;
                }
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                '[' => tokens.push(class(&mut rest)?),
                '\\' => tokens.push(Token::Character(rest.next().ok_or("nothing comes after its '\\'")?)),
                character => {
                    tokens.push(Token::Character(character));
                    continue;
                }
            }
            pattern = Self::Tokens(Vec::new());
        }
        Ok(match pattern {
            Self::Tokens(_) => Self::Tokens(tokens),
            pattern => pattern,
        })
    }
}

/// The class that begins after `[`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const UNCLOSED: &str = "its '[' is not closed";
    let one = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| match rest.next() {
        Some('\\') => rest.next().ok_or(UNCLOSED),
        character => character.ok_or(UNCLOSED),
    };
    let is_negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Ok(Token::Class { is_negated, ranges });
        }
        let first = one(rest)?;
        let last = if rest.next_if_eq(&'-').is_some() { one(rest)? } else { first };
        ranges.push((first, last));
    }
}

/// All places in the pattern that a beginning of the path leads to, character by character.
fn matches(tokens: &[Token], path: &str) -> bool {
    let mut places = vec![false; tokens.len() + 1];
    // In the middle of what `**/` stands for: only a slash leads on.
    let mut inside = vec![false; tokens.len()];
    reach(tokens, &mut places, 0);
    for character in path.chars() {
        let mut next = vec![false; tokens.len() + 1];
        let mut next_inside = vec![false; tokens.len()];
        for (place, token) in tokens.iter().enumerate() {
            if matches!(token, Token::Folders) && (places[place] || inside[place]) {
                next_inside[place] = true;
                if character == '/' {
                    reach(tokens, &mut next, place + 1);
                }
            } else if places[place] && token.takes(character) {
                let stays = matches!(token, Token::Many | Token::Rest);
                reach(tokens, &mut next, if stays { place } else { place + 1 });
            }
        }
        (places, inside) = (next, next_inside);
    }
    places[tokens.len()]
}

fn reach(tokens: &[Token], places: &mut [bool], mut place: usize) {
    places[place] = true;
    while let Some(Token::Many | Token::Rest | Token::Folders) = tokens.get(place) {
        place += 1;
        places[place] = true;
    }
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Character(own) => *own == character,
            Self::One | Self::Many => character != '/',
            Self::Folders | Self::Rest => true,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(first, last)| (first..=last).contains(&&character)) != *is_negated
            }
        }
    }
}

/// The shortest form of a path: Go's `filepath.Clean`.
fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    match (is_absolute, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (rules, path, whether it is left out)
    const TABLE: &[(&str, &str, bool)] = &[
        // Docker's documentation, "dockerignore file".
        ("*/temp*", "somedir/temporary.txt", true),
        ("*/temp*", "somedir/temp", true),
        ("*/temp*", "a/b/temporary.txt", false),
        ("*/*/temp*", "somedir/subdir/temporary.txt", true),
        ("temp?", "tempa", true),
        ("temp?", "temp", false),
        ("temp?", "tempab", false),
        ("/foo/bar", "foo/bar", true),
        ("foo/bar", "foo/bar", true),
        ("**/*.go", "main.go", true),
        ("**/*.go", "a/b/main.go", true),
        ("**/*.go", "a/b/main.gox", false),
        ("*.md\n!README.md", "README.md", false),
        ("*.md\n!README.md", "NOTES.md", true),
        ("*.md\n!README*.md\nREADME-secret.md", "README-x.md", false),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false),
        ("*\n!src", "src/main.rs", false),
        ("*\n!src", "target/x", true),
        // What is in a folder goes with it.
        ("node_modules", "node_modules/a/b.js", true),
        ("node_modules", "web/node_modules/a.js", false),
        ("**/node_modules", "web/node_modules/a.js", true),
        ("docs\n!docs/keep", "docs/keep/a", false),
        ("docs\n!docs/keep\ndocs/keep/b", "docs/keep/b", true),
        // Shortest forms, blanks, comments, the mark of UTF-8.
        ("./foo/", "foo", true),
        ("foo//bar/../baz", "foo/baz", true),
        ("  foo  ", "foo", true),
        ("#foo", "#foo", false),
        (" #foo", "#foo", true),
        ("\u{feff}foo", "foo", true),
        ("*\n! foo", "foo", false),
        (".", "foo", false),
        ("/", "foo", false),
        ("../foo", "foo", false),
        // Several stars.
        ("**", "a/b", true),
        ("**", "a", true),
        ("**/", "a/b", true),
        ("**/foo", "foo", true),
        ("**/foo", "a/foo", true),
        ("**/foo", "afoo", false),
        ("**foo", "afoo", true),
        ("**foo", "b/afoo", true),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("a**", "abc/d", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "a/xb", false),
        ("**/a/**", "x/a/y", true),
        ("**/a/**", "a/y", true),
        ("**/a/**", "x/ay", false),
        ("**/*.txt\n!**/keep.txt", "a/keep.txt", false),
        ("***", "a/b", true),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "axx/byyc", false),
        ("*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        // Classes, and characters that mean something elsewhere.
        ("[a-c].txt", "b.txt", true),
        ("[^a-c].txt", "b.txt", false),
        ("[!a].txt", "!.txt", true),
        ("[]a]", "]", true),
        ("\\*.txt", "*.txt", true),
        ("\\*.txt", "a.txt", false),
        ("a.txt", "abtxt", false),
        ("a+(b)|{c}$", "a+(b)|{c}$", true),
        ("é?", "éü", true),
        ("A", "a", false),
    ];

    #[test]
    fn the_last_rule_that_matches_counts() {
        for (rules, path, expected) in TABLE {
            let parsed = Rules::parse(rules).unwrap();
            assert_eq!(parsed.ignores(path), *expected, "{rules:?} {path}");
        }
    }

    #[test]
    fn what_is_kept_is_found_in_folders_that_are_left_out() {
        let mut rules = Rules::parse("*\n!web/*/keep\n!**/x.md").unwrap();
        assert!(rules.may_keep_in("web") && rules.may_keep_in("anything"));
        rules = Rules::parse("*\n!web/a/keep").unwrap();
        assert!(rules.may_keep_in("web") && rules.may_keep_in("web/a"));
        assert!(!rules.may_keep_in("other") && !rules.may_keep_in("web/b"));
        rules.keep("build/Dockerfile");
        assert!(rules.may_keep_in("build") && !rules.ignores("build/Dockerfile") && rules.ignores("build/x"));
        // What is kept by its name is no pattern.
        rules.keep("[x]");
        assert!(!rules.ignores("[x]") && rules.ignores("x"));
    }

    #[test]
    fn mistakes_are_told_by_line() {
        for (rules, expected) in [
            ("a\n[b", "2: '[b': its '[' is not closed"),
            ("!", "1: '!': there is no pattern after '!'"),
            ("#\n\na\\", "3: 'a\\': nothing comes after its '\\'"),
        ] {
            assert_eq!(Rules::parse(rules).unwrap_err().to_string(), expected);
        }
    }
}
