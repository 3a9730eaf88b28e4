//! `[Volume]` → `POST /volumes/create` (podman-volume.unit(5); moby: daemon/volume/local/local_unix.go).

use super::context::Context;
use super::create::VolumeBody;
use super::fields::Fields;
use super::image::RETRIES;
use super::names;
use super::read::Quadlet;
use super::spec::{Image, Pull, PullPolicy, Request, Volume};
use crate::unit::{Finding, UnitName};

/// The driver of volumes that are an image's content.
pub const IMAGE_DRIVER: &str = "image";

/// Translates the volume of a file. What is wrong is in `findings`.
pub fn translate(
    quadlet: &Quadlet<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Request> {
    let mut fields = Fields::new("Volume", quadlet.merged, service, context);
    let translation = volume(&mut fields, quadlet.name, service);
    fields.finish(translation, findings)
}

fn volume(fields: &mut Fields<'_>, file: &UnitName, service: &UnitName) -> Option<Request> {
    let name = names::resource(fields, file, service)?;
    let driver = fields.text("Driver");
    let mut body = VolumeBody { name, labels: fields.labels(), ..VolumeBody::default() };
    if driver.as_deref() == Some(IMAGE_DRIVER) {
        // Docker has no such volumes: the containers that use it mount the image itself.
        let pull = Pull {
            policy: PullPolicy::Missing,
            retries: RETRIES,
            retry_delay_usec: None,
            platform: None,
            auth_file: None,
            credentials: None,
            built_by: None,
        };
        let image = image(fields)?;
        return Some(Request::Image(Image { image, pull, tag: None, all_tags: false }));
    }
    if let Some(image) = fields.scalar("Image") {
        fields.report(&image, "Image= is for volumes that are an image's content; write 'Driver=image' as well");
    }
    body.driver = driver;
    options(fields, &mut body);
    let (uid, gid) = (fields.number("UID"), fields.number("GID"));
    Some(Request::Volume(Volume { create: body, uid, gid }))
}

/// The image of a volume with `Driver=image`.
pub fn image(fields: &mut Fields<'_>) -> Option<String> {
    let Some(image) = fields.scalar("Image") else {
        if let Some(driver) = fields.scalar("Driver") {
            fields.report(&driver, "Driver=image needs the image; add Image=");
        }
        return None;
    };
    if names::is_image_file(&image.text) {
        return fields.other(&image, &image.text).map(|resource| resource.name.clone());
    }
    names::image(fields, &image)
}

fn options(fields: &mut Fields<'_>, body: &mut VolumeBody) {
    let device = fields.scalar("Device");
    let kind = fields.scalar("Type");
    let mut options: Vec<String> = Vec::new();
    let bind = kind.as_ref().is_some_and(|kind| kind.text == "bind");
    if bind {
        options.push("bind".to_owned());
    }
    for (key, option) in [("User", "uid"), ("Group", "gid"), ("Options", "")] {
        let Some(field) = fields.scalar(key) else { continue };
        if device.is_none() || kind.is_none() {
            let advice = match key {
                "User" => "add Device= and Type=, or write UID= for the owner of the volume",
                "Group" => "add Device= and Type=, or write GID= for the group of the volume",
                _ => "add Device= and Type=",
            };
            fields
                .report(&field, format!("{key}= is a mount option, which Docker takes with a device alone; {advice}"));
        } else if option.is_empty() {
            options.push(field.text.into_owned());
        } else if field.text.parse::<u32>().is_ok() {
            options.push(format!("{option}={}", field.text));
        } else {
            let message =
                format!("{key} '{}' is no number, and Docker knows no names here; write the {option}", field.text);
            fields.report(&field, message);
        }
    }
    match (device, kind) {
        (Some(device), Some(kind)) => {
            let device_path = match device.text.strip_prefix("./") {
                Some(_) => fields.absolute(&device.text),
                None => device.text.into_owned(),
            };
            // Docker's local driver calls mount(2), which knows no type of that name.
            let kind = if bind { "none".to_owned() } else { kind.text.into_owned() };
            body.driver_opts.extend([("device".to_owned(), device_path), ("type".to_owned(), kind)]);
            if !options.is_empty() {
                body.driver_opts.insert("o".to_owned(), options.join(","));
            }
        }
        (Some(device), None) => fields.report(&device, "Docker needs the file system's type with Device=; add Type="),
        (None, Some(kind)) => fields.report(&kind, "Type= says nothing without a device; add Device="),
        (None, None) => {}
    }
}
