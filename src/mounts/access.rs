//! What a file's mode and its access control list let somebody do (acl(5), "ACCESS CHECK ALGORITHM"). Pure.

/// Whose access is in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

impl Who {
    fn is_in(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

/// Bits of what is wanted, as in a mode.
pub const READ: u32 = 4;
pub const WRITE: u32 = 2;
pub const ENTER: u32 = 1;

/// The extended attribute with a file's list.
pub const ATTRIBUTE: &str = "system.posix_acl_access";

/// What stat(2) tells of a file, as far as access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

/// An entry of an access control list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tag: u16,
    bits: u32,
    id: u32,
}

const USER: u16 = 0x02;
const GROUP_OWNER: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

/// A file's access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessList(Vec<Entry>);

impl AccessList {
    /// Reads the attribute's value (linux: include/uapi/linux/posix_acl_xattr.h).
    pub fn read(value: &[u8]) -> Option<Self> {
        let entries = value.strip_prefix(&[2, 0, 0, 0])?.chunks_exact(8).map(|bytes| Entry {
            tag: u16::from_le_bytes([bytes[0], bytes[1]]),
            bits: u32::from(u16::from_le_bytes([bytes[2], bytes[3]])),
            id: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        });
        Some(Self(entries.collect()))
    }

    fn allows(&self, file: &Owned, who: &Who, wanted: u32) -> bool {
        let has = |bits: u32| bits & wanted == wanted;
        let mask = self.0.iter().find(|entry| entry.tag == MASK).map_or(7, |entry| entry.bits);
        if let Some(own) = self.0.iter().find(|entry| entry.tag == USER && entry.id == who.uid) {
            return has(own.bits & mask);
        }
        let mut of_groups = self.0.iter().filter(|entry| match entry.tag {
            GROUP_OWNER => who.is_in(file.gid),
            GROUP => who.is_in(entry.id),
            _ => false,
        });
        let Some(first) = of_groups.next() else { return has(file.mode) };
        std::iter::once(first).chain(of_groups).any(|entry| has(entry.bits & mask))
    }
}

/// Whether `who` is the owner, for whom the mode says everything.
pub fn is_owner(file: &Owned, who: &Who) -> bool {
    file.uid == who.uid
}

/// Whether `who` has all the `wanted` bits.
pub fn allows(file: &Owned, list: Option<&AccessList>, who: &Who, wanted: u32) -> bool {
    let has = |bits: u32| bits & wanted == wanted;
    if is_owner(file, who) {
        return has(file.mode >> 6);
    }
    match list {
        Some(list) => list.allows(file, who, wanted),
        None if who.is_in(file.gid) => has(file.mode >> 3),
        None => has(file.mode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> AccessList {
        let mut value = vec![2, 0, 0, 0];
        for (tag, bits, id) in entries {
            value.extend(tag.to_le_bytes());
            value.extend(bits.to_le_bytes());
            value.extend(id.to_le_bytes());
        }
        AccessList::read(&value).unwrap()
    }

    #[test]
    fn the_first_class_that_applies_decides() {
        let file = |uid, gid, mode| Owned { uid, gid, mode };
        let who = Who { uid: 1500, gid: 1500, groups: vec![4] };
        for (file, wanted, expected) in [
            (file(1500, 0, 0o600), READ | WRITE, true),
            (file(1500, 1500, 0o077), READ, false),
            (file(0, 1500, 0o640), READ, true),
            (file(0, 4, 0o640), READ, true),
            (file(0, 4, 0o604), READ, false),
            (file(0, 0, 0o644), READ, true),
            (file(0, 0, 0o644), WRITE, false),
            (file(0, 0, 0o700), ENTER, false),
            (file(0, 0, 0o711), ENTER, true),
        ] {
            assert_eq!(allows(&file, None, &who, wanted), expected, "{file:?} {wanted}");
        }
    }

    #[test]
    fn lists() {
        let who = Who { uid: 1500, gid: 1500, groups: vec![4] };
        let file = Owned { uid: 0, gid: 0, mode: 0o670 };
        let named =
            |bits, mask| list(&[(1, 6, 0), (USER, bits, 1500), (GROUP_OWNER, 7, 0), (MASK, mask, 0), (0x20, 0, 0)]);
        assert!(allows(&file, Some(&named(4, 7)), &who, READ));
        assert!(!allows(&file, Some(&named(6, 4)), &who, WRITE));
        // A named user is never judged by its groups.
        assert!(!allows(&Owned { gid: 1500, ..file }, Some(&named(0, 7)), &who, READ));
        let groups =
            list(&[(1, 6, 0), (GROUP_OWNER, 0, 0), (GROUP, 1, 4), (GROUP, 4, 1500), (MASK, 7, 0), (0x20, 7, 0)]);
        assert!(allows(&file, Some(&groups), &who, READ));
        // No single entry has both.
        assert!(!allows(&file, Some(&groups), &who, READ | ENTER));
        assert!(allows(&Owned { mode: 0o677, ..file }, Some(&groups), &Who { uid: 7, gid: 7, groups: vec![] }, READ));
        // The owner's is the mode's.
        assert!(allows(&Owned { uid: 1500, ..file }, Some(&named(0, 0)), &who, READ));
        assert!(AccessList::read(&[1, 0, 0, 0]).is_none());
    }
}
