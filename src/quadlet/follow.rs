//! The files that a container or a build follows.

use std::path::Path;

use super::spec::{BindSource, Container, Request};
use crate::host::Host;
use crate::unit::follow::{Actor, Follow};
use crate::unit::{OnChange, Unit, host_folders};

/// What is followed for a request; `None` if nothing is.
pub fn of(unit: &Unit, request: &Request, host: &Host) -> Option<Follow> {
    let follow = match request {
        Request::Container(container) => of_container(unit, container, host)?,
        // A build takes its time: it is done by itself only if that is asked for. What uses the image is restarted if
        // another one came out, which a restart of the build itself could not wait for.
        Request::Build(build) if unit.policy.on_change == Some(OnChange::Restart) => {
            let actor = Actor::Agent { check: Vec::new(), service: Vec::new() };
            let mut follow = Follow::new(&unit.policy, host, OnChange::Reload, actor);
            if follow.watch.is_empty() {
                let sources = [Path::new(&build.context), Path::new(&build.file)];
                let sources = sources.into_iter().chain(build.ignore_file.as_deref()).filter(|path| path.is_absolute());
                sources.for_each(|path| {
                    // What is in the context is watched with it.
                    if !follow.watch.iter().any(|watched| path.starts_with(watched)) {
                        follow.watch.push(path.to_owned());
                    }
                });
            }
            follow
        }
        _ => return None,
    };
    (!follow.is_empty()).then_some(follow)
}

fn of_container(unit: &Unit, container: &Container, host: &Host) -> Option<Follow> {
    if container.oneshot {
        return None;
    }
    let on_change = container.follow.on_change;
    let mut follow = Follow::new(&unit.policy, host, on_change, Actor::Supervisor);
    let has_way = on_change == OnChange::Restart || on_change == OnChange::Reload && container.reload.is_some();
    if follow.watch.is_empty() && has_way {
        // What is there to look at the host changes all the time.
        let is_followed = |mount: &&BindSource| {
            mount.read_only && !host_folders::is_own(&mount.source) && host_folders::hidden(&mount.source).is_none()
        };
        let sources = container.mounts.iter().filter(is_followed);
        follow.watch = sources.map(|mount| mount.source.clone()).collect();
    }
    follow.places = container.mounts.iter().map(|mount| mount.source.clone()).collect();
    follow.environment = container.start.environment_files.clone();
    Some(follow)
}
