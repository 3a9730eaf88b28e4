//! Are the ports that a container publishes free? Known before anything is stopped only for those that some process
//! listens on (proc_pid_net(5): /proc/net/tcp and its like). Pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::quadlet::create::{HostConfig, PortBinding};

/// TCP_LISTEN, and what an unconnected UDP socket has (kernel: include/net/tcp_states.h).
const LISTENS: [(&str, &str); 2] = [("tcp", "0A"), ("udp", "07")];

/// Somebody's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    protocol: &'static str,
    address: IpAddr,
    port: u16,
}

/// Reads a table such as /proc/net/tcp6 of `protocol`, `tcp` or `udp`.
pub fn listeners(protocol: &str, table: &str) -> Vec<Listener> {
    let Some((protocol, state)) = LISTENS.into_iter().find(|(known, _)| *known == protocol) else { return Vec::new() };
    let listener = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (address, port) = words.next()?.split_once(':')?;
        (words.nth(1)? == state).then_some(())?;
        Some(Listener { protocol, address: address_of(address)?, port: u16::from_str_radix(port, 16).ok()? })
    };
    table.lines().skip(1).filter_map(listener).collect()
}

/// Words of 32 bits in the machine's order, each as eight digits.
fn address_of(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for index in (0..text.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(text.get(index..index + 8)?, 16).ok()?.to_ne_bytes());
    }
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        _ => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()),
    }
}

/// The ports of the host that a container asks for, as `8080/tcp`, on which somebody listens. `own` are those that the
/// container that runs has, which gives them up.
pub fn taken(wanted: &HostConfig, own: &BTreeSet<String>, listeners: &[Listener]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    for (port, bindings) in &wanted.port_bindings {
        let protocol = port.split_once('/').map_or("tcp", |(_, protocol)| protocol);
        for binding in bindings {
            let name = format!("{}/{protocol}", binding.host_port);
            // A range is the Engine's to choose from.
            let Ok(port) = binding.host_port.parse::<u16>() else { continue };
            let is_taken = |listener: &&Listener| {
                listener.port == port && listener.protocol == protocol && overlaps(binding, listener.address)
            };
            if port != 0 && !own.contains(&name) && listeners.iter().any(|listener| is_taken(&listener)) {
                taken.insert(name);
            }
        }
    }
    taken.into_iter().collect()
}

fn overlaps(binding: &PortBinding, address: IpAddr) -> bool {
    match binding.host_ip.parse::<IpAddr>() {
        Ok(ip) => ip.is_unspecified() || address.is_unspecified() || ip == address,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
                       \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
                       \x20  1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
                       \x20  2: 0100007F:1F91 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0\n";

    const TCP6: &str = "  sl  local_address                         remote_address                        st\n\
                        \x20  0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0\n\
                        \x20  1: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 0:0\n";

    fn wanted(port: &str, ip: &str, host_port: &str) -> HostConfig {
        let binding = PortBinding { host_ip: ip.into(), host_port: host_port.into() };
        HostConfig { port_bindings: [(port.to_owned(), vec![binding])].into(), ..HostConfig::default() }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_port_that_somebody_listens_on_is_taken() {
        let mut known = listeners("tcp", TCP);
        known.extend(listeners("tcp", TCP6));
        let none = BTreeSet::new();
        for (port, ip, host_port, is_taken) in [
            ("80/tcp", "", "8080", true),
            ("80/tcp", "127.0.0.1", "8080", true),
            ("80/tcp", "10.0.0.1", "8080", false),
            ("80/tcp", "10.0.0.1", "80", true),
            ("80/tcp", "", "22", true),
            ("80/tcp", "127.0.0.1", "8082", true),
            ("80/tcp", "", "8081", false),
            ("80/udp", "", "80", false),
            ("80/tcp", "", "", false),
            ("80/tcp", "", "80-90", false),
        ] {
            let taken = taken(&wanted(port, ip, host_port), &none, &known);
            assert_eq!(!taken.is_empty(), is_taken, "{ip}:{host_port} for {port}");
        }
        let own = BTreeSet::from(["80/tcp".to_owned()]);
        assert_eq!(taken(&wanted("80/tcp", "", "80"), &own, &known), Vec::<String>::new());
    }
}
