//! End-to-end tests on booted hosts (`make test`); they need root.

// Each file of tests uses its part of it
#[allow(dead_code)]
mod agent;
#[allow(dead_code)]
mod host;

mod boot;
mod bootstrap;
mod builds;
mod bus;
mod by_hand;
mod cloud_init;
mod commands;
mod containers;
mod directory;
mod dockerd;
mod doctor;
mod edits;
mod examples;
mod failures;
mod fleet;
mod fleetctl;
mod followed;
mod git;
mod harness;
mod hosts;
mod import;
mod install;
mod kinds;
mod lifecycle;
mod litter;
mod load;
mod names;
mod orphans;
mod owners;
mod packages;
mod pulls;
mod quadlet_create;
mod reload;
mod reload_order;
mod rollback;
mod service_keys;
mod settings;
mod sockets;
mod story;
mod supervise;
mod sync;
mod three_hosts;
mod trust;
mod updates;
mod writing;
