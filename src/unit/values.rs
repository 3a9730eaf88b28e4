//! Single values as systemd reads them: booleans, time spans, signals.

use std::time::Duration;

/// A boolean (systemd: `parse_boolean()` in src/basic/parse-util.c): `1 yes y true t on`, `0 no n false f off`,
/// in any case.
pub fn parse_boolean(value: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if is(&["1", "yes", "y", "true", "t", "on"]) {
        Some(true)
    } else if is(&["0", "no", "n", "false", "f", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// The units of systemd.time(7), each before its own beginnings.
const TIME_UNITS: [&str; 32] = [
    "seconds", "second", "sec", "s", "minutes", "minute", "min", "months", "month", "M", "msec", "ms", "m", "hours",
    "hour", "hr", "h", "days", "day", "d", "weeks", "week", "w", "years", "year", "y", "usec", "us", "\u{3bc}s",
    "\u{b5}s", "nsec", "ns",
];

/// Whether a value is a time span (systemd.time(7); systemd: `parse_time()` in src/basic/time-util.c).
pub fn is_time_span(value: &str) -> bool {
    let mut rest = value.trim();
    if rest == "infinity" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix('+').unwrap_or(rest);
        let after_number = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
        let after_fraction = match after_number.strip_prefix('.') {
            Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
            None if after_number.len() == unsigned.len() => return false,
            None => after_number,
        };
        let unit = after_fraction.trim_start();
        let after_unit = TIME_UNITS.iter().find_map(|name| unit.strip_prefix(name)).unwrap_or(unit);
        // '12.34.56' is no span, '12.34 .56' is one.
        if after_unit.len() == after_fraction.len() && !after_unit.is_empty() {
            return false;
        }
        rest = after_unit.trim_start();
    }
    true
}

/// A time span that [`is_time_span`] accepts; a number alone is one of seconds, and `infinity` the longest of all.
pub fn time_span(value: &str) -> Option<Duration> {
    if !is_time_span(value) {
        return None;
    }
    let mut rest = value.trim();
    if rest == "infinity" {
        return Some(Duration::MAX);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix('+').unwrap_or(rest);
        let after_number = unsigned.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number: f64 = unsigned[..unsigned.len() - after_number.len()].parse().ok()?;
        let unit = after_number.trim_start();
        let name = TIME_UNITS.iter().find(|name| unit.starts_with(**name)).copied();
        rest = name.map_or(unit, |name| &unit[name.len()..]).trim_start();
        seconds += number
            * match name.unwrap_or("s") {
                "nsec" | "ns" => 1e-9,
                "usec" | "us" | "\u{3bc}s" | "\u{b5}s" => 1e-6,
                "msec" | "ms" => 1e-3,
                "minutes" | "minute" | "min" | "m" => 60.0,
                "hours" | "hour" | "hr" | "h" => 3600.0,
                "days" | "day" | "d" => 86_400.0,
                "weeks" | "week" | "w" => 604_800.0,
                "months" | "month" | "M" => 2_629_800.0,
                "years" | "year" | "y" => 31_557_600.0,
                _ => 1.0,
            };
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

const SIGNALS: [&str; 33] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
    "WINCH", "IO", "PWR", "SYS",
];

/// Whether a value names a signal: `SIGTERM`, `TERM`, `15`, `RTMIN+3`, `RTMAX-2` (systemd: `signal_from_string()` in
/// src/basic/signal-util.c).
pub fn is_signal(value: &str) -> bool {
    let in_range = |digits: &str, range: std::ops::RangeInclusive<u8>| {
        digits.parse::<u8>().is_ok_and(|number| range.contains(&number))
    };
    let name = value.strip_prefix("SIG").unwrap_or(value);
    if SIGNALS.contains(&name) || name == "POLL" || in_range(value, 1..=64) {
        return true;
    }
    // SIGRTMIN is 34 for the C library, SIGRTMAX 64.
    match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) | (_, Some("")) => true,
        (Some(rest), _) => rest.strip_prefix('+').is_some_and(|digits| in_range(digits, 0..=30)),
        (_, Some(rest)) => rest.strip_prefix('-').is_some_and(|digits| in_range(digits, 0..=30)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans() {
        assert_eq!(parse_boolean("Yes"), Some(true));
        assert_eq!(parse_boolean("off"), Some(false));
        assert_eq!(parse_boolean("maybe"), None);
        assert_eq!(parse_boolean(""), None);
    }

    #[test]
    fn time_spans() {
        for good in
            ["5", "5s", "1min 20s", "2h30m", "1.5s", ".5", "55 s", "infinity", "500ms", "1y 12month", "12.34 .56"]
        {
            assert!(is_time_span(good), "{good}");
        }
        for bad in ["", "5x", "s", "-1", "5 x", "soon", "1.2.3", "5ss", "infinitely"] {
            assert!(!is_time_span(bad), "{bad}");
        }
    }

    #[test]
    fn lengths_of_time_spans() {
        for (text, milliseconds) in [
            ("5", 5000),
            ("1min 20s", 80_000),
            ("2h30m", 9_000_000),
            ("1.5s", 1500),
            (".5", 500),
            ("100ms", 100),
            ("2 d", 172_800_000),
        ] {
            assert_eq!(time_span(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(time_span("infinity"), Some(Duration::MAX));
        assert_eq!(time_span("soon"), None);
    }

    #[test]
    fn signals() {
        for good in ["SIGTERM", "TERM", "15", "RTMIN+3", "SIGRTMIN", "RTMAX-2", "SIGPOLL"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "SIGTREM", "term", "0", "65", "RTMIN-1", "RTMIN+99"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
