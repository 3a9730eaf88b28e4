//! Gives a tree to somebody else (the mount option `U`), and nothing outside of it, whoever plays with it meanwhile.
//!
//! The way into the tree and every step in it is taken by openat2(2), beneath the folder before it, never over a symbolic
//! link and never into another mount; what was opened is what is changed. A file with several names may have one of them
//! elsewhere, and nobody can tell: it is refused if its owner would change.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, ResolveFlags, Statx, StatxFlags, Uid};
use rustix::io::Errno;
use thiserror::Error;

/// How many paths are named.
const NAMED: usize = 10;

/// To whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// What was found, or done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Those that have, or had, another owner.
    pub differing: u64,
    /// Everything that was looked at.
    pub entries: u64,
}

/// Why nothing is changed, or not everything.
#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "The option U is allowed only below chown_roots of /etc/sculler/sculler.toml, and {path} is not; add the folder \
         that may be changed there, or give it to the container's user by '{command}'"
    )]
    OutsideOfRoots { path: String, command: String },
    #[error("The option U changes no owner over a symbolic link, and {0} leads over one; write the path without it")]
    Link(String),
    #[error(
        "The option U changes no owner across mounts, and {path} is on another one than {root}; add the mount itself to \
         chown_roots"
    )]
    OtherMount { path: String, root: String },
    #[error(
        "The option U changes no owner of a file with several names (hard links), since the others may be elsewhere: \
         {0}; see 'find / -xdev -samefile PATH', and change the owner by hand, or remove the other names"
    )]
    HardLinks(String),
    #[error("{}: {error}", path.display())]
    Failed { path: PathBuf, error: io::Error },
}

/// What is wanted of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Count what differs.
    Look,
    /// Change it.
    Change,
}

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Looks at `source` and everything in it, or gives it to `owner`. It has to be one of `roots`, or below one.
pub fn give(source: &Path, roots: &[PathBuf], owner: Owner, work: Work, progress: &AtomicU64) -> Result<Report, Error> {
    let top = enter(source, roots, owner)?;
    let mut walk = Walk { owner, work, report: Report::default(), links: BTreeSet::new(), progress };
    let failed = |error: Errno| Error::Failed { path: source.to_owned(), error: error.into() };
    let found = stat(top.as_fd()).map_err(failed)?;
    walk.see(top.as_fd(), &found, source)?;
    if kind(&found) == FileType::Directory {
        walk.folder(&top, source)?;
    }
    if walk.links.is_empty() {
        return Ok(walk.report);
    }
    let named: Vec<String> = walk.links.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    let rest = walk.links.len().saturating_sub(NAMED);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    Err(Error::HardLinks(format!("{}{rest}", named.join(", "))))
}

/// The source, opened from the root that it is below.
fn enter(source: &Path, roots: &[PathBuf], owner: Owner) -> Result<OwnedFd, Error> {
    let path = source.display().to_string();
    let root = roots.iter().filter(|root| source.starts_with(root)).max_by_key(|root| root.components().count());
    let Some(root) = root else {
        let command = format!("chown -R {}:{} {}", owner.uid, owner.gid, super::advice::quoted(source));
        return Err(Error::OutsideOfRoots { path, command });
    };
    let failed = |path: &Path, error: Errno| Error::Failed { path: path.to_owned(), error: error.into() };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(|error| failed(root, error))?;
    match source.strip_prefix(root) {
        Ok(below) if !below.as_os_str().is_empty() => {
            rustix::fs::openat2(&opened, below, flags, Mode::empty(), BENEATH).map_err(|error| match error {
                Errno::LOOP => Error::Link(path),
                Errno::XDEV => Error::OtherMount { path, root: root.display().to_string() },
                error => failed(source, error),
            })
        }
        _ => Ok(opened),
    }
}

struct Walk<'a> {
    owner: Owner,
    work: Work,
    report: Report,
    /// Files with several names.
    links: BTreeSet<PathBuf>,
    progress: &'a AtomicU64,
}

impl Walk<'_> {
    /// Everything in a folder.
    fn folder(&mut self, folder: &OwnedFd, path: &Path) -> Result<(), Error> {
        let failed = |path: &Path, error: Errno| Error::Failed { path: path.to_owned(), error: error.into() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open =
            rustix::fs::openat2(folder, ".", flags, Mode::empty(), BENEATH).map_err(|error| failed(path, error))?;
        for name in names(&open).map_err(|error| failed(path, error))? {
            let path = path.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let entry = match rustix::fs::openat2(&open, &name, flags, Mode::empty(), BENEATH) {
                Ok(entry) => entry,
                // It went meanwhile; or something is mounted on it.
                Err(Errno::NOENT | Errno::XDEV) => continue,
                Err(error) => return Err(failed(&path, error)),
            };
            let found = stat(entry.as_fd()).map_err(|error| failed(&path, error))?;
            self.see(entry.as_fd(), &found, &path)?;
            if kind(&found) == FileType::Directory {
                self.folder(&entry, &path)?;
            }
        }
        Ok(())
    }

    /// One entry, by what was opened.
    fn see(&mut self, entry: BorrowedFd<'_>, found: &Statx, path: &Path) -> Result<(), Error> {
        self.report.entries += 1;
        self.progress.store(self.report.entries, Ordering::Relaxed);
        if (found.stx_uid, found.stx_gid) == (self.owner.uid, self.owner.gid) {
            return Ok(());
        }
        self.report.differing += 1;
        if kind(found) != FileType::Directory && found.stx_nlink > 1 {
            self.links.insert(path.to_owned());
            return Ok(());
        }
        if self.work == Work::Change {
            let (uid, gid) = (Uid::from_raw(self.owner.uid), Gid::from_raw(self.owner.gid));
            let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(entry, "", Some(uid), Some(gid), flags)
                .map_err(|error| Error::Failed { path: path.to_owned(), error: error.into() })?;
        }
        Ok(())
    }
}

fn names(folder: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

fn stat(file: BorrowedFd<'_>) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::statx(file, "", flags, StatxFlags::BASIC_STATS)
}

fn kind(found: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(found.stx_mode))
}

/// Makes a folder that is missing, and those above it: `owner`'s is the last one, the others are root's. Other names
/// that appear meanwhile are not followed.
pub fn make(folder: &Path, owner: Owner) -> io::Result<()> {
    let about = |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // What is there may lead over links, as the Engine's own reading of the path does.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let mut place = rustix::fs::openat(CWD, there, flags, Mode::empty()).map_err(|error| about(there, error.into()))?;
    let missing = folder.strip_prefix(there).unwrap_or(folder);
    let mut path = there.to_owned();
    for step in missing.components() {
        path.push(step);
        let step = Path::new(step.as_os_str());
        let is_ours = match rustix::fs::mkdirat(&place, step, Mode::from_raw_mode(0o755)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(about(&path, error.into())),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        place = rustix::fs::openat(&place, step, flags, Mode::empty()).map_err(|error| about(&path, error.into()))?;
        if is_ours {
            // Whatever the umask says.
            rustix::fs::fchmod(&place, Mode::from_raw_mode(0o755)).map_err(|error| about(&path, error.into()))?;
            if path == folder {
                let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
                rustix::fs::fchown(&place, Some(uid), Some(gid)).map_err(|error| about(&path, error.into()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::sync::atomic::AtomicBool;

    use super::*;

    const OWNER: Owner = Owner { uid: 54321, gid: 54322 };

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sculler-chown-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.canonicalize().unwrap()
    }

    fn owner_of(path: &Path) -> (u32, u32) {
        let found = fs::symlink_metadata(path).unwrap();
        (found.uid(), found.gid())
    }

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn change(source: &Path, roots: &[PathBuf]) -> Result<Report, Error> {
        give(source, roots, OWNER, Work::Change, &AtomicU64::new(0))
    }

    #[test]
    fn what_differs_is_changed_and_nothing_else() {
        let folder = folder("tree");
        let roots = [folder.clone()];
        let tree = folder.join("tree");
        fs::create_dir_all(tree.join("in")).unwrap();
        fs::write(folder.join("outside"), "").unwrap();
        fs::write(tree.join("in/file"), "").unwrap();
        symlink(folder.join("outside"), tree.join("link")).unwrap();
        let look = |source: &Path| give(source, &roots, OWNER, Work::Look, &AtomicU64::new(0));
        assert_eq!(look(&tree).unwrap(), Report { differing: 4, entries: 4 });

        assert!(matches!(change(&tree, &[]), Err(Error::OutsideOfRoots { .. })));
        assert!(matches!(change(&tree, &[folder.join("tre")]), Err(Error::OutsideOfRoots { .. })));
        symlink(&tree, folder.join("alias")).unwrap();
        for path in ["alias", "alias/in"] {
            assert!(matches!(change(&folder.join(path), &roots), Err(Error::Link(_))), "{path}");
        }

        fs::hard_link(folder.join("outside"), tree.join("in/name")).unwrap();
        let refusal = look(&tree).unwrap_err().to_string();
        assert!(refusal.contains("tree/in/name"), "{refusal}");
        fs::remove_file(tree.join("in/name")).unwrap();

        if is_root() {
            assert_eq!(change(&tree, &roots).unwrap().differing, 4);
            assert_eq!(look(&tree).unwrap().differing, 0);
            assert_eq!(owner_of(&tree.join("in/file")), (OWNER.uid, OWNER.gid));
            assert_eq!(owner_of(&folder.join("outside")).0, 0);
            make(&tree.join("new/er"), OWNER).unwrap();
            assert_eq!((owner_of(&tree.join("new")).0, owner_of(&tree.join("new/er"))), (0, (OWNER.uid, OWNER.gid)));
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    /// Somebody puts links to what is outside into the place of files and folders, again and again.
    #[test]
    fn a_race_with_links_reaches_nothing_outside() {
        if !is_root() {
            return;
        }
        let folder = folder("race");
        let (tree, outside) = (folder.join("tree"), folder.join("outside"));
        fs::create_dir_all(outside.join("in")).unwrap();
        fs::write(outside.join("in/file"), "").unwrap();
        for number in 0..50 {
            fs::create_dir_all(tree.join(format!("{number}/in"))).unwrap();
            fs::write(tree.join(format!("{number}/in/file")), "").unwrap();
        }
        let done = AtomicBool::new(false);
        let swaps = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for number in 0..50 {
                        let (place, aside) = (tree.join(number.to_string()), folder.join("aside"));
                        fs::rename(&place, &aside).unwrap();
                        symlink(&outside, &place).unwrap();
                        fs::remove_file(&place).unwrap();
                        fs::rename(&aside, &place).unwrap();
                        let file = tree.join(format!("{number}/in/file"));
                        fs::remove_file(&file).unwrap();
                        symlink(outside.join("in/file"), &file).unwrap();
                        fs::remove_file(&file).unwrap();
                        fs::write(&file, "").unwrap();
                        swaps.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            let mut rounds = 0;
            while rounds < 300 || swaps.load(Ordering::Relaxed) < 300 {
                // Half of the rounds find something to change.
                let owner = Owner { uid: OWNER.uid + rounds % 2, gid: OWNER.gid };
                let _ = give(&tree, std::slice::from_ref(&folder), owner, Work::Change, &AtomicU64::new(0));
                rounds += 1;
            }
            done.store(true, Ordering::Relaxed);
        });
        for path in [&outside, &outside.join("in"), &outside.join("in/file")] {
            assert_eq!(owner_of(path).0, 0, "{}", path.display());
        }
        assert_eq!(change(&tree, std::slice::from_ref(&folder)).unwrap().entries, 151);
        fs::remove_dir_all(&folder).unwrap();
    }
}
