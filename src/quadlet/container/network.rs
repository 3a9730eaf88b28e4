//! `Network=` and what depends on it: addresses, aliases, name resolution (podman: `addNetworks()`; moby: the conflicts
//! of runconfig/hostconfig_unix.go).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Translation;
use crate::host::ApiVersion;
use crate::quadlet::create::{Endpoint, EndpointIpam, NetworkingConfig};
use crate::quadlet::docker_names::check_name;
use crate::quadlet::values::Value;
use crate::unit::nearest::{nearest, suggestion};

/// What one `Network=` says.
enum Network {
    /// `none`, `host`, `container:…`, or the default one.
    Mode(String),
    Named(String, Endpoint),
}

const DRIVER_NAME: &str = "com.docker.network.endpoint.ifname";
const OPTIONS: [&str; 6] = ["ip", "ip6", "mac", "alias", "interface_name", "host_interface_name"];

impl Translation<'_> {
    pub(super) fn network(&mut self) {
        let lines = self.values.lines("Network");
        let mut networks = Vec::new();
        for value in &lines {
            if let Some(network) = self.parse_network(value) {
                if matches!(network, Network::Mode(_)) && lines.len() > 1 {
                    let message = format!(
                        "Network={} cannot be had together with other networks; remove one of them",
                        value.text
                    );
                    self.values.findings.push(value.error(message));
                    return;
                }
                networks.push(network);
            }
        }
        if networks.len() < lines.len() {
            return;
        }
        let mut endpoints = NetworkingConfig::default();
        for network in networks {
            match network {
                Network::Mode(mode) => self.create.host_config.network_mode = Some(mode),
                Network::Named(name, endpoint) => {
                    self.create.host_config.network_mode.get_or_insert_with(|| name.clone());
                    if endpoints.endpoints_config.insert(name.clone(), endpoint).is_some() {
                        let finding = lines
                            .last()
                            .map(|value| value.error(format!("the network {name} is named twice; remove one of them")));
                        self.values.findings.extend(finding);
                    }
                }
            }
        }
        self.addresses(&mut endpoints);
        if !endpoints.endpoints_config.is_empty() {
            self.create.networking_config = Some(endpoints);
        }
        self.names();
    }

    fn parse_network(&mut self, value: &Value<'_>) -> Option<Network> {
        let (name, options) = match value.text.split_once(':') {
            Some((name, options)) => (name, Some(options)),
            None => (&*value.text, None),
        };
        let named = match name {
            "host" | "none" | "private" | "default" if options.is_some() => {
                return self.refuse_network(value, &format!("'{name}' takes no options; remove them"));
            }
            "host" | "none" => return Some(Network::Mode(name.to_owned())),
            "private" | "default" => return Some(Network::Mode("bridge".to_owned())),
            "container" => {
                let container = options.unwrap_or_default();
                return match check_name(container) {
                    Ok(()) => Some(Network::Mode(format!("container:{container}"))),
                    Err(message) => self.refuse_network(value, &message),
                };
            }
            "pasta" | "slirp4netns" => {
                return self.refuse_network(value, "it is for users' own containers of Podman; leave the line out");
            }
            "ns" => return self.refuse_network(value, "Docker joins no namespace by its path; use container:NAME"),
            _ if name == self.file.as_str() => {
                return self.refuse_network(value, "a container cannot use its own network; name another one");
            }
            _ if name.ends_with(".container") => {
                if options.is_some() {
                    return self.refuse_network(value, "the network of a container takes no options; remove them");
                }
                return match self.context.others.find(name) {
                    Ok(resource) => Some(Network::Mode(format!("container:{}", resource.name))),
                    Err(message) => self.refuse_network(value, &message),
                };
            }
            _ if name.ends_with(".network") => match self.context.others.find(name) {
                Ok(resource) => resource.name.clone(),
                Err(message) => return self.refuse_network(value, &message),
            },
            _ => match check_name(name) {
                Ok(()) => name.to_owned(),
                Err(message) => return self.refuse_network(value, &message),
            },
        };
        let endpoint = self.endpoint(value, options.unwrap_or_default())?;
        let is_default = named == "bridge";
        if is_default && (endpoint.ipam_config.is_some() || !endpoint.aliases.is_empty()) {
            let message = "Docker's default network has no static addresses and aliases; use a .network file";
            return self.refuse_network(value, message);
        }
        Some(Network::Named(named, endpoint))
    }

    fn refuse_network<T>(&mut self, value: &Value<'_>, message: &str) -> Option<T> {
        self.values.refuse(value, format!("Network={}: {message}", value.text))
    }

    fn endpoint(&mut self, value: &Value<'_>, options: &str) -> Option<Endpoint> {
        let mut endpoint = Endpoint::default();
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "ip" | "ip6" => match text.parse::<IpAddr>() {
                    Ok(address) => set_address(&mut endpoint, address),
                    Err(_) => {
                        return self
                            .refuse_network(value, &format!("'{text}' is no IP address; write one such as 10.5.0.10"));
                    }
                },
                "mac" => {
                    if !is_mac(text) {
                        return self.refuse_network(
                            value,
                            &format!("'{text}' is no MAC address; write one such as 02:42:ac:13:00:02"),
                        );
                    }
                    if !self.needs_api(value, "the option mac=", ApiVersion(1, 44), "25.0") {
                        return None;
                    }
                    endpoint.mac_address = Some(text.to_owned());
                }
                "alias" if !text.is_empty() => endpoint.aliases.push(text.to_owned()),
                "interface_name" if !text.is_empty() => {
                    if !self.needs_api(value, "the option interface_name=", ApiVersion(1, 48), "28.0") {
                        return None;
                    }
                    endpoint.driver_opts.insert(DRIVER_NAME.into(), text.to_owned());
                }
                "host_interface_name" => {
                    return self.refuse_network(
                        value,
                        "Docker names the host's side of the interface itself; remove host_interface_name=",
                    );
                }
                _ => {
                    let near = nearest(name, OPTIONS);
                    let advice = if near.is_some() {
                        suggestion(near)
                    } else {
                        "; it takes ip, ip6, mac, alias, interface_name".into()
                    };
                    return self.refuse_network(value, &format!("the option '{option}' is unknown{advice}"));
                }
            }
        }
        Some(endpoint)
    }

    /// `IP=`, `IP6=` and `NetworkAlias=`.
    fn addresses(&mut self, endpoints: &mut NetworkingConfig) {
        let ip = self.values.scalar("IP");
        let ip6 = self.values.scalar("IP6");
        let aliases = self.values.lines("NetworkAlias");
        let count = endpoints.endpoints_config.len();
        let is_own = count > 0 && !endpoints.endpoints_config.contains_key("bridge");
        for value in [&ip, &ip6].into_iter().flatten().chain(&aliases) {
            let message = if !is_own {
                format!("{}= needs a network of one's own; add Network=NAME.network", value.key())
            } else if count > 1 && value.key() != "NetworkAlias" {
                format!("{0}= does not tell which network is meant; write Network=NAME:ip={1}", value.key(), value.text)
            } else {
                continue;
            };
            self.values.findings.push(value.error(message));
        }
        for endpoint in endpoints.endpoints_config.values_mut() {
            endpoint.aliases.extend(aliases.iter().map(|value| value.text.clone().into_owned()));
        }
        let Some(endpoint) = endpoints.endpoints_config.values_mut().next() else { return };
        if let Some(value) = ip {
            match value.text.parse::<Ipv4Addr>() {
                Ok(address) => set_address(endpoint, IpAddr::V4(address)),
                Err(_) => self
                    .values
                    .findings
                    .push(value.error(format!("IP '{}' is no IPv4 address; write one such as 10.5.0.10", value.text))),
            }
        }
        if let Some(value) = ip6 {
            match value.text.parse::<Ipv6Addr>() {
                Ok(address) => set_address(endpoint, IpAddr::V6(address)),
                Err(_) => self
                    .values
                    .findings
                    .push(value.error(format!("IP6 '{}' is no IPv6 address; write one such as fd00::10", value.text))),
            }
        }
    }

    /// `DNS…=`, `AddHost=`, and what has no meaning in the network of somebody else.
    fn names(&mut self) {
        let mode = self.create.host_config.network_mode.clone().unwrap_or_default();
        let dns = self.values.lines("DNS");
        let options = self.values.lines("DNSOption");
        let search = self.values.lines("DNSSearch");
        let hosts = self.values.lines("AddHost");
        let hostname = self.values.scalar("HostName");
        if mode.starts_with("container:") {
            for value in dns.iter().chain(&options).chain(&search).chain(&hosts).chain(&hostname) {
                let message = format!(
                    "{}= does not work with the network of another container; write it in that one",
                    value.key()
                );
                self.values.findings.push(value.error(message));
            }
            return;
        }
        if mode == "host" {
            for value in self.values.words("Sysctl").into_iter().filter(|value| value.text.starts_with("net.")) {
                let message =
                    format!("Sysctl {}: with Network=host it would be the host's; set it in sysctl.d(5)", value.text);
                self.values.findings.push(value.error(message));
            }
        }
        for value in &dns {
            if value.text.parse::<IpAddr>().is_err() {
                self.not_a::<()>(value, "is no IP address; write one such as 1.1.1.1");
            }
        }
        let texts = |values: Vec<Value<'_>>| values.into_iter().map(|value| value.text.into_owned()).collect();
        self.create.host_config.dns = texts(dns);
        self.create.host_config.dns_options = texts(options);
        self.create.host_config.dns_search = texts(search);
        for value in hosts {
            self.host(&value);
        }
    }

    /// `NAME[;NAME…]:ADDRESS` (podman-run(1))
    fn host(&mut self, value: &Value<'_>) {
        let Some((names, address)) = value.text.split_once(':').filter(|(names, _)| !names.is_empty()) else {
            self.not_a::<()>(value, "has no ':'; write NAME:ADDRESS");
            return;
        };
        let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
        if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
            self.not_a::<()>(value, "has no IP address after ':'; write one, or host-gateway");
            return;
        }
        let hosts = names.split(';').filter(|name| !name.is_empty()).map(|name| format!("{name}:{bare}"));
        self.create.host_config.extra_hosts.extend(hosts);
    }
}

fn set_address(endpoint: &mut Endpoint, address: IpAddr) {
    let config = endpoint.ipam_config.get_or_insert_with(EndpointIpam::default);
    match address {
        IpAddr::V4(address) => config.ipv4_address = Some(address.to_string()),
        IpAddr::V6(address) => config.ipv6_address = Some(address.to_string()),
    }
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}
