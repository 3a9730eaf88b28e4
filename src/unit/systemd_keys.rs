//! The keys that systemd knows, by section, with the kind of their values. The table is text in the binary, searched
//! where it lies: nothing is built at start.

use super::nearest;

const TABLE: &str = include_str!("systemd-keys.txt");

/// Where the table's header ends, which is at its one empty line.
const HEADER_LENGTH: usize = {
    let bytes = TABLE.as_bytes();
    let mut end = 1;
    while bytes[end - 1] != b'\n' || bytes[end] != b'\n' {
        end += 1;
    }
    end + 1
};

/// The sections in the table.
pub const SECTIONS: [&str; 9] =
    ["Automount", "Install", "Mount", "Path", "Service", "Slice", "Socket", "Timer", "Unit"];

/// The kind of a key's value, in systemd's words (`BOOLEAN`, `SECONDS`, `PATH [ARGUMENT [...]]`, …); `None` if systemd
/// does not know the key in this section.
pub fn kind(section: &str, key: &str) -> Option<&'static str> {
    let lines = lines();
    let wanted = || section.bytes().chain([b'.']).chain(key.bytes());
    let (mut low, mut high) = (0, lines.len());
    while low < high {
        let (start, line) = line_around(lines, low.midpoint(high));
        let (name, kind) = line.split_once('=')?;
        match wanted().cmp(name.bytes()) {
            std::cmp::Ordering::Equal => return Some(kind),
            std::cmp::Ordering::Less => high = start,
            std::cmp::Ordering::Greater => low = start + line.len() + 1,
        }
    }
    None
}

/// Whether systemd knows a section, in whichever type of unit.
pub fn is_section(section: &str) -> bool {
    SECTIONS.contains(&section)
}

/// All keys of a section.
pub fn keys(section: &str) -> impl Iterator<Item = &'static str> {
    lines().lines().filter_map(move |line| line.split_once('=')?.0.strip_prefix(section)?.strip_prefix('.'))
}

/// The key of this section that is most likely meant by an unknown one.
pub fn nearest(section: &str, key: &str) -> Option<&'static str> {
    nearest::nearest(key, keys(section))
}

fn lines() -> &'static str {
    &TABLE[HEADER_LENGTH..]
}

/// The line that holds the byte at `position`, and where it begins.
fn line_around(text: &str, position: usize) -> (usize, &str) {
    let start = text.as_bytes()[..position].iter().rposition(|b| *b == b'\n').map_or(0, |index| index + 1);
    let length = text.as_bytes()[start..].iter().position(|b| *b == b'\n').unwrap_or(text.len() - start);
    (start, &text[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found() {
        let mut count = 0;
        for line in lines().lines() {
            let (name, expected) = line.split_once('=').unwrap();
            let (section, key) = name.split_once('.').unwrap();
            assert_eq!(kind(section, key), Some(expected), "{line}");
            assert!(is_section(section), "{line}");
            count += 1;
        }
        assert!(count > 900, "{count}");
    }

    #[test]
    fn unknown_keys_are_not() {
        for (section, key) in [("Service", "Restrat"), ("Service", ""), ("", ""), ("Zzz", "Zzz"), ("Unit", "ExecStart")]
        {
            assert_eq!(kind(section, key), None, "{section}.{key}");
        }
        assert_eq!(nearest("Service", "Restrat"), Some("Restart"));
        assert_eq!(nearest("Service", "Bananas"), None);
        assert!(is_section("Install") && !is_section("Installl"));
    }
}
