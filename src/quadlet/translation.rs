//! A taken Quadlet file → the service that systemd runs, and the spec that the service's main process works from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use super::container;
use super::context::{Asked, Context, Other, Others, Resource};
use super::names;
use super::read::{Quadlet, sort};
use super::service::{self, Needs, Source};
use super::spec::{self, Owner, Request};
use super::spec_text::{Head, SpecText};
use super::{build, follow, image, network, volume};
use crate::host::{Host, MachineId, Platform, System};
use crate::unit::follow::Follow;
use crate::unit::{Digest, Entry, Finding, Section, Unit, UnitName, UnitType, digest};

/// What a Quadlet file becomes on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The service.
    pub service: UnitName,
    /// Its unit file.
    pub text: Arc<[u8]>,
    /// The name and the text of the slice's file, if the container has limits.
    pub slice: Option<(String, Arc<[u8]>)>,
    /// The services that it starts after, and those that it starts before.
    pub order: service::Order,
    /// The files that it follows.
    pub follow: Option<Arc<Follow>>,
    /// What the supervisor works from.
    pub spec: Arc<SpecText>,
    /// [`Spec::run`](super::Spec::run)
    pub run: Digest,
    /// What the Engine calls what it makes; no two containers, volumes or networks can have the same.
    pub resource: Option<String>,
}

/// Translates a file that this host takes. Whatever it asked of others is in the answer, also if it cannot be translated.
pub fn translate(unit: &Unit, service: &UnitName, context: &Context<'_>) -> (Option<Translation>, Vec<Finding>) {
    let quadlet = Quadlet::of(unit);
    let mut findings = Vec::new();
    let translation = Translator { unit, service, quadlet: &quadlet, context }.translate(&mut findings);
    sort(&mut findings);
    (translation, findings)
}

/// A host that stands for all of them.
static ANY_HOST: LazyLock<Option<(Host, Platform)>> = LazyLock::new(|| {
    let machine_id = MachineId::parse(&"0".repeat(32)).ok()?;
    let host = Host { machine_id, hostname: "localhost".to_owned(), metadata: BTreeMap::new() };
    Some((host, Platform { system: Some(System::default()), ..Platform::default() }))
});

/// What is wrong with a file whatever the host and the other files, as far as a translation tells. Lines with a `%` are
/// left out: what they say is another thing on each host.
pub fn verify(unit: &Unit) -> Vec<Finding> {
    let (Some(service), Some((host, platform))) = (&unit.service, &*ANY_HOST) else { return Vec::new() };
    let others = Others::asking(|file_name| {
        let name = UnitName::parse(file_name).ok().filter(|name| name.unit_type().is_quadlet())?;
        let service = names::default_service(&name).ok()?;
        let name = format!("systemd-{}", name.stem().replace('@', "-"));
        Some(Other::Taken(Resource { service, name, image: None, no_copy: false }))
    });
    let context = Context { host, platform, others: &others };
    let mut findings = Vec::new();
    let quadlet = Quadlet::of(unit);
    Translator { unit, service, quadlet: &quadlet, context: &context }.parts(&mut findings);
    sort(&mut findings);
    findings.retain(|finding| {
        let is_open = |(path, section): (&Path, Section<'_>)| {
            let at = |entry: &Entry<'_>| entry.line == finding.diagnostic.line && path == finding.path;
            section.entries().find(at).is_some_and(|entry| entry.value.contains('%'))
        };
        !quadlet.merged.sections().any(is_open)
    });
    findings
}

/// What a file says, before any of it is written down.
struct Parts {
    request: Option<Request>,
    rendered: service::Service,
    /// What the file's own section asked of others.
    used: Asked,
}

struct Translator<'a> {
    unit: &'a Unit,
    service: &'a UnitName,
    quadlet: &'a Quadlet<'a>,
    context: &'a Context<'a>,
}

impl Translator<'_> {
    fn translate(&self, findings: &mut Vec<Finding>) -> Option<Translation> {
        let Parts { request, rendered, used } = self.parts(findings);
        let request = request.filter(|_| !findings.iter().chain(&self.unit.findings).any(Finding::is_error))?;
        self.written(&request, rendered, &used)
    }

    fn parts(&self, findings: &mut Vec<Finding>) -> Parts {
        let unit_type = self.unit.name.unit_type();
        let request = self.request(findings);
        // What the file's own section names has to be there first; what [Unit] names, has its own say in that.
        let mut needs = request.as_ref().map(needs).unwrap_or_default();
        let used = self.context.others.asked();
        needs.services = used.values().flatten().map(|resource| resource.service.clone()).collect();
        let source = Source {
            unit_type,
            service: self.service,
            merged: self.quadlet.merged,
            needs: &needs,
            context: self.context,
        };
        Parts { request, rendered: source.render(findings), used }
    }

    fn written(&self, request: &Request, rendered: service::Service, used: &Asked) -> Option<Translation> {
        let run = self.run_digest(used);
        let resource = match request {
            Request::Container(container) => Some(container.name.clone()),
            Request::Volume(volume) => Some(volume.create.name.clone()),
            Request::Network(network) => Some(network.create.name.clone()),
            Request::Image(_) | Request::Build(_) => None,
        };
        let head =
            Head { version: spec::VERSION, unit: self.service.as_str(), source: &self.unit.file.path, run: &run };
        let spec = SpecText::new(&head, request).ok()?;
        let slice = rendered.slice.and_then(|slice| Some((slice.text(self.service)?, slice.name)));
        Some(Translation {
            service: self.service.clone(),
            follow: follow::of(self.unit, request, self.context.host).map(Arc::new),
            text: rendered.text.as_bytes().into(),
            order: rendered.order,
            slice: slice.map(|(text, name)| (name, text.into_bytes().into())),
            spec: spec.into(),
            run,
            resource,
        })
    }

    fn request(&self, findings: &mut Vec<Finding>) -> Option<Request> {
        let Self { quadlet, service, context, .. } = self;
        Some(match quadlet.name.unit_type() {
            UnitType::Volume => volume::translate(quadlet, service, context, findings)?,
            UnitType::Network => Request::Network(network::translate(quadlet, service, context, findings)?),
            UnitType::Image => Request::Image(image::translate(quadlet, service, context, findings)?),
            UnitType::Build => Request::Build(build::translate(quadlet, service, context, findings)?),
            _ => Request::Container(Box::new(container::translate(quadlet, service, context, findings)?)),
        })
    }

    /// Of what can matter to the running container: the source, and what it uses of others. Never of what it is rendered
    /// to, so that another version of sculler restarts nothing. Limits are changed in what runs.
    fn run_digest(&self, used: &Asked) -> Digest {
        let (version, file) = (spec::VERSION.to_string(), self.unit.facts.run.digits());
        let mut parts = vec![version.as_bytes(), &file];
        let drop_ins = (!self.unit.service_drop_ins.is_empty()).then(|| {
            let texts = self.unit.service_drop_ins.iter().map(|file| crate::unit::parse(&file.text).0);
            digest::run_digest(&texts.collect::<Vec<_>>().iter().collect::<Vec<_>>()).digits()
        });
        parts.extend(drop_ins.iter().map(<[u8; 64]>::as_slice));
        let asked = self.context.others.asked();
        for (file, answer) in &asked {
            let Ok(resource) = answer else { continue };
            parts.push(resource.service.as_str().as_bytes());
            // Of a mere dependency nothing else matters.
            if used.contains_key(file) {
                let no_copy = if resource.no_copy { "true" } else { "false" };
                let whole = [file, &*resource.name, no_copy].into_iter().chain(resource.image.as_deref());
                parts.extend(whole.map(str::as_bytes));
            }
        }
        Digest::of(parts)
    }
}

fn needs(request: &Request) -> Needs {
    let mut needs = Needs::default();
    match request {
        Request::Container(container) => {
            needs.paths = container
                .mounts
                .iter()
                .map(|mount| mount.source.display().to_string())
                .filter(|path| path.starts_with('/'))
                .collect();
            let has = |is: fn(&Owner) -> bool| container.mounts.iter().any(|mount| is(&mount.owner));
            needs.changes_owners = has(|owner| *owner == Owner::Change);
            needs.maps_owners = has(|owner| matches!(owner, Owner::Map { .. }));
            needs.stop_timeout = container.create.stop_timeout.unwrap_or(service::DEFAULT_STOP_TIMEOUT);
        }
        // When it stops, or when its file is gone.
        Request::Network(_) => needs.is_undone = true,
        Request::Build(build) if build.context.starts_with('/') => {
            needs.paths.insert(build.context.clone());
        }
        Request::Volume(_) | Request::Image(_) | Request::Build(_) => {}
    }
    needs
}
