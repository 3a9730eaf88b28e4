#![deny(unsafe_code)]
pub mod agent;
pub mod apply;
pub mod cli;
pub mod config;
pub mod files;
pub mod host;
pub mod observe;
pub mod plan;
pub mod render;
pub mod select;
pub mod source;
pub mod status;
pub mod systemd;
pub mod unit;
