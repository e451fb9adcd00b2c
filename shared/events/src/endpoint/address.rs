//! Which addresses are on the public internet.
//! Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), and the multicast spaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 prefixes that are not globally reachable, or lead into another network.
const NOT_PUBLIC_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by carriers (RFC 6598)
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local; the metadata of cloud machines
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // 6to4 relays
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// IPv6 prefixes within global unicast that are no hosts of the public internet.
const NOT_PUBLIC_V6: &[([u16; 8], u32)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, ORCHID, benchmarks
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4: an IPv4 address within
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

/// Global unicast: all else, such as loopback, link-local, unique local, multicast, NAT64 and IPv4
/// addresses written as IPv6, lies outside it.
const GLOBAL_V6: ([u16; 8], u32) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Whether the address is one of the public internet, and not of a private network, of this machine,
/// of a protocol or of a book.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4
            .iter()
            .any(|(prefix, bits)| within_v4(address, Ipv4Addr::from(*prefix), *bits)),
        IpAddr::V6(address) => {
            let within = |(prefix, bits): &([u16; 8], u32)| {
                within_v6(address, Ipv6Addr::from(*prefix), *bits)
            };
            within(&GLOBAL_V6) && !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}

fn within_v4(address: Ipv4Addr, prefix: Ipv4Addr, bits: u32) -> bool {
    (address.to_bits() ^ prefix.to_bits()) >> (32 - bits) == 0
}

fn within_v6(address: Ipv6Addr, prefix: Ipv6Addr, bits: u32) -> bool {
    (address.to_bits() ^ prefix.to_bits()) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn hosts_of_the_internet_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn what_the_standard_library_knows_to_be_private_is_not_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let private = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_unspecified()
                || address.is_documentation();
            prop_assert!(!(private && is_public(address.into())));
        }

        #[test]
        fn an_ipv4_address_in_any_disguise_is_not_public(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [a, b] = [(bits >> 16) as u16, (bits & 0xffff) as u16];
            for disguise in [
                v4.to_ipv6_mapped(),
                v4.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !a, !b),
            ] {
                prop_assert!(!is_public(disguise.into()), "{disguise}");
            }
        }

        #[test]
        fn no_public_ipv6_address_is_of_a_private_kind(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            if is_public(address.into()) {
                prop_assert!(!address.is_loopback() && !address.is_unspecified());
                prop_assert!(!address.is_multicast() && !address.is_unique_local());
                prop_assert!(!address.is_unicast_link_local());
                prop_assert_eq!(address.to_ipv4(), None);
            }
        }
    }
}
