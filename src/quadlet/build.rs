//! `[Build]` → `POST /build` (podman-build.unit(5); podman: pkg/systemd/quadlet/quadlet.go, `ConvertBuild()`).

use std::borrow::Cow;
use std::path::Path;

use super::context::Context;
use super::fields::Fields;
use super::image::RETRIES;
use super::names;
use super::quantities::{DURATION, duration};
use super::read::Quadlet;
use super::spec;
use crate::unit::values::parse_boolean;
use crate::unit::{Finding, UnitName};

/// Translates the build of a file. What is wrong is in `findings`.
pub fn translate(
    quadlet: &Quadlet<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<spec::Build> {
    let mut fields = Fields::new("Build", quadlet.merged, service, context);
    let translation = build(&mut fields);
    fields.finish(translation, findings)
}

fn build(fields: &mut Fields<'_>) -> Option<spec::Build> {
    let tags = tags(fields);
    let place = context_and_file(fields);
    let network = network(fields);
    let (context, file) = place?;
    Some(spec::Build {
        tags,
        file,
        context,
        arguments: fields.values_by_name("BuildArg"),
        labels: fields.labels(),
        target: fields.text("Target"),
        pull: pull(fields),
        force_remove: fields.boolean("ForceRM").unwrap_or(true),
        network,
        platform: platform(fields, None),
        ignore_file: fields.path("IgnoreFile").map(Into::into),
        retries: fields.number("Retry").unwrap_or(RETRIES),
        retry_delay_usec: delay(fields),
        auth_file: fields.path("AuthFile").map(Into::into),
    })
}

/// `ImageTag=`, all of them; the first is what other files call the image.
pub fn tags(fields: &mut Fields<'_>) -> Vec<String> {
    let tags = fields.lines("ImageTag");
    tags.iter().filter_map(|tag| names::image(fields, tag)).collect()
}

/// The folder or URL that is sent, and the file in it.
fn context_and_file(fields: &mut Fields<'_>) -> Option<(String, String)> {
    let file = fields.scalar("File");
    let directory = fields.scalar("SetWorkingDirectory");
    let local_file = file.as_ref().filter(|file| !is_url(&file.text)).cloned();
    let Some(directory) = directory else {
        return match file {
            // A Containerfile without a context.
            Some(file) if is_url(&file.text) => Some((file.text.into_owned(), String::new())),
            Some(file) if file.text.starts_with('/') => Some((parent(&file.text), file.text.into_owned())),
            Some(file) => {
                let message = "File= is relative to the context, and there is none; add SetWorkingDirectory=unit";
                fields.report(&file, message);
                None
            }
            None => {
                // That ImageTag= is there has been seen to.
                let tag = fields.lines("ImageTag").into_iter().next()?;
                fields.refuse(
                    &tag,
                    "there is neither File= nor SetWorkingDirectory=, so there is nothing to build; add one",
                )
            }
        };
    };
    let context = match (&*directory.text, &local_file) {
        ("unit", _) => fields.absolute(""),
        ("file", Some(file)) => parent(&fields.absolute(&file.text)),
        ("file", None) => {
            fields.report(&directory, "SetWorkingDirectory=file is the folder of a local File=; add it");
            return None;
        }
        (url, _) if is_url(url) => url.to_owned(),
        (path, _) => fields.absolute(path),
    };
    let context = context.trim_end_matches('/').to_owned();
    let file = match (file, local_file) {
        (None, _) => String::new(),
        (Some(url), None) => {
            let message = "Docker takes a Containerfile from a URL alone, without a context; take out \
                           SetWorkingDirectory=, or put the file beside this one";
            fields.report(&url, message);
            return None;
        }
        // In a context that is fetched, and in the file's own folder, the path is as written.
        (Some(_), Some(file)) if is_url(&context) => file.text.into_owned(),
        (Some(_), Some(file)) if directory.text == "file" => fields.absolute(&file.text),
        (Some(_), Some(file)) => Path::new(&context).join(&*file.text).display().to_string(),
    };
    Some((context, file))
}

fn is_url(text: &str) -> bool {
    ["http://", "https://", "git://", "git@", "github.com/", "ssh://"].iter().any(|start| text.starts_with(start))
}

fn parent(path: &str) -> String {
    Path::new(path).parent().unwrap_or(Path::new("/")).display().to_string()
}

/// A boolean or a policy (podman-build(1), `--pull`).
fn pull(fields: &mut Fields<'_>) -> bool {
    let Some(field) = fields.scalar("Pull") else { return false };
    match &*field.text {
        "always" | "newer" => true,
        "missing" | "never" => false,
        value => parse_boolean(value).unwrap_or_else(|| {
            fields.report(&field, format!("Pull '{value}' is unknown; it can be always, missing, never or newer"));
            false
        }),
    }
}

fn network(fields: &mut Fields<'_>) -> Option<String> {
    let networks = fields.lines("Network");
    if let Some(second) = networks.get(1) {
        fields.report(second, "Docker builds in one network; take out all Network= but one");
    }
    let field = networks.into_iter().next()?;
    if !field.text.ends_with(".network") {
        return Some(field.text.into_owned());
    }
    let resource = fields.other(&field, &field.text)?;
    Some(resource.name.clone())
}

/// `OS=`, `Arch=` and `Variant=` as the API writes them: `os/arch/variant`.
pub fn platform(fields: &mut Fields<'_>, os: Option<String>) -> Option<String> {
    let (arch, variant) = (fields.scalar("Arch"), fields.scalar("Variant"));
    if let (Some(variant), None) = (&variant, &arch) {
        fields.report(variant, "Variant= is of an architecture; add Arch=");
    }
    if os.is_none() && arch.is_none() {
        return None;
    }
    let parts = [Some(os.map_or("linux".into(), Cow::from)), arch.map(|a| a.text), variant.map(|v| v.text)];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
}

/// `RetryDelay=` in microseconds.
pub fn delay(fields: &mut Fields<'_>) -> Option<u64> {
    let value = fields.scalar("RetryDelay")?;
    let delay = duration(&value.text).and_then(|nanoseconds| u64::try_from(nanoseconds / 1000).ok());
    if delay.is_none() {
        fields.report(&value, format!("RetryDelay '{}' {DURATION}", value.text));
    }
    delay
}
