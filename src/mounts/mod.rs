//! Mounts of containers: whether the container's user and the owners of what is mounted match, and what the host's side of
//! mounts needs. Beside `source/lease.rs` the only place of unsafe code.

pub mod access;
pub mod accounts;
pub mod advice;
pub mod check;
pub mod chown;
pub mod host;
pub mod identity;
pub mod idmap;
pub mod image;
pub mod remember;
pub mod swap;
mod tree;
pub mod views;
