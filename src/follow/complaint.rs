//! What a command that failed complained of, in a line. Pure.

/// What a line has in it that says what is wrong; others say what is right, or what is being done.
const WORDS: [&str; 14] = [
    "emerg",
    "alert",
    "crit",
    "error",
    "fatal",
    "fail",
    "invalid",
    "denied",
    "unknown",
    "unexpected",
    "unrecognized",
    "no such",
    "cannot",
    "can't",
];

/// The line of an output that says most; the lines after it tell what followed from it.
pub fn line(output: &str) -> Option<&str> {
    let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.clone().next()?;
    let is_complaint = |line: &&str| {
        let line = line.to_ascii_lowercase();
        WORDS.iter().any(|word| line.contains(word))
    };
    Some(lines.find(is_complaint).unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_before_what_is_right() {
        for (output, expected) in [
            ("", None),
            ("\n  only this \n", Some("only this")),
            (
                "nginx: the configuration file /c syntax is ok\n[emerg] 14#14: no \"events\" section\nnginx: test failed",
                Some("[emerg] 14#14: no \"events\" section"),
            ),
            (
                "[NOTICE] (1) : haproxy version is 2.4\n[ALERT] (1) : parsing [/c:3] : bad",
                Some("[ALERT] (1) : parsing [/c:3] : bad"),
            ),
            ("/etc/ssh/sshd_config: line 3: Bad option\nterminating", Some("/etc/ssh/sshd_config: line 3: Bad option")),
        ] {
            assert_eq!(line(output), expected, "{output}");
        }
    }
}
