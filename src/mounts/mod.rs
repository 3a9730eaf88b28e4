//! Mounts of containers: what the host's side of them needs. Beside `source/lease.rs` the only place of unsafe code.

pub mod swap;
