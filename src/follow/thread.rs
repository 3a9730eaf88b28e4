//! The thread that watches for all units.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use super::group::{Changes, Digests, Group};
use super::watches::Watches;
use crate::config;
use crate::files;
use crate::source::inotify::{Event, Inotify};
use crate::status::history;
use crate::systemd;
use crate::unit::UnitName;
use crate::unit::follow::Follow;

/// What the thread has to say.
#[derive(Debug)]
pub enum Told {
    /// Files of a unit changed. Nothing more is told of it until [`Follower::done`].
    Changed { unit: UnitName, follow: Arc<Follow>, changes: Changes },
    /// Something cannot be watched; `None`: everything is.
    Problem(Option<String>),
}

enum Message {
    Event(Event),
    Follow(BTreeMap<UnitName, Arc<Follow>>),
    Done(UnitName),
}

/// The way to the thread.
#[derive(Clone)]
pub struct Follower {
    messages: Sender<Message>,
}

impl Follower {
    /// Starts the thread; it keeps what it knows in `folder` over restarts of the agent.
    pub fn start(inotify: Inotify, folder: PathBuf, told: UnboundedSender<Told>) -> std::io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let events = messages.clone();
        let listener = inotify.listen(move |event| {
            let _ = events.send(Message::Event(event.clone()));
        });
        let watches = Watches::new(inotify, listener);
        let thread = Thread {
            inbox,
            told,
            folder,
            watches,
            groups: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
            problem: None,
        };
        std::thread::Builder::new().name("follow".into()).spawn(move || thread.run())?;
        Ok(Self { messages })
    }

    /// These are the units that follow their files from now on.
    pub fn follow(&self, units: BTreeMap<UnitName, Arc<Follow>>) {
        let _ = self.messages.send(Message::Follow(units));
    }

    /// What was to be done because of a change is done.
    pub fn done(&self, unit: UnitName) {
        let _ = self.messages.send(Message::Done(unit));
    }
}

struct Thread {
    inbox: Receiver<Message>,
    told: UnboundedSender<Told>,
    folder: PathBuf,
    watches: Watches,
    groups: BTreeMap<u32, (UnitName, Group)>,
    numbers: BTreeMap<UnitName, u32>,
    next: u32,
    problem: Option<String>,
}

impl Thread {
    fn run(mut self) {
        loop {
            let due = self.groups.values().filter_map(|(_, group)| group.due()).min();
            let message = match due {
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(message) => {
                    self.take(message);
                    while let Ok(message) = self.inbox.try_recv() {
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look();
            let problem = self.watches.problem();
            if self.problem != problem {
                self.problem.clone_from(&problem);
                let _ = self.told.send(Told::Problem(problem));
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(Event::Changed { folder, name, is_folder, only_attributes }) => {
                for (number, place) in self.watches.of(folder, name.as_deref()) {
                    let Some((_, group)) = self.groups.get_mut(&number) else { continue };
                    match only_attributes {
                        true => group.attributes(place, name.as_deref()),
                        false => group.event(place, name.as_deref(), is_folder, &mut self.watches),
                    }
                }
            }
            Message::Event(Event::Ended { folder }) => {
                for (number, place) in self.watches.ended(folder) {
                    if let Some((_, group)) = self.groups.get_mut(&number) {
                        group.ended(place);
                    }
                }
            }
            Message::Event(Event::Overflow) => self.groups.values_mut().for_each(|(_, group)| group.overflow()),
            Message::Follow(units) => self.follow(units),
            Message::Done(unit) => {
                if let Some((_, group)) = self.numbers.get(&unit).and_then(|number| self.groups.get_mut(number)) {
                    group.done();
                }
            }
        }
    }

    fn follow(&mut self, mut units: BTreeMap<UnitName, Arc<Follow>>) {
        let before = std::mem::take(&mut self.numbers);
        for (unit, number) in before {
            let Some((_, group)) = self.groups.get_mut(&number) else { continue };
            match units.remove(&unit) {
                Some(follow) if follow.same_paths(&group.follow) => {
                    group.follow = follow;
                    self.numbers.insert(unit, number);
                }
                other => {
                    group.close(&mut self.watches);
                    self.groups.remove(&number);
                    match other {
                        Some(follow) => self.add(unit, follow),
                        None => {
                            let _ = files::remove(&self.kept(&unit));
                        }
                    }
                }
            }
        }
        for (unit, follow) in units {
            self.add(unit, follow);
        }
    }

    fn add(&mut self, unit: UnitName, follow: Arc<Follow>) {
        let begin = Instant::now();
        // Nobody knows what happened before.
        forget_checked(&unit);
        let number = self.next;
        self.next += 1;
        let known = std::fs::read(self.kept(&unit)).ok();
        let known: Digests = known.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let (mut group, changes) = Group::new(number, follow, &known, &mut self.watches);
        tracing::debug!(
            "{unit} follows its files: {} folders are watched ({} ms)",
            self.watches.len(),
            begin.elapsed().as_millis()
        );
        if changes.is_empty() {
            self.keep(&unit, &group);
        } else {
            self.tell(&unit, &mut group, changes);
        }
        self.numbers.insert(unit.clone(), number);
        self.groups.insert(number, (unit, group));
    }

    fn look(&mut self) {
        let now = Instant::now();
        let mut groups = std::mem::take(&mut self.groups);
        for (unit, group) in groups.values_mut() {
            if group.due().is_none_or(|due| due > now) {
                continue;
            }
            if group.has_other_owners() {
                forget_checked(unit);
            }
            let granted = group.granted();
            let changes = group.look(now, &mut self.watches);
            if let Some(changes) = changes.or_else(|| granted.filter(|_| is_unwell(unit))) {
                self.tell(unit, group, changes);
            }
        }
        self.groups = groups;
    }

    fn tell(&self, unit: &UnitName, group: &mut Group, changes: Changes) {
        group.is_busy = true;
        self.keep(unit, group);
        let _ = self.told.send(Told::Changed { unit: unit.clone(), follow: group.follow.clone(), changes });
    }

    fn kept(&self, unit: &UnitName) -> PathBuf {
        self.folder.join(unit.as_str())
    }

    fn keep(&self, unit: &UnitName, group: &Group) {
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| files::replace_for(&self.kept(unit), &serde_json::to_vec(&group.digests())?, true));
        if let Err(error) = written {
            tracing::warn!("{}: {error}", Path::display(&self.folder));
        }
    }
}

/// Whether the last reload of what runs did not end well: then another owner or mode of its files may be what it needs.
fn is_unwell(unit: &UnitName) -> bool {
    let folder = Path::new(config::STATE_DIRECTORY).join("units").join(unit.as_str());
    let events = history::read(&folder).unwrap_or_default();
    let started = systemd::started_at(unit.as_str());
    history::failed_reload(&events).is_some_and(|event| started.is_some_and(|started| started < event.time))
}

/// The next start of a container looks at the owners of its mounts again, all of them.
fn forget_checked(unit: &UnitName) {
    let _ = files::remove_folder(&Path::new(config::RUN_DIRECTORY).join(config::CHECKED).join(unit.as_str()));
}
