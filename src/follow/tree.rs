//! What is in a folder, as far as it has to be known to say later which files have another content.
//!
//! A folder is watched before it is listed, so nothing that happens in between is lost. Of a file three numbers are kept: its name,
//! what stat(2) says of it, and its content; only a file of which stat(2) says something new is read again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::mounts::views;
use crate::source::inotify::Watched;

/// A longer file is known by its size and time alone.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Of a tree, no more than this is read when it is seen for the first time; the rest is known by sizes and times.
const AT_FIRST: u64 = 64 * 1024 * 1024;

/// A folder in a tree.
pub type Node = u32;

/// The top folder.
pub const TOP: Node = 0;

/// Who watches folders, and says which names do not count.
pub trait Surroundings {
    /// Begins to watch the folder of a node; `None` if it cannot be watched.
    fn watch(&mut self, node: Node, path: &Path) -> Option<Watched>;
    /// The folder of a node is gone.
    fn unwatch(&mut self, node: Node, watched: Watched);
    /// Whether a file or folder of this name is no content.
    fn ignores(&self, name: &OsStr) -> bool;
}

/// A folder with everything below it.
#[derive(Debug, Default)]
pub struct Tree {
    top: PathBuf,
    folders: Vec<Folder>,
    free: Vec<Node>,
    dirty: Vec<Node>,
    /// What may still be read of it while it is seen for the first time.
    budget: u64,
}

#[derive(Debug, Default)]
struct Folder {
    parent: Node,
    name: Box<OsStr>,
    inode: (u64, u64),
    is_dirty: bool,
    watched: Option<Watched>,
    /// By their names' digests.
    folders: BTreeMap<u64, Node>,
    /// In the order of their names' digests.
    files: Box<[File]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct File {
    name: u64,
    stamp: u64,
    content: u64,
}

impl Tree {
    /// Reads what is in `top` now.
    pub fn read(top: &Path, around: &mut impl Surroundings) -> io::Result<Self> {
        let metadata = fs::metadata(top)?;
        if views::is_kernels(top)? {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let folder = Folder { inode: (metadata.dev(), metadata.ino()), ..Folder::default() };
        let mut tree = Self { top: top.to_owned(), folders: vec![folder], budget: AT_FIRST, ..Self::default() };
        tree.open(TOP, around);
        tree.refresh(around);
        tree.budget = u64::MAX;
        Ok(tree)
    }

    /// Something happened in a folder: it has to be looked at again.
    pub fn touch(&mut self, node: Node) {
        if let Some(folder) = self.folders.get_mut(node as usize)
            && !folder.is_dirty
        {
            folder.is_dirty = true;
            self.dirty.push(node);
        }
    }

    /// The folder of a node is another one, even if it looks the same: numbers of deleted folders are used again.
    pub fn lose(&mut self, node: Node) {
        if let Some(folder) = self.folders.get_mut(node as usize) {
            (folder.inode, folder.watched) = ((0, 0), None);
        }
    }

    /// Whether something of it is not watched.
    pub fn has_unwatched(&self) -> bool {
        let mut all = vec![TOP];
        while let Some(node) = all.pop() {
            let folder = &self.folders[node as usize];
            if folder.watched.is_none() {
                return true;
            }
            all.extend(folder.folders.values());
        }
        false
    }

    /// Anything may have happened anywhere, to what is watched as well.
    pub fn forget_watches(&mut self) {
        self.folders.iter_mut().for_each(|folder| folder.watched = None);
        self.touch_all();
    }

    /// Anything may have happened anywhere.
    pub fn touch_all(&mut self) {
        let mut all = vec![TOP];
        while let Some(node) = all.pop() {
            all.extend(self.folders[node as usize].folders.values());
            self.touch(node);
        }
    }

    /// Something came into a folder: if it is one, it is watched at once, lest what happens in it until the next look were missed
    /// as a sign that more is to come.
    pub fn appear(&mut self, node: Node, name: &OsStr, around: &mut impl Surroundings) {
        let path = self.path(node).join(name);
        let Ok(metadata) = fs::symlink_metadata(&path) else { return };
        if metadata.is_dir() && !self.is_view(node, &metadata, &path) {
            self.folder(node, name, (metadata.dev(), metadata.ino()), around);
        }
    }

    fn grow(&mut self, node: Node, around: &mut impl Surroundings) {
        let path = self.path(node);
        let Ok(entries) = fs::read_dir(&path) else { return };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || around.ignores(&entry.file_name()) {
                continue;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            if self.is_view(node, &metadata, &entry.path()) {
                continue;
            }
            self.folder(node, &entry.file_name(), (metadata.dev(), metadata.ino()), around);
        }
    }

    /// Looks at everything that was touched; the paths whose content is another one, and of what is gone the folders that
    /// it was in.
    pub fn refresh(&mut self, around: &mut impl Surroundings) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        while let Some(node) = self.dirty.pop() {
            let Some(folder) = self.folders.get_mut(node as usize) else { continue };
            // One that is gone meanwhile was cleaned.
            if std::mem::take(&mut folder.is_dirty) {
                self.list(node, around, &mut changed);
            }
        }
        changed.sort();
        changed.dedup();
        changed
    }

    /// Of all files' paths and contents.
    pub fn digest(&self) -> u64 {
        let mut sum = 0u64;
        let mut all = vec![(TOP, hash(b"/"))];
        while let Some((node, path)) = all.pop() {
            let folder = &self.folders[node as usize];
            for file in &folder.files {
                sum = sum.wrapping_add(mixed(&[path, file.name, file.content]));
            }
            for (&name, &below) in &folder.folders {
                all.push((below, mixed(&[path, name])));
            }
        }
        sum
    }

    /// Nothing of it is watched any more.
    pub fn close(&mut self, around: &mut impl Surroundings) {
        for (node, folder) in (0..).zip(&mut self.folders) {
            if let Some(watched) = folder.watched.take() {
                around.unwatch(node, watched);
            }
        }
    }

    /// Where the folder of a node is.
    pub fn path(&self, node: Node) -> PathBuf {
        let mut names = Vec::new();
        let mut at = node;
        while at != TOP {
            let folder = &self.folders[at as usize];
            names.push(&*folder.name);
            at = folder.parent;
        }
        let mut path = self.top.clone();
        path.extend(names.iter().rev());
        path
    }

    /// A folder that was not there: watched, and to be looked at.
    fn open(&mut self, node: Node, around: &mut impl Surroundings) {
        self.folders[node as usize].watched = around.watch(node, &self.path(node));
        self.touch(node);
    }

    /// The node of a folder below `parent`; a new one if it is not known, or is another folder than it was.
    fn folder(&mut self, parent: Node, name: &OsStr, inode: (u64, u64), around: &mut impl Surroundings) -> Node {
        let key = hash(name.as_bytes());
        if let Some(known) = self.folders[parent as usize].folders.get(&key).copied() {
            if self.folders[known as usize].inode == inode {
                return known;
            }
            self.drop(parent, known, around);
        }
        let folder = Folder { parent, name: name.into(), inode, ..Folder::default() };
        let node = match self.free.pop() {
            Some(node) => {
                self.folders[node as usize] = folder;
                node
            }
            None => {
                self.folders.push(folder);
                (self.folders.len() - 1) as Node
            }
        };
        self.folders[parent as usize].folders.insert(key, node);
        self.open(node, around);
        self.grow(node, around);
        node
    }

    fn drop(&mut self, parent: Node, node: Node, around: &mut impl Surroundings) {
        let key = hash(self.folders[node as usize].name.as_bytes());
        self.folders[parent as usize].folders.remove(&key);
        let mut gone = vec![node];
        while let Some(node) = gone.pop() {
            let folder = std::mem::take(&mut self.folders[node as usize]);
            if let Some(watched) = folder.watched {
                around.unwatch(node, watched);
            }
            gone.extend(folder.folders.values());
            self.free.push(node);
        }
    }

    fn list(&mut self, node: Node, around: &mut impl Surroundings, changed: &mut Vec<PathBuf>) {
        let path = self.path(node);
        if self.folders[node as usize].watched.is_none() {
            self.folders[node as usize].watched = around.watch(node, &path);
        }
        let mut files = Vec::new();
        let mut folders = Vec::new();
        let mut has_changed = Vec::new();
        // One that is gone is told of by the folder above it.
        let Ok(entries) = fs::read_dir(&path) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            // Gone in between: its own event says so.
            let Ok(metadata) = entry.metadata() else { continue };
            if around.ignores(&name) {
                continue;
            }
            if metadata.is_dir() {
                if self.is_view(node, &metadata, &entry.path()) {
                    continue;
                }
                folders.push(self.folder(node, &name, (metadata.dev(), metadata.ino()), around));
                continue;
            }
            let known = self.known(node, &name);
            let file = self.look(known, &entry.path(), &name, &metadata);
            if known.is_none_or(|known| known.content != file.content) {
                has_changed.push(name);
            }
            files.push(file);
        }
        files.sort_unstable_by_key(|file| file.name);
        folders.sort_unstable();
        let is_gone = |below: &Node| folders.binary_search(below).is_err();
        let gone: Vec<Node> = self.folders[node as usize].folders.values().copied().filter(is_gone).collect();
        let before = std::mem::replace(&mut self.folders[node as usize].files, files.into());
        let after = &self.folders[node as usize].files;
        let is_less = before.iter().any(|file| after.binary_search_by_key(&file.name, |file| file.name).is_err());
        if is_less || !gone.is_empty() {
            changed.push(path.clone());
        }
        gone.into_iter().for_each(|below| self.drop(node, below, around));
        changed.extend(has_changed.into_iter().map(|name: OsString| path.join(name)));
    }

    /// Whether a folder is proc(5) in a copy of a root, or the like.
    fn is_view(&self, above: Node, metadata: &Metadata, path: &Path) -> bool {
        metadata.dev() != self.folders[above as usize].inode.0 && views::is_kernels(path).unwrap_or(true)
    }

    fn known(&self, node: Node, name: &OsStr) -> Option<File> {
        let files = &self.folders[node as usize].files;
        let name = hash(name.as_bytes());
        files.binary_search_by_key(&name, |file| file.name).ok().map(|index| files[index])
    }

    fn look(&mut self, known: Option<File>, path: &Path, name: &OsStr, metadata: &Metadata) -> File {
        let stamp = stamp(metadata);
        if let Some(known) = known.filter(|known| known.stamp == stamp) {
            return known;
        }
        File { name: hash(name.as_bytes()), stamp, content: content(path, metadata, &mut self.budget) }
    }
}

/// What is at the end of a path that is no folder; 0 if nothing is.
pub fn file_digest(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| content(path, &metadata, &mut u64::MAX.clone()))
}

fn stamp(metadata: &Metadata) -> u64 {
    let parts =
        [metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime() as u64, metadata.mtime_nsec() as u64];
    mixed(&[mixed(&parts), metadata.ctime() as u64, metadata.ctime_nsec() as u64])
}

fn content(path: &Path, metadata: &Metadata, budget: &mut u64) -> u64 {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        return fs::read_link(path).map_or(1, |target| hash(target.as_os_str().as_bytes()));
    }
    if !kind.is_file() {
        return mixed(&[u64::from(metadata.mode()), metadata.rdev()]);
    }
    let size = metadata.size();
    if size <= LONGEST && size <= *budget {
        *budget -= size;
        let mut bytes = Vec::with_capacity(size as usize + 1);
        let read = fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        // It may grow, and some file systems say nothing of sizes.
        if read.is_ok_and(|length| length as u64 <= LONGEST) {
            let digest = Sha256::digest(&bytes);
            return digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        }
    }
    mixed(&[size, metadata.mtime() as u64, metadata.mtime_nsec() as u64])
}

/// FNV-1a: the same on all hosts and for all versions, since digests are kept over restarts.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

pub fn mixed(parts: &[u64]) -> u64 {
    // FNV leaves the high bits of a last byte alone; sums of such numbers would be too much alike.
    let mut sum = parts.iter().fold(0xcbf2_9ce4_8422_2325, |sum, part| {
        part.to_le_bytes().iter().fold(sum, |sum: u64, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
    });
    sum = (sum ^ sum >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    sum = (sum ^ sum >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    sum ^ sum >> 31
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
