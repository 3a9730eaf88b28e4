//! End-to-end tests on booted hosts (`make test`); they need root.

// Each file of tests uses its part of it
#[allow(dead_code)]
mod agent;
#[allow(dead_code)]
mod host;

mod edits;
mod git;
mod harness;
mod litter;
mod names;
mod story;
mod writing;
