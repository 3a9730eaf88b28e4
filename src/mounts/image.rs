//! The users of an image, from a container that never runs: the Engine shows the files of containers alone.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tar::EntryType;

use super::accounts::Accounts;
use crate::config;
use crate::docker::{Engine, Error, ImageInfo};
use crate::files;
use crate::quadlet::create::{CreateBody, HostConfig};

/// The label of such containers; their names end in the process that made them.
const LABEL: (&str, &str) = ("sculler.looks", "users");
const NAME: &str = "sculler-looks-";

/// How many images are remembered.
const KEPT: usize = 100;

/// A path in an image leads over so many symbolic links at most.
const LINKS: usize = 8;

/// The users and groups of an image; remembered by its ID, which is a digest of all that is in it.
pub async fn accounts(
    engine: &Engine,
    name: &str,
    image: &ImageInfo,
    platform: Option<&str>,
) -> Result<Accounts, Error> {
    let folder = Path::new(config::STATE_DIRECTORY).join("accounts");
    let kept = kept_at(&folder, &image.id);
    if let Some(known) = kept.as_ref().and_then(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()) {
        return Ok(known);
    }
    let found = ask(engine, name, platform).await?;
    if let Some(path) = kept
        && let Err(error) = keep(&folder, &path, &found)
    {
        tracing::debug!("{}: {error}", path.display());
    }
    Ok(found)
}

/// The ID becomes a file's name.
fn kept_at(folder: &Path, id: &str) -> Option<PathBuf> {
    let digits = id.strip_prefix("sha256:")?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| folder.join(digits))
}

fn keep(folder: &Path, path: &Path, accounts: &Accounts) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut known: Vec<_> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    known.sort();
    let surplus = (known.len() + 1).saturating_sub(KEPT);
    known.iter().take(surplus).try_for_each(|(_, path)| files::remove(path))?;
    files::replace_for(path, &serde_json::to_vec(accounts)?, true)
}

async fn ask(engine: &Engine, image: &str, platform: Option<&str>) -> Result<Accounts, Error> {
    tidy(engine).await?;
    let body = CreateBody {
        image: image.to_owned(),
        // An image may have none, and the Engine wants one.
        cmd: Some(vec!["sculler".into()]),
        labels: [(LABEL.0.to_owned(), LABEL.1.to_owned())].into(),
        host_config: HostConfig { network_mode: Some("none".into()), ..HostConfig::default() },
        ..CreateBody::default()
    };
    let (id, _) = engine.create(&format!("{NAME}{}", std::process::id()), platform, &body).await?;
    let found = async {
        let passwd = read(engine, &id, "/etc/passwd").await?;
        let group = read(engine, &id, "/etc/group").await?;
        Ok(Accounts::parse(&passwd, &group))
    };
    let found = found.await;
    engine.remove(&id).await?;
    found
}

/// Removes such containers of processes that ended before they could.
async fn tidy(engine: &Engine) -> Result<(), Error> {
    for id in engine.containers_with(LABEL.0, LABEL.1).await? {
        let Some(container) = engine.container(&id).await? else { continue };
        let maker = container.name.rsplit('-').next().unwrap_or_default();
        if !Path::new("/proc").join(maker).exists() {
            engine.remove(&id).await?;
        }
    }
    Ok(())
}

/// The text of a file of a container; empty if it is not there.
async fn read(engine: &Engine, id: &str, path: &str) -> Result<String, Error> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Some(archive) = engine.archive(id, &path).await? else { break };
        match first_of(&archive) {
            Some(Found::Text(text)) => return Ok(text),
            Some(Found::Link(target)) => {
                let folder = Path::new(&path).parent().unwrap_or(Path::new("/"));
                path = folder.join(target).to_string_lossy().into_owned();
            }
            None => break,
        }
    }
    Ok(String::new())
}

enum Found {
    Text(String),
    Link(PathBuf),
}

fn first_of(archive: &[u8]) -> Option<Found> {
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    match entry.header().entry_type() {
        EntryType::Symlink => Some(Found::Link(entry.link_name().ok()??.into_owned())),
        EntryType::Regular => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            Some(Found::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_an_archive() {
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header, "passwd", &b"a:b"[..]).unwrap();
        let archive = builder.into_inner().unwrap();
        assert!(matches!(first_of(&archive), Some(Found::Text(text)) if text == "a:b"));
        assert!(first_of(b"").is_none() && first_of(&[7; 600]).is_none());
        assert!(kept_at(Path::new("/x"), "sha256:00ff").is_some() && kept_at(Path::new("/x"), "sha256:../y").is_none());
    }
}
