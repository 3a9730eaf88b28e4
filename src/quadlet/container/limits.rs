//! `Memory=`, `PidsLimit=`, `ShmSize=`, `Ulimit=`, `Sysctl=`.

use super::Translation;
use crate::quadlet::create::Ulimit;
use crate::quadlet::quantities::{SIZE, size};
use crate::quadlet::values::Value;
use crate::unit::nearest::{nearest, suggestion};

/// docker/go-units: ulimit.go
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// moby: daemon/daemon_unix.go linuxMinMemory
const MEMORY_MIN: i64 = 6 * 1024 * 1024;

impl Translation<'_> {
    pub(super) fn limits(&mut self) {
        if let Some(value) = self.values.scalar("Memory") {
            self.create.host_config.memory = match size(&value.text) {
                Some(bytes) if bytes >= MEMORY_MIN => Some(bytes),
                Some(_) => self.not_a(&value, "is less than the 6m that Docker needs at least"),
                None => self.not_a(&value, SIZE),
            };
        }
        if let Some(value) = self.values.scalar("ShmSize") {
            self.create.host_config.shm_size = match size(&value.text) {
                Some(0) => self.not_a(&value, "is no limit, which Docker does not have here; write a size such as 1g"),
                Some(bytes) => Some(bytes),
                None => self.not_a(&value, SIZE),
            };
        }
        if let Some(value) = self.values.scalar("PidsLimit") {
            self.create.host_config.pids_limit = match self.number::<i64>(&value) {
                Some(limit) if limit < -1 => self.not_a(&value, "is no number of processes; write -1 for no limit"),
                limit => limit,
            };
        }
        for value in self.values.lines("Ulimit") {
            match ulimit(&value.text) {
                Ok(limit) => self.create.host_config.ulimits.push(limit),
                Err(message) => self.values.findings.push(value.error(format!("Ulimit '{}' {message}", value.text))),
            }
        }
        for value in self.values.words("Sysctl") {
            self.sysctl(&value);
        }
    }

    fn sysctl(&mut self, value: &Value<'_>) {
        let Some((name, text)) = value.text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            self.not_a::<()>(value, "has no '='; write NAME=VALUE");
            return;
        };
        self.create.host_config.sysctls.insert(name.to_owned(), text.to_owned());
    }
}

fn ulimit(text: &str) -> Result<Ulimit, String> {
    if text == "host" {
        return Err("does not work with Docker; name each limit, such as nofile=1024:4096".into());
    }
    let (name, limits) = text.split_once('=').ok_or("has no '='; write NAME=SOFT[:HARD]")?;
    let name = name.to_ascii_lowercase();
    if !ULIMITS.contains(&name.as_str()) {
        return Err(format!("is not known{}", suggestion(nearest(&name, ULIMITS)))
            + if nearest(&name, ULIMITS).is_none() { "; see getrlimit(2)" } else { "" });
    }
    let number = |text: &str| match text {
        "unlimited" => Ok(-1),
        _ => text.parse::<i64>().ok().filter(|limit| *limit >= -1).ok_or("is no number; write one, or -1 for no limit"),
    };
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft > hard || soft == -1) {
        return Err("has a soft limit above the hard one; write NAME=SOFT:HARD".into());
    }
    Ok(Ulimit { name, soft, hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimits() {
        let cases = [
            ("nofile=1024:4096", Some((1024, 4096))),
            ("core=0", Some((0, 0))),
            ("NPROC=-1", Some((-1, -1))),
            ("memlock=5:-1", Some((5, -1))),
            ("memlock=unlimited", Some((-1, -1))),
            ("nofile=5:4", None),
            ("nofile=-1:4", None),
            ("nofile=-2", None),
            ("nofile", None),
            ("nofiles=1", None),
            ("host", None),
        ];
        for (text, expected) in cases {
            assert_eq!(ulimit(text).ok().map(|limit| (limit.soft, limit.hard)), expected, "{text}");
        }
    }
}
