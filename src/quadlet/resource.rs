//! What a Quadlet file is to the others that name it.

use super::context::{Context, Resource};
use super::fields::Fields;
use super::merged::Merged;
use super::{build, image, names, volume};
use crate::unit::{Finding, Unit, UnitName, UnitType};

/// What a file makes, as far as others ask; it may name others itself. `Err` says why nobody can use it.
pub fn of(unit: &Unit, service: &UnitName, merged: &Merged, context: &Context<'_>) -> Result<Resource, Vec<Finding>> {
    let unit_type = unit.name.unit_type();
    let mut findings = Vec::new();
    let section = unit_type.section().unwrap_or_default();
    let mut fields = Fields { section, merged, service, context, findings: &mut findings };
    let mut image = None;
    let name = match unit_type {
        UnitType::Image => image::name(&mut fields),
        UnitType::Build => build::tags(&mut fields).into_iter().next(),
        _ => {
            if unit_type == UnitType::Volume && fields.text("Driver").as_deref() == Some(volume::IMAGE_DRIVER) {
                image = volume::image(&mut fields);
            }
            names::resource(unit, service, merged, context.host).map_err(|finding| findings.push(finding)).ok()
        }
    };
    match name {
        Some(name) if findings.is_empty() => Ok(Resource { service: service.clone(), name, image }),
        _ => Err(findings),
    }
}
