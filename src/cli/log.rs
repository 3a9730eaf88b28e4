//! Where the lines of daemons go: to the journal with their fields when systemd runs them, else to standard error.
//!
//! A subscriber of our own: it is there once per container, and the registry of the usual one takes 36 kB of memory for
//! spans that nobody uses.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// systemd's socket for entries with fields (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const JOURNAL: &str = "/run/systemd/journal/socket";

/// More does not fit into a datagram.
const LONGEST_VALUE: usize = 64 * 1024;

/// Sets up logging; `SCULLER_LOG=debug` tells more.
pub fn init() {
    let level = std::env::var("SCULLER_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(JOURNAL).ok()?;
        Some(socket)
    });
    // The first one stays.
    let _ = tracing::subscriber::set_global_default(Log { level, journal });
}

struct Log {
    level: LevelFilter,
    journal: Option<UnixDatagram>,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        match &self.journal {
            Some(socket) => {
                let mut entry = Entry::default();
                entry.add("PRIORITY", priority(*metadata.level()));
                entry.add("SYSLOG_IDENTIFIER", "sculler");
                entry.add("TARGET", metadata.target());
                event.record(&mut entry);
                // Where nobody takes it there is nobody to tell of that.
                let _ = socket.send(&entry.0);
            }
            None => {
                let mut line = Line(format!("{:>5} ", metadata.level()));
                event.record(&mut line);
                let _ = writeln!(std::io::stderr().lock(), "{}", line.0);
            }
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

/// An entry of the journal as it is sent.
#[derive(Default)]
struct Entry(Vec<u8>);

impl Entry {
    fn add(&mut self, name: &str, value: &str) {
        self.0.extend(name.bytes().map(|byte| match byte.to_ascii_uppercase() {
            byte if byte.is_ascii_alphanumeric() => byte,
            _ => b'_',
        }));
        let value = &value.as_bytes()[..value.len().min(LONGEST_VALUE)];
        // Values of several lines have their length before them.
        self.0.push(b'\n');
        self.0.extend((value.len() as u64).to_le_bytes());
        self.0.extend(value);
        self.0.push(b'\n');
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), &format!("{value:?}"));
    }
}

/// A line for a person.
struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_have_any_bytes() {
        let mut entry = Entry::default();
        entry.add("sculler.action", "two\nlines");
        assert_eq!(entry.0, b"SCULLER_ACTION\n\x09\0\0\0\0\0\0\0two\nlines\n");
        let mut entry = Entry::default();
        entry.add("MESSAGE", &"x".repeat(2 * LONGEST_VALUE));
        assert_eq!(entry.0.len(), LONGEST_VALUE + 17);
    }
}
