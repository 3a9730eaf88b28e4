//! Sizes, durations and signals as Podman's options write them (docker/go-units `RAMInBytes()`, Go's
//! `time.ParseDuration()`).

use crate::unit::values::is_signal;

/// What to write for a size, for messages.
pub const SIZE: &str = "is no size; write one such as 512m or 2g";
/// What to write for a duration, for messages.
pub const DURATION: &str = "is no duration; write one such as 30s or 1m30s";
/// What to write for a signal, for messages.
pub const SIGNAL: &str = "is no signal; write one such as SIGTERM (signal(7))";

/// A number of bytes: `512m`, `1.5GiB`, `4096`.
pub fn size(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let exponent = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let bytes = decimal(digits)? * 1024_f64.powi(exponent);
    // Beyond 2^53 a sum of bytes cannot be told exactly; nobody has that much memory.
    #[expect(clippy::cast_possible_truncation, reason = "it is in range, and what is below a byte is cut off")]
    (bytes <= 9_007_199_254_740_992.0).then_some(bytes as i64)
}

/// A number of nanoseconds: `1m30s`, `0`.
pub fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("\u{b5}s", 1e3),
        ("\u{3bc}s", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];
    if text == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() || text.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = decimal(&rest[..rest.len() - after.len()])?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &after[..unit_end])?;
        total += number * factor;
        rest = &after[unit_end..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is in range, and what is below a nanosecond is cut off")]
    (total <= 9.0e18).then_some(total as i64)
}

/// A signal in the form that the Engine takes: `SIGTERM`, `RTMIN+3`, `15`.
pub fn signal(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    is_signal(&text).then_some(text)
}

/// Digits with at most one point; Rust alone would take `inf` and `1e3` too.
fn decimal(text: &str) -> Option<f64> {
    let is_digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.bytes().any(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("4096", Some(4096)),
            ("512m", Some(536_870_912)),
            ("1.5GiB", Some(1_610_612_736)),
            ("64 kB", Some(65_536)),
            ("2G", Some(2_147_483_648)),
            ("", None),
            ("m", None),
            ("-1", None),
            ("1x", None),
            ("1.2.3m", None),
            ("infinity", None),
            ("99999999999p", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            ("0", Some(0)),
            ("30s", Some(30_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("100ms", Some(100_000_000)),
            ("", None),
            ("30", None),
            ("s", None),
            ("5 s", None),
            ("1d", None),
            ("-1s", None),
            ("99999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn signals() {
        assert_eq!(signal("sigterm").as_deref(), Some("SIGTERM"));
        assert_eq!(signal("15").as_deref(), Some("15"));
        assert_eq!(signal("SIGTREM"), None);
    }
}
