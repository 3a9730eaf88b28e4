//! The environment of a container, put together. Pure.

use crate::quadlet::spec::AtStart;

/// What systemd tells the supervisor and nobody else, and what would break another file system's programs.
const OWN: [&str; 14] = [
    "CREDENTIALS_DIRECTORY",
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LOGNAME",
    "NOTIFY_SOCKET",
    "PATH",
    "SHELL",
    "SYSTEMD_EXEC_PID",
    "USER",
    "WATCHDOG_PID",
];

const PROXY: [&str; 8] =
    ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy"];

/// Later assignments win; the order of the first ones stays.
#[derive(Default)]
struct Environment(Vec<(String, String)>);

impl Environment {
    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// Puts together what `start` asks for: `files` are the texts of its environment files, `service` is the service's own
/// environment, `body` the create body's.
pub fn environment(start: &AtStart, files: &[String], service: &[(String, String)], body: &[String]) -> Vec<String> {
    let mut all = Environment::default();
    let of_service = |name: &str| service.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if start.http_proxy {
        for name in PROXY {
            of_service(name).into_iter().for_each(|value| all.set(name, value));
        }
    }
    if start.environment_host {
        let passed = service.iter().filter(|(name, _)| !is_own(name));
        passed.for_each(|(name, value)| all.set(name, value));
    }
    for text in files {
        for line in text.lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once('=') {
                Some((name, value)) => all.set(name.trim_end(), value),
                None => of_service(line.trim_end()).into_iter().for_each(|value| all.set(line.trim_end(), value)),
            }
        }
    }
    for name in &start.environment_names {
        of_service(name).into_iter().for_each(|value| all.set(name, value));
    }
    for assignment in body {
        let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
        all.set(name, value);
    }
    all.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn is_own(name: &str) -> bool {
    OWN.contains(&name) || name.starts_with("MEMORY_PRESSURE_") || name.starts_with("WATCHDOG_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_sources_win() {
        let service: Vec<(String, String)> = [
            ("http_proxy", "p"),
            ("A", "service"),
            ("B", "service"),
            ("PATH", "/x"),
            ("NAMED", "n"),
            ("WATCHDOG_USEC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let start = AtStart {
            http_proxy: true,
            environment_host: true,
            environment_names: vec!["NAMED".into(), "MISSING".into()],
            ..AtStart::default()
        };
        let files = ["# comment\n\nA=file=1\nC= kept \nNAMED\nMISSING\n".to_owned()];
        let body = ["C=body".to_owned(), "EMPTY=".to_owned()];
        assert_eq!(
            environment(&start, &files, &service, &body),
            ["http_proxy=p", "A=file=1", "B=service", "NAMED=n", "C=body", "EMPTY="]
        );
        let bare = AtStart { http_proxy: true, ..AtStart::default() };
        assert_eq!(environment(&bare, &[], &service, &[]), ["http_proxy=p"]);
    }
}
