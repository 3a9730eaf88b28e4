#![deny(unsafe_code)]
pub mod agent;
pub mod apply;
pub mod cli;
pub mod config;
pub mod files;
pub mod host;
pub mod select;
pub mod unit;
