//! Folders that are the host's own: a container that sees one of them is to look at the host. Pure.

use std::path::Path;

const FOLDERS: [&str; 22] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/media", "/mnt", "/opt", "/proc",
    "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log",
];

/// Views of the kernel, and devices.
const VIEWS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// What a service with `PrivateTmp=` has for itself, as the agent does.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Whether it is such a folder itself.
pub fn is_own(path: &Path) -> bool {
    FOLDERS.iter().any(|folder| Path::new(folder) == path)
}

/// Whether the agent cannot see there what others see change; why, and what to do.
pub fn hidden(path: &Path) -> Option<&'static str> {
    let is_below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    if is_below(&VIEWS) {
        return Some("is the kernel's, where no change can be seen; name files and folders of a disk");
    }
    is_below(&TEMPORARY)
        .then_some("is in a folder of which the agent has its own; put it elsewhere, such as below /srv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whose() {
        let own = |path| is_own(Path::new(path));
        assert!(own("/") && own("/var/log/") && !own("/var/log/nginx") && !own("/srv"));
        let hidden = |path| hidden(Path::new(path)).unwrap_or_default();
        assert!(hidden("/proc/self").contains("kernel") && hidden("/tmp/a").contains("/srv"));
        assert_eq!((hidden("/tmpl"), hidden("/srv/proc"), hidden("/")), ("", "", ""));
    }
}
