//! What one unit watches.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pattern;
use super::tree::{self, Node, Surroundings, Tree};
use super::watches::{Place, Watches};
use crate::source::inotify::Watched;
use crate::source::route::route;
use crate::unit::follow::Follow;
use crate::unit::policy::SETTLE_AT_MOST;

/// How long Git may be at work.
const GIT_AT_MOST: Duration = Duration::from_secs(600);

/// How often what cannot be watched is looked at.
const POLL: Duration = Duration::from_secs(30);

/// Of a large tree more seldom: it may take this part of the time.
const POLL_SHARE: u32 = 50;

/// The digest of each path when it was last told of, over restarts of the agent.
pub type Digests = BTreeMap<PathBuf, u64>;

/// A unit's paths, and when to look at them.
pub struct Group {
    pub follow: Arc<Follow>,
    number: u32,
    roots: Vec<Root>,
    /// The first and the last event since the last look.
    burst: Option<(Instant, Instant)>,
    /// Something is being done because of the last look.
    pub is_busy: bool,
    poll: Option<Instant>,
    /// Whether the folders in which globs find more are watched.
    is_glob_watched: bool,
    /// Got another owner, mode or access control list since the last look, while nothing was being done.
    granted: Option<PathBuf>,
    /// Whether anything did, at any time.
    has_other_owners: bool,
}

/// Why a path is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Its content matters.
    Content,
    /// It is the source of a mount: it matters that another file or folder is there.
    Place,
    /// Its content matters at the start alone.
    Environment,
}

struct Root {
    path: PathBuf,
    kind: Kind,
    /// What the path leads to: device and inode.
    place: Option<(u64, u64)>,
    tree: Option<Tree>,
    digest: u64,
    is_touched: bool,
    /// Something on the way to it may have been replaced.
    is_moved: bool,
    /// Whether the way to it is watched.
    is_way_watched: bool,
}

/// What has changed of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub files: Vec<PathBuf>,
    /// Environment files, which only a new start reads.
    pub environment: Vec<PathBuf>,
}

impl Group {
    /// Watches what `follow` says, and compares it with what was known of it before.
    pub fn new(number: u32, follow: Arc<Follow>, known: &Digests, watches: &mut Watches) -> (Self, Changes) {
        let mut group = Self {
            follow,
            number,
            roots: Vec::new(),
            burst: None,
            is_busy: false,
            poll: None,
            is_glob_watched: true,
            granted: None,
            has_other_owners: false,
        };
        let mut changes = Changes::default();
        for (path, kind) in group.paths(watches) {
            group.add(path, kind, watches);
        }
        for root in &group.roots {
            if root.kind != Kind::Place
                && let Some(known) = known.get(&root.path)
                && *known != root.digest
            {
                changes.add(root.kind, vec![root.path.clone()]);
            }
        }
        group.plan_poll(Duration::ZERO, watches);
        (group, changes)
    }

    /// What is to be kept over restarts.
    pub fn digests(&self) -> Digests {
        let roots = self.roots.iter().filter(|root| root.kind != Kind::Place);
        roots.map(|root| (root.path.clone(), root.digest)).collect()
    }

    /// When to look; `None` while nothing happened.
    pub fn due(&self) -> Option<Instant> {
        if self.is_busy {
            return None;
        }
        let settled = self.burst.map(|(first, last)| (last + self.follow.settle).min(first + SETTLE_AT_MOST));
        settled.into_iter().chain(self.poll).min()
    }

    /// Something happened at `place` of this group, to what has this name.
    pub fn event(&mut self, place: Place, name: Option<&OsStr>, is_folder: bool, watches: &mut Watches) {
        let ignores = |name: &OsStr| ignores(&self.follow, name);
        match place {
            Place::Glob => {
                if name.is_none_or(|name| !ignores(name)) {
                    self.wake();
                }
            }
            Place::Way(root) => {
                if let Some(root) = self.roots.get_mut(root as usize) {
                    (root.is_moved, root.is_touched) = (true, true);
                    self.wake();
                }
            }
            Place::Node(root, node) => {
                let Some(name) = name.filter(|name| !ignores(name)) else { return };
                let (number, follow) = (self.number, self.follow.clone());
                let Some(Root { tree: Some(tree), is_touched, .. }) = self.roots.get_mut(root as usize) else { return };
                tree.touch(node);
                *is_touched = true;
                if is_folder {
                    tree.appear(node, name, &mut Around { watches, follow: &follow, group: number, root });
                }
                self.wake();
            }
        }
    }

    /// Something at `place` has another owner, mode or access control list. Contents stay, so this matters only to a unit
    /// that could not take up what its files say.
    pub fn attributes(&mut self, place: Place, name: Option<&OsStr>) {
        if name.is_some_and(|name| ignores(&self.follow, name)) {
            return;
        }
        let path = match place {
            Place::Glob => return,
            Place::Way(root) => self.roots.get(root as usize).map(|root| root.path.clone()),
            Place::Node(root, node) => {
                let tree = self.roots.get(root as usize).and_then(|root| root.tree.as_ref());
                tree.and_then(|tree| Some(tree.path(node).join(name?)))
            }
        };
        if path.is_some() {
            self.has_other_owners = true;
            self.granted = path.filter(|_| !self.is_busy);
            self.wake();
        }
    }

    /// Whether [`Self::attributes`] told of something since this was asked last.
    pub fn has_other_owners(&mut self) -> bool {
        std::mem::take(&mut self.has_other_owners)
    }

    /// What [`Self::attributes`] told of since the last look.
    pub fn granted(&mut self) -> Option<Changes> {
        self.granted.take().map(|path| Changes { files: vec![path], environment: Vec::new() })
    }

    /// What was to be done because of the last look is done. What that itself did to files counts for nothing.
    pub fn done(&mut self) {
        self.is_busy = false;
        self.granted = None;
    }

    /// A watched folder is gone.
    pub fn ended(&mut self, place: Place) {
        match place {
            Place::Node(root, node) => {
                if let Some(Root { tree: Some(tree), .. }) = self.roots.get_mut(root as usize) {
                    tree.lose(node);
                }
            }
            Place::Way(root) => {
                if let Some(root) = self.roots.get_mut(root as usize) {
                    (root.is_moved, root.is_touched) = (true, true);
                }
                self.wake();
            }
            Place::Glob => self.wake(),
        }
    }

    /// Anything may have happened.
    pub fn overflow(&mut self) {
        for root in &mut self.roots {
            (root.is_moved, root.is_touched) = (true, true);
            if let Some(tree) = &mut root.tree {
                tree.forget_watches();
            }
        }
        self.wake();
    }

    fn wake(&mut self) {
        let now = Instant::now();
        self.burst = Some((self.burst.map_or(now, |(first, _)| first), now));
    }

    /// Looks what has changed, if it is time.
    pub fn look(&mut self, now: Instant, watches: &mut Watches) -> Option<Changes> {
        let is_poll = self.poll.is_some_and(|poll| poll <= now);
        if self.roots.iter().any(|root| (is_poll || root.is_touched) && git_is_busy(&root.path)) {
            self.burst = self.burst.map(|_| (now, now));
            self.poll = self.poll.map(|poll| if is_poll { now + self.follow.settle } else { poll });
            return None;
        }
        if is_poll {
            watches.forget_problem(self.number);
            for root in &mut self.roots {
                (root.is_moved, root.is_touched) = (true, true);
                root.tree.iter_mut().for_each(Tree::touch_all);
            }
        }
        self.burst = None;
        let mut changes = Changes::default();
        self.expand_again(watches, &mut changes);
        for index in 0..self.roots.len() {
            if std::mem::take(&mut self.roots[index].is_touched) {
                let kind = self.roots[index].kind;
                changes.add(kind, self.look_at(index as u32, watches));
            }
        }
        self.plan_poll(now.elapsed(), watches);
        (!changes.is_empty()).then_some(changes)
    }

    /// Watches nothing more.
    pub fn close(&mut self, watches: &mut Watches) {
        for index in 0..self.roots.len() {
            self.close_root(index as u32, watches);
        }
        watches.close(self.number, Place::Glob);
        watches.forget_problem(self.number);
    }

    fn close_root(&mut self, index: u32, watches: &mut Watches) {
        let (number, follow) = (self.number, self.follow.clone());
        if let Some(mut tree) = self.roots[index as usize].tree.take() {
            tree.close(&mut Around { watches, follow: &follow, group: number, root: index });
        }
        watches.close(number, Place::Way(index));
    }

    /// Every path that is to be watched now; the folders in which globs find more are watched.
    fn paths(&mut self, watches: &mut Watches) -> Vec<(PathBuf, Kind)> {
        let mut paths: Vec<(PathBuf, Kind)> = Vec::new();
        self.is_glob_watched = true;
        for path in &self.follow.watch {
            match pattern::is_glob(path) {
                false => paths.push((path.clone(), Kind::Content)),
                true => {
                    let (_, folders) = pattern::expand(path);
                    for folder in folders {
                        self.is_glob_watched &= watches.add(&folder, self.number, Place::Glob, None);
                    }
                    // Again: what came before a folder was watched is found now.
                    paths.extend(pattern::expand(path).0.into_iter().map(|path| (path, Kind::Content)));
                }
            }
        }
        paths.extend(self.follow.places.iter().map(|path| (path.clone(), Kind::Place)));
        paths.extend(self.follow.environment.iter().map(|path| (path.clone(), Kind::Environment)));
        paths.sort();
        paths.dedup();
        paths
    }

    fn expand_again(&mut self, watches: &mut Watches, changes: &mut Changes) {
        if !self.follow.watch.iter().any(|path| pattern::is_glob(path)) {
            return;
        }
        let paths = self.paths(watches);
        for index in 0..self.roots.len() {
            let root = &self.roots[index];
            let is_wanted = paths.iter().any(|(path, kind)| *path == root.path && *kind == root.kind);
            if !is_wanted && !root.path.as_os_str().is_empty() {
                changes.add(root.kind, vec![root.path.clone()]);
                self.close_root(index as u32, watches);
                // Its number stays, lest those of the others changed.
                self.roots[index].path = PathBuf::new();
                self.roots[index].is_touched = false;
            }
        }
        for (path, kind) in paths {
            if !self.roots.iter().any(|root| root.path == path && root.kind == kind) {
                changes.add(kind, vec![path.clone()]);
                self.add(path, kind, watches);
            }
        }
    }

    fn add(&mut self, path: PathBuf, kind: Kind, watches: &mut Watches) {
        let index = self.roots.len() as u32;
        self.roots.push(Root {
            path,
            kind,
            place: None,
            tree: None,
            digest: 0,
            is_touched: false,
            is_moved: true,
            is_way_watched: true,
        });
        self.look_at(index, watches);
    }

    /// What has another content, or is another file, than at the last look.
    fn look_at(&mut self, index: u32, watches: &mut Watches) -> Vec<PathBuf> {
        let (number, follow) = (self.number, self.follow.clone());
        let root = &mut self.roots[index as usize];
        let mut around = Around { watches, follow: &follow, group: number, root: index };
        if std::mem::take(&mut root.is_moved) {
            root.is_way_watched = watch_way(&root.path, number, index, around.watches);
        }
        // Nothing is there: that lasts for a moment, or nobody can do anything about it. What was there before counts.
        let Ok(metadata) = fs::metadata(&root.path) else { return Vec::new() };
        let place = (metadata.dev(), metadata.ino());
        let before = root.place.replace(place);
        if root.kind == Kind::Place {
            return if before.is_some_and(|before| before != place) { vec![root.path.clone()] } else { Vec::new() };
        }
        let mut files = Vec::new();
        let digest = if metadata.is_dir() {
            match &mut root.tree {
                Some(tree) if before == Some(place) => files = tree.refresh(&mut around),
                tree => {
                    if let Some(mut old) = tree.take() {
                        old.close(&mut around);
                    }
                    *tree = Tree::read(&root.path, &mut around).ok();
                }
            }
            root.tree.as_ref().map_or(0, Tree::digest)
        } else {
            if let Some(mut old) = root.tree.take() {
                old.close(&mut around);
            }
            tree::file_digest(&root.path)
        };
        let is_same = std::mem::replace(&mut root.digest, digest) == digest;
        match is_same {
            true => Vec::new(),
            false if files.is_empty() => vec![root.path.clone()],
            false => files,
        }
    }

    /// `took`: how long the last look did.
    fn plan_poll(&mut self, took: Duration, watches: &mut Watches) {
        let is_watched = |root: &Root| root.is_way_watched && !root.tree.as_ref().is_some_and(Tree::has_unwatched);
        if self.is_glob_watched && self.roots.iter().all(is_watched) {
            watches.forget_problem(self.number);
            self.poll = None;
        } else if self.poll.is_none_or(|poll| poll <= Instant::now()) {
            self.poll = Some(Instant::now() + POLL.max(took * POLL_SHARE));
        }
    }
}

impl Changes {
    fn add(&mut self, kind: Kind, mut files: Vec<PathBuf>) {
        match kind {
            Kind::Environment => self.environment.append(&mut files),
            Kind::Content | Kind::Place => {
                files.retain(|file| !self.files.contains(file));
                self.files.append(&mut files);
            }
        }
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.environment.is_empty()
    }
}

/// Watches every folder in which a step of the way to `path` could be replaced; whether all of them can be.
fn watch_way(path: &Path, group: u32, root: u32, watches: &mut Watches) -> bool {
    watches.close(group, Place::Way(root));
    let mut is_watched = true;
    for place in route(path) {
        for (step, above) in place.ancestors().zip(place.ancestors().skip(1)) {
            let name: Option<OsString> = step.file_name().map(OsStr::to_owned);
            is_watched &= watches.add(above, group, Place::Way(root), name);
        }
    }
    is_watched
}

/// Whether Git is at work in or above a path: a checkout is one change, however long it takes. What lies there for longer, Git
/// left when it was killed.
fn git_is_busy(path: &Path) -> bool {
    let is_young = |lock: PathBuf| {
        let modified = fs::metadata(lock).and_then(|metadata| metadata.modified()).ok();
        modified.is_some_and(|at| at.elapsed().is_ok_and(|age| age < GIT_AT_MOST))
    };
    path.ancestors().map(|folder| folder.join(".git")).any(|git| match fs::read_to_string(&git) {
        // A worktree's (gitrepository-layout(5)).
        Ok(text) => text
            .strip_prefix("gitdir: ")
            .is_some_and(|own| is_young(git.with_file_name(own.trim_end_matches('\n')).join("index.lock"))),
        Err(_) => is_young(git.join("index.lock")),
    })
}

fn ignores(follow: &Follow, name: &OsStr) -> bool {
    pattern::is_litter(name) || follow.ignore.iter().any(|glob| pattern::matches(glob, name))
}

struct Around<'a> {
    watches: &'a mut Watches,
    follow: &'a Follow,
    group: u32,
    root: u32,
}

impl Surroundings for Around<'_> {
    fn watch(&mut self, node: Node, path: &Path) -> Option<Watched> {
        self.watches.add_node(path, self.group, self.root, node)
    }

    fn unwatch(&mut self, node: Node, watched: Watched) {
        self.watches.remove(watched, self.group, Place::Node(self.root, node));
    }

    fn ignores(&self, name: &OsStr) -> bool {
        ignores(self.follow, name)
    }
}
