//! Users and groups by name and number: passwd(5) and group(5), of an image or of the host. Pure.

use serde::{Deserialize, Serialize};

/// A line of passwd(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// A line of group(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    /// Names of users who are in it besides those whose own group it is.
    pub members: Vec<String>,
}

/// Everybody that an image or a host knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    pub users: Vec<User>,
    pub groups: Vec<Group>,
}

impl Accounts {
    /// Reads both texts. Lines that are not understood are left out, as every reader of these files does.
    pub fn parse(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.trim().split(':').collect();
            let [name, _, uid, gid, ..] = fields[..] else { return None };
            Some(User { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        });
        let groups = group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.trim().split(':').collect();
            let [name, _, gid, ref rest @ ..] = fields[..] else { return None };
            let members = rest.first().into_iter().flat_map(|list| list.split(','));
            let members = members.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some(Group { name: name.to_owned(), gid: gid.parse().ok()?, members })
        });
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// The user of a name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The user of a number; the first, if several have it.
    pub fn user_of(&self, uid: u32) -> Option<&User> {
        self.users.iter().find(|user| user.uid == uid)
    }

    /// The group of a name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The group of a number; the first, if several have it.
    pub fn group_of(&self, gid: u32) -> Option<&Group> {
        self.groups.iter().find(|group| group.gid == gid)
    }

    /// `web:web`, as `ls -l` shows owners: names where the host has them, else numbers.
    pub fn owner(&self, uid: u32, gid: u32) -> String {
        let user = self.user_of(uid).map_or_else(|| uid.to_string(), |user| user.name.clone());
        let group = self.group_of(gid).map_or_else(|| gid.to_string(), |group| group.name.clone());
        format!("{user}:{group}")
    }
}

/// `web (1500)`, or the number alone.
pub fn named(name: Option<&str>, number: u32) -> String {
    match name {
        Some(name) => format!("{name} ({number})"),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_understood_are_left_out() {
        let accounts = Accounts::parse(
            "root:x:0:0:root:/root:/bin/sh\n# comment\n\nweb:x:1500:1501::/:/x\nbad:x:many:0\n+::::::\nshort:x:1\n",
            "root:x:0:\nweb:x:1501\nlog:x:4:web,,root\nbad\n",
        );
        assert_eq!(accounts.users.len(), 2);
        assert_eq!(accounts.user("web").map(|user| (user.uid, user.gid)), Some((1500, 1501)));
        assert_eq!(accounts.group("log").map(|group| group.members.join(" ")), Some("web root".to_owned()));
        assert_eq!((named(Some("web"), 1500), named(None, 7)), ("web (1500)".to_owned(), "7".to_owned()));
        assert_eq!(accounts.owner(1500, 7), "web:7");
    }
}
