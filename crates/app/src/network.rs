//! The networks around an address, by which strangers are counted: who has one address has often
//! all that are near it.

use postern_types::Network;
use std::net::IpAddr;

/// How much around an address is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// One IPv4 address, or the /64 that one IPv6 host can choose from freely.
    Narrow,
    /// What one customer is often given: /26 and /48.
    Middle,
    /// What one provider is often given: /21 and /32.
    Wide,
}

/// The network of this width around an address.
pub(crate) fn around(address: IpAddr, width: Width) -> Network {
    match width {
        Width::Narrow => Network::around(address, 32, 64),
        Width::Middle => Network::around(address, 26, 48),
        Width::Wide => Network::around(address, 21, 32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_three_networks() {
        let three = |address: &str| {
            let address = address.parse().unwrap();
            [Width::Narrow, Width::Middle, Width::Wide].map(|width| around(address, width).to_string())
        };
        assert_eq!(three("203.0.113.77"), ["203.0.113.77", "203.0.113.64/26", "203.0.112.0/21"]);
        assert_eq!(three("::ffff:203.0.113.77"), three("203.0.113.77"));
        assert_eq!(three("2001:db8:1:2:3::4"), ["2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32"]);
        assert_eq!(three("::1"), ["::/64", "::/48", "::/32"]);
    }
}
