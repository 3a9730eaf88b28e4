//! `users:`, which cloud-init makes today.

use super::fields::Fields;
use crate::unit::Diagnostic;
use crate::yaml::Node;

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    /// A hash.
    pub passwd: Option<String>,
    pub gecos: Option<String>,
    pub homedir: Option<String>,
    pub primary_group: Option<String>,
    pub shell: Option<String>,
    pub groups: Vec<String>,
    pub ssh_authorized_keys: Vec<String>,
    /// Accounts of GitHub whose keys may log in.
    pub github: Vec<String>,
    pub no_create_home: bool,
    pub no_user_group: bool,
    pub no_log_init: bool,
    pub system: bool,
}

impl User {
    pub(super) fn read(node: &Node, errors: &mut Vec<Diagnostic>, notes: &mut Vec<Diagnostic>) -> Option<Self> {
        let mut fields = Fields::of(node, errors);
        let mut github: Vec<String> = fields.string("coreos_ssh_import_github", errors).into_iter().collect();
        github.extend(fields.strings("coreos_ssh_import_github_users", errors));
        let user = Self {
            name: fields.string("name", errors).unwrap_or_default(),
            passwd: fields.string("passwd", errors),
            gecos: fields.string("gecos", errors),
            homedir: fields.string("homedir", errors),
            primary_group: fields.string("primary_group", errors),
            shell: fields.string("shell", errors),
            groups: fields.strings("groups", errors),
            ssh_authorized_keys: fields.strings("ssh_authorized_keys", errors),
            github,
            no_create_home: fields.truth("no_create_home", errors),
            no_user_group: fields.truth("no_user_group", errors),
            no_log_init: fields.truth("no_log_init", errors),
            system: fields.truth("system", errors),
        };
        if let Some(url) = fields.text("coreos_ssh_import_url", errors) {
            notes.push(url.warning("cloud-init fetches keys from no URL; write them as ssh_authorized_keys"));
        }
        for key in ["inactive", "lock_passwd", "sudo", "selinux_user", "ssh_import_id"] {
            if let Some(entry) = fields.entry(key) {
                notes.push(entry.warning(format!("coreos-cloudinit never did anything for {key}; cloud-init does")));
            }
        }
        fields.rest(notes);
        if user.name.is_empty() {
            errors.push(node.error("a user needs a name"));
            return None;
        }
        Some(user)
    }
}
