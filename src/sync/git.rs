//! The commits of a repository, by the git command: no library speaks all of its protocols and signatures, and whoever
//! has such a repository knows what its messages mean.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::settings::Settings;
use super::{Error, io_error};

/// The branch as it was fetched last.
const FETCHED: &str = "refs/sculler/fetched";

/// A copy of the repository without a work tree, and what it was fetched from.
pub struct Repository<'a> {
    settings: &'a Settings,
    /// The folder that holds it, and GnuPG's keys.
    folder: &'a Path,
}

impl<'a> Repository<'a> {
    /// Makes the copy if there is none yet.
    pub fn open(settings: &'a Settings, folder: &'a Path) -> Result<Self, Error> {
        let repository = Self { settings, folder };
        if !repository.path().join("HEAD").exists() {
            let mut command = Command::new("git");
            command.args(["init", "--quiet", "--bare"]).arg(repository.path());
            run(command)?;
        }
        Ok(repository)
    }

    /// Fetches the branch; its last commit.
    pub fn fetch(&self) -> Result<String, Error> {
        let Settings { repository, branch, .. } = self.settings;
        let refspec = format!("+refs/heads/{branch}:{FETCHED}");
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--"];
        run(self.git(fetch.iter().copied().chain([repository.as_str(), &refspec])))?;
        Ok(run(self.git(["rev-parse", "--verify", "--quiet", &format!("{FETCHED}^{{commit}}")]))?.trim().to_owned())
    }

    /// Whether the keys that count have signed the commit; the reason if not.
    pub fn check_signature(&self, commit: &str) -> Result<(), Error> {
        let keys = self.folder.join("gnupg");
        crate::files::remove_folder(&keys).map_err(|error| io_error(&keys, &error))?;
        make_private(&keys)?;
        for file in &self.settings.allowed_keys {
            let mut command = Command::new("gpg");
            command
                .arg("--homedir")
                .arg(&keys)
                .args(["--batch", "--quiet", "--no-autostart", "--import", "--"])
                .arg(file);
            run(command)?;
        }
        let mut command = self.git([] as [&str; 0]);
        // Without the file of a setting, git would look at none and say so in a sentence about its configuration.
        let signers = self.settings.allowed_signers.as_deref().unwrap_or(Path::new("/dev/null"));
        let mut setting = std::ffi::OsString::from("gpg.ssh.allowedSignersFile=");
        setting.push(signers);
        command.arg("-c").arg(setting).args(["verify-commit", commit]).env("GNUPGHOME", &keys);
        run(command).map(drop).map_err(|error| Error::Unsigned {
            commit: commit.to_owned(),
            reason: match error {
                Error::Failed { message, .. } => message,
                error => error.to_string(),
            },
        })
    }

    /// Whether `old` is `new` or one of the commits before it. An unknown one is not.
    pub fn follows(&self, old: &str, new: &str) -> bool {
        run(self.git(["merge-base", "--is-ancestor", old, new])).is_ok()
    }

    /// Writes the folder of a commit into `stage`, which is empty.
    pub fn check_out(&self, commit: &str, stage: &Path) -> Result<(), Error> {
        let tree = format!("{commit}:{}", self.settings.folder.as_deref().unwrap_or_default());
        let index = self.folder.join("index");
        crate::files::remove(&index).map_err(|error| io_error(&index, &error))?;
        let git = |arguments: &[&str]| {
            let mut command = self.git([] as [&str; 0]);
            command.arg("--work-tree").arg(stage).args(arguments).env("GIT_INDEX_FILE", &index);
            run(command)
        };
        git(&["read-tree", &tree])?;
        git(&["-c", "core.autocrlf=false", "checkout-index", "--all", "--force", "--quiet"]).map(drop)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("repository.git")
    }

    fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(self.path()).args(arguments);
        // Nobody is there to answer.
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        let mut ssh = "ssh -o BatchMode=yes".to_owned();
        if let Some(key) = &self.settings.ssh_key {
            ssh += &format!(" -o IdentitiesOnly=yes -i '{}'", key.display().to_string().replace('\'', "'\\''"));
        }
        command.env("GIT_SSH_COMMAND", ssh);
        command
    }
}

fn make_private(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let result = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    result.map_err(|error| io_error(folder, &error))
}

/// What a command printed, or what it said when it failed.
fn run(mut command: Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Error::NoProgram { program: program.clone(), error })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let message = if lines.is_empty() { output.status.to_string() } else { lines.join("; ") };
    Err(Error::Failed { program, message })
}
