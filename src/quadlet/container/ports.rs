//! `PublishPort=` and `ExposeHostPort=` (podman: pkg/specgenutil/ports.go).

use core::net::IpAddr;
use std::ops::RangeInclusive;

use super::Translation;
use crate::quadlet::create::PortBinding;

impl Translation<'_> {
    pub(super) fn ports(&mut self) {
        let mode = self.create.host_config.network_mode.clone().unwrap_or_default();
        for value in self.values.lines("ExposeHostPort") {
            match exposed(value.text.trim()) {
                _ if mode.starts_with("container:") => self.not_a_port_of_its_own(&value),
                Some((ports, protocol)) => ports.for_each(|port| self.expose(port, protocol)),
                None => {
                    self.not_a::<()>(&value, "is no port; write N, N-M, N/udp or N-M/udp");
                }
            }
        }
        for value in self.values.lines("PublishPort") {
            if mode.starts_with("container:") {
                self.not_a_port_of_its_own(&value);
                continue;
            }
            if matches!(mode.as_str(), "host" | "none") {
                let message = format!("PublishPort= does nothing with Network={mode}; remove one of them");
                self.values.findings.push(value.warning(message));
            }
            match published(&value.text) {
                Ok(published) => self.publish(&published, &value),
                Err(message) => {
                    self.values.findings.push(value.error(format!("PublishPort '{}' {message}", value.text)))
                }
            }
        }
    }

    fn not_a_port_of_its_own(&mut self, value: &super::Value<'_>) {
        let message =
            format!("{}= does not work with the network of another container; write it in that one", value.key());
        self.values.findings.push(value.error(message));
    }

    fn publish(&mut self, published: &Published<'_>, value: &super::Value<'_>) {
        let Published { address, host, container, protocol } = published;
        for (index, port) in container.clone().enumerate() {
            let host_port = host.as_ref().and_then(|host| host.clone().nth(index));
            let binding = PortBinding {
                host_ip: address.map(|address| address.to_string()).unwrap_or_default(),
                host_port: host_port.map(|port| port.to_string()).unwrap_or_default(),
            };
            if host_port.is_some() && self.is_taken(&binding, protocol) {
                let message = format!(
                    "PublishPort: port {} of the host is published twice; remove one of them",
                    binding.host_port
                );
                self.values.findings.push(value.error(message));
                return;
            }
            self.expose(port, protocol);
            let bindings = self.create.host_config.port_bindings.entry(format!("{port}/{protocol}")).or_default();
            bindings.push(binding);
        }
    }

    /// An unspecified address has the port on all addresses of its kind.
    fn is_taken(&self, binding: &PortBinding, protocol: &str) -> bool {
        let covers = |a: &str, b: &str| match a {
            "" => true,
            "0.0.0.0" => !b.contains(':'),
            "::" => b.is_empty() || b.contains(':'),
            _ => a == b,
        };
        let (address, port) = (binding.host_ip.as_str(), &binding.host_port);
        let ports = self.create.host_config.port_bindings.iter();
        let taken = ports.filter(|(key, _)| key.ends_with(&format!("/{protocol}"))).flat_map(|(_, taken)| taken);
        let mut same = taken.filter(|other| other.host_port == *port);
        same.any(|other| covers(&other.host_ip, address) || covers(address, &other.host_ip))
    }
}

struct Published<'a> {
    address: Option<IpAddr>,
    /// `None`: the Engine chooses.
    host: Option<RangeInclusive<u16>>,
    container: RangeInclusive<u16>,
    protocol: &'a str,
}

/// `[[ADDRESS:][HOSTPORT]:]PORT[/PROTOCOL]`
fn published(text: &str) -> Result<Published<'_>, &'static str> {
    const FORM: &str = "is no port; write [[ADDRESS:][HOSTPORT]:]PORT[/PROTOCOL]";
    let (text, protocol) = split_protocol(text).ok_or("has an unknown protocol; it can be tcp, udp, sctp")?;
    let (address, ports) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, ports) = rest.split_once("]:").ok_or(FORM)?;
            (Some(IpAddr::V6(address.parse().map_err(|_| "has no IPv6 address between '[' and ']'")?)), ports)
        }
        None if text.matches(':').count() > 2 => {
            return Err("has too many ':'; write an IPv6 address between '[' and ']'");
        }
        None => match text.matches(':').count() {
            2 => {
                let (address, ports) = text.split_once(':').ok_or(FORM)?;
                let address = match address {
                    "" => None,
                    address => {
                        Some(IpAddr::V4(address.parse().map_err(|_| "has no IPv4 address before the first ':'")?))
                    }
                };
                (address, ports)
            }
            _ => (None, text),
        },
    };
    let (host, container) = match ports.split_once(':') {
        Some((host, container)) => (Some(host).filter(|host| !matches!(*host, "" | "0")), container),
        None => (None, ports),
    };
    let host = host.map(|host| range(host).ok_or(FORM)).transpose()?;
    let container = range(container).ok_or(FORM)?;
    if host.as_ref().is_some_and(|host| host.len() != container.len()) {
        return Err("has ranges of different lengths; make them equal");
    }
    Ok(Published { address, host, container, protocol })
}

fn exposed(text: &str) -> Option<(RangeInclusive<u16>, &str)> {
    let (ports, protocol) = split_protocol(text)?;
    Some((range(ports)?, protocol))
}

fn split_protocol(text: &str) -> Option<(&str, &'static str)> {
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let known = ["tcp", "udp", "sctp"];
    known.into_iter().find(|known| known.eq_ignore_ascii_case(protocol)).map(|protocol| (ports, protocol))
}

/// `N` or `N-M`, within 1 and 65535.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| {
        let is_digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| is_digits && *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let cases = [
            ("80", "- -:80-80/tcp"),
            ("8080:80/udp", "- 8080-8080:80-80/udp"),
            (":80", "- -:80-80/tcp"),
            ("0:80", "- -:80-80/tcp"),
            ("1.2.3.4:8080:80", "1.2.3.4 8080-8080:80-80/tcp"),
            ("1.2.3.4::80", "1.2.3.4 -:80-80/tcp"),
            ("[::1]:80:80/SCTP", "::1 80-80:80-80/sctp"),
            ("[::1]::80", "::1 -:80-80/tcp"),
            ("[::1]:80", "::1 -:80-80/tcp"),
            ("1-3:11-13", "- 1-3:11-13/tcp"),
        ];
        for (text, expected) in cases {
            let show = |range: &RangeInclusive<u16>| format!("{}-{}", range.start(), range.end());
            let Published { address, host, container, protocol } = published(text).unwrap();
            let address = address.map_or("-".to_owned(), |address| address.to_string());
            let host = host.as_ref().map_or("-".to_owned(), show);
            assert_eq!(format!("{address} {host}:{}/{protocol}", show(&container)), expected, "{text}");
        }
        for text in ["", "x", "0", "65536", "+80", "80:", "2-1", "1-2:3", "80/icmp", "::1:80:80", "[::1]80", "a.b:1:2"]
        {
            assert!(published(text).is_err(), "{text}");
        }
        assert_eq!(exposed("1-2/udp"), Some((1..=2, "udp")));
    }
}
