//! `[Container]` → the body of a create request.

use super::context::Context;
use super::create::CreateBody;
use super::merged::Merged;
use super::names;
use super::spec::{self, AtStart, Container, Notify, OnUnhealthy, Pull, PullPolicy};
use crate::unit::{Finding, Unit, UnitName};

/// Translates the container of a file.
pub fn translate(
    unit: &Unit,
    merged: &Merged,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<spec::Container> {
    let name = names::resource(unit, service, merged, context.host).map_err(|finding| findings.push(finding)).ok()?;
    let Some(image) = merged.last("Container", "Image") else {
        findings.push(unit.finding("there is no Image= in [Container]; add one"));
        return None;
    };
    let value = image.entry.value.clone();
    let image = if value.ends_with(".image") || value.ends_with(".build") {
        match context.others.find(&value) {
            Ok(resource) => resource.name.clone(),
            Err(reason) => {
                findings.push(image.error_at(0, reason));
                return None;
            }
        }
    } else {
        names::with_tag(&value)
    };
    let mut mounts = Vec::new();
    for volume in merged.list("Container", "Volume") {
        let source = volume.entry.value.split(':').next().unwrap_or_default().to_owned();
        if source.ends_with(".volume") {
            if let Err(reason) = context.others.find(&source) {
                findings.push(volume.error_at(0, reason));
            }
        } else {
            mounts.push(spec::BindSource {
                source: source.into(),
                target: String::new(),
                read_only: false,
                owner: spec::Owner::Check,
                create: false,
            });
        }
    }
    for network in merged.list("Container", "Network") {
        let source = network.entry.value.split(':').next().unwrap_or_default().to_owned();
        if source.ends_with(".network") || source.ends_with(".container") {
            if let Err(reason) = context.others.find(&source) {
                findings.push(network.error_at(0, reason));
            }
        }
    }
    Some(Container {
        name,
        image: image.clone(),
        pull: Pull {
            policy: PullPolicy::Missing,
            retries: 3,
            retry_delay_usec: None,
            platform: None,
            auth_file: None,
            credentials: None,
        },
        notify: Notify::Started,
        oneshot: super::service::is_oneshot(merged),
        create: CreateBody { image, ..CreateBody::default() },
        start: AtStart::default(),
        mounts,
        reload: None,
        on_unhealthy: OnUnhealthy::None,
    })
}
