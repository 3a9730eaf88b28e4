//! Containers: what can be asked of them and done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::engine::Engine;
use super::http::{Request, encoded};
use super::stream::Messages;
use crate::quadlet::create::{CreateBody, Endpoint, PortBinding};

/// The label of a container, network or volume with the name of the service that it is of.
pub const UNIT_LABEL: &str = "sculler.unit";

/// The Engine's own stop timeout (moby: container.DefaultStopTimeout).
pub const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a container may take to start: the Engine sets up its networks and mounts meanwhile.
const START: Duration = Duration::from_secs(600);

/// How much longer than its stop timeout a stop may take.
const STOP_MARGIN: Duration = Duration::from_secs(60);

/// A container as `GET /containers/ID/json` shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// With a slash before it.
    pub name: String,
    /// The image's ID.
    pub image: String,
    pub state: ContainerState,
    pub config: ContainerConfig,
    pub host_config: HostConfig,
    pub network_settings: NetworkSettings,
}

/// `Container.HostConfig`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// Empty if the creation did not name one.
    pub cgroup_parent: String,
}

/// `Container.NetworkSettings`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    /// By the container's ports, `80/tcp`; `None` for those that are not published.
    pub ports: Option<BTreeMap<String, Option<Vec<PortBinding>>>>,
}

/// `Container.State`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerState {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub status: String,
    pub running: bool,
    /// Of its first process, in the host's numbers; 0 if it is down.
    pub pid: u32,
    pub exit_code: i64,
    /// Why it did not start.
    pub error: String,
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    pub started_at: String,
    #[serde(default)]
    pub health: Option<Health>,
}

/// `Container.State.Health`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `none`, `starting`, `healthy`, `unhealthy`.
    pub status: String,
}

/// `Container.Config`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// As it was asked for at the creation.
    pub image: String,
    pub labels: Option<BTreeMap<String, String>>,
    pub stop_signal: Option<String>,
    /// In seconds; the Engine's own without it.
    pub stop_timeout: Option<u64>,
}

impl Container {
    /// Whether it is of a service. What somebody runs from an image that was made of one (`docker commit`) has its labels, but
    /// not its cgroup.
    pub fn is_of(&self, unit: &str) -> bool {
        self.label(UNIT_LABEL) == Some(unit) && !self.host_config.cgroup_parent.is_empty()
    }

    /// How long it may take to end.
    pub fn stop_timeout(&self) -> Duration {
        self.config.stop_timeout.map_or(DEFAULT_STOP_TIMEOUT, Duration::from_secs)
    }

    /// The host's ports that it has, as `8080/tcp`.
    pub fn published_ports(&self) -> BTreeSet<String> {
        let ports = self.network_settings.ports.iter().flatten();
        let of_port = |(port, bindings): (&String, &Option<Vec<PortBinding>>)| {
            let protocol = port.split_once('/').map_or("tcp", |(_, protocol)| protocol).to_owned();
            let bindings = bindings.clone().unwrap_or_default();
            bindings.into_iter().map(move |binding| format!("{}/{protocol}", binding.host_port))
        };
        ports.flat_map(of_port).collect()
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// 0 to 255; 128 and the signal's number if one ended it.
    pub code: i64,
}

/// The end of a container, waited for.
pub struct Waiting(Messages);

impl Waiting {
    /// Until it has ended. An error says nothing of the container: the connection broke.
    pub async fn exit(&mut self) -> Result<Exit, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            status_code: i64,
        }
        match self.0.next::<Answer>().await? {
            Some(answer) => Ok(Exit { code: answer.status_code }),
            None => Err(self.0.cut_off()),
        }
    }
}

/// A container as `GET /containers/json` shows it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Row {
    id: String,
    names: Vec<String>,
    labels: Option<BTreeMap<String, String>>,
    mounts: Vec<Mounted>,
}

/// `ContainerSummary.Mounts`
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Mounted {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

impl Engine {
    /// A container, by its name or ID; `None` if there is none.
    pub async fn container(&self, name: &str) -> Result<Option<Container>, Error> {
        match self.send(Request::get(format!("/containers/{}/json", encoded(name)))).await {
            Ok(response) => Ok(Some(response.json().await?)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The IDs of the containers, running or not, with a label of that value.
    pub async fn containers_with(&self, label: &str, value: &str) -> Result<Vec<String>, Error> {
        let rows = self.containers("label", &format!("{label}={value}")).await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// The containers, running or not, of a service. The Engine answers only when a start of theirs that is under way is over.
    pub async fn containers_of(&self, unit: &str) -> Result<Vec<Container>, Error> {
        let mut containers = Vec::new();
        for id in self.containers_with(UNIT_LABEL, unit).await? {
            containers.extend(self.container(&id).await?.filter(|found| found.is_of(unit)));
        }
        Ok(containers)
    }

    /// The services that containers, running or not, say they are of.
    pub async fn units_of_containers(&self) -> Result<BTreeSet<String>, Error> {
        let rows = self.containers("label", UNIT_LABEL).await?.into_iter();
        Ok(rows.filter_map(|row| row.labels?.remove(UNIT_LABEL)).collect())
    }

    /// The containers, running or not, that have a volume: their names, and the value of a label of each.
    pub async fn containers_of_volume(
        &self,
        volume: &str,
        label: &str,
    ) -> Result<Vec<(String, Option<String>)>, Error> {
        let rows = self.containers("volume", volume).await?.into_iter();
        // The filter also finds what is mounted at a path of that name.
        let rows = rows.filter(|row| row.mounts.iter().any(|mount| mount.name == volume));
        let name =
            |row: &Row| row.names.first().map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default();
        Ok(rows.map(|row| (name(&row), row.labels.and_then(|mut labels| labels.remove(label)))).collect())
    }

    async fn containers(&self, filter: &str, value: &str) -> Result<Vec<Row>, Error> {
        let filters = serde_json::json!({ filter: [value] }).to_string();
        let path = format!("/containers/json?all=true&filters={}", encoded(&filters));
        self.send(Request::get(path)).await?.json().await
    }

    /// Makes a container; its ID, and what the Engine warns of.
    pub async fn create(
        &self,
        name: &str,
        platform: Option<&str>,
        body: &CreateBody,
    ) -> Result<(String, Vec<String>), Error> {
        let platform = platform.map(|platform| format!("&platform={}", encoded(platform))).unwrap_or_default();
        let request = Request::post(format!("/containers/create?name={}{platform}", encoded(name)));
        let created: Created = self.send(request.json(body)?).await?.json().await?;
        Ok((created.id, created.warnings.unwrap_or_default()))
    }

    /// Connects a container to a further network.
    pub async fn connect_network(&self, network: &str, container: &str, endpoint: &Endpoint) -> Result<(), Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Body<'a> {
            container: &'a str,
            endpoint_config: &'a Endpoint,
        }
        let request = Request::post(format!("/networks/{}/connect", encoded(network)));
        self.send(request.json(&Body { container, endpoint_config: endpoint })?).await?.end().await
    }

    /// A file of a container, running or not, as a tar archive; `None` if it is not there.
    pub async fn archive(&self, id: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.send(Request::get(format!("/containers/{id}/archive?path={}", encoded(path)))).await {
            Ok(response) => response.bytes().await.map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to wait for the end of a container: as soon as this returns, no end is missed. One that does not run has
    /// ended, unless it is its `next` end that matters.
    pub async fn wait(&self, id: &str, next: bool) -> Result<Waiting, Error> {
        let condition = if next { "next-exit" } else { "not-running" };
        let response = self.send(Request::post(format!("/containers/{id}/wait?condition={condition}"))).await?;
        Ok(Waiting(Messages::new(response)))
    }

    /// Starts a container.
    pub async fn start(&self, id: &str) -> Result<(), Error> {
        self.send(Request::post(format!("/containers/{id}/start")).patience(START)).await?.end().await
    }

    /// Stops a container by its own stop signal; kills it after its own `timeout`, which is given only to wait for it.
    pub async fn stop(&self, id: &str, timeout: Duration) -> Result<(), Error> {
        self.send(stop_request(id, timeout)).await?.end().await
    }

    /// Stops a container and starts it again.
    pub async fn restart(&self, id: &str, timeout: Duration) -> Result<(), Error> {
        let request = Request::post(format!("/containers/{id}/restart")).patience(timeout + START);
        self.send(request).await?.end().await
    }

    /// Sends a signal to a container's first process.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), Error> {
        self.send(Request::post(format!("/containers/{id}/kill?signal={}", encoded(signal)))).await?.end().await
    }

    /// Removes a container, whatever its state, and its anonymous volumes. One that is gone is fine.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let request = Request::delete(format!("/containers/{}?v=true&force=true", encoded(id)));
        match self.send(request).await {
            Ok(response) => response.end().await,
            Err(error) if error.is_missing() => Ok(()),
            // Somebody else is at it.
            Err(error) if error.is_conflict() => self.wait_removed(id, error).await,
            Err(error) => Err(error),
        }
    }

    async fn wait_removed(&self, id: &str, error: Error) -> Result<(), Error> {
        for _ in 0..100 {
            match self.container(id).await? {
                None => return Ok(()),
                Some(container) if container.state.status == "removing" => {}
                Some(_) => break,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(error)
    }

    /// Runs a command in a container; its exit code and what it printed, at most `limit` bytes of it.
    pub async fn exec(&self, id: &str, command: &[String], limit: usize) -> Result<(i64, String), Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Body<'a> {
            cmd: &'a [String],
            attach_stdout: bool,
            attach_stderr: bool,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Inspected {
            exit_code: Option<i64>,
        }
        let body = Body { cmd: command, attach_stdout: true, attach_stderr: true };
        let request = Request::post(format!("/containers/{id}/exec")).json(&body)?;
        let created: Created = self.send(request).await?.json().await?;
        let begin = serde_json::json!({ "Detach": false, "Tty": false });
        let request = Request::post(format!("/exec/{}/start", created.id)).json(&begin)?;
        let mut response = self.send(request).await?;
        let mut raw = Vec::new();
        while let Some(piece) = response.piece().await? {
            let room = limit.saturating_sub(raw.len());
            raw.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let inspected: Inspected = self.send(Request::get(format!("/exec/{}/json", created.id))).await?.json().await?;
        Ok((inspected.exit_code.unwrap_or(-1), demultiplexed(&raw)))
    }
}

fn stop_request(id: &str, timeout: Duration) -> Request {
    Request::post(format!("/containers/{id}/stop")).patience(timeout + STOP_MARGIN)
}

/// Output without a terminal comes in frames of an 8-byte head (stream, three zeros, length) and the bytes.
fn demultiplexed(mut raw: &[u8]) -> String {
    let mut out = Vec::new();
    while let Some((head, rest)) = raw.split_at_checked(8) {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let length = length.min(rest.len());
        out.extend_from_slice(&rest[..length]);
        raw = &rest[length..];
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_waited_for_however_long_it_may_take() {
        for seconds in [0, 10, 300, 86_400] {
            let timeout = Duration::from_secs(seconds);
            assert!(stop_request("web", timeout).is_patient_for(timeout + Duration::from_secs(30)));
        }
    }

    #[test]
    fn output_is_freed_of_its_frames() {
        let raw = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x04 two\x01\0\0\0\0\0\xff\xff cut";
        assert_eq!(demultiplexed(raw), "one two cut");
        assert_eq!(demultiplexed(b"\x01\0"), "");
    }
}
