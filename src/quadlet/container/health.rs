//! Health checks (podman: `makeHealthCheckFromCli()` in pkg/specgenutil/specgen.go). What is not set is the image's.

use super::Translation;
use crate::host::ApiVersion;
use crate::quadlet::create::Healthcheck;
use crate::quadlet::quantities::{DURATION, duration};
use crate::quadlet::spec::Notify;

impl Translation<'_> {
    pub(super) fn health(&mut self) {
        let mut check = Healthcheck::default();
        if let Some(value) = self.values.scalar("HealthCmd") {
            let test = command(&value.text);
            let is_off = test.first().is_some_and(|word| word == "NONE");
            if is_off && self.notify() == Notify::Healthy {
                let message = "HealthCmd=none, while Notify=healthy waits for a health check; change one of them";
                self.values.findings.push(value.error(message));
            }
            check.test = Some(test);
        }
        check.interval = self.time("HealthInterval");
        check.timeout = self.time("HealthTimeout");
        check.start_period = self.time("HealthStartPeriod");
        if let Some(value) = self.values.scalar("HealthRetries") {
            check.retries = match self.number::<u32>(&value) {
                Some(0) => self.not_a(&value, "is too few; write 1 or more"),
                retries => retries.map(i64::from),
            };
        }
        if let Some(value) = self.values.scalar("HealthStartupInterval")
            && self.needs_api(&value, "HealthStartupInterval=", ApiVersion(1, 44), "25.0")
        {
            check.start_interval = self.time("HealthStartupInterval");
        }
        if check != Healthcheck::default() {
            self.create.healthcheck = Some(check);
        }
    }

    /// The Engine takes 0 for "as the image says", and nothing below a millisecond.
    fn time(&mut self, key: &'static str) -> Option<i64> {
        const MILLISECOND: i64 = 1_000_000;
        let value = self.values.scalar(key)?;
        if value.text == "disable" {
            return self.not_a(&value, "does not work with Docker; use HealthCmd=none to have no health check");
        }
        match duration(&value.text) {
            Some(0) if key == "HealthStartPeriod" => Some(0),
            Some(time) if time >= MILLISECOND => Some(time),
            Some(_) => {
                self.not_a(&value, "is too short for Docker; write at least 1ms, or HealthCmd=none for no check")
            }
            None => self.not_a(&value, DURATION),
        }
    }
}

fn command(text: &str) -> Vec<String> {
    let is = |word: Option<&String>, name: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(name));
    let shell = |command: String| vec!["CMD-SHELL".to_owned(), command];
    let words = match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) if !words.is_empty() => {
            if is(words.first(), "NONE") {
                return vec!["NONE".into()];
            }
            if is(words.first(), "CMD") || is(words.first(), "CMD-SHELL") {
                words
            } else if words.len() > 1 {
                std::iter::once("CMD".to_owned()).chain(words).collect()
            } else {
                return shell(words.concat());
            }
        }
        _ => {
            let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
            match first.to_ascii_uppercase().as_str() {
                "NONE" => return vec!["NONE".into()],
                "CMD" => text.split_whitespace().map(str::to_owned).collect(),
                "CMD-SHELL" => return shell(rest.to_owned()),
                _ => return shell(text.to_owned()),
            }
        }
    };
    words
        .into_iter()
        .enumerate()
        .map(|(index, word)| if index == 0 { word.to_ascii_uppercase() } else { word })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let cases: &[(&str, &[&str])] = &[
            ("curl -f http://localhost", &["CMD-SHELL", "curl -f http://localhost"]),
            ("true", &["CMD-SHELL", "true"]),
            ("none", &["NONE"]),
            ("CMD curl  -f x", &["CMD", "curl", "-f", "x"]),
            ("cmd-shell curl || exit 1", &["CMD-SHELL", "curl || exit 1"]),
            (r#"["curl", "-f"]"#, &["CMD", "curl", "-f"]),
            (r#"["curl -f"]"#, &["CMD-SHELL", "curl -f"]),
            (r#"["cmd", "curl"]"#, &["CMD", "curl"]),
            (r#"["NONE"]"#, &["NONE"]),
            ("[ -e /run/up ]", &["CMD-SHELL", "[ -e /run/up ]"]),
        ];
        for (text, expected) in cases {
            assert_eq!(command(text), *expected, "{text}");
        }
    }
}
