//! A check that failed, in words: which paths, whose they are, and the one command that mends them. Pure.

use std::path::Path;

use super::accounts::Accounts;
use super::check::{Failing, Report};
use super::identity::Identity;

/// What the advice depends on besides.
pub struct Host<'a> {
    /// For the names of owners.
    pub accounts: &'a Accounts,
    /// Whether there is setfacl(1).
    pub has_setfacl: bool,
}

/// Folders in which other programs live too: there nobody is made another owner, somebody more may read.
const SHARED: [&str; 9] = ["/boot", "/etc", "/home", "/lib", "/opt", "/root", "/run", "/usr", "/var/lib"];

/// What is wrong with `source` for `identity`, and what to do.
pub fn sentence(source: &Path, identity: &Identity, report: &Report, is_writable: bool, host: &Host<'_>) -> String {
    let path = source.display();
    let who = identity.shown();
    let cannot = match (report.failing, is_writable) {
        (0, _) => format!("cannot get to {path}"),
        (_, false) => format!("cannot read {path}"),
        (_, true) => format!("cannot read and write {path}"),
    };
    let shown: Vec<String> =
        report.way.iter().chain(&report.first).map(|failing| shown(failing, host.accounts)).collect();
    let rest = report.failing.saturating_sub(report.first.len() as u64);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let mend = match report.group.filter(|_| report.way.is_empty()) {
        Some(group) => format!("add GroupAdd={group} to [Container]"),
        None => format!("run '{}'", command(source, identity, report, is_writable, host.has_setfacl)),
    };
    // Writable is what a mount is if nobody thought of it.
    let is_for_reading = report.failing > 0 && report.unreadable == 0 && report.way.is_empty();
    let mend =
        if is_for_reading { format!("{mend}, or add 'ro' to the mount if it is to be read alone") } else { mend };
    format!("The container's user {who} {cannot}; {mend}. It fails at {}{rest}", shown.join(", "))
}

/// `/srv/a (root:root 0600)`
pub fn shown(failing: &Failing, host: &Accounts) -> String {
    let file = &failing.file;
    format!("{} ({} {:04o})", failing.path.display(), host.owner(file.uid, file.gid), file.mode)
}

/// One line for a shell, after which the same check finds nothing.
fn command(source: &Path, identity: &Identity, report: &Report, is_writable: bool, has_setfacl: bool) -> String {
    let Identity { uid, gid, .. } = identity;
    let mut steps = Vec::new();
    let (own, others): (Vec<&Failing>, Vec<&Failing>) = report.way.iter().partition(|failing| failing.file.uid == *uid);
    let paths =
        |failing: &[&Failing]| failing.iter().map(|failing| quoted(&failing.path)).collect::<Vec<_>>().join(" ");
    if !own.is_empty() {
        steps.push(format!("chmod u+x {}", paths(&own)));
    }
    if !others.is_empty() {
        steps.push(match has_setfacl {
            true => format!("setfacl -m u:{uid}:x {}", paths(&others)),
            false => format!("chmod o+x {}", paths(&others)),
        });
    }
    if report.failing > 0 {
        let bits = if is_writable { "rwX" } else { "rX" };
        let path = quoted(source);
        let is_shared = has_setfacl && SHARED.iter().any(|shared| source.starts_with(shared));
        if report.is_foreign && is_shared {
            steps.push(format!("setfacl -R -m u:{uid}:{bits} {path}"));
        } else if report.is_foreign {
            steps.push(format!("chown -R {uid}:{gid} {path}"));
        }
        if if is_shared { report.is_own } else { report.is_shut } {
            steps.push(format!("chmod -R u+{bits} {path}"));
        }
    }
    steps.join(" && ")
}

/// A path as a word for a shell, in double quotes where it needs some: single ones stand around the command.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    if text.bytes().all(is_plain) {
        return text;
    }
    let escaped = text.chars().flat_map(|c| matches!(c, '"' | '\\' | '$' | '`').then_some('\\').into_iter().chain([c]));
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::access::Owned;
    use super::*;

    fn failing(path: &str, uid: u32, mode: u32) -> Failing {
        Failing { path: path.into(), file: Owned { uid, gid: 0, mode } }
    }

    fn said(source: &str, report: &Report, is_writable: bool, has_setfacl: bool) -> String {
        let accounts = Accounts::parse("root:x:0:0:::", "root:x:0:");
        let identity = Identity { uid: 1500, gid: 1501, user: Some("web".into()), ..Identity::default() };
        sentence(Path::new(source), &identity, report, is_writable, &Host { accounts: &accounts, has_setfacl })
    }

    #[test]
    fn the_command_fits_what_is_wrong() {
        let foreign = Report {
            first: vec![failing("/srv/web/a", 0, 0o600), failing("/srv/web/b", 7, 0o640)],
            failing: 5,
            unreadable: 5,
            is_foreign: true,
            ..Report::default()
        };
        assert_eq!(
            said("/srv/web", &foreign, false, true),
            "The container's user web (1500:1501) cannot read /srv/web; run 'chown -R 1500:1501 /srv/web'. It fails at \
             /srv/web/a (root:root 0600), /srv/web/b (7:root 0640) and 3 more"
        );
        assert!(said("/etc/web", &foreign, false, true).contains("run 'setfacl -R -m u:1500:rX /etc/web'"));
        assert!(said("/etc/web", &foreign, false, false).contains("run 'chown -R 1500:1501 /etc/web'"));
        let shut = Report { is_shut: true, is_own: true, is_foreign: false, ..foreign };
        assert!(said("/srv/a b", &shut, true, true).contains("run 'chmod -R u+rwX \"/srv/a b\"'"));
        let both = Report { is_foreign: true, ..shut };
        let text = said("/etc/web", &both, false, true);
        assert!(text.contains("'setfacl -R -m u:1500:rX /etc/web && chmod -R u+rX /etc/web'"), "{text}");
        assert!(
            said("/srv/web", &both, true, true).contains("'chown -R 1500:1501 /srv/web && chmod -R u+rwX /srv/web'")
        );
        let unwritable = Report { first: Vec::new(), unreadable: 0, ..both };
        let text = said("/srv/web", &unwritable, true, true);
        assert!(
            text.contains("u+rwX /srv/web', or add 'ro' to the mount if it is to be read alone. It fails"),
            "{text}"
        );
        let socket = Report { group: Some(991), failing: 1, unreadable: 1, is_foreign: true, ..Report::default() };
        assert!(said("/run/docker.sock", &socket, true, true).contains("; add GroupAdd=991 to [Container]. "));
        let way = || Report { way: vec![failing("/srv", 0, 0o700), failing("/srv/in", 1500, 0)], ..Report::default() };
        let text = said("/srv/in/web", &way(), false, true);
        assert!(
            text.contains("cannot get to /srv/in/web; run 'chmod u+x /srv/in && setfacl -m u:1500:x /srv'"),
            "{text}"
        );
        assert!(said("/srv/in/web", &way(), false, false).contains("chmod o+x /srv'"));
    }
}
