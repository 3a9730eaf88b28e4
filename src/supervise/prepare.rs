//! Everything of a start that can fail, done while the old version still serves: `sculler supervise --prepare`, which the
//! agent has run before it stops what runs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::docker::{Container as Inspected, Engine};
use crate::files;
use crate::quadlet::create::CreateBody;
use crate::quadlet::spec::{Container, Pull, PullPolicy, Request};
use crate::status::RecordFiles;
use crate::unit::UnitName;

use super::{
    Ending, Failure, Job, OWN_ERROR, at_start, build, container, engine, image, label, leftovers, owners, ports, tell,
};

/// The label of the container that is made to see whether the Engine takes it; it never runs.
const LABEL: &str = "sculler.prepares";

/// Prepares the new version of `unit`. Why it cannot run is left in the file of this preparation's `id`.
pub async fn run(unit: &str, id: &str) -> Ending {
    let result = async {
        let unit =
            UnitName::parse(unit).map_err(|error| Failure(format!("'{unit}' is not the name of a unit: {error}")))?;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure(format!("'{id}' is not the ID of a preparation")));
        }
        let records = RecordFiles::of_host();
        let directory = records.preparation(id).with_extension("d");
        let job = super::job_of(&unit, &records.next_spec(&unit), directory)?;
        let result = prepare(&job, &unit).await;
        let _ = files::remove_folder(&job.directory);
        result
    };
    let Err(failure) = result.await else { return Ending::Code(0) };
    // The agent tells it, and tries again: a service that fails each time would only repeat it in other words.
    match leave(&RecordFiles::of_host().preparation(id), &failure.0) {
        Ok(()) => Ending::Code(0),
        Err(error) => {
            tracing::error!("{failure}; that cannot be written down: {error}");
            Ending::Code(OWN_ERROR)
        }
    }
}

fn leave(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::replace_for(path, text.as_bytes(), true)
}

async fn prepare(job: &Job, unit: &UnitName) -> Result<(), Failure> {
    let Some(engine) = engine::if_up(&job.socket).await else {
        return Err(Failure(
            "Docker is down, so the new version cannot be prepared; run 'systemctl start docker'".into(),
        ));
    };
    match &job.spec.request {
        Request::Container(spec) => prepare_container(job, unit, &engine, spec).await,
        Request::Image(spec) => {
            image::provide(&engine, &spec.image, &spec.pull, spec.all_tags).await?;
            remember_pull(unit, job)
        }
        Request::Build(spec) => build::prepare(job, &engine, spec).await,
        Request::Volume(_) | Request::Network(_) => Ok(()),
    }
}

async fn prepare_container(job: &Job, unit: &UnitName, engine: &Engine, spec: &Container) -> Result<(), Failure> {
    image::provide(engine, &spec.image, &spec.pull, false).await?;
    image::provide_mounted(engine, spec, Pull::clone).await?;
    tell::status("Checking the new version");
    let running = leftovers::running(engine, &job.spec.unit).await?;
    if let Some(other) = engine.container(&spec.name).await?
        && !other.is_of(&job.spec.unit)
    {
        return Err(container::stranger(&spec.name, &other));
    }
    let owners = owners::check(job, spec, engine).await?;
    owners::make_missing(spec, owners.as_ref())?;
    let mut completed = at_start::complete(job, spec, engine.api())?;
    let taken = ports::taken(&completed.body.host_config, &own_ports(running.as_ref()), &listeners());
    if !taken.is_empty() {
        let ports = taken.join(", ");
        return Err(Failure(format!(
            "Somebody listens on {ports} already; 'ss -lntup' shows who; stop that, or choose another PublishPort="
        )));
    }
    try_to_create(job, engine, spec, &mut completed.body).await?;
    remember_pull(unit, job)
}

/// The Engine checks most of a container when it is made, and only then.
async fn try_to_create(job: &Job, engine: &Engine, spec: &Container, body: &mut CreateBody) -> Result<(), Failure> {
    for mount in body.host_config.mounts.iter().filter(|mount| mount.kind == "volume" && !mount.source.is_empty()) {
        // It would be made on the way, and not as the file of the volume says.
        if engine.volume(&mount.source).await?.is_none() {
            return Ok(());
        }
    }
    for (name, _) in label::of(&job.spec) {
        body.labels.remove(&name);
    }
    body.labels.insert(LABEL.to_owned(), job.spec.unit.clone());
    for left in engine.containers_with(LABEL, &job.spec.unit).await? {
        engine.remove(&left).await?;
    }
    let name = format!("sculler-prepare-{}", job.spec.run.short());
    let (id, _) = engine.create(&name, spec.pull.platform.as_deref(), body).await?;
    Ok(engine.remove(&id).await?)
}

fn own_ports(running: Option<&Inspected>) -> BTreeSet<String> {
    running.map(Inspected::published_ports).unwrap_or_default()
}

fn listeners() -> Vec<ports::Listener> {
    let tables = [("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6")];
    let read = |(protocol, file): (&str, &str)| {
        let table = std::fs::read_to_string(Path::new("/proc/net").join(file)).unwrap_or_default();
        ports::listeners(protocol, &table)
    };
    tables.into_iter().flat_map(read).collect()
}

/// Lets the start that follows do without asking the registry once more, while nothing serves.
fn remember_pull(unit: &UnitName, job: &Job) -> Result<(), Failure> {
    let path = RecordFiles::of_host().pulled(unit);
    leave(&path, &job.spec.run.to_string()).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// Whether the images of this very version were pulled by its preparation. That counts for one start.
pub fn take_prepared(job: &Job) -> bool {
    let Ok(unit) = UnitName::parse(&job.spec.unit) else { return false };
    let path = RecordFiles::of_host().pulled(&unit);
    let is_prepared = std::fs::read_to_string(&path).is_ok_and(|run| run == job.spec.run.to_string());
    let _ = files::remove(&path);
    is_prepared
}

/// How an image of a start gets here: what the preparation pulled is not asked for again.
pub fn pull_now(pull: &Pull, is_prepared: bool) -> Pull {
    let policy = if is_prepared && pull.policy != PullPolicy::Never { PullPolicy::Missing } else { pull.policy };
    Pull { policy, ..pull.clone() }
}
