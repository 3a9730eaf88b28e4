//! A booted host to test on: a thin type over `tests/host/host`, which says what a host is.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How often [`Host::wait_until`] looks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How much of a host's journal a failure shows.
const JOURNAL_LINES: &str = "80";

/// The Debian release of a host: the oldest and the newest that users have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// systemd 257, Docker Engine 26.1.
    Trixie,
    /// systemd 252, Docker Engine 20.10.
    Bookworm,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Bookworm => "bookworm",
        }
    }
}

/// What a host is to be, until [`Builder::up`] boots it.
#[must_use = "call up() or off()"]
pub struct Builder {
    label: String,
    suite: Suite,
    options: Vec<String>,
}

impl Builder {
    /// Default: [`Suite::Trixie`].
    pub fn suite(mut self, suite: Suite) -> Self {
        self.suite = suite;
        self
    }

    /// Default: one derived from the host's unique name.
    pub fn machine_id(self, id: &str) -> Self {
        self.option("--machine-id", id)
    }

    /// Default: the host's unique name.
    pub fn hostname(self, hostname: &str) -> Self {
        self.option("--hostname", hostname)
    }

    /// Docker Engine is up, and `docker pull` gets `nginx:latest` and `busybox:latest` from the host's own registry.
    pub fn docker(mut self) -> Self {
        self.options.push("--docker".into());
        self
    }

    /// `/var` is a mount of its own, which systemd mounts while booting.
    pub fn separate_var(mut self) -> Self {
        self.options.push("--separate-var".into());
        self
    }

    /// cloud-init runs, with the seed that is on the disk.
    pub fn cloud_init(mut self) -> Self {
        self.options.push("--cloud-init".into());
        self
    }

    /// The outer `source` is seen as `destination` in the host.
    pub fn bind(self, source: &Path, destination: &str) -> Self {
        self.option("--bind", &format!("{}:{destination}", source.display()))
    }

    /// That network namespace instead of one of its own; whoever made it removes it.
    pub fn netns(self, path: &Path) -> Self {
        self.option("--netns", &path.display().to_string())
    }

    /// Boots it.
    pub fn up(self) -> Host {
        self.make(false)
    }

    /// Makes its disk only, for [`Host::disk`]; [`Host::start`] boots it.
    pub fn off(mut self) -> Host {
        self.options.push("--off".into());
        self.make(true)
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([name.to_owned(), value.to_owned()]);
        self
    }

    fn make(self, off: bool) -> Host {
        setup(self.suite);
        let host = Host::named(unique_name(&self.label));
        let mut command = host.script("boot");
        command.args(["--suite", self.suite.name()]).args(owner()).args(&self.options);
        host.must(command);
        if !off {
            host.find_root();
        }
        host
    }
}

/// A host of its own for one test. Dropping it destroys it, and so does the end of the test process, however it ends;
/// with `KEEP=1` in the environment it stays.
pub struct Host {
    name: String,
    root: Mutex<Option<PathBuf>>,
}

/// How a command in a host ended, and what it printed.
#[derive(Debug, Clone)]
pub struct Done {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    pub fn ok(&self) -> bool {
        self.status.success()
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n--- stdout\n{}--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Host {
    /// Begins a host; `label` appears in its name.
    pub fn boot(label: &str) -> Builder {
        Builder { label: label.into(), suite: Suite::Trixie, options: Vec::new() }
    }

    /// A copy, with another machine ID, of this host's disk; this host must be off, and so is the copy.
    pub fn clone_disk(&self, label: &str, machine_id: &str) -> Host {
        let copy = Host::named(unique_name(label));
        let mut command = self.script("clone");
        command.args([&copy.name, "--machine-id", machine_id]).args(owner());
        self.must(command);
        copy
    }

    /// The name that `tests/host/host` knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a command in the host.
    pub fn run<S: AsRef<OsStr>>(&self, command: &[S]) -> Done {
        done(self.command(command))
    }

    /// The command as run in the host, to be given pipes or left running (`journal -f`).
    pub fn command<S: AsRef<OsStr>>(&self, command: &[S]) -> Command {
        let mut script = self.script("run");
        script.args(command).stdin(Stdio::null());
        script
    }

    /// Runs a shell line and returns what it printed; panics with the host's journal if it fails.
    pub fn sh(&self, line: &str) -> String {
        let done = self.try_sh(line);
        if !done.ok() {
            self.fail(&format!("'{line}': {done}"));
        }
        done.stdout
    }

    /// Runs a shell line that may fail.
    pub fn try_sh(&self, line: &str) -> Done {
        self.run(&["sh", "-c", line])
    }

    /// Runs an outer command with the root of this host, which is off, as its working directory.
    pub fn disk(&self, command: &[&str]) -> String {
        let mut script = self.script("disk");
        script.args(command);
        self.must(script).stdout
    }

    /// A path in the host, as seen outside; inotify in the host sees what is done there. Absolute symbolic links on the
    /// way would lead to the outer machine: `/run`, not `/var/run`.
    pub fn path(&self, path: &str) -> PathBuf {
        let root = self.root.lock().expect("no test panics while it holds this lock");
        let root = root.as_ref().unwrap_or_else(|| panic!("host {} is off", self.name));
        root.join(path.trim_start_matches('/'))
    }

    /// Writes a file the way tools do that never show half of it: a temporary file outside its folder, renamed into place
    /// (beside it, with a leading dot, where the folder is on a file system of its own).
    pub fn write(&self, path: &str, content: &str) {
        static WRITES: AtomicU32 = AtomicU32::new(0);
        // /etc, because units lie below it: a rename cannot leave its file system
        let temporary = self.path(&format!("/etc/.host-write-{}", WRITES.fetch_add(1, Ordering::Relaxed)));
        let target = self.path(path);
        self.io(path, fs::write(&temporary, content));
        match fs::rename(&temporary, &target) {
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
                self.io(path, fs::remove_file(&temporary));
                let beside = target.with_file_name(".host-write");
                self.io(path, fs::write(&beside, content).and_then(|()| fs::rename(&beside, &target)));
            }
            result => self.io(path, result),
        }
    }

    /// Writes a file in place, as `cat > path` does.
    pub fn write_in_place(&self, path: &str, content: &str) {
        self.io(path, fs::write(self.path(path), content));
    }

    /// Makes a folder and those above it.
    pub fn make_dir(&self, path: &str) {
        self.io(path, fs::create_dir_all(self.path(path)));
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        self.io(path, fs::remove_file(self.path(path)));
    }

    /// A file's content.
    pub fn read(&self, path: &str) -> String {
        self.io(path, fs::read_to_string(self.path(path)))
    }

    /// Whether something is there, a broken link included.
    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Looks again and again until `state` holds; after `deadline`, panics with what was waited for and the host's journal.
    pub fn wait_until(&self, what: &str, deadline: Duration, mut state: impl FnMut() -> bool) {
        self.wait_until_empty(what, deadline, || if state() { Vec::new() } else { vec!["it is not so".to_owned()] });
    }

    /// The same, of what is in the way of it.
    pub fn wait_until_empty(&self, what: &str, deadline: Duration, mut left: impl FnMut() -> Vec<String>) {
        let start = Instant::now();
        loop {
            let left = left();
            if left.is_empty() {
                return;
            }
            if start.elapsed() > deadline {
                self.fail(&format!("not within {deadline:?}: {what}: {}", left.join(", ")));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until `systemctl show` says so: `wait_for_unit("nginx.service", "ActiveState", "active", …)`.
    pub fn wait_for_unit(&self, unit: &str, property: &str, value: &str, deadline: Duration) {
        self.wait_until(&format!("{unit} has {property}={value}"), deadline, || self.property(unit, property) == value);
    }

    /// A unit's property, as `systemctl show --value` prints it.
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.run(&["systemctl", "show", "--value", "-p", property, unit]).stdout.trim_end().to_owned()
    }

    /// Clean shutdown and boot of the same disk.
    pub fn reboot(&self) {
        self.poweroff();
        self.start();
    }

    /// Clean shutdown.
    pub fn poweroff(&self) {
        self.forget_root();
        self.must(self.script("poweroff"));
    }

    /// A power cut.
    pub fn crash(&self) {
        self.forget_root();
        self.must(self.script("crash"));
    }

    /// Boots the disk of a host that is off.
    pub fn start(&self) {
        self.must(self.script("start"));
        self.find_root();
    }

    /// Puts what `make install` installs into the host and starts the agent.
    pub fn install_sculler(&self) {
        let mut command = self.script("install");
        command.arg(staged_install());
        self.must(command);
        self.sh("systemctl daemon-reload && systemctl enable --now sculler");
    }

    /// The last lines of the host's journal, and the units that failed.
    pub fn journal(&self) -> String {
        let mut script = self.script("journal");
        script.arg(JOURNAL_LINES);
        let journal = done(script);
        let failed = self.run(&["systemctl", "--failed", "--no-pager"]);
        format!("--- journal of {}\n{}{}--- failed units\n{}", self.name, journal.stdout, journal.stderr, failed.stdout)
    }

    /// Panics with `message` and the host's journal.
    pub fn fail(&self, message: &str) -> ! {
        panic!("host {}: {message}\n{}", self.name, self.journal())
    }

    fn named(name: String) -> Self {
        Self { name, root: Mutex::new(None) }
    }

    fn script(&self, subcommand: &str) -> Command {
        let mut command = script();
        command.args([subcommand, &self.name]);
        command
    }

    /// For the harness's own commands, whose failure is told by what they print.
    fn must(&self, command: Command) -> Done {
        let line = format!("{command:?}");
        let done = done(command);
        assert!(done.ok(), "{line}: {done}");
        done
    }

    fn find_root(&self) {
        let printed = self.must(self.script("root")).stdout;
        *self.root.lock().expect("no test panics while it holds this lock") = Some(printed.trim_end().into());
    }

    fn forget_root(&self) {
        *self.root.lock().expect("no test panics while it holds this lock") = None;
    }

    fn io<T>(&self, path: &str, result: std::io::Result<T>) -> T {
        result.unwrap_or_else(|error| self.fail(&format!("{path}: {error}")))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let script = script_path();
        if kept() {
            eprintln!("kept host {0}: {1} shell {0}; {1} destroy {0}", self.name, script.display());
            return;
        }
        let done = done(self.script("destroy"));
        if !done.ok() {
            // A panic here would hide the one that the test may be unwinding from
            eprintln!("host {} is not destroyed: {done}", self.name);
        }
    }
}

/// Builds what hosts of this suite share, once per process (and once per machine: the script caches it).
pub fn setup(suite: Suite) {
    static TRIXIE: OnceLock<()> = OnceLock::new();
    static BOOKWORM: OnceLock<()> = OnceLock::new();
    let once = match suite {
        Suite::Trixie => &TRIXIE,
        Suite::Bookworm => &BOOKWORM,
    };
    once.get_or_init(|| {
        let mut command = script();
        command.args(["setup", suite.name()]);
        let done = done(command);
        assert!(done.ok(), "tests/host/host setup {}: {done}", suite.name());
    });
}

/// The binary under test.
pub fn sculler_binary() -> PathBuf {
    std::env::var_os("SCULLER_BIN").map_or_else(|| env!("CARGO_BIN_EXE_sculler").into(), PathBuf::from)
}

/// What `make install` makes of that binary, staged once per process.
fn staged_install() -> &'static Path {
    static STAGE: OnceLock<PathBuf> = OnceLock::new();
    STAGE.get_or_init(|| {
        // Cargo's own folder for tests: nothing of it is left elsewhere
        let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("install-{}", std::process::id()));
        let _ = fs::remove_dir_all(&stage);
        let mut make = Command::new("make");
        make.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--no-print-directory").arg("install");
        make.arg(assignment("BINARY", &sculler_binary())).arg(assignment("DESTDIR", &stage));
        // A `make test` above would pass its own options down
        make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        let done = done(make);
        assert!(done.ok(), "make install: {done}");
        stage
    })
}

fn assignment(variable: &str, value: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{variable}="));
    text.push(OsStr::from_bytes(value.as_os_str().as_bytes()));
    text
}

/// Who takes the host with it when it ends.
fn owner() -> Vec<String> {
    if kept() { Vec::new() } else { vec!["--owner".into(), std::process::id().to_string()] }
}

fn kept() -> bool {
    std::env::var_os("KEEP").is_some_and(|value| !value.is_empty())
}

fn script_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/host")
}

fn script() -> Command {
    Command::new(script_path())
}

fn done(mut command: Command) -> Done {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
}

/// Within the 63 characters that a host name may have, and different in each process and for each host.
fn unique_name(label: &str) -> String {
    static HOSTS: AtomicU32 = AtomicU32::new(0);
    let label: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let label: String = label.chars().take(40).collect();
    format!("e2e-{label}-{}-{}", std::process::id(), HOSTS.fetch_add(1, Ordering::Relaxed))
}

/// Gives `input` to a command in the host.
pub fn feed(mut command: Command, input: &str) -> Done {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("stdin is piped").write_all(input.as_bytes()).expect("the command reads its input");
    child.wait_with_output().expect("the command can be waited for").into()
}
