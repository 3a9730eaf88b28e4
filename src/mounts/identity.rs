//! Whom a container runs as: `User=` or the image's own, resolved in the image's users as the Engine does
//! (moby: `GetExecUser()` in github.com/moby/sys/user, `getUser()` in daemon/oci_linux.go). Pure.

use thiserror::Error;

use super::accounts::{Accounts, User};

/// The first process of a container, as the kernel sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// The user's name in the image.
    pub user: Option<String>,
    /// The group's name in the image.
    pub group: Option<String>,
    /// Whether somebody meant the user by its name, not by its number.
    pub is_user_named: bool,
    /// Likewise.
    pub is_group_named: bool,
}

/// Why nobody can be found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    #[error("'{0}' is no user of the image")]
    NoUser(String),
    #[error("'{0}' is no group of the image")]
    NoGroup(String),
    #[error("'{0}' is no number that a user or group can have")]
    OutOfRange(String),
}

/// The largest number that the Engine takes.
const LARGEST: u32 = i32::MAX as u32;

/// Whether the image's users have to be known for it.
pub fn needs_accounts(asked: &str, group_add: &[String]) -> bool {
    !matches!(asked, "" | "0" | "root" | "0:0" | "root:root") || group_add.iter().any(|group| number(group).is_err())
}

/// Whether `user[:group]` has a name in it that may mean nothing in the image.
pub fn has_names(asked: &str) -> bool {
    asked.split(':').any(|part| !matches!(part, "" | "root") && number(part) == Err(None))
}

/// Resolves `user[:group]` and further groups. Without `accounts` only root and numbers can be.
pub fn resolve(asked: &str, group_add: &[String], accounts: &Accounts) -> Result<Identity, Error> {
    let (user, group) = asked.split_once(':').unwrap_or((asked, ""));
    let mut identity = Identity { is_user_named: !user.is_empty() && number(user).is_err(), ..Identity::default() };
    let known = find_user(user, accounts);
    match known {
        Some(known) => {
            (identity.uid, identity.gid) = (known.uid, known.gid);
            identity.user = Some(known.name.clone());
        }
        None if matches!(user, "" | "0" | "root") => identity.user = Some("root".to_owned()),
        None => identity.uid = number(user).map_err(|error| error.unwrap_or(Error::NoUser(user.to_owned())))?,
    }
    if group.is_empty() {
        let is_member = |members: &[String]| known.is_some_and(|known| members.contains(&known.name));
        let groups = accounts.groups.iter().filter(|group| is_member(&group.members));
        identity.groups = groups.map(|group| group.gid).collect();
    } else {
        identity.is_group_named = number(group).is_err();
        identity.gid = find_group(group, accounts)?;
    }
    for group in group_add {
        identity.groups.push(find_group(group, accounts)?);
    }
    identity.groups.sort_unstable();
    identity.groups.dedup();
    identity.group = accounts.group_of(identity.gid).map(|group| group.name.clone());
    Ok(identity)
}

/// A name goes before a number, and a number is a user's if one has it.
fn find_user<'a>(text: &str, accounts: &'a Accounts) -> Option<&'a User> {
    match text {
        "" => accounts.user_of(0),
        text => accounts.users.iter().find(|user| user.name == text || user.uid.to_string() == text),
    }
}

fn find_group(text: &str, accounts: &Accounts) -> Result<u32, Error> {
    let known = accounts.groups.iter().find(|group| group.name == text || group.gid.to_string() == text);
    match known {
        Some(known) => Ok(known.gid),
        None if text == "root" => Ok(0),
        None => number(text).map_err(|error| error.unwrap_or(Error::NoGroup(text.to_owned()))),
    }
}

/// A text as a number; an error without a reason means that it is a name.
fn number(text: &str) -> Result<u32, Option<Error>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(None);
    }
    text.parse().ok().filter(|number| *number <= LARGEST).ok_or_else(|| Some(Error::OutOfRange(text.to_owned())))
}

impl Identity {
    /// `web (1500:1500)`, or the numbers alone.
    pub fn shown(&self) -> String {
        match &self.user {
            Some(name) => format!("{name} ({}:{})", self.uid, self.gid),
            None => format!("{}:{}", self.uid, self.gid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::parse(
            "root:x:0:0::/:/x\nweb:x:1500:1501::/:/x\n77:x:88:88::/:/x\n",
            "root:x:0:\nweb:x:1501:\nlog:x:4:web\nmail:x:8:root,web\n",
        )
    }

    #[test]
    fn as_the_engine_resolves() {
        type Row<'a> = (&'a str, &'a [&'a str], (u32, u32, &'a [u32]));
        let table: &[Row<'_>] = &[
            ("", &[], (0, 0, &[8])),
            ("root", &[], (0, 0, &[8])),
            ("web", &[], (1500, 1501, &[4, 8])),
            ("1500", &[], (1500, 1501, &[4, 8])),
            ("1234", &[], (1234, 0, &[])),
            ("web:log", &[], (1500, 4, &[])),
            ("web:7", &["mail", "9"], (1500, 7, &[8, 9])),
            ("1234:web", &[], (1234, 1501, &[])),
            (":log", &[], (0, 4, &[])),
            ("77", &[], (88, 88, &[])),
        ];
        for (asked, added, expected) in table {
            let added: Vec<String> = added.iter().map(ToString::to_string).collect();
            let found = resolve(asked, &added, &accounts()).unwrap();
            assert_eq!((found.uid, found.gid, found.groups.as_slice()), *expected, "{asked}");
        }
        let web = resolve("web", &[], &accounts()).unwrap();
        assert_eq!(
            (web.shown().as_str(), web.is_user_named, web.group.as_deref()),
            ("web (1500:1501)", true, Some("web"))
        );
        assert!(!resolve("1500", &[], &accounts()).unwrap().is_user_named);
    }

    #[test]
    fn who_cannot_be_found() {
        for (asked, error) in [
            ("nobody", Error::NoUser("nobody".into())),
            ("web:nobody", Error::NoGroup("nobody".into())),
            ("4294967295", Error::OutOfRange("4294967295".into())),
            ("-1", Error::NoUser("-1".into())),
        ] {
            assert_eq!(resolve(asked, &[], &accounts()), Err(error));
        }
        let none = Accounts::default();
        assert_eq!(resolve("root", &[], &none).map(|found| found.uid), Ok(0));
        assert_eq!(resolve("5:6", &["root".into()], &none).map(|found| (found.uid, found.gid)), Ok((5, 6)));
        assert!(has_names("web") && has_names("1:log") && !has_names("1:2") && !has_names("root") && !has_names(""));
        assert!(!needs_accounts("", &[]) && !needs_accounts("0", &["5".into()]) && needs_accounts("5", &[]));
    }
}
