//! `Secret=`: Docker has none outside of Swarm. What Podman calls a secret is here a credential of the service
//! (systemd.exec(5), "Credentials"), which the supervisor mounts as a file (podman-run(1), `--secret`).

use super::Translation;
use crate::quadlet::spec::Secret;
use crate::quadlet::values::Value;

impl Translation<'_> {
    pub(super) fn secrets(&mut self) {
        for value in self.values.arguments("Secret") {
            match self.secret(&value) {
                Ok(Some(secret)) => self.start.secrets.push(secret),
                Ok(None) => {}
                Err(message) => self.values.findings.push(value.error(format!("Secret={} {message}", value.text))),
            }
        }
    }

    fn secret(&mut self, value: &Value<'_>) -> Result<Option<Secret>, String> {
        let mut parts = value.text.split(',');
        let name = parts.next().unwrap_or_default();
        let (mut target, mut uid, mut gid, mut mode) = (None, 0, 0, 0o444);
        for part in parts.filter(|part| !part.is_empty()) {
            let (option, text) = part.split_once('=').ok_or_else(|| format!("has '{part}'; write NAME=VALUE"))?;
            let number = || text.parse().map_err(|_| format!("has '{part}', which is no number; write digits alone"));
            match option {
                "type" if text == "mount" => {}
                "type" if text == "env" => {
                    return Err(
                        "would be seen by 'docker inspect'; leave type=env out and read the file in /run/secrets"
                            .into(),
                    );
                }
                "type" => return Err(format!("has '{part}'; the type can be mount")),
                "target" if !text.is_empty() => target = Some(text),
                "uid" => uid = number()?,
                "gid" => gid = number()?,
                "mode" => {
                    mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| {
                        format!("has '{part}', which is no file mode; write octal digits such as 0400")
                    })?;
                }
                _ => return Err(format!("has '{part}', which is unknown; it takes target, uid, gid and mode")),
            }
        }
        let is_plain = !name.is_empty() && !name.contains(['/', '=']) && name != "." && name != "..";
        if !is_plain {
            return Err("has no name of a credential at its beginning; write NAME[,OPTION=VALUE]".into());
        }
        if !self.has_credential(name) {
            return Err(format!(
                "names no credential of the service; add LoadCredential={name}:/PATH (or SetCredentialEncrypted=) to [Service]"
            ));
        }
        let target = target.unwrap_or(name);
        let path = if target.starts_with('/') { target.to_owned() } else { format!("/run/secrets/{target}") };
        let Some(target) = self.target(value, "Secret", &path) else { return Ok(None) };
        Ok(Some(Secret { credential: name.to_owned(), target, uid, gid, mode }))
    }

    fn has_credential(&self, name: &str) -> bool {
        let merged = self.values.merged();
        let sets = ["LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted"];
        let expander = &self.values.expander;
        let is_set = sets.iter().flat_map(|key| merged.list("Service", key)).any(|assignment| {
            let id = assignment.entry.value.split(':').next().unwrap_or_default();
            expander.specifiers(id, &mut Vec::new()) == name
        });
        // What a pattern brings only the start can tell.
        is_set || !merged.list("Service", "ImportCredential").is_empty()
    }
}
