//! What happened to a unit: `/var/lib/sculler/units/NAME/history.jsonl`, an event a line, for root alone. The agent writes
//! starts, edits and rollbacks, supervisors the reloads; the file goes with the unit.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::publish::seconds_now;
use crate::files;

/// The file's name in the unit's folder of records.
const FILE: &str = "history.jsonl";

/// A file that is longer loses its older half.
const LIMIT: u64 = 128 * 1024;

/// What is done for an edit that cannot matter to what runs.
pub const UNTOUCHED: &str = "installed; what runs was left alone";

/// What one event may say of its reason: a check's output may be long.
const REASON: usize = 4 * 1024;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was over, in seconds since 1970.
    pub time: f64,
    /// What it was.
    pub what: What,
    /// The files because of which it was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// What was done, as in `restarted`, `reloaded by SIGHUP`.
    pub done: String,
    /// How long it took, in seconds.
    pub took: f64,
    /// How it ended.
    pub result: Outcome,
    /// Why, where that is not plain from the rest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A start, or a restart that no file asked for.
    Start,
    /// A stop that sculler did.
    Stop,
    /// A change of the unit's own files.
    Edit,
    /// A change of watched files, or a reload by hand.
    Reload,
    /// The return to the last good version.
    Rollback,
}

impl What {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Edit => "edit",
            Self::Reload => "reload",
            Self::Rollback => "rollback",
        }
    }
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it was meant.
    Done,
    /// Not as it was meant; nothing was stopped for it.
    Refused,
    /// Not as it was meant.
    Failed,
}

impl Outcome {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl Event {
    /// An event that is over now.
    pub fn now(what: What, done: impl Into<String>, took: Duration, result: Outcome) -> Self {
        let (files, reason) = (Vec::new(), String::new());
        let took = (took.as_secs_f64() * 1000.0).round() / 1000.0;
        // In milliseconds: more digits are not read as they were written.
        let time = (seconds_now() * 1000.0).round() / 1000.0;
        Self { time, what, files, done: done.into(), took, result, reason }
    }

    /// With the files because of which it was done.
    pub fn because_of(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.files = files.into_iter().collect();
        self
    }

    /// With its reason.
    pub fn since(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }
}

/// Adds an event to the history in `folder`, the unit's folder of records. Agent and supervisor may both do so at once.
pub fn append(folder: &Path, event: &Event) -> io::Result<()> {
    let mut event = event.clone();
    if event.reason.len() > REASON {
        let is_start = |index: &usize| event.reason.is_char_boundary(*index);
        let end = (0..=REASON).rev().find(is_start).unwrap_or_default();
        event.reason.truncate(end);
        event.reason.push('…');
    }
    let mut line = serde_json::to_vec(&event)?;
    line.push(b'\n');
    fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    let mut file = open_alone(&path)?;
    let length = file.metadata()?.len();
    if length > 0 && last_byte(&mut file)? != b'\n' {
        // What a power cut left must not take this line along.
        line.insert(0, b'\n');
    }
    file.write_all(&line)?;
    if length + line.len() as u64 > LIMIT {
        shorten(&path, &mut file)?;
    }
    Ok(())
}

/// The events in `folder`, the oldest first; none if nothing happened yet.
pub fn read(folder: &Path) -> io::Result<Vec<Event>> {
    let text = match fs::read(folder.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// The reload that did not end well, if nothing has happened since: what runs has not taken up what its files say.
pub fn failed_reload(events: &[Event]) -> Option<&Event> {
    let told = |event: &&Event| !(event.what == What::Edit && event.done == UNTOUCHED);
    events.iter().rfind(told).filter(|event| event.what == What::Reload && event.result != Outcome::Done)
}

/// Opens the file with nobody else writing to it until it is closed.
fn open_alone(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
        file.lock()?;
        // Another one may have replaced it in between.
        if fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|own| own.ino() == there.ino())) {
            return Ok(file);
        }
    }
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn shorten(path: &Path, file: &mut File) -> io::Result<()> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    let half = text.len() / 2;
    let start = text[half..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| half + end + 1);
    files::replace_for(path, &text[start..], true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(done: &str) -> Event {
        Event::now(What::Edit, done, Duration::from_millis(1234), Outcome::Done)
            .because_of([PathBuf::from("/etc/sculler/units/web.container")])
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sculler-history-{name}-{}", std::process::id()));
        files::remove_folder(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_written_is_read_also_after_a_torn_line() {
        let folder = folder("torn");
        assert_eq!(read(&folder).unwrap(), []);
        let events = [event("one"), event("two").since("because"), event("three")];
        append(&folder, &events[0]).unwrap();
        append(&folder, &events[1]).unwrap();
        let mut file = OpenOptions::new().append(true).open(folder.join(FILE)).unwrap();
        file.write_all(b"{\"time\":17").unwrap();
        append(&folder, &events[2]).unwrap();
        assert_eq!(read(&folder).unwrap(), events);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn it_stays_short_and_keeps_the_newest_whoever_writes() {
        let folder = folder("short");
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let folder = folder.clone();
                std::thread::spawn(move || {
                    for number in 0..300 {
                        append(&folder, &event(&format!("{writer}-{number}")).since("x".repeat(400))).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(fs::metadata(folder.join(FILE)).unwrap().len() <= LIMIT);
        let events = read(&folder).unwrap();
        for writer in 0..4 {
            let own: Vec<_> = events.iter().filter(|event| event.done.starts_with(&format!("{writer}-"))).collect();
            let numbers: Vec<usize> = own.iter().map(|event| event.done[2..].parse().unwrap()).collect();
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
            assert!(numbers.last().is_none_or(|last| *last == 299), "{numbers:?}");
        }
        append(&folder, &event("long").since("é".repeat(REASON))).unwrap();
        assert!(read(&folder).unwrap().last().unwrap().reason.len() <= REASON + 4);
        fs::remove_dir_all(folder).unwrap();
    }
}
