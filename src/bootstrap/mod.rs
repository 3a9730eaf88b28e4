//! The steps of a cloud-config on this host: all of them checked before the first byte is written, then done, with what
//! was done written down. Done again, they find nothing to do.

mod apply;
mod check;
mod owner;
mod record;

pub use apply::apply;
pub use check::{Change, Known, Plan, check};
pub use record::Record;
