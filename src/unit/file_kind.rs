//! File names: is this a unit file at all?

use super::name::{NameError, UnitName, UnitType};

/// What a file in the unit directory is, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A unit file.
    Unit(UnitName),
    /// A unit file by its type, under a name that systemd does not accept.
    Invalid(NameError),
    /// What editors and tools leave behind; not worth a word.
    Litter,
    /// A Quadlet file of a type that Docker has nothing for, with what to do instead.
    Refused(String),
    /// Something else, with the reason and what to do instead.
    Other(String),
}

/// Types of Quadlet files that only Podman can run.
pub const PODMAN_ALONE: [&str; 3] = ["pod", "kube", "artifact"];

/// What a file is, by its name without its folder.
pub fn file_kind(name: &str) -> FileKind {
    if is_litter(name) {
        return FileKind::Litter;
    }
    match UnitName::parse(name) {
        Ok(name) => FileKind::Unit(name),
        Err(NameError::UnknownType(suffix)) if PODMAN_ALONE.contains(&suffix.as_str()) => {
            FileKind::Refused(why_not(&suffix))
        }
        Err(NameError::UnknownType(suffix)) => FileKind::Other(why_not(&suffix)),
        Err(NameError::NoType | NameError::Empty) => {
            FileKind::Other("not a unit file: its name has no type such as '.service'".into())
        }
        Err(error) => FileKind::Invalid(error),
    }
}

/// The unit, prefix or type whose drop-ins a folder holds: `web.service` for `web.service.d`, `foo-.service` for
/// `foo-.service.d`, `service` for `service.d`. `None` for an ordinary subfolder.
pub fn drop_in_folder(name: &str) -> Option<&str> {
    let owner = name.strip_suffix(".d").filter(|_| !is_litter(name))?;
    let suffix = owner.rsplit_once('.').map_or(owner, |(_, suffix)| suffix);
    UnitType::from_suffix(suffix).map(|_| owner)
}

/// Whether a file or folder is what editors, package managers, rsync or git leave behind (systemd:
/// `hidden_or_backup_file()` in src/basic/path-util.c, and more).
pub fn is_litter(name: &str) -> bool {
    const NAMES: [&str; 5] = ["4913", "lost+found", "aquota.user", "aquota.group", ""];
    const SUFFIXES: [&str; 19] = [
        "swp",
        "swo",
        "swx",
        "bak",
        "old",
        "new",
        "tmp",
        "temp",
        "part",
        "orig",
        "rej",
        "lock",
        "rpmnew",
        "rpmsave",
        "rpmorig",
        "save",
        "crdownload",
        "ucf-new",
        "ucf-old",
    ];
    if name.starts_with('.') || name.ends_with('~') || NAMES.contains(&name) {
        return true;
    }
    if name.starts_with('#') && name.ends_with('#') || name.ends_with("___jb_tmp___") || name.ends_with("___jb_old___")
    {
        return true;
    }
    name.rsplit_once('.').is_some_and(|(_, suffix)| {
        SUFFIXES.contains(&suffix) || suffix.starts_with("dpkg-") || suffix.starts_with("ucf-")
    })
}

fn why_not(suffix: &str) -> String {
    let advice = match suffix {
        "d" => "a folder of drop-ins, not a file, has a name in '.d'",
        "conf" => "a drop-in belongs into the folder NAME.d of its unit",
        "scope" | "device" | "snapshot" | "busname" => "systemd makes these itself, they have no files",
        "swap" => "put swap into /etc/fstab or /etc/systemd/system",
        "pod" => "give each container a '.container' file and let them share a '.network'",
        "kube" => "give each container of it a '.container' file",
        "artifact" => "put the files into an image and name it in an '.image' file",
        _ => "rename it if it is meant to be one, such as NAME.service",
    };
    format!("'.{suffix}' is not a type of unit that sculler runs; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn litter_is_no_unit() {
        for name in [
            ".web.service.swp",
            "web.service~",
            "web.service.swp",
            "web.service.swo",
            "web.service.swx",
            "web.service.bak",
            "#web.service#",
            ".#web.service",
            ".web.service.AbC123",
            "web.service.lock",
            "web.service.orig",
            "web.service.rej",
            "web.service.tmp",
            "web.service.dpkg-new",
            "web.service.dpkg-dist",
            "web.service.rpmnew",
            "4913",
            ".git",
            ".hidden.service",
        ] {
            assert_eq!(file_kind(name), FileKind::Litter, "{name}");
        }
    }

    #[test]
    fn other_files_say_what_to_do() {
        for (name, word) in
            [("README.md", "'.md'"), ("web.scope", "no files"), ("10-limits.conf", "NAME.d"), ("Makefile", "no type")]
        {
            match file_kind(name) {
                FileKind::Other(reason) => assert!(reason.contains(word), "{name}: {reason}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        for (name, word) in [("web.pod", ".network"), ("web.kube", ".container"), ("x.artifact", ".image")] {
            match file_kind(name) {
                FileKind::Refused(reason) => assert!(reason.contains(word), "{name}: {reason}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(matches!(file_kind("b\u{e4}r.service"), FileKind::Invalid(NameError::Character(_))));
        assert!(matches!(file_kind("web.network"), FileKind::Unit(_)));
    }

    #[test]
    fn folders_of_drop_ins() {
        assert_eq!(drop_in_folder("web.service.d"), Some("web.service"));
        assert_eq!(drop_in_folder("foo-.service.d"), Some("foo-.service"));
        assert_eq!(drop_in_folder("container.d"), Some("container"));
        assert_eq!(drop_in_folder("conf.d"), None);
        assert_eq!(drop_in_folder("team-a"), None);
    }
}
