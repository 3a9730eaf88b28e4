//! `[Image]` → `POST /images/create` (podman-image.unit(5)).

use super::context::Context;
use super::fields::Fields;
use super::merged::Merged;
use super::names;
use super::spec::{self, Pull, PullPolicy};
use crate::unit::{Finding, UnitName};

/// Further attempts if the file says nothing of them (containers.conf(5), `retry`).
pub const RETRIES: u32 = 3;

/// Translates the image of a file. What is wrong is in `findings`.
pub fn translate(
    merged: &Merged,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<spec::Image> {
    let mut fields = Fields { section: "Image", merged, service, context, findings };
    let all_tags = fields.boolean("AllTags").unwrap_or_default();
    let image = reference(&mut fields, all_tags)?;
    let pull = Pull {
        policy: policy(&mut fields),
        retries: fields.number("Retry").unwrap_or(RETRIES),
        retry_delay_usec: super::build::delay(&mut fields),
        platform: super::build::platform(&mut fields),
        auth_file: fields.path("AuthFile").map(Into::into),
        credentials: fields.text("Creds"),
    };
    let tag = fields.text("ImageTag").map(|tag| names::with_tag(&tag));
    Some(spec::Image { image, pull, tag, all_tags })
}

/// What other files call the image: the tag that it gets, else its own name.
pub fn name(fields: &mut Fields<'_>) -> Option<String> {
    if let Some(tag) = fields.text("ImageTag") {
        return Some(names::with_tag(&tag));
    }
    reference(fields, false)
}

fn reference(fields: &mut Fields<'_>, all_tags: bool) -> Option<String> {
    let Some(image) = fields.scalar("Image") else {
        fields.missing("Image", "so there is nothing to pull");
        return None;
    };
    if !all_tags {
        return Some(names::with_tag(&image.value));
    }
    if names::with_tag(&image.value) == image.value {
        fields.report(image.error("AllTags= pulls every tag, so the image cannot have one; leave it out of Image="));
    }
    Some(image.value)
}

/// podman-pull(1): always, if nothing else is said.
fn policy(fields: &mut Fields<'_>) -> PullPolicy {
    let Some(field) = fields.scalar("Policy") else { return PullPolicy::Always };
    match field.value.as_str() {
        "always" => PullPolicy::Always,
        "missing" => PullPolicy::Missing,
        "never" => PullPolicy::Never,
        "newer" => PullPolicy::Newer,
        other => {
            let message = format!("Policy '{other}' is unknown; it can be always, missing, never or newer");
            fields.report(field.error(message));
            PullPolicy::Always
        }
    }
}
