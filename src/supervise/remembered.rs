//! What supervisors leave for each other and for `sculler status`: below /run, but for what is to outlive a reboot.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::files;
use crate::quadlet::Spec;
use crate::status::{RecordFiles, seconds_now};
use crate::unit::{Digest, UnitName};

/// What the operator allowed for one start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recreation {
    /// Data may be lost.
    pub delete_data: bool,
}

#[derive(Serialize, Deserialize)]
struct Built {
    run: Digest,
    image: String,
}

/// A preparation built this image for this version.
pub fn keep_built(spec: &Spec, image: &str) -> Result<(), Failure> {
    let unit = name(spec)?;
    let _ = files::remove(&RecordFiles::of_host().failed_build(&unit));
    write_built(&RecordFiles::of_host().built(&unit), spec, image)
}

/// The image that a preparation built for this version, once.
pub fn take_built(spec: &Spec) -> Option<String> {
    let path = RecordFiles::of_host().built(&name(spec).ok()?);
    let image = read_built(&path, spec);
    let _ = files::remove(&path);
    image
}

/// This image has the names that this version gives, also after a reboot.
pub fn keep_last_image(spec: &Spec, image: &str) -> Result<(), Failure> {
    let unit = name(spec)?;
    write_built(&RecordFiles::of_host().last_image(&unit), spec, image)?;
    write(&RecordFiles::of_host().built_since_boot(&unit), b"")
}

/// Whether a build of that name, in whatever version, went well since the host booted.
pub fn was_built_since_boot(spec: &Spec) -> bool {
    name(spec).is_ok_and(|unit| RecordFiles::of_host().built_since_boot(&unit).exists())
}

/// The image that this version gave last.
pub fn last_image(spec: &Spec) -> Option<String> {
    read_built(&RecordFiles::of_host().last_image(&name(spec).ok()?), spec)
}

fn write_built(path: &Path, spec: &Spec, image: &str) -> Result<(), Failure> {
    let built = Built { run: spec.run, image: image.to_owned() };
    write(path, &serde_json::to_vec(&built).unwrap_or_default())
}

fn read_built(path: &Path, spec: &Spec) -> Option<String> {
    let built: Built = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (built.run == spec.run).then_some(built.image)
}

/// A build that failed.
#[derive(Debug, Serialize, Deserialize)]
pub struct FailedBuild {
    run: Digest,
    /// Of its context.
    pub fingerprint: String,
    pub reason: String,
    time: f64,
}

impl FailedBuild {
    /// How long ago it was.
    pub fn age(&self) -> Duration {
        Duration::try_from_secs_f64(seconds_now() - self.time).unwrap_or(Duration::MAX)
    }
}

/// This version could not be built.
pub fn keep_failed_build(spec: &Spec, fingerprint: String, reason: &str) {
    let failed = FailedBuild { run: spec.run, fingerprint, reason: reason.to_owned(), time: seconds_now() };
    let text = serde_json::to_vec(&failed).unwrap_or_default();
    if let Err(failure) = name(spec).and_then(|unit| write(&RecordFiles::of_host().failed_build(&unit), &text)) {
        tracing::warn!("{failure}");
    }
}

/// The last build of this very version, if it failed.
pub fn failed_build(spec: &Spec) -> Option<FailedBuild> {
    let text = std::fs::read(RecordFiles::of_host().failed_build(&name(spec).ok()?)).ok()?;
    serde_json::from_slice(&text).ok().filter(|failed: &FailedBuild| failed.run == spec.run)
}

/// Says for `sculler status` in what a resource is not as its file says; `None`: in nothing any more.
pub fn keep_note(spec: &Spec, text: Option<&str>) {
    let Ok(unit) = name(spec) else { return };
    let path = RecordFiles::of_host().kept(&unit);
    let result = match text {
        Some(text) => write_for_all(&path, text.as_bytes()),
        None => files::remove(&path).map_err(|error| Failure(format!("{}: {error}", path.display()))),
    };
    if let Err(failure) = result {
        tracing::warn!("{failure}");
    }
}

/// Allows the next start of a service to make its resource anew.
pub fn allow_recreation(unit: &UnitName, recreation: Recreation) -> Result<(), Failure> {
    write(&RecordFiles::of_host().recreate(unit), &serde_json::to_vec(&recreation).unwrap_or_default())
}

/// Takes that back; true if nobody has made use of it.
pub fn forbid_recreation(unit: &UnitName) -> bool {
    std::fs::remove_file(RecordFiles::of_host().recreate(unit)).is_ok()
}

/// What was allowed for this start, once.
pub fn take_recreation(spec: &Spec) -> Option<Recreation> {
    let path = RecordFiles::of_host().recreate(&name(spec).ok()?);
    let text = std::fs::read(&path).ok()?;
    let _ = files::remove(&path);
    serde_json::from_slice(&text).ok()
}

fn name(spec: &Spec) -> Result<UnitName, Failure> {
    UnitName::parse(&spec.unit).map_err(|error| Failure(format!("'{}' is not the name of a unit: {error}", spec.unit)))
}

fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| files::replace_for(path, text, true));
    written.map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// Commands of users who are not root read it, too.
fn write_for_all(path: &Path, text: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let written = path.parent().map_or(Ok(()), |folder| {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
    });
    let written = written.and_then(|()| files::replace(path, text));
    written.map_err(|error| Failure(format!("{}: {error}", path.display())))
}
