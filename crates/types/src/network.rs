//! Networks: addresses that begin alike.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: `192.0.2.0/24`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// The network around an address: of so many bits where it is an IPv4 address, also one in
    /// IPv6 clothes, and of so many where it is an IPv6 address. More bits than there are count
    /// as all.
    pub fn around(address: IpAddr, v4_bits: u32, v6_bits: u32) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let prefix_bits = v4_bits.min(32);
                let mask = u32::MAX.checked_shl(32 - prefix_bits).unwrap_or(0);
                Self { address: IpAddr::V4((address.to_bits() & mask).into()), prefix_bits }
            }
            IpAddr::V6(address) => {
                let prefix_bits = v6_bits.min(128);
                let mask = u128::MAX.checked_shl(128 - prefix_bits).unwrap_or(0);
                Self { address: IpAddr::V6((address.to_bits() & mask).into()), prefix_bits }
            }
        }
    }

    /// Is the address in it? An IPv4 address in IPv6 clothes is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix_bits).unwrap_or(0);
                (ours.to_bits() ^ theirs.to_bits()) & mask == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix_bits).unwrap_or(0);
                (ours.to_bits() ^ theirs.to_bits()) & mask == 0
            }
            _ => false,
        }
    }

    /// What one provider is often given around it: /21 of IPv4, /32 of IPv6.
    pub fn provider(&self) -> Self {
        Self::around(self.address, 21, 32)
    }

    /// Refuses an address with the length of a network around it, which is a slip: which of both was
    /// meant?
    pub fn check_bits(&self) -> Result<(), String> {
        let whole = Self::around(self.address, self.prefix_bits, self.prefix_bits);
        match whole == *self {
            true => Ok(()),
            false => {
                let address = self.address;
                Err(format!(
                    "{self} has bits beyond its length: write {whole} for the network, or {address} for the one"
                ))
            }
        }
    }

    /// Is it everything that there is?
    pub fn is_everything(&self) -> bool {
        self.prefix_bits == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("{text:?} is no network: write 192.0.2.0/24, 2001:db8::/32 or one address");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| refusal())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| refusal()))?;
        if prefix_bits > most {
            return Err(refusal());
        }
        // An IPv4 network in IPv6 clothes is the IPv4 network, as with addresses.
        match (address, address.to_canonical()) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if prefix_bits >= 96 => {
                Ok(Self { address: v4, prefix_bits: prefix_bits - 96 })
            }
            _ => Ok(Self { address, prefix_bits }),
        }
    }
}

/// As it is read; one address without its length.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        match self.prefix_bits {
            bits if bits == most => write!(f, "{}", self.address),
            bits => write!(f, "{}/{bits}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_their_prefix_says() {
        let holds =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(holds("192.0.2.0/24", "192.0.2.255"));
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(!holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("::ffff:192.0.2.0/120", "192.0.2.7") && !holds("::ffff:192.0.2.0/120", "192.0.3.7"));
        assert!(holds("2001:db8::/32", "2001:db8:1::"));
        assert!(!holds("2001:db8::1", "2001:db8::2"));
        assert!("192.0.2.0/33".parse::<Network>().is_err());
        assert!("192.0.2.0/-1".parse::<Network>().is_err());
    }

    #[test]
    fn an_address_is_in_the_network_around_it() {
        let around = |address: &str, bits| Network::around(address.parse().unwrap(), bits, bits).to_string();
        assert_eq!(around("192.0.2.77", 26), "192.0.2.64/26");
        assert_eq!(around("::ffff:192.0.2.77", 32), "192.0.2.77");
        assert_eq!(around("2001:db8:1::7", 32), "2001:db8::/32");
        assert_eq!((around("192.0.2.77", 0), around("192.0.2.77", 99)), ("0.0.0.0/0".into(), "192.0.2.77".into()));
    }

    #[test]
    fn networks_read_and_write_alike() {
        for text in ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "2001:db8::1", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        assert_eq!("192.0.2.7/32".parse::<Network>().unwrap().to_string(), "192.0.2.7");
    }

    #[test]
    fn bits_beyond_the_length_are_a_slip() {
        let check = |text: &str| text.parse::<Network>().unwrap().check_bits();
        for text in ["10.0.0.0/8", "10.0.0.5", "2001:db8::/32", "0.0.0.0/0", "::1"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let slip = check("10.0.0.5/8").unwrap_err();
        assert!(slip.contains("10.0.0.0/8 for the network, or 10.0.0.5"), "{slip}");
        assert!(check("2001:db8::1/32").is_err());
    }
}
