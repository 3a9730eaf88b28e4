pub mod host;
pub mod select;
pub mod unit;
