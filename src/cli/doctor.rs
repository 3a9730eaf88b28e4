//! `sculler doctor`

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::context::Context;
use super::selinux;
use crate::bootstrap::Record;
use crate::config::{self, Settings};
use crate::docker;
use crate::source::ScanError;
use crate::sync::{self, Last};
use crate::systemd::{Systemd, clock_is_synchronised};

/// Whether this host has what sculler and its containers need; exit code 1 if something is missing.
#[derive(Debug, clap::Args)]
pub struct Doctor {}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
struct Finding {
    grade: Grade,
    about: &'static str,
    text: String,
}

/// The oldest systemd that reads /etc/systemd/system.attached as it is needed, and one that can do everything.
const SYSTEMD: (u32, u32) = (250, 254);

/// The oldest Docker Engine API with the annotations that bind a container to its unit.
const DOCKER_API: (u32, u32) = (1, 43);

const DOCKER_TIMEOUT: Duration = Duration::from_secs(5);

impl Doctor {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let context = Context::read()?;
        let mut findings = vec![super::block_on(async { Ok(systemd().await) })?, agent(&context)];
        findings.push(unit_directory(&context));
        findings.extend(repository());
        findings.extend(cloud_config());
        findings.extend(inotify(&context));
        findings.extend(kernel());
        findings.push(super::block_on(async { Ok(clock().await) })?);
        let engine = engine(&context.settings);
        let is_up =
            engine.iter().all(|finding| finding.grade != Grade::Fail) && context.settings.docker_socket.exists();
        findings.extend(engine);
        if is_up {
            findings.push(super::block_on(async { Ok(log_rate().await) })?);
        }
        findings.extend(labels(&context));
        for Finding { grade, about, text } in &findings {
            let word = match grade {
                Grade::Ok => "ok",
                Grade::Warn => "warn",
                Grade::Fail => "fail",
            };
            println!("{word:<4}  {about:<14}  {text}");
        }
        let has_failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
        Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn finding(grade: Grade, about: &'static str, text: impl Into<String>) -> Finding {
    Finding { grade, about, text: text.into() }
}

async fn systemd() -> Finding {
    let version = match Systemd::connect().await {
        Ok(systemd) => systemd.version().await,
        Err(error) => Err(error),
    };
    match version {
        Err(error) => finding(Grade::Fail, "systemd", format!("{error}; is dbus.service running?")),
        Ok(version) => match leading_number(&version) {
            number if number < SYSTEMD.0 => {
                let text = format!("{version} is older than {}, which sculler needs; upgrade the host", SYSTEMD.0);
                finding(Grade::Fail, "systemd", text)
            }
            number if number < SYSTEMD.1 => {
                let text = format!(
                    "{version}; from {} on a container goes on while its supervisor restarts, so upgrade when you can",
                    SYSTEMD.1
                );
                finding(Grade::Warn, "systemd", text)
            }
            _ => finding(Grade::Ok, "systemd", version),
        },
    }
}

fn agent(context: &Context) -> Finding {
    match &context.agent {
        Some(agent) if agent.problems.is_empty() => {
            finding(Grade::Ok, "agent", format!("{} is running (PID {})", agent.version, agent.pid))
        }
        Some(agent) => finding(Grade::Fail, "agent", agent.problems.join("; ")),
        None => finding(Grade::Fail, "agent", "it is not running, so changes wait; run 'systemctl start sculler'"),
    }
}

fn unit_directory(context: &Context) -> Finding {
    let path = context.settings.unit_dir.display();
    match context.directory() {
        Err(error @ (ScanError::Missing(_) | ScanError::Unreadable { .. } | ScanError::Untrusted(_))) => {
            finding(Grade::Fail, "unit directory", error.to_string())
        }
        Ok(directory) => {
            use crate::source::Problem;
            let refused = directory.look.problems.iter().find_map(|(path, problem)| match problem {
                Problem::Refused(reason) => Some(format!("{}: {reason}", path.display())),
                _ => None,
            });
            match refused {
                Some(text) => finding(Grade::Fail, "unit directory", text),
                None => {
                    let text = format!("{path}: {} files, only root can write there", directory.look.files.len());
                    finding(Grade::Ok, "unit directory", text)
                }
            }
        }
    }
}

/// How the last `sculler sync` went, on hosts that have a repository.
fn repository() -> Option<Finding> {
    let settings = match sync::Settings::load(&sync::Settings::path()) {
        Ok(settings) => settings?,
        Err(error) => return Some(finding(Grade::Fail, "sync", error.to_string())),
    };
    let source = format!("{} of {}", settings.branch, settings.repository);
    Some(match Last::read(&sync::state_directory()) {
        None => {
            let text = format!("{source} was never fetched; run 'systemctl enable --now sculler-sync.timer'");
            finding(Grade::Warn, "sync", text)
        }
        Some(Last { error: Some(error), .. }) => finding(Grade::Fail, "sync", format!("{source}: {error}")),
        Some(Last { commit, at, .. }) => {
            let commit = commit.unwrap_or_default();
            let minutes = ((crate::status::seconds_now() - at) / 60.0).max(0.0);
            finding(Grade::Ok, "sync", format!("{source} at {}, {minutes:.0} min ago", super::sync::short(&commit)))
        }
    })
}

/// A cloud-config that was applied in part, on hosts that had one.
fn cloud_config() -> Option<Finding> {
    let record = Record::read(Path::new(config::STATE_DIRECTORY))?;
    if record.is_complete {
        return Some(finding(Grade::Ok, "bootstrap", "the last cloud-config is applied"));
    }
    let reason = record.error.unwrap_or_else(|| "not everything was done".to_owned());
    let text =
        format!("the last cloud-config is applied in part: {reason}; mend it, and run 'sculler bootstrap FILE' again");
    Some(finding(Grade::Fail, "bootstrap", text))
}

/// One watch for each folder and symlink, one instance for each program.
fn inotify(context: &Context) -> Vec<Finding> {
    let folders =
        context.directory().map(|directory| directory.look.folders.len() + directory.look.links.len()).unwrap_or(0);
    let needs = [("max_user_watches", 64 + 2 * folders as u64), ("max_user_instances", 16)];
    let check = |(name, need): (&str, u64)| {
        let limit = read_number(Path::new("/proc/sys/fs/inotify").join(name).as_path());
        match limit {
            Some(limit) if limit < need => finding(
                Grade::Fail,
                "inotify",
                format!(
                    "fs.inotify.{name} is {limit}, and {need} are needed; run 'sysctl -w fs.inotify.{name}={}'",
                    need * 4
                ),
            ),
            Some(limit) => finding(Grade::Ok, "inotify", format!("fs.inotify.{name} is {limit}")),
            None => finding(Grade::Warn, "inotify", format!("fs.inotify.{name} cannot be read")),
        }
    };
    needs.into_iter().map(check).collect()
}

fn kernel() -> Vec<Finding> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let version = two_numbers(&release);
    let features = [
        ((5, 12), "idmapped mounts (the mount option 'idmap')"),
        ((6, 5), "replacing a mount without a gap (MOVE_MOUNT_BENEATH)"),
    ];
    let check = |(since, what): ((u32, u32), &str)| match version >= since {
        true => finding(Grade::Ok, "kernel", format!("{release} has {what}")),
        false => {
            let text =
                format!("{release} lacks {what}, which came with {}.{}; upgrade if you need it", since.0, since.1);
            finding(Grade::Warn, "kernel", text)
        }
    };
    features.into_iter().map(check).collect()
}

/// A clock before this was never set: the year of the first release.
const EARLIEST_SANE: f64 = 1_735_689_600.0;

async fn clock() -> Finding {
    if crate::status::seconds_now() < EARLIEST_SANE {
        return finding(Grade::Fail, "clock", "it is years behind; run 'timedatectl set-ntp true', or set it");
    }
    match clock_is_synchronised().await {
        Ok(true) => finding(Grade::Ok, "clock", "synchronised"),
        Ok(false) => finding(Grade::Warn, "clock", "not synchronised; run 'timedatectl set-ntp true'"),
        Err(error) => finding(Grade::Warn, "clock", format!("nobody knows whether it is synchronised ({error})")),
    }
}

fn engine(settings: &Settings) -> Vec<Finding> {
    let socket = &settings.docker_socket;
    let failed = |grade, text: String| vec![finding(grade, "docker", text)];
    if !socket.exists() {
        let text = format!("{} does not exist; containers need Docker Engine: install and start it", socket.display());
        return failed(Grade::Warn, text);
    }
    let (version, info) = match (get(socket, "/version"), get(socket, "/info")) {
        (Ok(version), Ok(info)) => (version, info),
        (Err(error), _) | (_, Err(error)) => {
            let text = format!(
                "{} does not answer ({error}); run 'systemctl start docker', as root or in group docker",
                socket.display()
            );
            return failed(Grade::Fail, text);
        }
    };
    let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap_or("unknown").to_owned();
    let (engine, api) = (text(&version, "Version"), text(&version, "ApiVersion"));
    let mut findings = vec![match two_numbers(&api) >= DOCKER_API {
        true => finding(Grade::Ok, "docker", format!("Engine {engine}, API {api}")),
        false => {
            let text = format!(
                "Engine {engine}, API {api}; from API {}.{} on a container goes on while its supervisor restarts",
                DOCKER_API.0, DOCKER_API.1
            );
            finding(Grade::Warn, "docker", text)
        }
    }];
    let driver = text(&info, "LoggingDriver");
    findings.push(match driver.as_str() {
        "journald" => finding(Grade::Ok, "docker", "its log driver is journald"),
        _ => {
            let text = format!(
                "its log driver is {driver}: logs of 'docker run' lie twice on disk; set \"log-driver\": \"journald\" in \
                 /etc/docker/daemon.json"
            );
            finding(Grade::Warn, "docker", text)
        }
    });
    findings.push(match info["LiveRestoreEnabled"].as_bool() {
        Some(true) => finding(Grade::Ok, "docker", "live-restore is on: containers outlive a restart of Docker"),
        _ => finding(
            Grade::Warn,
            "docker",
            "live-restore is off: a restart of Docker stops every container; set \"live-restore\": true in \
             /etc/docker/daemon.json",
        ),
    });
    findings
}

/// Whether mounts have the labels that SELinux wants.
fn labels(context: &Context) -> Option<Finding> {
    let is_on_host = Path::new("/sys/fs/selinux/enforce").exists();
    let directory = context.directory().ok()?;
    let specs = directory.resolution.desired.values().filter_map(|desired| desired.spec.as_ref());
    let specs: Vec<_> = specs.filter_map(|spec| spec.read().ok()).collect();
    let info = is_on_host.then(|| get(&context.settings.docker_socket, "/info")).transpose().ok()?;
    let options = info.as_ref().and_then(|info| info["SecurityOptions"].as_array());
    let is_selinux = |option: &serde_json::Value| option.as_str().is_some_and(|text| text.starts_with("name=selinux"));
    let docker = options.is_some_and(|options| options.iter().any(is_selinux));
    let (is_fine, text) = selinux::finding(is_on_host, docker, &specs)?;
    Some(finding(if is_fine { Grade::Ok } else { Grade::Warn }, "selinux", text))
}

/// The Engine writes the lines of all containers, so that journald counts them together. An interval of 0 changes
/// nothing: systemd hands on to journald only what is set.
async fn log_rate() -> Finding {
    let process = async { Systemd::connect().await?.process(docker::SERVICE).await };
    match process.await {
        Err(error) => finding(Grade::Warn, "docker", format!("the journal's limit for it is unknown ({error})")),
        Ok(process) if process.log_burst > 0 => {
            finding(Grade::Ok, "docker", format!("the journal takes {} lines of it at once", process.log_burst))
        }
        Ok(_) => finding(
            Grade::Warn,
            "docker",
            "all containers share its limit in the journal (RateLimitBurst= of journald.conf), lines beyond it are lost; \
             put LogRateLimitIntervalSec=1s and LogRateLimitBurst=1000000 under [Service] in \
             /etc/systemd/system/docker.service.d/log-rate.conf, and run 'systemctl daemon-reload' and 'systemctl \
             restart docker'",
        ),
    }
}

/// One request; HTTP/1.0, so that the body ends with the connection.
fn get(socket: &Path, path: &str) -> anyhow::Result<serde_json::Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DOCKER_TIMEOUT))?;
    stream.set_write_timeout(Some(DOCKER_TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    anyhow::ensure!(status.contains(" 200 "), "'{status}'");
    Ok(serde_json::from_str(body)?)
}

fn read_number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn leading_number(text: &str) -> u32 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// `6.1.0-18-amd64` → (6, 1)
fn two_numbers(text: &str) -> (u32, u32) {
    let (first, rest) = text.split_once('.').unwrap_or((text, ""));
    (leading_number(first), leading_number(rest))
}
