//! What is cloud-init's part → a document for it.

use super::document::CloudConfig;
use super::users::User;
use crate::yaml::quoted;

/// The user of `ssh_authorized_keys:`.
const CORE: &str = "core";

/// Writes a `#cloud-config` for cloud-init that makes the host's name and users; `None` if there are none.
pub fn emit(config: &CloudConfig) -> Option<String> {
    if !config.has_more() {
        return None;
    }
    let mut text =
        "#cloud-config\n# From a cloud-config of CoreOS, by 'sculler bootstrap --emit cloud-init'.\n".to_owned();
    if let Some(hostname) = &config.hostname {
        text += &format!("hostname: {}\n", quoted(hostname));
    }
    if config.manage_etc_hosts {
        text += "manage_etc_hosts: localhost\n";
    }
    let mut users = config.users.clone();
    if !config.ssh_authorized_keys.is_empty() {
        match users.iter_mut().find(|user| user.name == CORE) {
            Some(core) => core.ssh_authorized_keys.extend(config.ssh_authorized_keys.clone()),
            // What CoreOS had by itself
            None => users.insert(
                0,
                User {
                    name: CORE.to_owned(),
                    groups: ["sudo", "docker"].map(str::to_owned).to_vec(),
                    shell: Some("/bin/bash".to_owned()),
                    ssh_authorized_keys: config.ssh_authorized_keys.clone(),
                    ..User::default()
                },
            ),
        }
    }
    if !users.is_empty() {
        text += "users:\n  - default\n";
        users.iter().for_each(|user| text += &user_text(user));
    }
    Some(text)
}

fn user_text(user: &User) -> String {
    let mut text = format!("  - name: {}\n", quoted(&user.name));
    text += "    # Files on the host belong to numbers: with 'uid: 500' they are the same on each host.\n";
    let mut lines: Vec<(&str, String)> = Vec::new();
    for (key, value) in [
        ("gecos", &user.gecos),
        ("homedir", &user.homedir),
        ("primary_group", &user.primary_group),
        ("shell", &user.shell),
        ("hashed_passwd", &user.passwd),
    ] {
        lines.extend(value.iter().map(|value| (key, quoted(value))));
    }
    for (key, is_set, value) in [
        // A locked one would not open with its password.
        ("lock_passwd", user.passwd.is_some(), "false"),
        ("no_create_home", user.no_create_home, "true"),
        ("no_user_group", user.no_user_group, "true"),
        ("no_log_init", user.no_log_init, "true"),
        ("system", user.system, "true"),
    ] {
        lines.extend(is_set.then(|| (key, value.to_owned())));
    }
    lines.iter().for_each(|(key, value)| text += &format!("    {key}: {value}\n"));
    let imports: Vec<String> = user.github.iter().map(|account| format!("gh:{account}")).collect();
    let lists =
        [("groups", &user.groups), ("ssh_authorized_keys", &user.ssh_authorized_keys), ("ssh_import_id", &imports)];
    for (key, items) in lists.into_iter().filter(|(_, items)| !items.is_empty()) {
        text += &format!("    {key}:\n");
        items.iter().for_each(|item| text += &format!("      - {}\n", quoted(item)));
    }
    text
}
