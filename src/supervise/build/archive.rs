//! A build's context → a tar archive, piece by piece, as docker sends it: owners are root, symlinks stay symlinks.
//!
//! Every step is taken from the folder before it and over no symlink, so that nothing outside of the context is sent,
//! whoever writes in it meanwhile.

use std::ffi::OsString;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::ignore::Rules;

/// What is written at once.
const PIECE: usize = 64 * 1024;

/// As much as a header holds; longer targets are entries of their own.
const LINK_NAME: usize = 100;

/// What is sent.
#[derive(Debug)]
pub struct Archive {
    /// The context's folder.
    pub root: PathBuf,
    /// What of it is left out.
    pub rules: Rules,
    /// Files that are not from the context, with their names in the archive; they take the place of what is there.
    pub added: Vec<(String, Vec<u8>)>,
}

/// What was sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub files: u64,
    pub bytes: u64,
}

/// Why a context is not sent.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nobody takes it any more: who asked for it knows why.
    #[error("the Engine does not read the context any more")]
    Gone,
    /// A file became shorter in the middle: what was promised cannot be sent.
    #[error("{} became shorter while it was sent", .0.display())]
    Changed(PathBuf),
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

impl Archive {
    /// Writes it to the end.
    pub fn send(&self, out: impl Write) -> Result<Summary, Fault> {
        self.write(out, true)
    }

    /// What tells whether it may be another one than before: names, modes, and of files what stat says.
    pub fn fingerprint(&self) -> Result<String, Fault> {
        let mut digest = Sha256::new();
        self.write(Hashing(&mut digest), false)?;
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn write(&self, out: impl Write, with_content: bool) -> Result<Summary, Fault> {
        let at = |error: io::Error| Fault::Io { path: self.root.clone(), error };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&self.root, flags, Mode::empty()).map_err(|error| at(error.into()))?;
        let builder = Builder::new(BufWriter::with_capacity(PIECE, out));
        let mut sending = Sending { archive: self, builder, with_content, summary: Summary::default() };
        sending.folder(&root, Path::new(""))?;
        for (name, text) in &self.added {
            let mut header = header(EntryType::Regular, 0o644, 0);
            header.set_size(text.len() as u64);
            sending.append(&mut header, Path::new(name), text.as_slice())?;
        }
        let summary = sending.summary;
        sending.builder.into_inner().and_then(|mut out| out.flush()).map_err(|_| Fault::Gone)?;
        Ok(summary)
    }
}

struct Sending<'a, W: Write> {
    archive: &'a Archive,
    builder: Builder<BufWriter<W>>,
    with_content: bool,
    summary: Summary,
}

impl<W: Write> Sending<'_, W> {
    fn folder(&mut self, folder: &OwnedFd, path: &Path) -> Result<(), Fault> {
        for name in self.names(folder, path)? {
            let path = path.join(&name);
            let shown = path.to_string_lossy().into_owned();
            if self.archive.added.iter().any(|(name, _)| *name == shown) {
                continue;
            }
            let Some(stat) = self.present(&path, rustix::fs::statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW))? else {
                continue;
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let is_ignored = self.archive.rules.ignores(&shown);
            if is_ignored && !(kind == FileType::Directory && self.archive.rules.may_keep_in(&shown)) {
                continue;
            }
            match kind {
                FileType::Directory => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let opened = rustix::fs::openat(folder, &name, flags, Mode::empty());
                    let Some(inner) = self.present(&path, opened)? else { continue };
                    if !is_ignored {
                        self.append(&mut header_of(EntryType::Directory, &stat), &path.join(""), io::empty())?;
                    }
                    self.folder(&inner, &path)?;
                }
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(folder, &name, Vec::new());
                    let Some(target) = self.present(&path, target)? else { continue };
                    self.symlink(&stat, &path, target.as_bytes())?;
                }
                FileType::RegularFile => self.file(folder.as_fd(), &name, &path)?,
                _ => tracing::info!("{} is not sent: it is no file, folder or symlink", self.shown(&path)),
            }
        }
        Ok(())
    }

    /// In an order of their own, so that the same context is always the same archive.
    fn names(&self, folder: &OwnedFd, path: &Path) -> Result<Vec<OsString>, Fault> {
        let read = || -> rustix::io::Result<Vec<OsString>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(folder)? {
                let name = entry?.file_name().to_bytes().to_vec();
                if name != b"." && name != b".." {
                    names.push(OsString::from_vec(name));
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(|error| self.fault(path, error.into()))
    }

    fn file(&mut self, folder: BorrowedFd<'_>, name: &OsString, path: &Path) -> Result<(), Fault> {
        // Something else may stand there now, such as a pipe, which must not hold us up.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(file) = self.present(path, rustix::fs::openat(folder, name, flags, Mode::empty()))? else {
            return Ok(());
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| self.fault(path, error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        if !self.with_content {
            let state = format!("{} {} {} {}", stat.st_ino, stat.st_size, stat.st_ctime, stat.st_ctime_nsec);
            let mut header = header_of(EntryType::Regular, &stat);
            header.set_size(state.len() as u64);
            return self.append(&mut header, path, state.as_bytes());
        }
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let mut header = header_of(EntryType::Regular, &stat);
        header.set_size(size);
        let mut content = Content { file: std::fs::File::from(file), left: size, fault: None };
        let sent = self.builder.append_data(&mut header, path, &mut content);
        match (content.fault.take(), sent) {
            (Some(error), _) => return Err(self.fault(path, error)),
            (None, _) if content.left > 0 && content.is_at_its_end() => {
                return Err(Fault::Changed(self.archive.root.join(path)));
            }
            (None, Err(_)) => return Err(Fault::Gone),
            (None, Ok(())) => {}
        }
        let now = rustix::fs::fstat(&content.file).map_err(|error| self.fault(path, error.into()))?;
        if (now.st_size, now.st_mtime, now.st_mtime_nsec) != (stat.st_size, stat.st_mtime, stat.st_mtime_nsec) {
            tracing::warn!(
                "{} was written to while it was sent; leave it out by .dockerignore, or write it elsewhere and rename it",
                self.shown(path)
            );
        }
        self.summary.files += 1;
        self.summary.bytes += size;
        Ok(())
    }

    fn symlink(&mut self, stat: &Stat, path: &Path, target: &[u8]) -> Result<(), Fault> {
        let mut header = header_of(EntryType::Symlink, stat);
        // As it is written: a shorter way to say it would be another symlink.
        let is_short = target.len() <= LINK_NAME && header.set_link_name_literal(target).is_ok();
        if is_short {
            return self.append(&mut header, path, io::empty());
        }
        let target = Path::new(std::ffi::OsStr::from_bytes(target));
        self.builder.append_link(&mut header, path, target).map_err(|_| Fault::Gone)
    }

    fn append(&mut self, header: &mut Header, path: &Path, content: impl Read) -> Result<(), Fault> {
        self.builder.append_data(header, path, content).map_err(|_| Fault::Gone)
    }

    /// What vanished in between was never there.
    fn present<T>(&self, path: &Path, result: rustix::io::Result<T>) -> Result<Option<T>, Fault> {
        match result {
            Ok(found) => Ok(Some(found)),
            // The last two: something else stands there now.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => Ok(None),
            Err(error) => Err(self.fault(path, error.into())),
        }
    }

    fn fault(&self, path: &Path, error: io::Error) -> Fault {
        Fault::Io { path: self.archive.root.join(path), error }
    }

    fn shown(&self, path: &Path) -> String {
        self.archive.root.join(path).display().to_string()
    }
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As much of a file as its header promises: what is appended meanwhile is left out.
struct Content {
    file: std::fs::File,
    left: u64,
    fault: Option<io::Error>,
}

impl Content {
    fn is_at_its_end(&mut self) -> bool {
        matches!(self.file.read(&mut [0]), Ok(0))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        match self.file.read(&mut buffer[..length]) {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.fault = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}

fn header_of(kind: EntryType, stat: &Stat) -> Header {
    header(kind, stat.st_mode & 0o7777, u64::try_from(stat.st_mtime).unwrap_or_default())
}

fn header(kind: EntryType, mode: u32, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(time);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sculler-archive-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Type, mode, link, content.
    type Entry = (EntryType, u32, String, Vec<u8>);

    fn read(archive: &Archive) -> (BTreeMap<String, Entry>, Summary) {
        let mut bytes = Vec::new();
        let summary = archive.send(&mut bytes).unwrap();
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let (kind, mode) = (entry.header().entry_type(), entry.header().mode().unwrap());
            assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.insert(path, (kind, mode, link.unwrap_or_default(), content));
        }
        (found, summary)
    }

    #[test]
    fn a_context_is_sent_as_it_is() {
        let root = folder("whole");
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
        fs::create_dir_all(root.join(&long).parent().unwrap()).unwrap();
        fs::write(root.join(&long), "long").unwrap();
        fs::write(root.join("run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o4755)).unwrap();
        symlink("../../etc/shadow", root.join("outside")).unwrap();
        symlink("./a//b", root.join("odd")).unwrap();
        symlink("x".repeat(300), root.join("far")).unwrap();
        symlink("/etc", root.join("folder")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        fs::create_dir_all(root.join("cache/deep")).unwrap();
        fs::write(root.join("cache/deep/keep"), "kept").unwrap();
        fs::write(root.join("cache/deep/drop"), "dropped").unwrap();
        fs::write(root.join(".dockerignore"), "cache\n!cache/deep/keep\n").unwrap();
        nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let sparse = fs::File::create(root.join("sparse")).unwrap();
        sparse.set_len(3 * 1024 * 1024).unwrap();
        let rules = Rules::parse("cache\n!cache/deep/keep\n").unwrap();
        let added =
            vec![(".dockerignore".to_owned(), b"other".to_vec()), (".dockerfile.x".to_owned(), b"FROM".to_vec())];
        let (found, summary) = read(&Archive { root: root.clone(), rules, added });
        let names: Vec<&str> = found.keys().map(String::as_str).filter(|name| !name.starts_with('d')).collect();
        let expected = [
            ".dockerfile.x",
            ".dockerignore",
            "cache/deep/keep",
            "empty/",
            "far",
            "folder",
            "odd",
            "outside",
            "run.sh",
            "sparse",
        ];
        assert_eq!(names, expected);
        assert_eq!(found[&long].3, b"long");
        assert_eq!(found["run.sh"].1, 0o4755);
        assert_eq!((found["outside"].0, found["outside"].2.as_str()), (EntryType::Symlink, "../../etc/shadow"));
        assert_eq!((found["odd"].2.as_str(), found["far"].2.len()), ("./a//b", 300));
        assert_eq!(found["folder"].0, EntryType::Symlink);
        assert_eq!(found[".dockerignore"].3, b"other");
        assert_eq!(found["sparse"].3.len(), 3 * 1024 * 1024);
        assert_eq!(summary, Summary { files: 4, bytes: 3 * 1024 * 1024 + 4 + 4 + 10 });
        fs::remove_dir_all(root).unwrap();
    }

    /// Changes a file as soon as something of it was written.
    struct Meddler(PathBuf, u64, usize);

    impl Write for Meddler {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.2 == 0 {
                fs::OpenOptions::new().write(true).open(&self.0)?.set_len(self.1)?;
            }
            self.2 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn files_may_grow_meanwhile_and_what_became_shorter_is_no_context() {
        let root = folder("changing");
        let path = root.join("log");
        let archive = Archive { root: root.clone(), rules: Rules::default(), added: Vec::new() };
        fs::write(&path, vec![1; 1_000_000]).unwrap();
        let mut meddler = Meddler(path.clone(), 2_000_000, 0);
        assert_eq!(archive.send(&mut meddler).unwrap(), Summary { files: 1, bytes: 1_000_000 });
        // Header, content, padding to 512, and two empty blocks.
        assert_eq!(meddler.2, 512 + 1_000_448 + 1024);
        let error = archive.send(Meddler(path.clone(), 10, 0)).unwrap_err();
        assert!(matches!(&error, Fault::Changed(changed) if *changed == path), "{error}");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn whether_it_is_another_one_is_seen_without_reading_it() {
        let root = folder("fingerprint");
        fs::write(root.join("a"), "1").unwrap();
        fs::write(root.join("ignored"), "1").unwrap();
        let rules = || Rules::parse("ignored").unwrap();
        let fingerprint = || Archive { root: root.clone(), rules: rules(), added: Vec::new() }.fingerprint().unwrap();
        let first = fingerprint();
        assert_eq!((first.len(), fingerprint()), (64, first.clone()));
        fs::write(root.join("ignored"), "22").unwrap();
        assert_eq!(fingerprint(), first);
        fs::write(root.join("a"), "22").unwrap();
        let second = fingerprint();
        symlink("a", root.join("b")).unwrap();
        assert!(second != first && fingerprint() != second);
        fs::remove_dir_all(root).unwrap();
    }

    struct Deaf;

    impl Write for Deaf {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_ends_it() {
        let root = folder("deaf");
        fs::write(root.join("a"), vec![1; 1_000_000]).unwrap();
        let archive = Archive { root: root.clone(), rules: Rules::default(), added: Vec::new() };
        assert!(matches!(archive.send(Deaf), Err(Fault::Gone)));
        fs::remove_dir_all(&root).unwrap();
        assert!(matches!(archive.send(Vec::new()), Err(Fault::Io { .. })));
    }
}
