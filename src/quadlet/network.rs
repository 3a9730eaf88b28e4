//! `[Network]` → `POST /networks/create` (podman-network.unit(5); moby: api/swagger.yaml).

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::context::Context;
use super::create::{Ipam, IpamPool, NetworkBody};
use super::fields::Fields;
use super::names;
use super::read::Quadlet;
use super::spec;
use super::values::Value;
use crate::host::ApiVersion;
use crate::unit::{Finding, UnitName};

/// From here on the Engine chooses IPv6 subnets by itself (Docker Engine 27.0's release notes).
const IPV6_POOLS: ApiVersion = ApiVersion(1, 46);

/// Translates the network of a file. What is wrong is in `findings`.
pub fn translate(
    quadlet: &Quadlet<'_>,
    service: &UnitName,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<spec::Network> {
    let mut fields = Fields::new("Network", quadlet.merged, service, context);
    let translation = network(&mut fields, quadlet.name, service);
    fields.finish(translation, findings)
}

fn network(fields: &mut Fields<'_>, file: &UnitName, service: &UnitName) -> Option<spec::Network> {
    let name = names::resource(fields, file, service)?;
    let driver = fields.text("Driver");
    let pools = pools(fields);
    let enable_ipv6 = ipv6(fields, &pools);
    let ipam_driver = ipam_driver(fields);
    let ipam = (!pools.is_empty() || ipam_driver.is_some()).then_some(Ipam { driver: ipam_driver, config: pools });
    let create = NetworkBody {
        name,
        options: options(fields, driver.as_deref()),
        driver,
        internal: fields.boolean("Internal").unwrap_or_default(),
        enable_ipv6,
        ipam,
        labels: fields.labels(),
    };
    let delete_on_stop = fields.boolean("NetworkDeleteOnStop").unwrap_or_default();
    Some(spec::Network { create, delete_on_stop })
}

/// The nth `Gateway=` and `IPRange=` belong to the nth `Subnet=`.
fn pools(fields: &mut Fields<'_>) -> Vec<IpamPool> {
    let (subnets, gateways, ranges) = (fields.lines("Subnet"), fields.lines("Gateway"), fields.lines("IPRange"));
    for (list, key) in [(&gateways, "Gateway"), (&ranges, "IPRange")] {
        if let Some(surplus) = list.get(subnets.len()) {
            let message = match subnets.len() {
                0 => format!("{key}= is of a subnet, and there is none; add Subnet="),
                count => format!("there are more {key}= than the {count} Subnet= that they belong to; take one out"),
            };
            fields.report(surplus, message);
        }
    }
    for subnet in &subnets {
        check_subnet(fields, subnet, "Subnet", "10.89.0.0/24");
    }
    for range in &ranges {
        check_subnet(fields, range, "IPRange", "10.89.0.128/25");
    }
    for gateway in &gateways {
        if gateway.text.parse::<IpAddr>().is_err() {
            fields.report(gateway, format!("Gateway '{}' is no IP address", gateway.text));
        }
    }
    let at = |list: &[Value<'_>], index: usize| list.get(index).map(|field| field.text.clone().into_owned());
    let pools = subnets.iter().enumerate().map(|(index, subnet)| IpamPool {
        subnet: subnet.text.clone().into_owned(),
        gateway: at(&gateways, index),
        ip_range: at(&ranges, index),
    });
    pools.collect()
}

fn check_subnet(fields: &mut Fields<'_>, field: &Value<'_>, key: &str, example: &str) {
    if subnet_of(&field.text).is_none() {
        let message = format!("{key} '{}' is no subnet; write one such as '{example}'", field.text);
        fields.report(field, message);
    }
}

fn subnet_of(text: &str) -> Option<IpAddr> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most).then_some(address)
}

fn ipv6(fields: &mut Fields<'_>, pools: &[IpamPool]) -> bool {
    let is_enabled = fields.boolean("IPv6").unwrap_or_default();
    let has_subnet = pools.iter().any(|pool| subnet_of(&pool.subnet).is_some_and(|address| address.is_ipv6()));
    if is_enabled
        && !has_subnet
        && let Some(line) = fields.merged().last("Network", "IPv6")
    {
        fields.needs_api(&line, "IPv6= without an IPv6 Subnet=", IPV6_POOLS, "27.0");
    }
    // A subnet that nobody may use would be refused.
    is_enabled || has_subnet
}

fn ipam_driver(fields: &mut Fields<'_>) -> Option<String> {
    let field = fields.scalar("IPAMDriver")?;
    match &*field.text {
        // Podman's name for what Docker calls 'default'.
        "host-local" => None,
        "dhcp" => {
            fields.report(&field, "Docker has no IPAMDriver 'dhcp' of its own; leave it out and write Subnet=");
            None
        }
        _ => Some(field.text.into_owned()),
    }
}

/// Podman's names and Docker's (podman-network-create(1), `--opt`).
fn options(fields: &mut Fields<'_>, driver: Option<&str>) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    for pair in fields.pairs("Options") {
        let driver = driver.unwrap_or("bridge");
        let own = match (pair.name(), driver) {
            ("mtu", _) => "com.docker.network.driver.mtu",
            ("mode", "macvlan") => "macvlan_mode",
            ("mode", "ipvlan") => "ipvlan_mode",
            (name, "bridge") if !name.starts_with("com.docker.network.") => {
                let advice = match name {
                    "isolate" => "Docker always keeps networks apart; leave it out",
                    _ => "Docker's own begin with 'com.docker.network.'",
                };
                fields.report(&pair.value, format!("Docker has no option '{name}' for a network; {advice}"));
                continue;
            }
            (name, _) => name,
        };
        options.insert(own.to_owned(), pair.assigned().unwrap_or_default().to_owned());
    }
    if let Some(interface) = fields.text("InterfaceName") {
        options.insert("com.docker.network.bridge.name".to_owned(), interface);
    }
    options
}
