//! `[Image]` → `POST /images/create` (podman-image.unit(5)).

use super::context::Context;
use super::fields::Fields;
use super::names;
use super::read::Quadlet;
use super::spec::{self, Pull, PullPolicy};
use crate::unit::{Finding, UnitName};

/// Further attempts if the file says nothing of them (containers.conf(5), `retry`).
pub const RETRIES: u32 = 3;

/// Translates the image of a file. What is wrong is in `findings`.
pub fn translate(
    quadlet: &Quadlet<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<spec::Image> {
    let mut fields = Fields::new("Image", quadlet.merged, service, context);
    let translation = pulled(&mut fields);
    fields.finish(translation, findings)
}

fn pulled(fields: &mut Fields<'_>) -> Option<spec::Image> {
    let all_tags = fields.boolean("AllTags").unwrap_or_default();
    let image = reference(fields, all_tags)?;
    let os = fields.text("OS");
    let pull = Pull {
        policy: policy(fields),
        retries: fields.number("Retry").unwrap_or(RETRIES),
        retry_delay_usec: super::build::delay(fields),
        platform: super::build::platform(fields, os),
        auth_file: fields.path("AuthFile").map(Into::into),
        credentials: fields.text("Creds"),
        built_by: None,
    };
    let tag = match fields.scalar("ImageTag") {
        Some(tag) => Some(names::image(fields, &tag)?),
        None => None,
    };
    Some(spec::Image { image, pull, tag, all_tags })
}

/// What other files call the image: the tag that it gets, else its own name.
pub fn name(fields: &mut Fields<'_>) -> Option<String> {
    if let Some(tag) = fields.scalar("ImageTag") {
        return names::image(fields, &tag);
    }
    reference(fields, false)
}

fn reference(fields: &mut Fields<'_>, all_tags: bool) -> Option<String> {
    let image = fields.scalar("Image")?;
    let with_tag = names::image(fields, &image)?;
    if !all_tags {
        return Some(with_tag);
    }
    if with_tag == image.text {
        fields.report(&image, "AllTags= pulls every tag, so the image cannot have one; leave it out of Image=");
    }
    Some(image.text.into_owned())
}

/// podman-pull(1): always, if nothing else is said.
fn policy(fields: &mut Fields<'_>) -> PullPolicy {
    let Some(field) = fields.scalar("Policy") else { return PullPolicy::Always };
    match &*field.text {
        "always" => PullPolicy::Always,
        "missing" => PullPolicy::Missing,
        "never" => PullPolicy::Never,
        "newer" => PullPolicy::Newer,
        other => {
            let message = format!("Policy '{other}' is unknown; it can be always, missing, never or newer");
            fields.report(&field, message);
            PullPolicy::Always
        }
    }
}
