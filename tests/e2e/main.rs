//! End-to-end tests on booted hosts (`make test`); they need root.

// Each file of tests uses its part of it
#[allow(dead_code)]
mod agent;
#[allow(dead_code)]
mod host;

mod boot;
mod bus;
mod by_hand;
mod commands;
mod directory;
mod edits;
mod git;
mod harness;
mod lifecycle;
mod litter;
mod names;
mod settings;
mod story;
mod trust;
mod writing;
