//! Kinds of values: what systemd calls each in its own table, and what makes a value wrong. Kinds that are not here
//! are not checked.

use super::values::{is_signal, is_time_span, parse_boolean};
use super::words::split_words;

/// What is checked about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    TimeSpan,
    Signal,
    /// A number without a sign.
    Unsigned,
    /// An octal file mode.
    Mode,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A command line of `ExecStart=` and its like.
    Command,
    /// `KEY=VALUE` words.
    Environment,
    /// Names of units.
    Units,
}

const SERVICE_TYPES: &[&str] = &["simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"];
const RESTARTS: &[&str] = &["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"];
const ACTIONS: &[&str] = &[
    "none",
    "exit",
    "exit-force",
    "reboot",
    "reboot-force",
    "reboot-immediate",
    "poweroff",
    "poweroff-force",
    "poweroff-immediate",
    "soft-reboot",
    "soft-reboot-force",
    "kexec",
    "kexec-force",
    "halt",
    "halt-force",
    "halt-immediate",
];
const JOB_MODES: &[&str] = &[
    "fail",
    "replace",
    "replace-irreversibly",
    "isolate",
    "flush",
    "ignore-dependencies",
    "ignore-requirements",
    "triggering",
    "restart-dependencies",
];

/// By key, where systemd's own table says too little (`OTHER`) or one word for two things.
const BY_KEY: &[(&str, &str, Kind)] = &[
    ("Unit", "JobTimeoutSec", Kind::TimeSpan),
    ("Unit", "JobRunningTimeoutSec", Kind::TimeSpan),
    ("Unit", "OnSuccessJobMode", Kind::OneOf(JOB_MODES)),
    ("Unit", "OnFailureJobMode", Kind::OneOf(JOB_MODES)),
    ("Unit", "CollectMode", Kind::OneOf(&["inactive", "inactive-or-failed"])),
    ("Service", "TimeoutStopSec", Kind::TimeSpan),
    ("Service", "TimeoutAbortSec", Kind::TimeSpan),
    ("Service", "OOMPolicy", Kind::OneOf(&["continue", "stop", "kill"])),
    ("Timer", "OnActiveSec", Kind::TimeSpan),
    ("Timer", "OnBootSec", Kind::TimeSpan),
    ("Timer", "OnStartupSec", Kind::TimeSpan),
    ("Timer", "OnUnitActiveSec", Kind::TimeSpan),
    ("Timer", "OnUnitInactiveSec", Kind::TimeSpan),
];

/// By what systemd calls the kind.
const BY_NAME: &[(&str, Kind)] = &[
    ("BOOLEAN", Kind::Boolean),
    ("SECONDS", Kind::TimeSpan),
    ("SIGNAL", Kind::Signal),
    ("UNSIGNED", Kind::Unsigned),
    ("MODE", Kind::Mode),
    ("PATH [ARGUMENT [...]]", Kind::Command),
    ("ENVIRON", Kind::Environment),
    ("UNIT [...]", Kind::Units),
    ("ACTION", Kind::OneOf(ACTIONS)),
    ("SERVICETYPE", Kind::OneOf(SERVICE_TYPES)),
    ("SERVICERESTART", Kind::OneOf(RESTARTS)),
    ("SERVICERESTARTMODE", Kind::OneOf(&["normal", "direct", "debug"])),
    ("SERVICEEXITTYPE", Kind::OneOf(&["main", "cgroup"])),
    ("TIMEOUTMODE", Kind::OneOf(&["terminate", "abort", "kill"])),
    ("KILLMODE", Kind::OneOf(&["control-group", "process", "mixed", "none"])),
    ("ACCESS", Kind::OneOf(&["none", "main", "exec", "all"])),
    ("POLICY", Kind::OneOf(&["auto", "closed", "strict"])),
];

impl Kind {
    /// What to check about a key, given what systemd calls its kind.
    pub fn of(section: &str, key: &str, name: &str) -> Option<Self> {
        let by_key = BY_KEY.iter().find(|(s, k, _)| *s == section && *k == key).map(|(_, _, kind)| *kind);
        by_key.or_else(|| BY_NAME.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind))
    }

    /// What is wrong with a value that is one of a kind, and what to write instead; the rest of the message after
    /// `Key='value' is `.
    pub fn objection(self, value: &str) -> Option<String> {
        let wrong = |is_right: bool, what: &str| (!is_right).then(|| what.to_owned());
        match self {
            Self::Boolean => wrong(parse_boolean(value).is_some(), "no boolean; write 'yes' or 'no'"),
            Self::TimeSpan => wrong(
                is_time_span(value),
                "no time span; write one such as '5', '500ms' or '1min 30s' (systemd.time(7))",
            ),
            Self::Signal => wrong(is_signal(value), "no signal; write one such as 'SIGTERM' (signal(7))"),
            Self::Unsigned => wrong(is_unsigned(value), "no whole number"),
            Self::Mode => wrong(is_mode(value), "no file mode; write octal digits such as '0755'"),
            Self::OneOf(words) => (!words.contains(&value)).then(|| {
                let near = super::nearest::nearest(value, words.iter().copied());
                format!(
                    "unknown{}; it can be {}",
                    super::nearest::suggestion(near).trim_end_matches('?'),
                    words.join(", ")
                )
            }),
            Self::Environment => {
                wrong(split_words(value).all(|word| word.is_ok()), "unreadable: a quote in it is not closed")
            }
            Self::Command | Self::Units => None,
        }
    }
}

fn is_unsigned(value: &str) -> bool {
    let digits = value.strip_prefix('+').unwrap_or(value);
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => !hexadecimal.is_empty() && hexadecimal.bytes().all(|b| b.is_ascii_hexdigit()),
        None => {
            let digits = digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0b")).unwrap_or(digits);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

fn is_mode(value: &str) -> bool {
    let digits = value.strip_prefix("0o").unwrap_or(value);
    !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|b| matches!(b, b'0'..=b'7'))
}
