//! The container's environment: what is known now goes into `Env`, what the start brings into [`AtStart`](super::AtStart).

use super::Translation;

impl Translation<'_> {
    pub(super) fn environment(&mut self) {
        for pair in self.values.pairs("Environment") {
            let is_assigned = pair.assigned().is_some();
            let value = pair.value;
            if is_assigned {
                self.create.env.push(value.text.into_owned());
            } else if value.text.ends_with('*') {
                // podman-run(1): a '*' at the end stands for all variables that begin so.
                let message = format!(
                    "Environment={} is not supported; name each variable, or use EnvironmentHost=yes",
                    value.text
                );
                self.values.findings.push(value.error(message));
            } else {
                self.start.environment_names.push(value.text.into_owned());
            }
        }
        for value in self.values.arguments("EnvironmentFile") {
            self.start.environment_files.push(self.host_path(&value.text));
        }
        self.start.environment_host = self.values.boolean("EnvironmentHost").unwrap_or(false);
        self.start.http_proxy = self.values.boolean("HttpProxy").unwrap_or(true);
        self.time_zone();
    }

    fn time_zone(&mut self) {
        let Some(value) = self.values.scalar("Timezone") else { return };
        let is_zone = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
        if value.text == "local" {
            self.start.local_timezone = true;
        } else if value.text.chars().all(is_zone) && !value.text.starts_with('/') {
            // A variable that is set by hand is what counts.
            if !self.create.env.iter().any(|variable| variable.starts_with("TZ=")) {
                self.create.env.push(format!("TZ={}", value.text));
            }
        } else {
            self.not_a::<()>(&value, "is no time zone; write one such as Europe/Berlin, or local");
        }
    }
}
