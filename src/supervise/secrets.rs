//! Credentials of the service as files that the container sees.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use crate::files;
use crate::quadlet::create::Mount;
use crate::quadlet::spec::Secret;

use super::Failure;

const FOLDER: &str = "secrets";

/// Writes each to a file of its own below `directory`, which is in memory, and returns the mounts.
pub fn provide(directory: &Path, secrets: &[Secret], credentials: Option<&Path>) -> Result<Vec<Mount>, Failure> {
    if secrets.is_empty() {
        return Ok(Vec::new());
    }
    let folder = directory.join(FOLDER);
    let made = files::remove_folder(&folder).and_then(|()| private_folder(&folder));
    made.map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    let credentials = credentials.ok_or_else(|| {
        Failure(
            "Secret= needs a credential of the same name: add LoadCredential= or SetCredential= to [Service]".into(),
        )
    })?;
    secrets
        .iter()
        .enumerate()
        .map(|(index, secret)| {
            let target = write(&folder.join(index.to_string()), &credentials.join(&secret.credential), secret);
            let target = target.map_err(|error| {
                Failure(format!(
                    "the credential '{}' cannot be given to the container: {error}; does LoadCredential= in [Service] \
                     name it?",
                    secret.credential
                ))
            })?;
            Ok(Mount {
                kind: "bind".into(),
                source: target.to_string_lossy().into_owned(),
                target: secret.target.clone(),
                read_only: true,
                ..Mount::default()
            })
        })
        .collect()
}

/// Forgets them.
pub fn remove(directory: &Path) {
    if let Err(error) = files::remove_folder(directory) {
        tracing::warn!("{}: {error}", directory.display());
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write(path: &Path, credential: &Path, secret: &Secret) -> io::Result<PathBuf> {
    let content = fs::read(credential)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    io::Write::write_all(&mut file, &content)?;
    if (secret.uid, secret.gid) != (0, 0) {
        chown(path, Some(secret.uid), Some(secret.gid))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(secret.mode & 0o7777))?;
    Ok(path.to_owned())
}
