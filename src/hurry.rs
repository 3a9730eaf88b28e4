//! No wait for the kernel when a process of a service or container is moved into its cgroup.
//!
//! Who moves a process first after some 10 ms without such a move waits for a grace period of RCU, 5 to 16 ms; moves
//! that follow each other do not (Linux: `cgroup_threadgroup_rwsem` in kernel/cgroup/cgroup.c, kernel/rcu/sync.c). A start
//! has two that would: systemd's of the service's process, runc's of the container's. So this process moves itself to
//! where it is, which changes nothing, again and again until they are over. Its own first move waits like any other, so it
//! is made as soon as there may be something to start.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::config;

/// Well below a grace period.
const EVERY: Duration = Duration::from_millis(3);

/// How often the others look whether it is their turn, where many start at once.
const WAIT: Duration = Duration::from_millis(25);

/// For so long they look as often as they would move: the agent's turn is over soon.
const AT_FIRST: Duration = Duration::from_millis(100);

/// What takes longer than that is something else than a start.
const LONGEST: Duration = Duration::from_secs(2);

/// The process 0 is the one that writes.
const OWN: &[u8] = b"0";

/// Far more than a loop around one system call needs.
const STACK_SIZE: usize = 64 << 10;

/// Goes on until it is dropped.
pub struct Hurry {
    _end: Sender<()>,
}

impl Hurry {
    /// `None` where it cannot be done: this host's cgroups are of version 1, or not for this process to write.
    pub fn begin() -> Option<Self> {
        let processes = own_processes()?;
        // One does it for all that start at this moment.
        let turn = File::open(config::RUN_DIRECTORY).ok()?;
        let (_end, end) = channel();
        let keep_moving = move || keep_moving(processes, &turn, &end);
        spawn(keep_moving)?;
        Some(Self { _end })
    }
}

/// Makes the first move, which nobody waits for: what would have to wait soon then waits for the rest of that.
pub fn begin_early() {
    static IS_AT_IT: AtomicBool = AtomicBool::new(false);
    let move_once = || {
        if let Some(mut processes) = own_processes() {
            // Whoever starts something tries again.
            let _ = processes.write_all(OWN);
        }
        IS_AT_IT.store(false, Ordering::Release);
    };
    if !IS_AT_IT.swap(true, Ordering::AcqRel) && spawn(move_once).is_none() {
        IS_AT_IT.store(false, Ordering::Release);
    }
}

/// Where the processes of this one's cgroup are written; `None` where that cannot be done.
fn own_processes() -> Option<File> {
    let memberships = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = memberships.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = Path::new("/sys/fs/cgroup").join(own).join("cgroup.procs");
    OpenOptions::new().write(true).open(path).ok()
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Option<()> {
    thread::Builder::new().name("hurry".into()).stack_size(STACK_SIZE).spawn(work).ok().map(drop)
}

fn keep_moving(mut processes: File, turn: &File, end: &Receiver<()>) {
    let since = Instant::now();
    let mut is_ours = false;
    while since.elapsed() < LONGEST {
        is_ours = is_ours || turn.try_lock().is_ok();
        if is_ours && processes.write_all(OWN).is_err() {
            return;
        }
        let pause = if is_ours || since.elapsed() < AT_FIRST { EVERY } else { WAIT };
        if end.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
