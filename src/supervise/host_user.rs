//! `HostUser=`: the container's user on this host, by the same name and number.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::files;
use crate::mounts::accounts::Accounts;
use crate::mounts::host;
use crate::mounts::identity::Identity;
use crate::unit::HostUser;

use super::{Failure, Job};

/// What an administrator finds, and may remove (sysusers.d(5)).
const FOLDER: &str = "/etc/sysusers.d";

/// Why the host does not have, or cannot get, the container's user.
pub fn problem(wanted: HostUser, identity: &Identity, host: &Accounts) -> Option<String> {
    if wanted == HostUser::Ignore {
        return None;
    }
    let lines = match lines(identity, host) {
        Ok(lines) => lines,
        Err(problem) => return Some(problem),
    };
    if wanted == HostUser::Create || lines.is_empty() {
        return None;
    }
    let arguments: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
    Some(format!(
        "HostUser=require, and this host has no {}; run 'systemd-sysusers --inline {}', or write HostUser=create",
        identity.shown(),
        arguments.join(" ")
    ))
}

/// The lines of sysusers.d(5) for what is missing; none if nothing is. An error if somebody else is in the way.
fn lines(identity: &Identity, host: &Accounts) -> Result<Vec<String>, String> {
    let Identity { uid, gid, .. } = *identity;
    if uid == 0 {
        return Ok(Vec::new());
    }
    let Some(user) = &identity.user else {
        return Err(format!(
            "HostUser= needs a name for the user {uid}, which has none in the image; write User=NAME, or leave HostUser= out"
        ));
    };
    let taken = |what: &str, name: &str, number: u32, has: u32, key: &str| {
        format!(
            "HostUser=: the {what} {name} is {number} in the image and {has} on this host; give one of both the other's \
             number, or write {key}={number} and leave HostUser= out"
        )
    };
    let other = |what: &str, number: u32, name: &str, has: &str| {
        format!(
            "HostUser=: {number} is the {what} {name} in the image and {has} on this host; choose another number for \
             one of them, or leave HostUser= out"
        )
    };
    let mut lines = Vec::new();
    let group = identity.group.as_ref().unwrap_or(user);
    match (host.group(group), host.group_of(gid)) {
        (Some(known), _) if known.gid != gid => return Err(taken("group", group, gid, known.gid, "Group")),
        (None, Some(known)) => return Err(other("group", gid, group, &known.name)),
        (Some(_), _) => {}
        (None, None) => lines.push(format!("g {group} {gid}")),
    }
    match (host.user(user), host.user_of(uid)) {
        (Some(known), _) if known.uid != uid => return Err(taken("user", user, uid, known.uid, "User")),
        (None, Some(known)) => return Err(other("user", uid, user, &known.name)),
        (Some(_), _) => {}
        (None, None) => lines.push(format!("u {user} {uid}:{gid}")),
    }
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    match is_plain(user) && is_plain(group) {
        true => Ok(lines),
        false => {
            Err(format!("HostUser=: '{user}' or '{group}' is no name that this host can have; leave HostUser= out"))
        }
    }
}

/// Gives this host the container's user, if it does not have it.
pub fn create(job: &Job, identity: &Identity, host: &Accounts) -> Result<(), Failure> {
    let lines = lines(identity, host).map_err(Failure)?;
    let (Some(user), false) = (&identity.user, lines.is_empty()) else { return Ok(()) };
    let path = Path::new(FOLDER).join(format!("sculler-{user}.conf"));
    let failed = |error: &dyn std::fmt::Display| Failure(format!("HostUser=create: {}: {error}", path.display()));
    let text = format!(
        "# Made by sculler for HostUser=create of {} ({}).\n# To take it back: remove this file, and run 'userdel {user}'.\n{}\n",
        job.spec.unit,
        job.spec.source.display(),
        lines.join("\n")
    );
    fs::DirBuilder::new().recursive(true).mode(0o755).create(FOLDER).map_err(|error| failed(&error))?;
    fs::set_permissions(FOLDER, fs::Permissions::from_mode(0o755)).map_err(|error| failed(&error))?;
    files::replace(&path, text.as_bytes()).map_err(|error| failed(&error))?;
    let output = Command::new("systemd-sysusers").arg(&path).output();
    let output = output.map_err(|error| failed(&format!("systemd-sysusers cannot be run: {error}")))?;
    // It takes another number if one is in use, and calls that a success.
    let now = host::accounts(identity).map_err(|error| failed(&error))?;
    let is_made = now.user(user).is_some_and(|known| known.uid == identity.uid && known.gid == identity.gid);
    if !is_made {
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(failed(&format!("systemd-sysusers did not make {}: {said}", identity.shown())));
    }
    tracing::info!("this host has the user {} now, by {}", identity.shown(), path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Identity {
        Identity { uid: 1500, gid: 1501, user: Some("web".into()), group: Some("www".into()), ..Identity::default() }
    }

    #[test]
    fn what_is_missing_and_who_is_in_the_way() {
        for (passwd, group, expected) in [
            ("", "", Ok(vec!["g www 1501", "u web 1500:1501"])),
            ("web:x:1500:1501:::", "www:x:1501:", Ok(vec![])),
            ("", "www:x:1501:", Ok(vec!["u web 1500:1501"])),
            ("web:x:7:7:::", "", Err("web is 1500 in the image and 7 on this host")),
            ("bob:x:1500:7:::", "", Err("1500 is the user web in the image and bob on this host")),
            ("", "www:x:8:", Err("www is 1501 in the image and 8 on this host")),
            ("", "log:x:1501:", Err("1501 is the group www in the image and log on this host")),
        ] {
            let found = lines(&web(), &Accounts::parse(passwd, group));
            match expected {
                Ok(expected) => assert_eq!(found.unwrap(), expected),
                Err(part) => assert!(found.as_ref().unwrap_err().contains(part), "{found:?}"),
            }
        }
        assert!(lines(&Identity { user: None, ..web() }, &Accounts::default()).unwrap_err().contains("User=NAME"));
        assert!(lines(&Identity { user: Some("a b".into()), ..web() }, &Accounts::default()).is_err());
        assert_eq!(lines(&Identity::default(), &Accounts::default()), Ok(Vec::new()));
    }

    #[test]
    fn require_shows_the_line() {
        let text = problem(HostUser::Require, &web(), &Accounts::default()).unwrap();
        assert!(text.contains("systemd-sysusers --inline \"g www 1501\" \"u web 1500:1501\""), "{text}");
        assert_eq!(problem(HostUser::Ignore, &web(), &Accounts::default()), None);
        assert_eq!(problem(HostUser::Create, &web(), &Accounts::default()), None);
    }
}
