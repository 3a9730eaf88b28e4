//! Who could write a file: whoever writes in the unit directory is root on this host.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The users whose files are trusted: root and `trusted_uids`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The setting `trusted_uids`.
    pub uids: Vec<u32>,
}

const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

impl Trust {
    /// Whether only trusted users can write `path`. With POSIX ACLs the group bits are their mask (acl(5)), so a
    /// writable mask is refused too. The message ends in the command that mends it.
    pub fn check(&self, path: &Path, metadata: &Metadata) -> Result<(), String> {
        let uid = metadata.uid();
        let shown = path.display();
        if uid != 0 && !self.uids.contains(&uid) {
            return Err(format!(
                "{shown} belongs to UID {uid}, who would be root through it; run 'chown root: {shown}', or add {uid} to \
                 trusted_uids in sculler.toml"
            ));
        }
        let writable = metadata.mode() & (GROUP_WRITE | OTHER_WRITE);
        if writable == 0 {
            return Ok(());
        }
        let (who, bits) = match (writable & GROUP_WRITE != 0, writable & OTHER_WRITE != 0) {
            (true, true) => ("its group and everybody", "go-w"),
            (true, false) => ("its group", "g-w"),
            _ => ("everybody", "o-w"),
        };
        Err(format!(
            "{shown} can be written by {who} (mode {:04o}), who would be root through it; run 'chmod {bits} {shown}'",
            metadata.mode() & 0o7777
        ))
    }

    /// Checks every folder above `path`: whoever can rename one of them can replace what is below. In a sticky folder
    /// such as /tmp others can add names, but not replace one that is root's.
    pub fn check_way(&self, path: &Path) -> std::io::Result<Result<(), String>> {
        for step in path.ancestors().skip(1).filter(|step| !step.as_os_str().is_empty()) {
            let metadata = std::fs::metadata(step)?;
            let is_sticky = metadata.mode() & STICKY != 0 && metadata.uid() == 0;
            if !is_sticky && let Err(message) = self.check(step, &metadata) {
                return Ok(Err(message));
            }
        }
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn message(mode: u32, trust: &Trust) -> Option<String> {
        let path = std::env::temp_dir().join(format!("sculler-trust-{mode:o}-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let result = trust.check(&path, &std::fs::metadata(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        result.err()
    }

    #[test]
    fn writable_files_are_refused_with_the_command_that_mends_them() {
        let own = Trust { uids: vec![nix::unistd::geteuid().as_raw()] };
        assert_eq!(message(0o644, &own), None);
        assert!(message(0o664, &own).unwrap().contains("chmod g-w "));
        assert!(message(0o646, &own).unwrap().contains("chmod o-w "));
        assert!(message(0o666, &own).unwrap().contains("chmod go-w "));
    }
}
