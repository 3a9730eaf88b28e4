//! What is known of each unit, remembered and published.

mod date;
mod good;
pub mod history;
mod installed;
mod memory;
pub mod outdated;
mod publish;

pub use date::date;
pub use good::Good;
pub use installed::{Installed, scan as scan_installed};
pub use memory::{Memory, Progress, RecordFiles, Rejected, Started, Trial, UnitRecord};
pub use publish::{AgentStatus, STATUS_FILE, Trouble, UnitStatus, publish, read, seconds_now};
