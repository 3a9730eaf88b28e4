//! `user:group` → numbers, as chown(1) reads it.

use nix::unistd::{Group, User};

/// The numbers of the owner; the reason if there is no such user or group.
pub fn resolve(owner: &str) -> Result<(u32, u32), String> {
    let (user, group) = match owner.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (owner, None),
    };
    let known = User::from_name(user).map_err(|error| error.to_string())?;
    let uid = match (&known, user.parse()) {
        _ if user.is_empty() => 0,
        (Some(user), _) => user.uid.as_raw(),
        (None, Ok(uid)) => uid,
        (None, Err(_)) => return Err(format!("there is no user '{user}' on this host")),
    };
    let gid = match group {
        None => 0,
        // chown's "user:" is the user's own group.
        Some("") => known.map_or(0, |user| user.gid.as_raw()),
        Some(group) => match (Group::from_name(group).map_err(|error| error.to_string())?, group.parse()) {
            (Some(group), _) => group.gid.as_raw(),
            (None, Ok(gid)) => gid,
            (None, Err(_)) => return Err(format!("there is no group '{group}' on this host")),
        },
    };
    Ok((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(resolve("root"), Ok((0, 0)));
        assert_eq!(resolve("root:root"), Ok((0, 0)));
        assert_eq!(resolve(":7"), Ok((0, 7)));
        assert_eq!(resolve("4711:4712"), Ok((4711, 4712)));
        assert!(resolve("no-such-user").unwrap_err().contains("no user 'no-such-user'"));
        assert!(resolve("root:no-such-group").unwrap_err().contains("no group"));
    }
}
