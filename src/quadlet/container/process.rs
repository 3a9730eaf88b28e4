//! What runs in the container, and as whom: `Exec=`, `Entrypoint=`, `User=`, `WorkingDir=` and what is near to them.

use super::Translation;

impl Translation<'_> {
    pub(super) fn process(&mut self) {
        self.create.cmd = self.values.command("Exec").map(|(command, _)| command);
        self.entrypoint();
        self.user();
        if let Some(value) = self.values.scalar("WorkingDir") {
            if value.text.starts_with('/') {
                self.create.working_dir = Some(value.text.into_owned());
            } else {
                self.not_a::<()>(&value, "is no absolute path; write the whole path in the container");
            }
        }
        if let Some(value) = self.values.scalar("HostName") {
            self.create.hostname = Some(value.text.into_owned());
        }
        self.create.host_config.init = self.values.boolean("RunInit");
        for value in self.values.lines("GroupAdd") {
            if value.text == "keep-groups" {
                let message = "GroupAdd=keep-groups is for users' own containers of Podman; name the groups";
                self.values.findings.push(value.error(message));
            } else {
                self.create.host_config.group_add.push(value.text.into_owned());
            }
        }
        if let Some(value) = self.values.scalar("ImageVolume")
            && !matches!(&*value.text, "anonymous" | "bind")
        {
            let message = format!(
                "ImageVolume={} does not work with Docker, which always makes anonymous volumes of an image's \
                     volumes; mount something else on the path by Volume= or Tmpfs=",
                value.text
            );
            self.values.findings.push(value.error(message));
        }
    }

    /// A JSON array, or one word as a whole (podman: pkg/specgenutil/specgen.go); an empty one clears the image's,
    /// for which the API has an array of one empty word.
    fn entrypoint(&mut self) {
        let Some(value) = self.values.scalar_or_empty("Entrypoint") else { return };
        let entrypoint = match serde_json::from_str::<Vec<String>>(&value.text) {
            Ok(words) if words.is_empty() => vec![String::new()],
            Ok(words) => words,
            Err(_) => vec![value.text.into_owned()],
        };
        self.create.entrypoint = Some(entrypoint);
    }

    /// podman: `handleUser()`.
    fn user(&mut self) {
        let user = self.values.scalar("User");
        let group = self.values.scalar("Group");
        self.create.user = match (user, group) {
            (None, None) => None,
            (None, Some(group)) => {
                self.values.refuse(&group, "Group= needs User=, which is not set; add it, such as User=0")
            }
            (Some(user), None) => Some(user.text.into_owned()),
            (Some(user), Some(group)) if user.text.contains(':') => {
                let message = format!("User={} names a group already; remove it there, or remove Group=", user.text);
                self.values.refuse(&group, message)
            }
            (Some(user), Some(group)) => Some(format!("{}:{}", user.text, group.text)),
        };
        if let Some(value) = self.values.scalar("UserNS") {
            if value.text == "host" {
                self.create.host_config.userns_mode = Some("host".into());
            } else {
                let message = format!(
                    "UserNS={} does not work with Docker, which has one mapping of users for the whole daemon; to match \
                     the owner of files, use User= and the option idmap of Volume=",
                    value.text
                );
                self.values.findings.push(value.error(message));
            }
        }
    }
}
