//! Text → unit: the unit-file language, without any I/O. Bytes and a file name come in, typed values and
//! diagnostics with line and column go out. Nothing here looks at a host; that is `select`'s part.

pub mod check;
mod check_kinds;
mod check_rules;
pub mod diagnostics;
pub mod digest;
pub mod facts;
pub mod file_kind;
pub mod fleet;
mod fleet_rules;
pub mod follow;
pub mod glob;
pub mod host_folders;
pub mod key_set;
mod lines;
pub mod name;
pub(crate) mod nearest;
pub mod policy;
pub mod read;
pub mod specifier;
pub mod syntax;
pub mod systemd_keys;
pub mod values;
pub mod words;

pub use diagnostics::{Diagnostic, Severity};
pub use digest::Digest;
pub use facts::Facts;
pub use file_kind::{FileKind, file_kind};
pub use fleet::{Placement, placement};
pub use name::{NameError, UnitName, UnitType};
pub use policy::{HostUser, OnChange, OnUpdate, Policy};
pub use read::{Finding, MARK_FILE_NAME, TextFile, Unit};
pub use syntax::{Entry, Section, UnitFile, parse};
