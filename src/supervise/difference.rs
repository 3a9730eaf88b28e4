//! In what a volume or network differs from its file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::docker::{IpamInfo, NetworkInfo, VolumeInfo};
use crate::quadlet::create::{Ipam, NetworkBody, VolumeBody};

/// Labels that say whose it is, and nothing of what it is.
const OURS: &str = "sculler.";

/// The differences of a network, in words; none if it is as the file says, as far as the file says it.
pub fn of_network(wanted: &NetworkBody, found: &NetworkInfo) -> Vec<String> {
    let mut list = List::default();
    list.text("driver", wanted.driver.as_deref().unwrap_or("bridge"), &found.driver);
    list.flag("Internal", wanted.internal, found.internal);
    list.flag("IPv6", wanted.enable_ipv6, found.enable_ipv6);
    if let Some(ipam) = &wanted.ipam {
        pools(&mut list, ipam, found.ipam.as_ref().unwrap_or(&IpamInfo::default()));
    }
    list.maps("option", &wanted.options, &found.options.clone().unwrap_or_default());
    list.maps("label", &wanted.labels, &without_ours(found.labels.as_ref()));
    list.0
}

/// The differences of a volume, likewise.
pub fn of_volume(wanted: &VolumeBody, found: &VolumeInfo) -> Vec<String> {
    let mut list = List::default();
    list.text("driver", wanted.driver.as_deref().unwrap_or("local"), &found.driver);
    list.maps("option", &wanted.driver_opts, &found.options.clone().unwrap_or_default());
    list.maps("label", &wanted.labels, &without_ours(found.labels.as_ref()));
    list.0
}

/// Whether two values of owners differ, in words.
pub fn of_owner(uid: Option<u32>, gid: Option<u32>, found: (u32, u32)) -> Option<String> {
    let wanted = (uid.unwrap_or(found.0), gid.unwrap_or(found.1));
    let shown = |owner: (u32, u32)| format!("{}:{}", owner.0, owner.1);
    (wanted != found).then(|| sentence("owner", &shown(wanted), &shown(found)))
}

fn pools(list: &mut List, wanted: &Ipam, found: &IpamInfo) {
    let default = |driver: &Option<String>| driver.clone().unwrap_or_else(|| "default".to_owned());
    list.text("IPAM driver", &default(&wanted.driver), &default(&found.driver));
    if wanted.config.is_empty() {
        return;
    }
    // What the Engine chose for the family that the file says nothing of is no difference.
    let is_v6 = |subnet: &str| subnet.contains(':');
    let families: BTreeSet<bool> = wanted.config.iter().map(|pool| is_v6(&pool.subnet)).collect();
    let theirs: Vec<_> = found.config.iter().flatten().filter(|pool| families.contains(&is_v6(&pool.subnet))).collect();
    let mine: BTreeSet<String> = wanted.config.iter().map(|pool| subnet(&pool.subnet)).collect();
    let others: BTreeSet<String> = theirs.iter().map(|pool| subnet(&pool.subnet)).collect();
    if mine != others {
        let shown = |subnets: BTreeSet<String>| subnets.into_iter().collect::<Vec<_>>().join(", ");
        list.text("subnet", &shown(mine), &shown(others));
        return;
    }
    for pool in &wanted.config {
        let Some(other) = theirs.iter().find(|other| subnet(&other.subnet) == subnet(&pool.subnet)) else { continue };
        let range = |range: &Option<String>| range.as_deref().map(subnet).unwrap_or_default();
        list.text("address range", &range(&pool.ip_range), &range(&other.ip_range));
        // The Engine chooses one where the file names none.
        if let Some(gateway) = &pool.gateway {
            list.text("gateway", &address(gateway), &address(other.gateway.as_deref().unwrap_or_default()));
        }
    }
}

/// `10.1.2.3/8` and `10.0.0.0/8` are the same subnet.
fn subnet(text: &str) -> String {
    let parsed = text.split_once('/').and_then(|(address, bits)| {
        let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse::<u32>().ok()?);
        Some(match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
                format!("{}/{bits}", std::net::Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
                format!("{}/{bits}", std::net::Ipv6Addr::from(u128::from(address) & mask))
            }
        })
    });
    parsed.unwrap_or_else(|| text.to_owned())
}

fn address(text: &str) -> String {
    text.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}

fn without_ours(labels: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let labels = labels.into_iter().flatten().filter(|(name, _)| !name.starts_with(OURS));
    labels.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[derive(Default)]
struct List(Vec<String>);

impl List {
    fn text(&mut self, what: &str, wanted: &str, found: &str) {
        if wanted != found {
            self.0.push(sentence(what, wanted, found));
        }
    }

    fn flag(&mut self, what: &str, wanted: bool, found: bool) {
        let word = |flag: bool| if flag { "yes" } else { "no" };
        self.text(what, word(wanted), word(found));
    }

    fn maps(&mut self, what: &str, wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>) {
        let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        for name in names {
            let value = |map: &BTreeMap<String, String>| map.get(name).cloned();
            let (wanted, found) = (value(wanted), value(found));
            if wanted != found {
                let shown = |value: Option<String>| value.map_or("nothing".to_owned(), |value| format!("'{value}'"));
                self.0.push(sentence(&format!("{what} {name}"), &shown(wanted), &shown(found)));
            }
        }
    }
}

fn sentence(what: &str, wanted: &str, found: &str) -> String {
    let shown = |value: &str| if value.is_empty() { "nothing".to_owned() } else { value.to_owned() };
    format!("{what}: {} in the file, {} as it is", shown(wanted), shown(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::PoolInfo;
    use crate::quadlet::create::IpamPool;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn pool(subnet: &str, gateway: Option<&str>, range: Option<&str>) -> IpamPool {
        IpamPool { subnet: subnet.into(), gateway: gateway.map(Into::into), ip_range: range.map(Into::into) }
    }

    /// A pool as the Engine shows it, with its gateway.
    fn there(subnet: &str, gateway: &str) -> PoolInfo {
        PoolInfo { subnet: subnet.into(), gateway: Some(gateway.into()), ip_range: None }
    }

    fn ipam(pools: Vec<PoolInfo>) -> Option<IpamInfo> {
        Some(IpamInfo { driver: Some("default".into()), config: Some(pools) })
    }

    #[test]
    fn what_the_file_does_not_say_is_no_difference() {
        let mut found = NetworkInfo {
            driver: "bridge".into(),
            ipam: ipam(vec![there("172.18.0.0/16", "172.18.0.1")]),
            labels: Some(map(&[("sculler.unit", "x"), ("sculler.run", "y")])),
            ..NetworkInfo::default()
        };
        let mut wanted = NetworkBody { name: "x".into(), ..NetworkBody::default() };
        assert_eq!(of_network(&wanted, &found), Vec::<String>::new());
        wanted.ipam = Some(Ipam { driver: None, config: vec![pool("172.18.5.1/16", None, None)] });
        assert_eq!(of_network(&wanted, &found), Vec::<String>::new());
        // The Engine's own choice for IPv6.
        wanted.enable_ipv6 = true;
        found.enable_ipv6 = true;
        found.ipam = ipam(vec![there("172.18.0.0/16", "172.18.0.1"), there("fd00::/64", "fd00::1")]);
        assert_eq!(of_network(&wanted, &found), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_named() {
        let found = NetworkInfo {
            driver: "bridge".into(),
            ipam: ipam(vec![there("10.0.0.0/24", "10.0.0.1")]),
            options: Some(map(&[("a", "1"), ("b", "2")])),
            labels: Some(map(&[("own", "1")])),
            ..NetworkInfo::default()
        };
        let mut wanted = NetworkBody {
            driver: Some("macvlan".into()),
            internal: true,
            ipam: Some(Ipam { driver: None, config: vec![pool("10.1.0.0/24", None, None)] }),
            options: map(&[("a", "1"), ("b", "3")]),
            ..NetworkBody::default()
        };
        let expected = [
            "driver: macvlan in the file, bridge as it is",
            "Internal: yes in the file, no as it is",
            "subnet: 10.1.0.0/24 in the file, 10.0.0.0/24 as it is",
            "option b: '3' in the file, '2' as it is",
            "label own: nothing in the file, '1' as it is",
        ];
        assert_eq!(of_network(&wanted, &found), expected);
        wanted = NetworkBody {
            options: found.options.clone().unwrap(),
            labels: map(&[("own", "1")]),
            ..NetworkBody::default()
        };
        wanted.ipam =
            Some(Ipam { driver: None, config: vec![pool("10.0.0.0/24", Some("10.0.0.9"), Some("10.0.0.128/25"))] });
        let expected = [
            "address range: 10.0.0.128/25 in the file, nothing as it is",
            "gateway: 10.0.0.9 in the file, 10.0.0.1 as it is",
        ];
        assert_eq!(of_network(&wanted, &found), expected);
        let found = VolumeInfo { driver: "local".into(), options: None, ..VolumeInfo::default() };
        let wanted = VolumeBody { driver_opts: map(&[("type", "tmpfs")]), ..VolumeBody::default() };
        assert_eq!(of_volume(&wanted, &found), ["option type: 'tmpfs' in the file, nothing as it is"]);
        assert_eq!(of_owner(None, Some(5), (3, 5)), None);
        assert_eq!(of_owner(Some(1), None, (3, 5)).unwrap(), "owner: 1:5 in the file, 3:5 as it is");
    }
}
