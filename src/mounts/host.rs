//! This host's users and groups.

use std::fs;
use std::io;
use std::process::Command;

use super::accounts::Accounts;
use super::identity::Identity;

/// Sources of nsswitch.conf(5) that know nobody beside /etc/passwd and /etc/group whom a container could be.
const PLAIN: [&str; 4] = ["files", "compat", "systemd", "altfiles"];

/// Everybody in this host's own files; and who has the names and numbers of `identity`, if the host also asks elsewhere,
/// as with LDAP.
pub fn accounts(identity: &Identity) -> io::Result<Accounts> {
    let read = |path: &str| match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
    };
    let (mut passwd, mut group) = (read("/etc/passwd")?, read("/etc/group")?);
    let switch = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    if asks_elsewhere(&switch, "passwd") {
        passwd.push_str(&ask("passwd", identity.user.as_deref(), identity.uid));
    }
    if asks_elsewhere(&switch, "group") {
        group.push_str(&ask("group", identity.group.as_deref(), identity.gid));
    }
    Ok(Accounts::parse(&passwd, &group))
}

fn asks_elsewhere(switch: &str, database: &str) -> bool {
    let lines = switch.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut sources = lines.filter_map(|line| line.trim().strip_prefix(database)?.trim_start().strip_prefix(':'));
    let sources = sources.next().unwrap_or_default().split_whitespace();
    // [NOTFOUND=return] and its like
    sources.filter(|word| !word.starts_with('[')).any(|source| !PLAIN.contains(&source))
}

/// Asks as every program of the host does: only its C library knows how.
fn ask(database: &str, name: Option<&str>, number: u32) -> String {
    let keys = name.map(str::to_owned).into_iter().chain([number.to_string()]);
    let answer = Command::new("getent").arg("--").arg(database).args(keys).output();
    match answer {
        Ok(answer) => format!("\n{}", String::from_utf8_lossy(&answer.stdout)),
        Err(error) => {
            tracing::warn!(
                "getent cannot be run ({error}), so that only /etc/{database} is known of this host's users"
            );
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_is_asked() {
        let switch = "# passwd: ldap\npasswd:  files systemd [NOTFOUND=return] # sss\ngroup: files sss\n";
        assert!(!asks_elsewhere(switch, "passwd") && asks_elsewhere(switch, "group"));
        assert!(!asks_elsewhere("", "passwd"));
        assert!(ask("passwd", Some("root"), 0).contains("\nroot:"));
    }
}
