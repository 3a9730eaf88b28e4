//! The users and owners of a container, side by side: for whoever asks, nothing is changed.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use crate::config::Settings;
use crate::docker::Engine;
use crate::mounts::access::Who;
use crate::mounts::accounts::Accounts;
use crate::mounts::check::{self, Wish};
use crate::mounts::host;
use crate::mounts::identity::Identity;
use crate::quadlet::spec::{BindSource, Container};

use super::owners::Look;
use super::{Failure, host_user, user};

/// What was found.
#[derive(Debug)]
pub struct Inspection {
    /// Whom the container runs as.
    pub identity: Identity,
    /// Whether no owner keeps it from anything.
    pub is_root: bool,
    /// The image's users, if they matter.
    pub image: Accounts,
    /// This host's users.
    pub host: Accounts,
    /// Each mount with a path of the host.
    pub mounts: Vec<Mount>,
    /// What does not match beside the mounts.
    pub problems: Vec<String>,
    /// What is worth a thought, and no fault.
    pub warning: Option<String>,
}

/// One mount.
#[derive(Debug)]
pub struct Mount {
    pub source: BindSource,
    /// To whom what is in it belongs, and how many paths each has; most first.
    pub owners: Vec<((u32, u32), u64)>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// Looks at the users of a container's image and of this host, and at the owners of its mounts.
pub async fn inspect(spec: &Container, settings: &Settings) -> Result<Inspection, Failure> {
    let engine = Engine::connect(&settings.docker_socket).await?;
    let (identity, image) = user::of(&engine, spec).await?.ok_or_else(|| user::no_image(spec))?;
    let host = host::accounts(&identity).map_err(|error| Failure(error.to_string()))?;
    let is_root = user::is_root(&identity, &spec.create.host_config);
    let look = Look { memory: None, chown_roots: &settings.chown_roots, identity: &identity, is_root, host: &host };
    let mut mounts = Vec::new();
    for source in &spec.mounts {
        let mount = match owners(&source.source) {
            Ok(owners) => {
                Mount { source: source.clone(), owners, problem: look.at(source).await.err().map(|failure| failure.0) }
            }
            Err(error) => {
                let advice =
                    if source.create { "it is made at the start" } else { "make it, or add the option 'create'" };
                let is_missing = error.kind() == std::io::ErrorKind::NotFound;
                let problem = if is_missing { format!("does not exist; {advice}") } else { error.to_string() };
                Mount { source: source.clone(), owners: Vec::new(), problem: Some(problem).filter(|_| !source.create) }
            }
        };
        mounts.push(mount);
    }
    let problems = host_user::problem(spec.host_user, &identity, &host);
    let problems = problems.into_iter().chain(user::names_differ(&identity, &host)).collect();
    let warning = user::root_warning(spec).filter(|_| is_root);
    Ok(Inspection { identity, is_root, image, host, mounts, problems, warning })
}

fn owners(source: &Path) -> std::io::Result<Vec<((u32, u32), u64)>> {
    let source = check::canonical(source)?;
    let nobody = Who { uid: u32::MAX, gid: u32::MAX, groups: Vec::new() };
    let wish = Wish { who: nobody, is_writable: false, is_root: true, map: None };
    let report = check::check(&source, &wish, &AtomicU64::new(0))?;
    let mut owners: Vec<_> = report.owners.into_iter().map(|(owner, (count, _))| (owner, count)).collect();
    owners.sort_by_key(|(owner, count)| (std::cmp::Reverse(*count), *owner));
    Ok(owners)
}
