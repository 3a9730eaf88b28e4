//! `LogDriver=` and `LogOpt=`. By default the Engine writes the output to the journal itself, as the unit's.

use super::Translation;
use super::labels::JOURNAL_LABEL;
use crate::quadlet::create::LogConfig;

/// What any driver takes (moby: daemon/logger/loggerutils, daemon/logger/factory.go).
const COMMON: [&str; 7] = ["env", "env-regex", "labels", "labels-regex", "tag", "mode", "max-buffer-size"];
const JSON_FILE: [&str; 3] = ["max-size", "max-file", "compress"];

impl Translation<'_> {
    pub(super) fn logging(&mut self) {
        let driver = match self.values.scalar("LogDriver") {
            None => "journald".into(),
            Some(value) => match &*value.text {
                "passthrough" | "passthrough-tty" => {
                    let message = format!(
                        "LogDriver={} does not work with Docker, whose daemon reads the output; leave it out, and the \
                         output is the unit's in the journal",
                        value.text
                    );
                    self.values.findings.push(value.error(message));
                    return;
                }
                "journald" | "none" => value.text,
                _ => {
                    self.values.findings.push(value.warning(
                        "the output is not in the journal, where 'systemctl status' and 'sculler journal' look for it; \
                         'docker logs' shows it; without LogDriver= it is",
                    ));
                    value.text
                }
            },
        };
        let driver = if driver == "k8s-file" { "json-file".into() } else { driver };
        let mut config = LogConfig { driver: driver.into_owned(), ..LogConfig::default() };
        for value in self.values.words("LogOpt") {
            let Some((name, text)) = value.text.split_once('=') else {
                self.not_a::<()>(&value, "has no '='; write NAME=VALUE");
                continue;
            };
            if let Some(objection) = objection(&config.driver, name) {
                self.values.findings.push(value.error(format!("LogOpt={name}: {objection}")));
                continue;
            }
            config.config.insert(name.to_owned(), text.to_owned());
        }
        if config.driver == "journald" {
            self.log_as_the_unit(&mut config);
        }
        self.create.host_config.log_config = Some(config);
    }

    fn log_as_the_unit(&mut self, config: &mut LogConfig) {
        let labels = config.config.entry("labels".into()).or_default();
        if !labels.is_empty() {
            labels.push(',');
        }
        labels.push_str(JOURNAL_LABEL);
        // As SyslogIdentifier=%N of Podman's generator.
        let identifier = self.values.merged().last("Service", "SyslogIdentifier");
        let identifier = identifier.map(|found| found.entry.value).filter(|value| !value.is_empty());
        let tag = self.values.expander.specifiers(identifier.unwrap_or("%N"), &mut Vec::new()).into_owned();
        config.config.entry("tag".into()).or_insert(tag);
    }
}

/// What is wrong with an option of a driver.
fn objection(driver: &str, name: &str) -> Option<&'static str> {
    let is_common = COMMON.contains(&name);
    match (driver, name) {
        ("journald" | "json-file", "label") => {
            Some("Docker writes labels of the container only; use Label= and LogOpt=labels=NAME")
        }
        ("journald" | "json-file", "path") => {
            Some("Docker decides where its files are; remove it, or use LogDriver=journald")
        }
        ("journald", "max-size") => Some("the journal has limits of its own; set SystemMaxUse= in journald.conf(5)"),
        ("journald", _) if !is_common => {
            Some("the journald driver has no such option; it takes env, env-regex, labels, labels-regex, tag")
        }
        ("json-file", _) if !is_common && !JSON_FILE.contains(&name) => {
            Some("the json-file driver has no such option; it takes max-size, max-file, compress, labels, env, tag")
        }
        ("none", _) => Some("the driver none has no options; remove it"),
        _ => None,
    }
}
