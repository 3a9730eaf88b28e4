//! Volumes and networks.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Error;
use super::engine::Engine;
use super::http::{Request, encoded};
use crate::quadlet::create::{NetworkBody, VolumeBody};

/// A volume as `GET /volumes/NAME` shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeInfo {
    pub name: String,
    pub driver: String,
    /// Where its files are on the host; empty for drivers that do not tell.
    pub mountpoint: String,
    pub options: Option<BTreeMap<String, String>>,
    pub labels: Option<BTreeMap<String, String>>,
}

/// A network as `GET /networks/NAME` shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInfo {
    pub id: String,
    pub name: String,
    pub driver: String,
    pub internal: bool,
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    #[serde(rename = "IPAM")]
    pub ipam: Option<IpamInfo>,
    pub options: Option<BTreeMap<String, String>>,
    pub labels: Option<BTreeMap<String, String>>,
    /// What is attached to it, by ID.
    pub containers: Option<BTreeMap<String, Attached>>,
}

/// `Network.IPAM`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamInfo {
    pub driver: Option<String>,
    pub config: Option<Vec<PoolInfo>>,
}

/// `Network.IPAM.Config[]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PoolInfo {
    #[serde(rename = "Subnet")]
    pub subnet: String,
    #[serde(rename = "IPRange")]
    pub ip_range: Option<String>,
    #[serde(rename = "Gateway")]
    pub gateway: Option<String>,
}

/// `Network.Containers[ID]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attached {
    pub name: String,
}

impl Engine {
    /// A volume; `None` if there is none of that name.
    pub async fn volume(&self, name: &str) -> Result<Option<VolumeInfo>, Error> {
        match self.send(Request::get(format!("/volumes/{}", encoded(name)))).await {
            Ok(response) => Ok(Some(response.json().await?)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a volume.
    pub async fn create_volume(&self, body: &VolumeBody) -> Result<VolumeInfo, Error> {
        self.send(Request::post("/volumes/create").json(body)?).await?.json().await
    }

    /// Removes a volume that no container has.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        self.send(Request::delete(format!("/volumes/{}", encoded(name)))).await?.end().await
    }

    /// A network of exactly that name; `None` if there is none.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkInfo>, Error> {
        match self.send(Request::get(format!("/networks/{}", encoded(name)))).await {
            // The Engine also finds networks by the beginning of their IDs.
            Ok(response) => Ok(Some(response.json().await?).filter(|network: &NetworkInfo| network.name == name)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a network. Engines before 1.44 of the API make several of one name unless they are told not to.
    pub async fn create_network(&self, body: &NetworkBody) -> Result<(), Error> {
        let request = Request::post("/networks/create");
        let request = if self.api() < crate::host::ApiVersion(1, 44) {
            let mut json = serde_json::to_value(body).unwrap_or_default();
            json["CheckDuplicate"] = true.into();
            request.json(&json)?
        } else {
            request.json(body)?
        };
        self.send(request).await?.end().await
    }

    /// Removes a network that nothing is attached to.
    pub async fn remove_network(&self, name: &str) -> Result<(), Error> {
        self.send(Request::delete(format!("/networks/{}", encoded(name)))).await?.end().await
    }
}
