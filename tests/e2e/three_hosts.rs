//! The three hosts of the example cluster, and the folder that they share.

use std::fs;
use std::path::{Path, PathBuf};

pub const COREOS001: &str = "df515c3682aa43b4ae2b7d2168e17d38";
pub const COREOS002: &str = "23f81afecc6b4a7597c77776cf66a387";
pub const COREOS003: &str = "87c716357024495eabb713c2954031bb";

/// A folder that several hosts have for their unit directory.
pub struct SharedFolder(PathBuf);

impl SharedFolder {
    pub fn new(label: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{label}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("cargo's folder for tests can be written");
        Self(path)
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a file there in one step.
    pub fn put(&self, name: &str, text: &str) {
        let temporary = self.0.join(format!(".{name}"));
        fs::write(&temporary, text).expect("the shared folder can be written");
        fs::rename(&temporary, self.0.join(name)).expect("a file can be renamed");
    }
}

impl Drop for SharedFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
