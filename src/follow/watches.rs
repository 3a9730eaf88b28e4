//! Which folder is watched for what.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use super::tree::Node;
use crate::source::inotify::{self, Inotify, Listener, Watched};

/// How many folders are watched; what is beyond that is looked at from time to time.
const MOST: usize = 60_000;

/// For what a group watches a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A glob can find something in it.
    Glob,
    /// A step of the way to a root is in it.
    Way(u32),
    /// It is a folder of a root.
    Node(u32, Node),
}

/// All watched folders of all groups.
pub struct Watches {
    inotify: Inotify,
    listener: Listener,
    places: BTreeSet<(Watched, u32, Place)>,
    /// The names that matter of folders on ways.
    names: BTreeMap<(u32, Place), Vec<(Watched, OsString)>>,
    /// Why something of a group is not watched.
    problems: BTreeMap<u32, String>,
}

impl Watches {
    pub fn new(inotify: Inotify, listener: Listener) -> Self {
        Self { inotify, listener, places: BTreeSet::new(), names: BTreeMap::new(), problems: BTreeMap::new() }
    }

    /// Watches a folder for what has `name` in it, or for everything; whether it can be watched, if it is there.
    pub fn add(&mut self, path: &Path, group: u32, place: Place, name: Option<OsString>) -> bool {
        let folder = match self.inotify.add(path, self.listener, true) {
            Ok(folder) => folder,
            Err(error) => return !self.is_problem(path, group, &error),
        };
        self.places.insert((folder, group, place));
        let name = name.unwrap_or_default();
        let names = self.names.entry((group, place)).or_default();
        if !names.iter().any(|known| *known == (folder, name.clone())) {
            names.push((folder, name));
        }
        true
    }

    /// Watches a folder of a tree.
    pub fn add_node(&mut self, path: &Path, group: u32, root: u32, node: Node) -> Option<Watched> {
        if self.places.len() >= MOST {
            self.problems.entry(group).or_insert_with(|| {
                format!(
                    "more than {MOST} folders are watched: those in {} and others are looked at every 30 s; name fewer \
                     by Watch=",
                    path.display()
                )
            });
            return None;
        }
        match self.inotify.add(path, self.listener, true) {
            Ok(folder) => {
                self.places.insert((folder, group, Place::Node(root, node)));
                Some(folder)
            }
            Err(error) => {
                self.is_problem(path, group, &error);
                None
            }
        }
    }

    /// What is not there yet is no problem: it appears in the folder above, which is watched as well.
    fn is_problem(&mut self, path: &Path, group: u32, error: &io::Error) -> bool {
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            return false;
        }
        let problem = || inotify::unwatched(path, error, "it is looked at every 30 s");
        self.problems.entry(group).or_insert_with(problem);
        true
    }

    /// Why something is not watched.
    pub fn problem(&self) -> Option<String> {
        self.problems.values().next().cloned()
    }

    /// Everything of a group is watched, or is yet to be tried.
    pub fn forget_problem(&mut self, group: u32) {
        self.problems.remove(&group);
    }

    /// A folder is not watched for this any more.
    pub fn remove(&mut self, folder: Watched, group: u32, place: Place) {
        self.places.remove(&(folder, group, place));
        if self.places.range((folder, 0, Place::Glob)..).next().is_none_or(|(other, ..)| *other != folder) {
            self.inotify.remove(folder, self.listener);
        }
    }

    /// Nothing is watched for this any more; trees see to their own folders.
    pub fn close(&mut self, group: u32, place: Place) {
        for (folder, _) in self.names.remove(&(group, place)).unwrap_or_default() {
            self.remove(folder, group, place);
        }
    }

    /// For what a folder is watched, as far as something of this name matters.
    pub fn of(&self, folder: Watched, name: Option<&OsStr>) -> Vec<(u32, Place)> {
        let all = self.places.range((folder, 0, Place::Glob)..).take_while(|(other, ..)| *other == folder);
        all.filter(|(_, group, place)| {
            let Some(names) = self.names.get(&(*group, *place)).filter(|_| matches!(place, Place::Way(_))) else {
                return true;
            };
            name.is_none_or(|name| names.iter().any(|(at, step)| *at == folder && step == name))
        })
        .map(|(_, group, place)| (*group, *place))
        .collect()
    }

    /// A folder is gone, and its watch with it.
    pub fn ended(&mut self, folder: Watched) -> Vec<(u32, Place)> {
        let all = self.of(folder, None);
        for (group, place) in &all {
            self.places.remove(&(folder, *group, *place));
        }
        all
    }

    /// How many folders are watched.
    pub fn len(&self) -> usize {
        self.places.len()
    }
}
