//! `[Container]` → the body of a create request.

use super::context::Context;
use super::create::CreateBody;
use super::fields::Fields;
use super::names;
use super::read::Quadlet;
use super::spec::{self, AtStart, Container, Notify, OnUnhealthy, Pull, PullPolicy};
use crate::unit::{Finding, UnitName};

/// Translates the container of a file.
pub fn translate(
    quadlet: &Quadlet,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<spec::Container> {
    let merged = &quadlet.merged;
    let mut fields = Fields::new("Container", merged, service, context);
    let name = names::resource(&mut fields, &quadlet.name, service);
    findings.extend(fields.findings.clone());
    let name = name?;
    let image = merged.last("Container", "Image")?;
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
