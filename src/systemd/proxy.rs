//! The methods and signals of `org.freedesktop.systemd1.Manager` that sculler uses
//! (org.freedesktop.systemd1(5)).

use zbus::OwnedObjectPath;

/// A row of `ListUnits` and `ListUnitsByNames`, in the order of org.freedesktop.systemd1(5): name, description, load
/// state, active state, sub state, followed unit, object path, job ID, job type, job path.
pub type ListedUnit = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// A row of what the `*UnitFiles` methods changed: `symlink` or `unlink`, the link, its destination.
pub type FileChange = (String, String, String);

/// The service manager.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub trait Manager {
    /// Most signals are sent out only after this.
    fn subscribe(&self) -> zbus::Result<()>;

    /// Loads a unit's file if it is not in memory, and returns the unit's object.
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    /// One row for each name, loading what is not in memory.
    fn list_units_by_names(&self, names: &[&str]) -> zbus::Result<Vec<ListedUnit>>;

    /// Queues a start job.
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Queues a stop job.
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Takes a queued job back.
    fn cancel_job(&self, id: u32) -> zbus::Result<()>;

    /// Queues a restart job, which starts a unit that is down.
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Queues a reload job.
    fn reload_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Queues a restart job if the unit is up.
    fn try_restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Queues a reload job, or a restart where there is no way to reload.
    fn reload_or_restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// The same if the unit is up.
    fn reload_or_try_restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// `enabled`, `disabled`, `static`, `masked`, …
    fn get_unit_file_state(&self, file: &str) -> zbus::Result<String>;

    /// Clears the failed state and the start rate limit of a unit.
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;

    /// Keeps a unit in memory although nothing else needs it, until the connection ends.
    fn ref_unit(&self, name: &str) -> zbus::Result<()>;

    /// The end of that.
    fn unref_unit(&self, name: &str) -> zbus::Result<()>;

    /// daemon-reload; answers when it is over.
    fn reload(&self) -> zbus::Result<()>;

    /// Carries out the `[Install]` sections.
    fn enable_unit_files(&self, files: &[&str], runtime: bool, force: bool) -> zbus::Result<(bool, Vec<FileChange>)>;

    /// Removes every link to the units.
    fn disable_unit_files(&self, files: &[&str], runtime: bool) -> zbus::Result<Vec<FileChange>>;

    /// Makes `target` want or require the units.
    fn add_dependency_unit_files(
        &self,
        files: &[&str],
        target: &str,
        dependency: &str,
        runtime: bool,
        force: bool,
    ) -> zbus::Result<Vec<FileChange>>;

    /// A job is over. `result`: `done`, `canceled`, `timeout`, `failed`, `dependency`, `skipped`, …
    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: OwnedObjectPath, unit: String, result: String) -> zbus::Result<()>;

    /// Such as `257.7-1`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> zbus::Result<String>;
}
