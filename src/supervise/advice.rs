//! What to do about what the Engine refuses, by the words that it and runc refuse it with. Pure.

/// Signs in a message, all of which have to be in it, and what to do then.
const ADVICE: [(&[&str], &str); 17] = [
    (
        &["/run/sculler/mounts/"],
        "its mounts with idmap are made at the start of its service: use 'systemctl restart', not 'docker restart'",
    ),
    (
        &["address already in use"],
        "another program listens there: 'ss -lntup' shows which; stop it, or choose another PublishPort=",
    ),
    (
        &["port is already allocated"],
        "another container has it: 'docker ps' shows which; stop it, or choose another PublishPort=",
    ),
    (&["unable to find user"], "write its number to User=, or take an image whose /etc/passwd has the name"),
    (&["unable to find group"], "write its number to Group=, or take an image whose /etc/group has the name"),
    (&["no matching entries in passwd"], "write its number to User=, or take an image whose /etc/passwd has the name"),
    (&["exec:", "permission denied"], "the command of Exec= or Entrypoint= is not executable for the container's user"),
    (&["exec:", "not found"], "the command of Exec= or Entrypoint= is not in the image"),
    (&["exec:", "no such file"], "the command of Exec= or Entrypoint= is not in the image"),
    (&["gathering device information"], "does the device exist? AddDevice=-PATH leaves it out while it is missing"),
    (
        &["network", "not found"],
        "make it by 'docker network create', or by a .network file that Network=NAME.network names",
    ),
    (&["user configured subnets"], "a fixed address needs Subnet= in the network's .network file"),
    (
        &["no space left"],
        "make room: 'docker system df' shows what takes it, 'docker image prune' removes unused images",
    ),
    (
        &["dial tcp"],
        "can this host reach the registry? 'docker pull' shows it; what is offline comes by 'docker load' and Pull=never",
    ),
    (
        &["client.timeout exceeded"],
        "can this host reach the registry? 'docker pull' shows it; what is offline comes by 'docker load' and Pull=never",
    ),
    (
        &["container init", "mkdir"],
        "WorkingDir= is a folder that cannot be made in the container; choose one that the image has",
    ),
    (&["cwd"], "WorkingDir= has to be a folder that the container's user may enter"),
];

/// The message, and what to do about it if that is known.
pub fn with_advice(message: &str) -> String {
    let lower = message.to_lowercase();
    let known = ADVICE.iter().find(|(signs, _)| signs.iter().all(|sign| lower.contains(sign)));
    match known {
        Some((_, advice)) => format!("{message}; {advice}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::with_advice;

    /// As Engines 20.10 to 28 say it.
    #[test]
    fn what_the_engine_refuses_comes_with_what_to_do() {
        let table = [
            (
                "driver failed programming external connectivity on endpoint web (97a): Error starting userland proxy: \
              listen tcp4 0.0.0.0:80: bind: address already in use",
                "PublishPort=",
            ),
            (
                "driver failed programming external connectivity on endpoint web (97a): Bind for 0.0.0.0:80 failed: port \
              is already allocated",
                "docker ps",
            ),
            ("unable to find user web: no matching entries in passwd file", "User="),
            (
                "OCI runtime create failed: runc create failed: unable to start container process: exec: \"/x\": stat \
              /x: no such file or directory: unknown",
                "Exec=",
            ),
            ("OCI runtime create failed: exec: \"x\": executable file not found in $PATH: unknown", "not in the image"),
            ("OCI runtime create failed: exec: \"/etc/passwd\": permission denied: unknown", "not executable"),
            (
                "error gathering device information while adding custom device \"/dev/x\": no such file or directory",
                "AddDevice=-",
            ),
            ("network lan not found", "Network="),
            ("write /var/lib/docker/tmp/x: no space left on device", "make room"),
        ];
        for (message, part) in table {
            let text = with_advice(message);
            assert!(text.starts_with(message) && text[message.len()..].contains(part), "{text}");
        }
        assert_eq!(with_advice("something else"), "something else");
    }
}
