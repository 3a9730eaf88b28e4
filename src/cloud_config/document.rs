//! The document as a whole.

use super::fields::Fields;
use super::units::CoreosUnit;
use super::users::User;
use super::write_files::WriteFile;
use super::{decode, fleet, past};
use crate::unit::Diagnostic;
use crate::yaml;

/// What a cloud-config says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudConfig {
    /// `write_files:`
    pub files: Vec<WriteFile>,
    /// `coreos.units:`
    pub units: Vec<CoreosUnit>,
    /// `coreos.fleet.metadata:`
    pub metadata: Option<String>,
    /// `hostname:`
    pub hostname: Option<String>,
    /// `manage_etc_hosts: localhost`
    pub manage_etc_hosts: bool,
    /// `ssh_authorized_keys:`, for the user core.
    pub ssh_authorized_keys: Vec<String>,
    /// `users:`
    pub users: Vec<User>,
    /// What is not applied or not known, by place.
    pub notes: Vec<Diagnostic>,
}

impl CloudConfig {
    /// Whether there is something for cloud-init in it.
    pub fn has_more(&self) -> bool {
        self.hostname.is_some()
            || self.manage_etc_hosts
            || !self.ssh_authorized_keys.is_empty()
            || !self.users.is_empty()
    }
}

/// The text of user data, decompressed if it is gzip.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) { decode::gzip(bytes)? } else { bytes.to_vec() };
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
}

/// Reads a text whose variables are replaced; all errors there are.
pub fn read(text: &str) -> Result<CloudConfig, Vec<Diagnostic>> {
    let first = text.lines().next().unwrap_or_default().trim_end();
    if first != "#cloud-config" {
        let message = match first.starts_with("#!") {
            true => "this is a script, which sculler does not run; make it a oneshot unit",
            false => "the first line must be '#cloud-config'",
        };
        return Err(vec![Diagnostic::error(1, 1, message)]);
    }
    let root = yaml::parse(text).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut config = CloudConfig::default();
    let mut notes = Vec::new();
    let mut fields = Fields::of(&root, &mut errors);
    config.hostname = fields.string("hostname", &mut errors);
    if let Some(hosts) = fields.text("manage_etc_hosts", &mut errors) {
        config.manage_etc_hosts = hosts.text() == Some("localhost");
        if !config.manage_etc_hosts {
            errors.push(hosts.error("manage_etc_hosts takes 'localhost' alone"));
        }
    }
    config.ssh_authorized_keys = fields.strings("ssh_authorized_keys", &mut errors);
    for node in fields.list("users", &mut errors) {
        config.users.extend(User::read(node, &mut errors, &mut notes));
    }
    for node in fields.list("write_files", &mut errors) {
        config.files.extend(WriteFile::read(node, &mut errors, &mut notes));
    }
    if let Some(entry) = fields.entry("coreos") {
        let mut coreos = Fields::of(&entry.value, &mut errors);
        for node in coreos.list("units", &mut errors) {
            config.units.extend(CoreosUnit::read(node, &mut errors, &mut notes));
        }
        if let Some(entry) = coreos.entry("fleet") {
            config.metadata = fleet::read(&entry.value, &mut errors, &mut notes);
        }
        for (key, reason) in past::KEYS {
            if let Some(entry) = coreos.entry(key) {
                notes.push(entry.warning(format!("not applied: {key}: {reason}")));
            }
        }
        coreos.rest(&mut notes);
    }
    fields.rest(&mut notes);
    notes.sort_by_key(|note| (note.line, note.column));
    errors.sort_by_key(|error| (error.line, error.column));
    config.notes = notes;
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}
