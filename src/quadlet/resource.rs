//! What a Quadlet file is to the others that name it.

use super::context::{Context, Resource};
use super::fields::Fields;
use super::merged::Merged;
use super::{build, image, names, volume};
use crate::unit::{Finding, UnitName, UnitType};

/// What a file makes, as far as others ask; it may name others itself. `None` if it cannot be said: then the file is
/// invalid.
pub fn of(file: &UnitName, service: &UnitName, merged: Merged<'_>, context: &Context<'_>) -> Option<Resource> {
    let unit_type = file.unit_type();
    let mut fields = Fields::new(unit_type.section()?, merged, service, context);
    let mut resource = Resource { service: service.clone(), name: String::new(), image: None, no_copy: false };
    resource.name = match unit_type {
        UnitType::Image => image::name(&mut fields)?,
        UnitType::Build => build::tags(&mut fields).into_iter().next()?,
        _ => names::resource(&mut fields, file, service)?,
    };
    if unit_type == UnitType::Volume {
        resource.no_copy = fields.boolean("Copy") == Some(false);
        if fields.text("Driver").as_deref() == Some(volume::IMAGE_DRIVER) {
            resource.image = Some(volume::image(&mut fields)?);
        }
    }
    (!fields.findings.iter().any(Finding::is_error)).then_some(resource)
}
