//! File systems whose files are views of the kernel: what is in them is meant to be as it is, has no end, or blocks its reader.

use std::io;
use std::path::Path;

/// statfs(2): proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs, bpf, devpts
const TYPES: [u64; 9] =
    [0x9fa0, 0x6265_6572, 0x27_e0eb, 0x6367_7270, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0xcafe_4a11, 0x1cd1];

/// Whether a path lies on one.
pub fn is_kernels(path: &Path) -> io::Result<bool> {
    Ok(TYPES.contains(&(rustix::fs::statfs(path)?.f_type as u64)))
}
