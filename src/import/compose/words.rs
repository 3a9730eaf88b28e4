//! A command as one text → its words, as Compose splits it (google/shlex): quotes and backslashes, nothing else of a shell.

/// The words; the reason if a quote is not closed.
pub fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a ' in it is not closed"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(characters.next()),
                        Some(c) => word.push(c),
                        None => return Err("a \" in it is not closed"),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(split("a 'b c'\"d \\\" e\" f\\ g ''").unwrap(), ["a", "b cd \" e", "f g", ""]);
        assert_eq!(split("sh -c \"echo $X; sleep 1\"").unwrap(), ["sh", "-c", "echo $X; sleep 1"]);
        assert!(split("'a").is_err() && split("\"a").is_err());
    }
}
