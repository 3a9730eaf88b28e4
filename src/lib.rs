//! sculler: a file dropped into a directory is run by systemd on the host that it names.
//!
//! The modules stand in the order in which data passes through them. A file of the unit directory is found by
//! [`source`], read by [`unit`], judged for this host by [`select`] and turned into what systemd gets by [`render`].
//! [`observe`] asks what is there already, [`plan`] names the steps from here to there, [`apply`] takes them, and
//! [`status`] remembers and publishes what nobody else can tell. [`agent`] is the loop around all of it. [`systemd`] is
//! the only place that talks to the service manager, [`docker`] the only one that talks to Docker Engine. [`supervise`] is
//! the main process of a container's service. [`convert`] is for people: it proposes a `.container` file for a
//! service that runs `docker run`, and [`import`] unit files for what ran elsewhere. [`unit`], [`quadlet`], [`convert`],
//! [`import`], [`select`], [`render`] and [`plan`] do no I/O.

#![deny(unsafe_code)]

pub mod files;
pub mod host;
pub mod parallel;
pub mod unit;
pub mod yaml;

pub mod convert;
pub mod import;
pub mod quadlet;

pub mod select;
pub mod source;

pub mod cloud_config;
pub mod config;
pub mod render;
pub mod sync;

pub mod docker;
pub mod hurry;
pub mod mounts;
pub mod systemd;

pub mod follow;
pub mod observe;
pub mod plan;
pub mod status;

pub mod agent;
pub mod apply;

pub mod bootstrap;
pub mod eject;
pub mod supervise;

pub mod cli;
