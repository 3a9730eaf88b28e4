//! `[X-Sculler]` → [`Policy`]: what a unit's own files and edits lead to. systemd and Podman ignore the section.
//!
//! `Watch=` and `WatchIgnore=` are lists, which an empty value empties; of the others the last one counts. Drop-ins count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostics::Diagnostic;
use super::host_folders;
use super::name::UnitName;
use super::nearest::{nearest, suggestion};
use super::specifier::{self, UnknownSpecifier};
use super::syntax::{Entry, UnitFile};
use super::values::{parse_boolean, time_span};
use super::words::split_words;

/// The section's name.
pub const SECTION: &str = "X-Sculler";

/// Every key, with what it is for.
pub const KEYS: [(&str, &str); 9] = [
    ("Watch", "Files, folders or globs of which a changed content is followed"),
    ("WatchIgnore", "Globs of names below them that do not count"),
    ("CheckCmd", "Command that has to succeed before anything is reloaded"),
    ("OnChange", "What a change leads to: reload, restart or none"),
    ("SettleSec", "Quiet time after which a burst of changes is over"),
    ("OnUpdate", "What an edit of the unit file itself may do: restart or hold"),
    ("Rollback", "Back to the last good version if the new one does not stay up"),
    ("RollbackSec", "How long it has to stay up"),
    ("HostUser", "Whether the host has to know the container's user: ignore, require or create"),
];

/// What follows from changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `Watch=`: absolute paths or globs. `%m`, `%H` and `%%` are left for the host's.
    pub watch: Vec<String>,
    /// `WatchIgnore=`
    pub watch_ignore: Vec<String>,
    /// `CheckCmd=`, in words; empty: no check.
    pub check: Vec<String>,
    /// `OnChange=`; `None`: reload, if there is a way.
    pub on_change: Option<OnChange>,
    /// `SettleSec=`
    pub settle: Duration,
    /// `OnUpdate=`
    pub on_update: OnUpdate,
    /// `Rollback=`
    pub rollback: bool,
    /// `RollbackSec=`
    pub rollback_time: Duration,
    /// `HostUser=`
    pub host_user: HostUser,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            watch: Vec::new(),
            watch_ignore: Vec::new(),
            check: Vec::new(),
            on_change: None,
            settle: Duration::from_millis(100),
            on_update: OnUpdate::default(),
            rollback: true,
            rollback_time: Duration::from_secs(30),
            host_user: HostUser::default(),
        }
    }
}

/// However long a burst of changes goes on, it is looked at after this.
pub const SETTLE_AT_MOST: Duration = Duration::from_secs(5);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            const WORDS: &[(&str, Self)] = &[$(($text, Self::$variant)),+];
        }
    };
}

words! {
    /// `OnChange=`: what a change of watched files leads to.
    OnChange {
        /// A reload, by `ReloadCmd=`, `ReloadSignal=` or `ExecReload=`.
        #[default]
        Reload = "reload",
        /// A restart.
        Restart = "restart",
        /// Nothing; what was replaced on the host is replaced in the container all the same.
        None = "none",
    }
}

words! {
    /// `OnUpdate=`: what an edit of the unit file itself may do.
    OnUpdate {
        /// Restart what runs.
        #[default]
        Restart = "restart",
        /// Nothing until somebody restarts the unit.
        Hold = "hold",
    }
}

words! {
    /// `HostUser=`: whether the host has to know the container's user.
    HostUser {
        /// Only a name that means another number on the host is an error.
        #[default]
        Ignore = "ignore",
        /// The host has to have it.
        Require = "require",
        /// The host gets it.
        Create = "create",
    }
}

/// Reads `[X-Sculler]` of a unit file and its drop-ins; a list of diagnostics for each file.
pub fn policy(files: &[&UnitFile], name: &UnitName) -> (Policy, Vec<Vec<Diagnostic>>) {
    let mut policy = Policy::default();
    let diagnostics = files.iter().map(|file| {
        let entries = file.section_entries(SECTION);
        entries.filter_map(|entry| read(&mut policy, entry, name).err()).collect()
    });
    let diagnostics = diagnostics.collect();
    (policy, diagnostics)
}

fn read(policy: &mut Policy, entry: Entry<'_>, name: &UnitName) -> Result<(), Diagnostic> {
    let default = Policy::default();
    let is_empty = entry.value.is_empty();
    match entry.key {
        "Watch" | "WatchIgnore" => {
            let list = if entry.key == "Watch" { &mut policy.watch } else { &mut policy.watch_ignore };
            if is_empty {
                list.clear();
            }
            for (text, offset) in words(entry)? {
                let text = expanded(entry, &text, name)?;
                let at = entry.column_at(offset);
                if entry.key == "Watch" && !text.starts_with('/') {
                    let message = format!("Watch={text} is no absolute path; write it from / on");
                    return Err(Diagnostic::error(entry.line, at, message));
                }
                if entry.key == "Watch"
                    && let Some(reason) = host_folders::hidden(Path::new(&text))
                {
                    return Err(Diagnostic::error(entry.line, at, format!("Watch={text} {reason}")));
                }
                if entry.key == "WatchIgnore" && text.contains('/') {
                    let message =
                        format!("WatchIgnore={text} has a slash; it is held against names alone, as in *.tmp");
                    return Err(Diagnostic::error(entry.line, at, message));
                }
                list.push(text);
            }
        }
        "CheckCmd" => {
            let words = words(entry)?.into_iter().map(|(text, _)| expanded(entry, &text, name));
            policy.check = words.collect::<Result<_, _>>()?;
        }
        "OnChange" => policy.on_change = if is_empty { None } else { Some(word(entry, OnChange::WORDS)?) },
        "OnUpdate" => policy.on_update = if is_empty { default.on_update } else { word(entry, OnUpdate::WORDS)? },
        "HostUser" => policy.host_user = if is_empty { default.host_user } else { word(entry, HostUser::WORDS)? },
        "SettleSec" => {
            let settle = if is_empty { default.settle } else { time(entry)? };
            if settle > SETTLE_AT_MOST {
                let message = format!("SettleSec={} is longer than 5 s, after which a burst is cut", entry.value);
                return Err(Diagnostic::error(entry.line, entry.value_column, message));
            }
            policy.settle = settle;
        }
        "RollbackSec" => policy.rollback_time = if is_empty { default.rollback_time } else { time(entry)? },
        "Rollback" => {
            policy.rollback = match parse_boolean(entry.value) {
                Some(value) => value,
                None if is_empty => default.rollback,
                None => {
                    let message = format!("Rollback={} is no boolean; write 'yes' or 'no'", entry.value);
                    return Err(Diagnostic::error(entry.line, entry.value_column, message));
                }
            }
        }
        key => {
            let near = nearest(key, KEYS.iter().map(|(key, _)| *key));
            let message = format!("unknown key '{key}' in [{SECTION}], ignored{}", suggestion(near));
            return Err(Diagnostic::warning(entry.line, entry.column, message));
        }
    }
    Ok(())
}

fn words(entry: Entry<'_>) -> Result<Vec<(String, usize)>, Diagnostic> {
    split_words(entry.value)
        .map(|word| match word {
            Ok(word) => Ok((word.text.into_owned(), word.offset)),
            Err(quote) => {
                let message = format!("{}: this quote is not closed", entry.key);
                Err(Diagnostic::error(entry.line, entry.column_at(quote.offset), message))
            }
        })
        .collect()
}

fn expanded(entry: Entry<'_>, text: &str, name: &UnitName) -> Result<String, Diagnostic> {
    match specifier::expand_name(text, name) {
        Ok(text) => Ok(text.into_owned()),
        Err(UnknownSpecifier { letter, .. }) => {
            let message = format!(
                "unknown specifier '%{letter}' in {}; [{SECTION}] knows {}, and '%%' is a percent sign",
                entry.key,
                specifier::KNOWN
            );
            Err(Diagnostic::error(entry.line, entry.value_column, message))
        }
    }
}

fn word<T: Copy>(entry: Entry<'_>, words: &[(&str, T)]) -> Result<T, Diagnostic> {
    words.iter().find(|(text, _)| *text == entry.value).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(text, _)| *text).collect();
        let message = format!("{}={} is none of {}", entry.key, entry.value, known.join(", "));
        Diagnostic::error(entry.line, entry.value_column, message)
    })
}

fn time(entry: Entry<'_>) -> Result<Duration, Diagnostic> {
    time_span(entry.value).ok_or_else(|| {
        let message = format!("{}={} is no time span; write one such as 100ms or 30s", entry.key, entry.value);
        Diagnostic::error(entry.line, entry.value_column, message)
    })
}

impl Policy {
    /// `Watch=` on the host that `expand` speaks for.
    pub fn watched(&self, expand: impl Fn(&str) -> String) -> Vec<PathBuf> {
        self.watch.iter().map(|path| PathBuf::from(expand(path))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::syntax::parse;

    fn read(texts: &[&str]) -> (Policy, Vec<String>) {
        let files: Vec<UnitFile> =
            texts.iter().map(|text| parse(format!("[X-Sculler]\n{text}").as_bytes()).0).collect();
        let name = UnitName::parse("web@a.container").unwrap();
        let (policy, diagnostics) = policy(&files.iter().collect::<Vec<_>>(), &name);
        (policy, diagnostics.into_iter().flatten().map(|found| found.message).collect())
    }

    #[test]
    fn every_key() {
        let (policy, found) = read(&[
            "Watch=/a /b/*.conf \"/c d\"\nWatch=/srv/%i\nWatchIgnore=*.log\nCheckCmd=nginx -t\nOnChange=restart\n\
             SettleSec=1s 500ms\nOnUpdate=hold\nRollback=no\nRollbackSec=2min\nHostUser=create\n",
        ]);
        assert_eq!(found, [""; 0]);
        let expected = Policy {
            watch: ["/a", "/b/*.conf", "/c d", "/srv/a"].map(str::to_owned).into(),
            watch_ignore: vec!["*.log".to_owned()],
            check: vec!["nginx".to_owned(), "-t".to_owned()],
            on_change: Some(OnChange::Restart),
            settle: Duration::from_millis(1500),
            on_update: OnUpdate::Hold,
            rollback: false,
            rollback_time: Duration::from_secs(120),
            host_user: HostUser::Create,
        };
        assert_eq!(policy, expected);
    }

    #[test]
    fn drop_ins_and_empty_values_take_back() {
        let (policy, found) =
            read(&["Watch=/a\nOnChange=none\nSettleSec=2s\nCheckCmd=x", "Watch=\nOnChange=\nSettleSec=\nCheckCmd="]);
        assert_eq!((policy, found), (Policy::default(), Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("Watch=conf", "no absolute path"),
            ("Watch=/proc/self", "is the kernel's"),
            ("Watch=/srv /tmp/a", "Watch=/tmp/a is in a folder"),
            ("WatchIgnore=a/b", "has a slash"),
            ("Watch=\"/a", "not closed"),
            ("Watch=/%q", "unknown specifier '%q'"),
            ("OnChange=reboot", "none of reload, restart, none"),
            ("SettleSec=1min", "longer than 5 s"),
            ("SettleSec=soon", "no time span"),
            ("Rollback=maybe", "no boolean"),
            ("HostUser=yes", "none of ignore, require, create"),
            ("OnChnage=none", "did you mean 'OnChange'?"),
        ] {
            let (_, found) = read(&[text]);
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
        }
    }
}
