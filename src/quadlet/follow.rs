//! The files that a container or a build follows.

use std::path::PathBuf;

use super::spec::{BindSource, Container, Request};
use crate::host::Host;
use crate::unit::follow::{Actor, Follow};
use crate::unit::{OnChange, Unit, host_folders};

/// What is followed for a request; `None` if nothing is.
pub fn of(unit: &Unit, request: &Request, host: &Host) -> Option<Follow> {
    let follow = match request {
        Request::Container(container) => of_container(unit, container, host)?,
        // A build takes its time: it is done by itself only if that is asked for.
        Request::Build(build) if unit.policy.on_change == Some(OnChange::Restart) => {
            let actor = Actor::Agent { check: Vec::new(), service: Vec::new() };
            let mut follow = Follow::new(&unit.policy, host, OnChange::Restart, actor);
            if follow.watch.is_empty() && build.context.starts_with('/') {
                follow.watch.push(PathBuf::from(&build.context));
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
