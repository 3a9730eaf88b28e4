//! Who pulls: docker's config.json, containers-auth.json(5), or `Creds=`. Reads text, never files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// What a registry is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
    /// An identity token in the place of a password.
    token: String,
    registry: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} at {})", self.user, self.registry)
    }
}

/// Docker Hub's name in files of credentials.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default, rename = "identitytoken")]
    identity_token: String,
}

impl Credentials {
    /// `USER:PASSWORD`; `None` without a colon.
    pub fn from_pair(pair: &str, image: &str) -> Option<Self> {
        let (user, password) = pair.split_once(':')?;
        Some(Self {
            user: user.into(),
            password: password.into(),
            token: String::new(),
            registry: registry_of(image).into(),
        })
    }

    /// `X-Registry-Auth`: JSON in the URL's alphabet of Base64.
    pub(super) fn header(&self) -> String {
        URL_SAFE.encode(self.json().to_string())
    }

    fn server(&self) -> &str {
        if self.registry == "docker.io" { DOCKER_HUB } else { &self.registry }
    }

    fn json(&self) -> serde_json::Value {
        if self.token.is_empty() {
            serde_json::json!({ "username": self.user, "password": self.password, "serveraddress": self.server() })
        } else {
            serde_json::json!({ "identitytoken": self.token, "serveraddress": self.server() })
        }
    }
}

/// Finds the credentials for an image in the text of a file. The error says what is wrong with the text.
pub fn credentials_from(text: &str, image: &str) -> Result<Option<Credentials>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let registry = registry_of(image);
    let Some(entry) = candidates(image).into_iter().find_map(|name| file.auths.get(&name)) else { return Ok(None) };
    if entry.auth.is_empty() && entry.identity_token.is_empty() {
        return Ok(None);
    }
    read(registry, entry).map(Some)
}

/// All credentials in the text of a file, for a build, which pulls what its file names.
pub fn all_credentials_from(text: &str) -> Result<Vec<Credentials>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let names = file.auths.iter().filter(|(_, entry)| !(entry.auth.is_empty() && entry.identity_token.is_empty()));
    names.map(|(name, entry)| read(name, entry)).collect()
}

/// `X-Registry-Config`: whom each registry is told, in the URL's alphabet of Base64.
pub fn registry_config(credentials: &[Credentials]) -> String {
    let entries = credentials.iter().map(|credentials| (credentials.server().to_owned(), credentials.json()));
    URL_SAFE.encode(serde_json::Value::Object(entries.collect()).to_string())
}

fn read(registry: &str, entry: &Entry) -> Result<Credentials, String> {
    let decoded = unbase64(&entry.auth).and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.ok_or_else(|| format!("what it has for {registry} is not Base64"))?;
    // Written by some with zeros at its end.
    let (user, password) = pair.trim_end_matches('\0').split_once(':').unwrap_or_default();
    Ok(Credentials {
        user: user.into(),
        password: password.into(),
        token: entry.identity_token.clone(),
        registry: registry.into(),
    })
}

/// The program `docker-credential-NAME` that a file leaves an image's credentials to; its NAME.
pub fn credential_helper(text: &str, image: &str) -> Option<String> {
    let file: File = serde_json::from_str(text).ok()?;
    let candidates = candidates(image);
    let helper = candidates.iter().find_map(|name| file.helpers.get(name));
    // Of what is in the store, docker login leaves an entry without credentials in the file.
    let is_stored = || candidates.iter().any(|name| file.auths.get(name).is_some_and(|entry| entry.auth.is_empty()));
    helper.cloned().or_else(|| Some(file.store.clone()).filter(|store| !store.is_empty() && is_stored()))
}

/// The registry in an image's name.
pub fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        // moby: reference/normalize.go, which tells a host from a user of Docker Hub like this.
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

/// The names under which an image's credentials may stand, the most specific first: containers-auth.json(5) allows parts
/// of the path, docker writes URLs.
fn candidates(image: &str) -> Vec<String> {
    let registry = registry_of(image);
    let mut names = Vec::new();
    let mut path = image.split('@').next().unwrap_or(image);
    if path.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        path = path.rsplit_once(':').map_or(path, |(path, _)| path);
    }
    let mut path = if path.starts_with(registry) { path.to_owned() } else { format!("{registry}/{path}") };
    while let Some((shorter, _)) = path.rsplit_once('/') {
        names.push(path.clone());
        path = shorter.to_owned();
    }
    names.push(registry.to_owned());
    names.extend([format!("https://{registry}"), format!("https://{registry}/"), format!("http://{registry}")]);
    names.extend([format!("https://{registry}/v1/"), format!("https://{registry}/v2/")]);
    if registry == "docker.io" {
        names.extend([DOCKER_HUB.to_owned(), "index.docker.io".to_owned(), "registry-1.docker.io".to_owned()]);
    }
    names
}

/// Written in either alphabet, with padding or without.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = text.trim().replace('-', "+").replace('_', "/");
    GeneralPurpose::new(&STANDARD, config).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8", "fo"), ("Pz8-", "??>"), ("Pz8+", "??>")] {
            assert_eq!(unbase64(text).unwrap(), bytes.as_bytes());
        }
        assert!(unbase64("!").is_none());
    }

    #[test]
    fn a_build_is_told_everything_that_a_file_has() {
        let text = r#"{"auths":{"quay.io":{"auth":"YTpi"},"docker.io":{"auth":"ZTpm"},"empty.io":{}}}"#;
        let all = all_credentials_from(text).unwrap();
        let config: serde_json::Value =
            serde_json::from_slice(&URL_SAFE.decode(registry_config(&all)).unwrap()).unwrap();
        assert_eq!(config["quay.io"]["username"], "a");
        assert_eq!(config[DOCKER_HUB]["password"], "f");
        assert_eq!(config.as_object().unwrap().len(), 2);
        assert!(all_credentials_from(r#"{"auths":{"quay.io":{"auth":"!"}}}"#).is_err());
    }

    #[test]
    fn the_most_specific_entry_is_taken() {
        let text = r#"{"auths":{"quay.io":{"auth":"YTpi"},"quay.io/team":{"auth":"Yzpk"},
            "https://index.docker.io/v1/":{"auth":"ZTpm"},"localhost:5000":{"auth":"Zzpo"},"empty.io":{}}}"#;
        for (image, user) in [
            ("quay.io/other/web:1", Some("a")),
            ("quay.io/team/web@sha256:00", Some("c")),
            ("nginx", Some("e")),
            ("library/nginx:latest", Some("e")),
            ("localhost:5000/web:1", Some("g")),
            ("empty.io/web", None),
            ("ghcr.io/x", None),
        ] {
            let found = credentials_from(text, image).unwrap();
            assert_eq!(found.map(|found| found.user).as_deref(), user, "{image}");
        }
        let text = r#"{"auths":{"quay.io":{},"ghcr.io":{"auth":"YTpi"}},"credsStore":"pass","credHelpers":{"x.io":"ecr-login"}}"#;
        for (image, helper) in [
            ("quay.io/web", Some("pass")),
            ("x.io/team/web:1", Some("ecr-login")),
            ("ghcr.io/web", None),
            ("nginx", None),
        ] {
            assert_eq!(credential_helper(text, image).as_deref(), helper, "{image}");
        }
        assert!(credentials_from("{", "nginx").is_err());
        assert!(credentials_from(r#"{"auths":{"quay.io":{"auth":"!"}}}"#, "quay.io/x").is_err());
    }
}
