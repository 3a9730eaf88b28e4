//! The address by which other hosts know this one.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Interfaces that containers and virtual machines bring along; nobody reaches the host by them.
const INNER: [&str; 5] = ["docker", "br-", "veth", "virbr", "cni"];

/// The first address that is neither loopback nor link-local, IPv4 before IPv6.
pub fn primary() -> Option<String> {
    let mut addresses: Vec<IpAddr> = getifaddrs()
        .ok()?
        .filter(|interface| !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK))
        .filter(|interface| !INNER.iter().any(|prefix| interface.interface_name.starts_with(prefix)))
        .filter_map(|interface| {
            let address = interface.address?;
            let four = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        })
        .filter(|address| match address {
            IpAddr::V4(address) => !address.is_link_local(),
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        })
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.first().map(ToString::to_string)
}
