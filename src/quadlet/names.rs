//! The names that a Quadlet file stands for: its service, and what the Engine calls what it makes
//! (podman: pkg/systemd/quadlet/quadlet.go, `getServiceName()`, `getContainerName()` and their like).

use super::docker_names::{check_name, image_name};
use super::fields::Fields;
use super::merged::{Assignment, Merged};
use super::values::Value;
use crate::unit::{Diagnostic, Finding, UnitName, UnitType};

/// The service of a Quadlet file: `web.service` for `web.container`, `data-volume.service` for `data.volume`,
/// `data-volume@1.service` for `data@1.volume`, or what `ServiceName=` says.
pub fn service(name: &UnitName, merged: Merged<'_>) -> Result<UnitName, Finding> {
    let section = name.unit_type().section().unwrap_or_default();
    match merged.last(section, "ServiceName").filter(|assignment| !unquoted(assignment.entry.value).is_empty()) {
        Some(assignment) => named_service(name, assignment),
        None => default_service(name).map_err(|message| Finding {
            path: merged.path().to_owned(),
            diagnostic: Diagnostic::error(0, 0, message),
        }),
    }
}

/// The service that a Quadlet file has if it does not say otherwise.
pub fn default_service(name: &UnitName) -> Result<UnitName, String> {
    let suffix = match name.unit_type() {
        UnitType::Volume => "-volume",
        UnitType::Network => "-network",
        UnitType::Image => "-image",
        UnitType::Build => "-build",
        _ => "",
    };
    let instance = name.instance().map(|instance| format!("@{instance}")).unwrap_or_default();
    let text = format!("{}{suffix}{instance}.service", name.prefix());
    UnitName::parse(&text).map_err(|error| format!("its service would be '{text}', which is no unit name: {error}"))
}

fn named_service(name: &UnitName, assignment: Assignment<'_>) -> Result<UnitName, Finding> {
    let given = unquoted(assignment.entry.value);
    let error = |message: String| Err(assignment.error_at(0, message));
    if let Some(stem) = given.strip_suffix(".service") {
        return error(format!("ServiceName '{given}' ends in its type; write '{stem}'"));
    }
    // The instances of a template are told apart by what follows the '@'.
    let instance = name.instance().filter(|_| given.ends_with('@')).unwrap_or_default();
    let service = match UnitName::parse(&format!("{given}{instance}.service")) {
        Ok(service) => service,
        Err(problem) => return error(format!("ServiceName '{given}' is no name for a service: {problem}")),
    };
    if name.is_template() && !service.is_template() {
        return error(format!("this is a template, so its service has to be one; write 'ServiceName={given}@'"));
    }
    if name.instance().is_none() && service.is_template() {
        return error("'@' at the end makes a template, which this file is not; leave it out".to_owned());
    }
    Ok(service)
}

/// The key that gives what a file of this type makes its name.
pub fn name_key(unit_type: UnitType) -> &'static str {
    match unit_type {
        UnitType::Container => "ContainerName",
        UnitType::Volume => "VolumeName",
        UnitType::Network => "NetworkName",
        _ => "ImageTag",
    }
}

/// What the Engine calls the container, volume or network of a file: what the file says, else Podman's default.
pub fn resource(fields: &mut Fields<'_>, name: &UnitName, service: &UnitName) -> Option<String> {
    let unit_type = name.unit_type();
    let key = name_key(unit_type);
    if let Some(given) = fields.scalar(key) {
        return match objection(unit_type, &given.text) {
            Some(objection) => fields.refuse(&given, format!("{key} {objection}")),
            None => Some(given.text.into_owned()),
        };
    }
    let default = default_resource(name, service);
    let Some(objection) = objection(unit_type, &default) else { return Some(default) };
    let message = format!("the {unit_type}'s name {objection}; set another one by {key}=");
    let diagnostic = Diagnostic::error(0, 0, message);
    let path = fields.merged().path().to_owned();
    fields.findings.push(Finding { path, diagnostic });
    None
}

/// podman-systemd.unit(5), `ContainerName=`, `VolumeName=`, `NetworkName=`.
fn default_resource(name: &UnitName, service: &UnitName) -> String {
    let (stem, separator) = match name.unit_type() {
        UnitType::Container => (service, '_'),
        _ => (name, '-'),
    };
    match stem.instance() {
        Some(instance) => format!("systemd-{}{separator}{instance}", stem.prefix()),
        None => format!("systemd-{}", stem.stem()),
    }
}

/// Networks that the Engine makes itself (moby: runconfig/hostconfig_unix.go).
const ENGINE_NETWORKS: [&str; 4] = ["bridge", "default", "host", "none"];

/// Why the Engine would not take a name.
fn objection(unit_type: UnitType, name: &str) -> Option<String> {
    if unit_type == UnitType::Network && ENGINE_NETWORKS.contains(&name) {
        return Some(format!("'{name}' is a network of Docker's own; choose another name"));
    }
    check_name(name).err()
}

/// A scalar without the pair of quotes around it (podman: pkg/systemd/parser/unitfile.go, `stripQuotes()`).
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// The image that a value names, with a tag.
pub fn image(fields: &mut Fields<'_>, value: &Value<'_>) -> Option<String> {
    match image_name(&value.text) {
        Ok(name) => Some(name),
        Err(message) => fields.refuse(value, format!("{} {message}", value.key())),
    }
}

/// Whether a value names a file that makes an image, rather than an image.
pub fn is_image_file(value: &str) -> bool {
    value.ends_with(".image") || value.ends_with(".build")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quadlet::testing;
    use crate::quadlet::{Context, Others};

    fn names(file: &str, text: &str) -> Result<(String, String), String> {
        let name = UnitName::parse(file).unwrap();
        let unit = testing::unit(file, text);
        let merged = Merged::of(&unit);
        let service = service(&name, merged).map_err(|finding| finding.to_string())?;
        let (host, platform, others) = (testing::host(), testing::platform(), Others::default());
        let context = Context { host: &host, platform: &platform, others: &others };
        let mut fields = Fields::new(name.unit_type().section().unwrap(), merged, &service, &context);
        let resource = resource(&mut fields, &name, &service);
        let error = || fields.findings.iter().map(ToString::to_string).collect::<String>();
        Ok((service.to_string(), resource.ok_or_else(error)?))
    }

    #[test]
    fn names_as_podman_gives_them() {
        for (file, text, service, resource) in [
            ("web.container", "", "web.service", "systemd-web"),
            ("web@.container", "", "web@.service", "systemd-web_"),
            ("web@1.container", "", "web@1.service", "systemd-web_1"),
            ("data.volume", "", "data-volume.service", "systemd-data"),
            ("data@1.volume", "", "data-volume@1.service", "systemd-data-1"),
            ("data@.volume", "", "data-volume@.service", "systemd-data-"),
            ("net.network", "", "net-network.service", "systemd-net"),
            ("web.container", "[Container]\nServiceName=www\n", "www.service", "systemd-www"),
            ("web@1.container", "[Container]\nServiceName=www@\n", "www@1.service", "systemd-www_1"),
            ("data.volume", "[Volume]\nServiceName=store\n", "store.service", "systemd-data"),
            ("web.container", "[Container]\nContainerName=\"%p-%H\"\n", "web.service", "web-coreos001.example.com"),
            ("web.container", "[Container]\nContainerName=a1\nContainerName=\n", "web.service", "systemd-web"),
            ("data.volume", "[Volume]\nVolumeName=%N\n", "data-volume.service", "data-volume"),
        ] {
            let expected = Ok((service.to_owned(), resource.to_owned()));
            assert_eq!(names(file, text), expected, "{file} {text:?}");
        }
    }

    #[test]
    fn names_that_cannot_be() {
        for (file, text, words) in [
            ("web.container", "[Container]\nServiceName=www.service\n", "web.container:2:13: ServiceName"),
            ("web.container", "[Container]\nServiceName=a b\n", "no name for a service"),
            ("web@.container", "[Container]\nServiceName=www\n", "write 'ServiceName=www@'"),
            ("web.container", "[Container]\nServiceName=www@\n", "leave it out"),
            ("web.container", "[Container]\nContainerName=a@b\n", "'a@b' is no name that Docker accepts"),
            ("web.container", "[Container]\nContainerName=_a\n", "'_a' is no name"),
            ("web.container", "[Container]\nContainerName=a\n", "'a' is no name"),
            (r"web@a\x2db.container", "", "set another one by ContainerName="),
            ("a.network", "[Network]\nNetworkName=host\n", "Docker's own"),
        ] {
            let error = names(file, text).unwrap_err();
            assert!(error.contains(words), "{file} {text:?}: {error}");
        }
    }
}
