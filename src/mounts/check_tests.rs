use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Those who own the tree, and those who own nothing in it.
#[test]
fn everything_below_is_looked_at() {
    let folder = std::env::temp_dir().join(format!("sculler-check-{}", std::process::id()));
    let inner = folder.join("inner");
    fs::create_dir_all(&inner).unwrap();
    fs::create_dir_all(folder.join("lost+found")).unwrap();
    set(&folder.join("lost+found"), 0o700);
    for number in 0..12 {
        fs::write(inner.join(format!("{number:02}")), "").unwrap();
        set(&inner.join(format!("{number:02}")), 0o600);
    }
    fs::write(folder.join("open"), "").unwrap();
    symlink("/nowhere", folder.join("link")).unwrap();
    [&folder, &inner].iter().for_each(|path| set(path, 0o755));
    set(&folder.join("open"), 0o644);

    let folder = canonical(&folder).unwrap();
    let owner = fs::metadata(&folder).unwrap();
    let somebody = Who { uid: 54321, gid: 54321, groups: Vec::new() };
    let wish = |who: &Who, is_writable| Wish { who: who.clone(), is_writable, is_root: false, map: None };
    let check = |who: &Who, is_writable| check(&folder, &wish(who, is_writable), &AtomicU64::new(0)).unwrap();
    let report = check(&somebody, false);
    let names: Vec<_> = report.first.iter().map(|failing| failing.path.file_name().unwrap().to_owned()).collect();
    assert_eq!(
        (report.failing, names.len(), names[0].as_bytes(), names[9].as_bytes()),
        (12, 10, &b"00"[..], &b"09"[..])
    );
    assert!(report.is_foreign && !report.is_shut && report.way.is_empty());
    assert_eq!(report.folders.len(), 3 - 1);
    // The folders and the open file as well.
    let report = check(&somebody, true);
    assert_eq!((report.failing, report.unreadable), (15, 12));

    let themselves = Who { uid: owner.uid(), gid: owner.gid(), groups: Vec::new() };
    assert!(check(&themselves, true).is_fine());
    // Whoever owns it can make it writable, and not read what it has shut from itself.
    set(&folder.join("open"), 0o444);
    assert!(check(&themselves, true).is_fine());
    set(&folder.join("open"), 0o200);
    let report = check(&themselves, false);
    assert_eq!((report.failing, report.is_shut, report.is_foreign), (1, true, false));

    set(&folder, 0o700);
    let inner = canonical(&inner).unwrap();
    let report = super::check(&inner, &wish(&somebody, false), &AtomicU64::new(0)).unwrap();
    assert_eq!(report.way.iter().map(|failing| &failing.path).collect::<Vec<_>>(), [&folder]);
    fs::remove_dir_all(&folder).unwrap();
}

/// As root, with setpriv(1): else there is nobody to ask.
#[test]
fn the_kernel_says_the_same() {
    use std::process::Command;

    let folder = std::env::temp_dir().join(format!("sculler-kernel-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    set(&folder, 0o755);
    let who = Who { uid: 1500, gid: 1600, groups: vec![4] };
    // Tag, bits and number of named users (2) and groups (8), and the mask.
    type Named = [(u16, u16, u32)];
    let lists: [(&Named, u16); 7] = [
        (&[(2, 4, 1500)], 7),
        (&[(2, 0, 1500)], 7),
        (&[(2, 7, 1500)], 5),
        (&[(8, 6, 4)], 7),
        (&[(8, 4, 4), (8, 1, 1600)], 7),
        (&[(2, 7, 7), (8, 7, 9)], 7),
        (&[(8, 0, 1600)], 6),
    ];
    let (mut paths, mut listed) = (Vec::new(), 0);
    for (number, mode) in (0..0o1000).step_by(5).enumerate() {
        let path = folder.join(number.to_string());
        fs::write(&path, "").unwrap();
        let (uid, gid) = ([1500, 0, 7][number % 3], [1600, 4, 9, 0][number % 4]);
        if std::os::unix::fs::chown(&path, Some(uid), Some(gid)).is_err() {
            return fs::remove_dir_all(&folder).unwrap();
        }
        set(&path, mode);
        if let Some((named, mask)) = lists.get(number % 11) {
            let bits = |shift: u32| u16::try_from(mode >> shift & 7).unwrap();
            let of = |tag: u16| named.iter().filter(move |entry| entry.0 == tag).copied();
            let mut entries = vec![(1, bits(6), u32::MAX)];
            entries.extend(of(2));
            entries.push((4, bits(3), u32::MAX));
            entries.extend(of(8));
            entries.extend([(0x10, *mask, u32::MAX), (0x20, bits(0), u32::MAX)]);
            let mut value = vec![2, 0, 0, 0];
            for (tag, bits, id) in entries {
                value.extend([tag.to_le_bytes(), bits.to_le_bytes()].concat());
                value.extend(id.to_le_bytes());
            }
            let none = rustix::fs::XattrFlags::empty();
            if rustix::fs::setxattr(&path, access::ATTRIBUTE, &value, none).is_err() {
                return fs::remove_dir_all(&folder).unwrap();
            }
            listed += 1;
        }
        paths.push(path);
    }
    let script = "for path; do for bit in r w x; do test -$bit $path && printf 1 || printf 0; done; done";
    let user = ["--reuid=1500", "--regid=1600", "--groups=4", "sh", "-c", script, "sh"];
    let Ok(asked) = Command::new("setpriv").args(user).args(&paths).output() else {
        return fs::remove_dir_all(&folder).unwrap();
    };
    let answers = String::from_utf8(asked.stdout).unwrap();
    assert_eq!((answers.len(), listed > 50), (paths.len() * 3, true));
    for (path, answer) in paths.iter().zip(answers.as_bytes().chunks(3)) {
        let file = owned(&stat(CWD, path).unwrap());
        let own = [READ, WRITE, ENTER].map(|bit| {
            let list = if access::is_owner(&file, &who) { None } else { list_of(path) };
            if access::allows(&file, list.as_ref(), &who, bit) { b'1' } else { b'0' }
        });
        assert_eq!(own, answer, "{file:?} {:?}", list_of(path));
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_hosts_own_folders_are_not_searched() {
    let who = Who { uid: 54321, gid: 54321, groups: Vec::new() };
    let somebody = Wish { who, is_writable: false, is_root: false, map: None };
    for source in ["/", "/etc", "/proc", "/sys/kernel"] {
        let report = check(Path::new(source), &somebody, &AtomicU64::new(0)).unwrap();
        assert_eq!((report.failing, report.entries), (0, 1), "{source}");
    }
}
