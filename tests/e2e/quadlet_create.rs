//! The create bodies of `tests/quadlet`, given to a real Engine: it accepts them, and `docker inspect` shows what they say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::host::{Host, Suite, sculler_binary};

/// What the test hosts' Engine speaks.
const API: &str = "1.45";

/// Limits that an Engine without the cgroup controllers of the test hosts discards.
const DISCARDED: [&str; 2] = ["Memory", "PidsLimit"];

#[test]
fn the_engine_accepts_each_create_body_and_shows_its_values() {
    let host = Host::boot("quadlet-create").docker().up();
    host.sh("docker pull -q busybox:latest");
    host.sh("docker network create --ipv6 --subnet 10.5.0.0/24 --subnet fd00::/64 systemd-net");
    host.sh("docker network create --ipv6 --subnet 10.6.0.0/24 --subnet fd01::/64 front");
    host.sh("docker network create by-name");
    let mut failed = Vec::new();
    let mut count = 0;
    for (case, containers) in cases("container") {
        host.sh("docker create --name other2 busybox:latest true");
        for (file, container) in containers {
            if needs_more(&container["create"]) {
                continue;
            }
            count += 1;
            failed.extend(create(&host, &container, API).err().map(|error| format!("{case}/{file}: {error}")));
        }
        host.sh("docker ps -aq | xargs -r docker rm -fv");
    }
    assert!(count > 30, "{count} bodies");
    for kind in ["volume", "network"] {
        let all = cases(kind)
            .into_iter()
            .flat_map(|(case, found)| found.into_iter().map(move |(file, asked)| (format!("{case}/{file}"), asked)));
        let all: Vec<_> = all.filter(|(_, asked)| is_possible(&asked["create"])).collect();
        assert!(all.len() > 3, "{} {kind}s", all.len());
        for (file, asked) in all {
            count += 1;
            failed.extend(create_resource(&host, kind, &asked["create"]).err().map(|error| format!("{file}: {error}")));
        }
    }
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
}

/// What is rendered for the Engine and the systemd of Debian 12.
#[test]
fn an_old_engine_accepts_what_is_rendered_for_it() {
    let host = Host::boot("quadlet-old").suite(Suite::Bookworm).docker().up();
    host.sh("docker pull -q busybox:latest");
    host.sh("docker network create --subnet 10.5.0.0/24 systemd-net; docker network create --subnet 10.6.0.0/24 front");
    host.sh("docker network create by-name");
    let mut failed = Vec::new();
    let mut count = 0;
    for (case, containers) in cases("container") {
        host.sh("docker create --name other2 busybox:latest true");
        for file in containers.iter().map(|(file, _)| file).filter(|file| !file.contains('@')) {
            let Some(container) = render_for(&case, file, "1.41", "252") else { continue };
            // Its networks have no IPv6 addresses to give.
            if needs_more(&container["create"]) || container["create"].to_string().contains("IPv6Address") {
                continue;
            }
            count += 1;
            failed.extend(create(&host, &container, "1.41").err().map(|error| format!("{case}/{file}: {error}")));
        }
        host.sh("docker ps -aq | xargs -r docker rm -fv");
    }
    assert!(count > 20, "{count} bodies");
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
}

/// A case's container as the command prints it for another host, if it is valid there.
fn render_for(case: &str, file: &str, api: &str, systemd: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quadlet").join(case).join("units");
    let rendered = Command::new(sculler_binary())
        .args(["render", "--json", "--docker-api", api, "--systemd", systemd])
        .args(["--machine-id", "df515c3682aa43b4ae2b7d2168e17d38"])
        .env("SCULLER_UNPLACED", "run")
        .arg(folder)
        .output()
        .unwrap();
    let lines = String::from_utf8(rendered.stdout).unwrap();
    let mut files = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    files.find(|found| found["name"] == file).map(|mut found| found["container"].take()).filter(Value::is_object)
}

/// What the Engine checks only when it starts a container: mounts, tmpfs options, masks, ports, addresses.
#[test]
fn the_engine_starts_what_it_accepted() {
    let host = Host::boot("quadlet-start").docker().up();
    host.sh("docker pull -q busybox:latest");
    host.sh("docker network create --ipv6 --subnet 10.5.0.0/24 --subnet fd00::/64 systemd-net");
    host.sh("docker network create --ipv6 --subnet 10.6.0.0/24 --subnet fd01::/64 front");
    host.sh("docker network create by-name");
    host.sh("mount --make-rshared /");
    // A subpath has to be there before.
    host.sh("docker run --rm -v named:/named busybox:latest mkdir -p /named/sub/dir");
    let mut failed = Vec::new();
    for (case, containers) in cases("container") {
        for (file, mut container) in containers {
            let create_body = &mut container["create"];
            let mode = create_body["HostConfig"]["NetworkMode"].as_str().unwrap_or_default();
            if needs_more(create_body) || mode.starts_with("container:") {
                continue;
            }
            // What an image without files but busybox cannot have.
            create_body["Cmd"] = serde_json::json!(["sleep", "60"]);
            for field in ["Entrypoint", "User"] {
                create_body.as_object_mut().unwrap().remove(field);
            }
            let host_config = create_body["HostConfig"].as_object_mut().unwrap();
            // Nor can these hosts raise limits, and their kernel has no SCTP.
            for field in ["Devices", "DeviceRequests", "GroupAdd", "Ulimits"] {
                host_config.remove(field);
            }
            if let Some(ports) = host_config.get_mut("PortBindings").and_then(Value::as_object_mut) {
                ports.retain(|port, _| !port.ends_with("/sctp"));
            }
            // There is no service here that the scope could be bound to.
            host_config.remove("Annotations");
            let name = container["name"].as_str().unwrap().to_owned();
            let result = create(&host, &container, API);
            let started = host.run(&["docker", "start", &name]);
            if result.is_err() || !started.ok() {
                failed.push(format!("{case}/{file}: {result:?} {}", started.stderr));
            }
            host.sh("docker ps -aq | xargs -r docker rm -fv");
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Names that need escapes, in the slice and in the annotations.
#[test]
fn a_container_is_in_the_slice_of_its_unit_and_bound_to_it() {
    let host = Host::boot("quadlet-slice").docker().up();
    host.sh("docker pull -q busybox:latest");
    for (file, service, slice) in [
        ("my-web.container", "my-web.service", r"sculler-my\x2dweb.slice"),
        (r"other\x2dweb.container", r"other\x2dweb.service", r"sculler-other\x5cx2dweb.slice"),
        ("a:b@c.container", "a:b@c.service", r"sculler-a\x3ab\x40c.slice"),
    ] {
        host.write(&format!("/etc/systemd/system/{service}"), "[Service]\nExecStart=/bin/sleep infinity\n");
        host.run(&["systemctl", "start", service]);
        let cases = cases("container");
        let (_, containers) = cases.iter().find(|(case, _)| case == "19-names").unwrap();
        let mut container = containers.iter().find(|(name, _)| name == file).unwrap().1.clone();
        container["create"]["Cmd"] = serde_json::json!(["sleep", "60"]);
        create(&host, &container, API).unwrap();
        let name = container["name"].as_str().unwrap();
        let started = host.run(&["docker", "start", name]);
        assert!(started.ok(), "{started}");
        assert_eq!(host.property(slice, "ActiveState"), "active", "{slice}");
        let id = host.sh(&format!("docker inspect -f '{{{{.Id}}}}' {name}"));
        let scope = format!("docker-{}.scope", id.trim());
        // systemctl quotes and escapes what has a backslash.
        let bound = host.property(&scope, "StopPropagatedFrom").trim_matches('"').replace(r"\\", r"\");
        assert_eq!(bound, service);
        assert_eq!(host.property(&scope, "Slice"), slice);
        assert_eq!(host.property(&scope, "TimeoutStopUSec"), "10s");
        host.run(&["systemctl", "stop", service]);
        host.wait_for_unit(&scope, "ActiveState", "inactive", std::time::Duration::from_secs(20));
    }
}

/// The cases with what they ask for of a kind, by file name.
fn cases(kind: &str) -> Vec<(String, Vec<(String, Value)>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quadlet");
    let mut paths: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let expected: Map<String, Value> =
            serde_json::from_str(&fs::read_to_string(path.join("expected.json")).unwrap()).unwrap();
        let containers = expected.into_iter().filter_map(|(file, mut found)| match found[kind].take() {
            Value::Null => None,
            container => Some((file, container)),
        });
        (path.file_name().unwrap().to_str().unwrap().to_owned(), containers.collect())
    };
    paths.into_iter().map(read).collect()
}

/// Whether a body needs a newer Engine than the test hosts have, or an image that no `docker tag` can make.
fn needs_more(create: &Value) -> bool {
    let text = create.to_string();
    let mounts = create["HostConfig"]["Mounts"].as_array();
    mounts.is_some_and(|mounts| mounts.iter().any(|mount| mount["Type"] == "image"))
        || text.contains("com.docker.network.endpoint.ifname")
        || create["Image"].as_str().is_some_and(|image| image.contains('@'))
}

/// Not IPv6 without a subnet, which Engines choose from API 1.46 on, and not what the kernel of the test hosts lacks.
fn is_possible(body: &Value) -> bool {
    let has_subnet = body["IPAM"]["Config"].to_string().contains("::");
    (has_subnet || body["EnableIPv6"] != true) && body["Driver"] != "macvlan"
}

/// Makes a volume or network, and compares what the Engine shows.
fn create_resource(host: &Host, kind: &str, body: &Value) -> Result<(), String> {
    host.write("/root/create.json", &body.to_string());
    let answer = host.sh(&format!(
        "curl -s --unix-socket /run/docker.sock -H 'Content-Type: application/json' -d @/root/create.json \
         'http://docker/v{API}/{kind}s/create'"
    ));
    let name = body["Name"].as_str().unwrap();
    let shown = host.sh(&format!("curl -s --unix-socket /run/docker.sock http://docker/v{API}/{kind}s/{name}"));
    let shown: Value = serde_json::from_str(&shown).map_err(|error| format!("{error}: {shown}"))?;
    let mut differences = BTreeSet::new();
    for (field, value) in body.as_object().unwrap() {
        let shown_as = if field == "DriverOpts" { "Options" } else { field };
        compare(field, value, &shown[shown_as], &mut differences);
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(format!("{answer}: {}", differences.into_iter().collect::<Vec<_>>().join("; ")))
    }
}

fn create(host: &Host, container: &Value, api: &str) -> Result<(), String> {
    let (name, create) = (container["name"].as_str().unwrap(), &container["create"]);
    let image = create["Image"].as_str().unwrap();
    host.run(&["docker", "tag", "busybox:latest", image]);
    for mount in container["mounts"].as_array().unwrap() {
        host.run(&["mkdir", "-p", mount["source"].as_str().unwrap()]);
    }
    if create["HostConfig"]["NetworkMode"] == "container:other" {
        host.run(&["docker", "create", "--name", "other", "busybox:latest", "true"]);
    }
    host.write("/root/create.json", &create.to_string());
    let answer = host.sh(&format!(
        "curl -s --unix-socket /run/docker.sock -H 'Content-Type: application/json' -d @/root/create.json \
         'http://docker/v{api}/containers/create?name={name}'"
    ));
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
    let id = answer["Id"].as_str().ok_or_else(|| answer.to_string())?;
    let inspected =
        host.sh(&format!("curl -s --unix-socket /run/docker.sock http://docker/v{api}/containers/{id}/json"));
    let inspected: Value = serde_json::from_str(&inspected).map_err(|error| format!("{error}: {inspected}"))?;
    let mut differences = BTreeSet::new();
    for (field, value) in create.as_object().unwrap() {
        match field.as_str() {
            "HostConfig" => compare(field, value, &inspected["HostConfig"], &mut differences),
            "NetworkingConfig" => {
                let networks = &inspected["NetworkSettings"]["Networks"];
                compare(field, &value["EndpointsConfig"], networks, &mut differences);
            }
            _ => compare(field, value, &inspected["Config"][field], &mut differences),
        }
    }
    if inspected["Name"] != format!("/{name}") {
        differences.insert(format!("the name is {}", inspected["Name"]));
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.into_iter().collect::<Vec<_>>().join("; ")) }
}

/// Everything in `asked` has to be in `shown`.
fn compare(place: &str, asked: &Value, shown: &Value, differences: &mut BTreeSet<String>) {
    let field = place.rsplit('.').next().unwrap_or_default();
    if DISCARDED.contains(&field) {
        return;
    }
    match (asked, shown) {
        (Value::Object(asked), Value::Object(shown)) => {
            for (key, value) in asked {
                compare(&format!("{place}.{key}"), value, shown.get(key).unwrap_or(&Value::Null), differences);
            }
        }
        (Value::Array(asked), Value::Array(shown)) if field == "Env" => {
            for value in asked.iter().filter(|value| !shown.contains(value)) {
                differences.insert(format!("{place} lacks {value}"));
            }
        }
        (Value::Array(asked), Value::Array(shown)) if asked.len() == shown.len() => {
            for (index, (asked, shown)) in asked.iter().zip(shown).enumerate() {
                compare(&format!("{place}.{index}"), asked, shown, differences);
            }
        }
        // The Engine's long forms, and what it leaves out because it is the default.
        (Value::String(asked), Value::String(shown)) if shown.strip_prefix("CAP_") == Some(asked) => {}
        // The Engine shows a container by its ID.
        (Value::String(asked), Value::String(shown))
            if [asked, shown].iter().all(|mode| mode.starts_with("container:")) => {}
        (Value::Number(number), Value::Null) if number.as_i64() == Some(0) => {}
        (Value::Array(words), Value::Null) if field == "Entrypoint" && words == &[""] => {}
        (Value::Object(asked), Value::Null) if asked.is_empty() => {}
        _ if asked == shown => {}
        _ => {
            differences.insert(format!("{place}: {asked} was asked for, {shown} is shown"));
        }
    }
}
