//! A CoreOS `#cloud-config`, as coreos-cloudinit read it → what sculler does for it, what cloud-init does today, and
//! what is over. Pure.

mod decode;
mod document;
mod emit;
mod fields;
mod fleet;
mod past;
mod steps;
mod units;
mod users;
mod variables;
mod write_files;

pub use document::{CloudConfig, read, text};
pub use emit::emit;
pub use steps::{Command, File, Places, Steps, steps};
pub use units::{CoreosUnit, DropIn, Verb};
pub use users::User;
pub use variables::{Hole, VARIABLES, Values, substitute, unfilled};
pub use write_files::WriteFile;
