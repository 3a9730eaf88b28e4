//! Keeping the image of a unit's last good version: a tag keeps it from `docker image prune` and from losing its last
//! name to another image; a container that never runs keeps it from `docker image prune --all`, which takes tags along.

use std::collections::BTreeMap;

use super::Error;
use super::engine::Engine;
use super::http::{Request, encoded_path};
use crate::quadlet::create::{CreateBody, HostConfig};
use crate::unit::{Digest, UnitName};

/// The label of the container that holds an image.
const LABEL: &str = "sculler.keeps";

/// The repository of all tags; nothing is ever pulled from it or pushed to it.
const REPOSITORY: &str = "sculler.local/keep";

const TAG: &str = "good";

impl Engine {
    /// Keeps an image for a unit, in the place of the one that was kept before. `is_used`: whether a container has it
    /// anyway, so that the tag is enough.
    pub async fn keep(&self, unit: &UnitName, image: &str, is_used: bool) -> Result<(), Error> {
        let repository = repository(unit);
        self.tag(image, &repository, TAG).await?;
        self.remove_keepers(unit).await?;
        if !is_used {
            let body = CreateBody {
                image: format!("{repository}:{TAG}"),
                // It never runs, and an image without a command is refused.
                cmd: Some(vec!["-".to_owned()]),
                labels: BTreeMap::from([(LABEL.to_owned(), unit.to_string())]),
                host_config: HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() },
                ..CreateBody::default()
            };
            self.create(&format!("sculler-keep-{}", slug(unit)), None, &body).await?;
        }
        Ok(())
    }

    /// Keeps nothing for a unit any more. An image that has no other name and no container goes.
    pub async fn release(&self, unit: &UnitName) -> Result<(), Error> {
        self.remove_keepers(unit).await?;
        let name = format!("{}:{TAG}", repository(unit));
        match self.send(Request::delete(format!("/images/{}", encoded_path(&name)))).await {
            Ok(response) => response.end().await,
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn remove_keepers(&self, unit: &UnitName) -> Result<(), Error> {
        for id in self.containers_with(LABEL, unit.as_str()).await? {
            self.remove(&id).await?;
        }
        Ok(())
    }
}

fn repository(unit: &UnitName) -> String {
    format!("{REPOSITORY}/{}", slug(unit))
}

/// A unit's name in the letters that the Engine allows; two units never share one.
fn slug(unit: &UnitName) -> String {
    let name = unit.as_str();
    let is_plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if name.len() <= 100 && name.split(['.', '-']).all(is_plain) {
        return name.to_owned();
    }
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).take(60).collect();
    // A name without it has no two underscores.
    format!("{}__{}", plain.to_ascii_lowercase(), Digest::of([name.as_bytes()]).short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_a_name_that_the_engine_allows() {
        for (unit, expected) in [
            ("web.service", "web.service"),
            ("my-web.service", "my-web.service"),
            ("Web.service", "webservice__"),
            ("web@1.service", "web1service__"),
            ("a--b.service", "abservice__"),
        ] {
            let slug = slug(&UnitName::parse(unit).unwrap());
            assert!(slug.starts_with(expected), "{slug}");
            assert_eq!(slug.len() - expected.len(), if slug == expected { 0 } else { 7 }, "{slug}");
        }
    }
}
