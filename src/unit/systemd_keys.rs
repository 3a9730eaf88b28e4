//! The keys that systemd knows, by section, with the kind of their values. The table is text in the binary, searched
//! where it lies by the places of its lines, which are known when it is compiled: nothing is built at start.

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

/// How many keys there are.
const COUNT: usize = {
    let (bytes, mut count, mut index) = (TABLE.as_bytes(), 0, HEADER_LENGTH);
    while index < bytes.len() {
        count += (bytes[index] == b'\n') as usize;
        index += 1;
    }
    count
};

/// Where their lines begin, and where the last one ends.
const STARTS: [u16; COUNT + 1] = {
    let (bytes, mut starts, mut line, mut index) = (TABLE.as_bytes(), [0; COUNT + 1], 0, HEADER_LENGTH);
    assert!(bytes.len() <= u16::MAX as usize);
    starts[0] = index as u16;
    while index < bytes.len() {
        if bytes[index] == b'\n' {
            line += 1;
            starts[line] = index as u16 + 1;
        }
        index += 1;
    }
    starts
};

/// Where the lines of each of [`SECTIONS`] end; they begin where those of the one before end.
const ENDS: [usize; SECTIONS.len()] = {
    let (bytes, mut ends, mut section, mut line) = (TABLE.as_bytes(), [0; SECTIONS.len()], 0, 0);
    while line < COUNT {
        let (start, name) = (STARTS[line] as usize, SECTIONS[section].as_bytes());
        let mut index = 0;
        while index < name.len() && bytes[start + index] == name[index] {
            index += 1;
        }
        if index == name.len() && bytes[start + index] == b'.' {
            line += 1;
            ends[section] = line;
        } else {
            section += 1;
        }
    }
    ends
};

/// The sections in the table.
pub const SECTIONS: [&str; 9] =
    ["Automount", "Install", "Mount", "Path", "Service", "Slice", "Socket", "Timer", "Unit"];

/// The kind of a key's value, in systemd's words (`BOOLEAN`, `SECONDS`, `PATH [ARGUMENT [...]]`, …); `None` if systemd
/// does not know the key in this section.
pub fn kind(section: &str, key: &str) -> Option<&'static str> {
    let place = SECTIONS.iter().position(|known| *known == section)?;
    let start = if place == 0 { 0 } else { ENDS[place - 1] };
    let lines = &STARTS[start..ENDS[place]];
    // A key ends where it has no more bytes, in the table at its '='.
    let key_at = |line: u16| {
        let bytes = &TABLE.as_bytes()[usize::from(line) + section.len() + 1..];
        bytes.iter().take_while(|byte| **byte != b'=')
    };
    let index = lines.binary_search_by(|line| key_at(*line).cmp(key.as_bytes())).ok()?;
    let line = TABLE.get(usize::from(lines[index])..usize::from(STARTS[start + index + 1]))?;
    line.get(section.len() + 1 + key.len() + 1..).map(|kind| kind.trim_end_matches('\n'))
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
