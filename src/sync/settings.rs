//! `/etc/sculler/sync.toml`: where the unit directory comes from.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::config::{CONFIG_DIRECTORY, Error};

/// Where the unit directory comes from, and what its commits must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Anything that `git fetch` takes.
    pub repository: String,
    /// The branch that counts.
    pub branch: String,
    /// The folder inside the repository that becomes the unit directory; the whole of it without.
    pub folder: Option<String>,
    /// Whether the branch's last commit must be signed.
    pub require_signed: bool,
    /// Who may sign with an SSH key, as ssh-keygen(1) reads it ("ALLOWED SIGNERS").
    pub allowed_signers: Option<PathBuf>,
    /// Who may sign with OpenPGP: files of public keys.
    pub allowed_keys: Vec<PathBuf>,
    /// The SSH key for fetching, instead of root's own.
    pub ssh_key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    repository: Spanned<String>,
    #[serde(default)]
    branch: Option<Spanned<String>>,
    #[serde(default)]
    folder: Option<Spanned<String>>,
    #[serde(default)]
    require_signed: Option<Spanned<bool>>,
    #[serde(default)]
    allowed_signers: Option<Spanned<PathBuf>>,
    #[serde(default)]
    allowed_keys: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    ssh_key: Option<Spanned<PathBuf>>,
}

impl Settings {
    /// The file's place.
    pub fn path() -> PathBuf {
        Path::new(CONFIG_DIRECTORY).join("sync.toml")
    }

    /// Reads the file; `None` if there is none.
    pub fn load(path: &Path) -> Result<Option<Self>, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Unreadable { path: path.to_owned(), error }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error::of_toml(path, text, &error))?;
        let wrong = |at: usize, message: String| Error::at(path, text, at, message);
        let repository = file.repository.get_ref();
        // git would read it as an option, or as a helper that runs any command.
        if repository.is_empty() || repository.starts_with('-') || repository.starts_with("ext::") {
            let message = format!("repository = '{repository}' must be a URL or a path that 'git fetch' takes");
            return Err(wrong(file.repository.span().start, message));
        }
        if let Some(branch) = &file.branch
            && !is_branch(branch.get_ref())
        {
            let message = format!("branch = '{}' is no name of a branch", branch.get_ref());
            return Err(wrong(branch.span().start, message));
        }
        if let Some(folder) = &file.folder
            && !is_inside(folder.get_ref())
        {
            let message = format!("folder = '{}' must be a path inside the repository", folder.get_ref());
            return Err(wrong(folder.span().start, message));
        }
        for path in file.allowed_signers.iter().chain(&file.allowed_keys).chain(&file.ssh_key) {
            if !path.get_ref().is_absolute() {
                let message = format!("'{}' must be an absolute path", path.get_ref().display());
                return Err(wrong(path.span().start, message));
            }
        }
        let require_signed = file.require_signed.as_ref().is_some_and(|require| *require.get_ref());
        if let Some(require) = &file.require_signed
            && require_signed
            && file.allowed_signers.is_none()
            && file.allowed_keys.is_empty()
        {
            let message =
                "require_signed needs allowed_signers (SSH) or allowed_keys (OpenPGP): whose signatures count";
            return Err(wrong(require.span().start, message.to_owned()));
        }
        Ok(Self {
            repository: file.repository.into_inner(),
            branch: file.branch.map_or_else(|| "main".to_owned(), Spanned::into_inner),
            folder: file.folder.map(|folder| folder.into_inner().trim_matches('/').to_owned()),
            require_signed,
            allowed_signers: file.allowed_signers.map(Spanned::into_inner),
            allowed_keys: file.allowed_keys.into_iter().map(Spanned::into_inner).collect(),
            ssh_key: file.ssh_key.map(Spanned::into_inner),
        })
    }
}

/// What git-check-ref-format(1) refuses, as far as it could mean something else to git.
fn is_branch(name: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    !name.is_empty() && !name.starts_with(['-', '/', '.']) && !name.contains("..") && !name.contains(is_odd)
}

fn is_inside(folder: &str) -> bool {
    let mut parts = folder.trim_matches('/').split('/');
    !folder.contains(':') && parts.all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(Path::new("/etc/sculler/sync.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_repository_is_enough() {
        let settings = parse("repository = 'https://git.example.org/units.git'").unwrap();
        assert_eq!((settings.branch.as_str(), settings.folder, settings.require_signed), ("main", None, false));
        let settings = parse("repository = 'x'\nfolder = '/hosts/web/'\nallowed_keys = ['/etc/key.asc']").unwrap();
        assert_eq!(settings.folder.as_deref(), Some("hosts/web"));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, part) in [
            ("branch = 'main'", "missing field `repository`"),
            ("repository = 'x'\nbranches = 'main'", "sync.toml:2:1: unknown field `branches`"),
            ("repository = 'ext::sh -c x'", "sync.toml:1:14: repository = "),
            ("repository = '--upload-pack=x'", "sync.toml:1:14: repository = "),
            ("repository = 'x'\nbranch = 'a b'", "sync.toml:2:10: branch = "),
            ("repository = 'x'\nfolder = 'a/../../b'", "sync.toml:2:10: folder = "),
            ("repository = 'x'\nssh_key = 'id'", "sync.toml:2:11: 'id' must be an absolute path"),
            ("repository = 'x'\nrequire_signed = true", "sync.toml:2:18: require_signed needs"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
