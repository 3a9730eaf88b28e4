//! Answers of Engines, old and new, given by a socket that plays one.

use super::played::{Answers, Played};
use super::{Engine, Error, Event};
use crate::host::ApiVersion;
use crate::quadlet::create::CreateBody;

const TOO_OLD: &str = r#"{"message":"client version 1.51 is too old. Minimum supported API version is 1.60, please upgrade your client"}"#;

#[tokio::test]
async fn the_newest_version_that_both_speak_is_chosen() {
    let ping: Answers = &[("GET /_ping ", 200, "OK")];
    let cases: [(&str, Answers, ApiVersion); 6] = [
        ("1.41", ping, ApiVersion(1, 41)),
        ("1.45", ping, ApiVersion(1, 45)),
        ("1.51", ping, ApiVersion(1, 51)),
        ("1.56", &[("GET /_ping ", 200, "OK"), ("GET /v1.51/_ping ", 200, "OK")], ApiVersion(1, 51)),
        (
            "1.70",
            &[
                ("GET /_ping ", 200, "OK"),
                ("GET /v1.51/_ping ", 400, TOO_OLD),
                ("GET /version ", 200, r#"{"ApiVersion":"1.70","MinAPIVersion":"1.60"}"#),
            ],
            ApiVersion(1, 60),
        ),
        // Something between both that keeps the header back.
        ("", &[("GET /_ping ", 200, "OK"), ("GET /version ", 200, r#"{"ApiVersion":"1.43"}"#)], ApiVersion(1, 43)),
    ];
    for (api, answers, chosen) in cases {
        let played = Played::new(api, answers);
        assert_eq!(Engine::connect(played.socket()).await.unwrap().api(), chosen, "an Engine of {api}");
    }
    let played = Played::new("new", ping);
    assert!(matches!(Engine::connect(played.socket()).await, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn each_connection_speaks_the_version_of_the_engine_that_it_finds() {
    let old =
        Played::new("1.41", &[("GET /_ping ", 200, "OK"), ("GET /v1.41/info ", 200, r#"{"LiveRestoreEnabled":true}"#)]);
    let path = old.socket().to_owned();
    assert!(Engine::connect(&path).await.unwrap().live_restore().await.unwrap());
    drop(old);
    let gone = Engine::connect(&path).await.unwrap_err();
    assert!(gone.is_unreachable() && gone.to_string().contains(&*path.to_string_lossy()), "{gone}");
    let new = Played::at(
        path,
        "1.51",
        &[("GET /_ping ", 200, "OK"), ("GET /v1.51/info ", 200, r#"{"LiveRestoreEnabled":false}"#)],
    );
    assert!(!Engine::connect(new.socket()).await.unwrap().live_restore().await.unwrap());
}

/// Of Engine 28 and later: what they added beside what they left out.
const INSPECTED: &str = r#"{"Id":"4d7b","Created":"2025-08-01T10:00:00.5Z","Path":"nginx","Args":[],"State":{"Status":
"running","Running":true,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"Pid":4711,"ExitCode":0,"Error":
"","StartedAt":"2025-08-01T10:00:01.25Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":"healthy","FailingStreak":
0,"Log":[]}},"Image":"sha256:9c","ImageManifestDescriptor":{"mediaType":"application/vnd.oci.image.manifest.v1+json",
"digest":"sha256:11","size":1,"platform":{"architecture":"amd64","os":"linux"}},"Name":"/web","Config":{"Image":
"nginx:latest","Labels":{"sculler.unit":"web.service"},"StopSignal":"SIGQUIT"},"NetworkSettings":{"SandboxID":"5","Ports":
{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"81/tcp":null},"Networks":{"bridge":{"GwPriority":0}}}}"#;

const EVENTS: &str = r#"{"Type":"container","Action":"kill","Actor":{"ID":"4d7b","Attributes":{"signal":"15"}},"timeNano":1}
{"Type":"container","Action":"die","Actor":{"ID":"4d7b","Attributes":{"exitCode":"0"}},"timeNano":2}
{"Type":"container","Action":"stop","Actor":{"ID":"4d7b"},"timeNano":3}
{"Type":"container","Action":"health_status: unhealthy","Actor":{"ID":"4d7b"},"timeNano":4}
"#;

const PULL: &str = r#"{"status":"Pulling from library/nginx","id":"latest"}
{"status":"Downloading","progressDetail":{"current":512,"total":1024},"id":"aa"}
{"status":"Extracting","progressDetail":{"current":1,"units":"s"},"id":"aa"}
{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}
"#;

#[tokio::test]
async fn answers_of_a_newer_engine_are_understood() {
    let played = Played::new(
        "1.52",
        &[
            ("GET /_ping ", 200, "OK"),
            ("GET /v1.51/_ping ", 200, "OK"),
            ("GET /v1.51/containers/web/json ", 200, INSPECTED),
            ("GET /v1.51/containers/json?", 200, r#"[{"Id":"4d7b","Health":{"Status":"healthy"},"Names":["/web"]}]"#),
            (
                "GET /v1.51/images/nginx/json ",
                200,
                r#"{"Id":"sha256:9c","RepoDigests":["nginx@sha256:11"],"Config":{}}"#,
            ),
            ("GET /v1.51/images/empty/json ", 200, r#"{"Id":"sha256:9d","RepoDigests":null}"#),
            ("GET /v1.51/events?", 200, EVENTS),
            ("POST /v1.51/containers/create?name=web ", 201, r#"{"Id":"4d7b","Warnings":["so so"]}"#),
            ("POST /v1.51/containers/4d7b/start ", 304, ""),
            ("POST /v1.51/containers/4d7b/wait?", 200, "{\"StatusCode\":137,\"Error\":{\"Message\":\"killed\"}}\n"),
            ("POST /v1.51/images/create?", 200, PULL),
        ],
    );
    let engine = Engine::connect(played.socket()).await.unwrap();
    let web = engine.container("web").await.unwrap().unwrap();
    assert_eq!((web.id.as_str(), web.state.pid, web.label("sculler.unit")), ("4d7b", 4711, Some("web.service")));
    assert_eq!(web.state.health.as_ref().map(|health| health.status.as_str()), Some("healthy"));
    assert_eq!(web.published_ports().into_iter().collect::<Vec<_>>(), ["8080/tcp"]);
    assert!(engine.container("other").await.unwrap().is_none());
    assert_eq!(engine.containers_with("sculler.unit", "web.service").await.unwrap(), ["4d7b"]);
    for image in ["nginx", "empty"] {
        assert!(engine.image(image).await.unwrap().is_some(), "{image}");
    }
    let (id, warnings) = engine.create("web", None, &CreateBody::default()).await.unwrap();
    assert_eq!((id.as_str(), warnings), ("4d7b", vec!["so so".to_owned()]));
    engine.start(&id).await.unwrap();
    assert_eq!(engine.wait(&id, true).await.unwrap().exit().await.unwrap().code, 137);
    let mut events = engine.events_until(&id, std::time::SystemTime::now()).await.unwrap();
    let mut told = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        told.push(event);
    }
    assert_eq!(told, [Event::Kill, Event::Stop, Event::Health("unhealthy".into())]);
    let mut pull = engine.pull("nginx", false, None, None).await.unwrap();
    let mut last = None;
    let error = loop {
        match pull.next().await {
            Ok(progress) => last = progress,
            Err(error) => break error,
        }
    };
    let last = last.unwrap();
    assert_eq!((last.current, last.total, last.layers, last.unpacked), (512, 1024, 1, 1));
    assert_eq!(error.to_string(), "no space left on device");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_end() {
    let played = Played::new("1.45", &[("GET /_ping ", 200, "OK"), ("POST /v1.45/containers/web/wait?", 200, "")]);
    let engine = Engine::connect(played.socket()).await.unwrap();
    assert!(engine.wait("web", false).await.unwrap().exit().await.unwrap_err().is_unreachable());
}
