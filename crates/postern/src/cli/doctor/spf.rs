//! SPF (RFC 7208), as far as it can be read without asking: does a record name this host?

use postern_server::config::Network;
use std::net::IpAddr;

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'f> {
    pub domain: &'f str,
    pub hostname: &'f str,
    pub addresses: &'f [IpAddr],
    /// It is a mail exchanger of the domain.
    pub is_mx: bool,
}

/// What a record says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spf {
    /// It may send, and nobody else is included.
    Names,
    /// Others are included, who may send too.
    Elsewhere,
    /// Everybody may.
    Everyone,
    /// It may not.
    Excludes,
    /// Neither.
    Open,
}

/// Is that text one?
pub(super) fn is_one(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"))
}

pub(super) fn judge(text: &str, sender: &Sender<'_>) -> Spf {
    let text = text.to_ascii_lowercase();
    let terms: Vec<(char, &str)> = text.split_whitespace().skip(1).map(qualified).collect();
    let names = |(qualifier, mechanism): &(char, &str)| *qualifier == '+' && names(mechanism, sender);
    let others = ["include:", "redirect=", "exists:", "ip4:", "ip6:", "a:"];
    let is_other = |(_, mechanism): &&(char, &str)| {
        others.iter().any(|start| mechanism.starts_with(start)) && !self::names(mechanism, sender)
    };
    // One that is included may be the smarthost's, or name us.
    let asks_others = |(_, mechanism): &(char, &str)| {
        ["include:", "redirect=", "exists:", "ptr"].iter().any(|start| mechanism.starts_with(start))
    };
    if terms.contains(&('+', "all")) {
        Spf::Everyone
    } else if terms.iter().any(names) {
        if terms.iter().any(|term| is_other(&term)) { Spf::Elsewhere } else { Spf::Names }
    } else if terms.iter().any(asks_others) {
        Spf::Elsewhere
    } else if terms.iter().any(|(qualifier, mechanism)| *mechanism == "all" && "-~".contains(*qualifier)) {
        Spf::Excludes
    } else {
        Spf::Open
    }
}

/// A term with its qualifier, which is `+` where none stands.
fn qualified(term: &str) -> (char, &str) {
    match term.chars().next() {
        Some(first @ ('+' | '-' | '~' | '?')) => (first, &term[1..]),
        _ => ('+', term),
    }
}

fn names(mechanism: &str, sender: &Sender<'_>) -> bool {
    let is_us = |name: &str| name.trim_end_matches('.').eq_ignore_ascii_case(sender.hostname);
    let (kind, value) = mechanism.split_once(':').unwrap_or((mechanism, ""));
    match kind {
        // A length of the prefix takes in more, never less.
        _ if value.is_empty() && is_kind(kind, "mx") => sender.is_mx,
        _ if value.is_empty() && is_kind(kind, "a") => is_us(sender.domain),
        "mx" => sender.is_mx && value.split('/').next() == Some(sender.domain),
        "a" => value.split('/').next().is_some_and(is_us),
        "ip4" | "ip6" => {
            let network: Option<Network> = value.parse().ok();
            network.is_some_and(|network| sender.addresses.iter().any(|address| network.contains(*address)))
        }
        _ => false,
    }
}

fn is_kind(text: &str, kind: &str) -> bool {
    text == kind || text.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Spf {
        let addresses = ["198.51.100.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let (domain, hostname) = ("garden.org", "mail.garden.org");
        judge(text, &Sender { domain, hostname, addresses: &addresses, is_mx: true })
    }

    #[test]
    fn a_record_names_this_host_or_not() {
        for text in [
            "v=spf1 mx -all",
            "v=SPF1 MX/24 ~all",
            "v=spf1 a:mail.garden.org -all",
            "v=spf1 ip4:198.51.100.0/24 -all",
            "v=spf1 ip4:198.51.100.7 -all",
            "v=spf1 ip6:2001:db8::/32 ?all",
            "v=spf1 mx:garden.org -all",
        ] {
            assert_eq!(says(text), Spf::Names, "{text}");
        }
        for text in ["v=spf1 -all", "v=spf1 a -all", "v=spf1 ip4:203.0.113.0/24 ~all", "v=spf1 -mx -all"] {
            assert_eq!(says(text), Spf::Excludes, "{text}");
        }
        for text in [
            "v=spf1 mx include:_spf.example.net -all",
            "v=spf1 include:_spf.example.net -all",
            "v=spf1 redirect=x.org",
            "v=spf1 mx ip4:203.0.113.9 -all",
        ] {
            assert_eq!(says(text), Spf::Elsewhere, "{text}");
        }
        assert_eq!((says("v=spf1 all"), says("v=spf1 +all")), (Spf::Everyone, Spf::Everyone));
        assert_eq!((says("v=spf1 ?all"), says("v=spf1")), (Spf::Open, Spf::Open));
        assert!(is_one("v=spf1") && is_one("v=spf1 -all") && !is_one("v=spf10 -all") && !is_one(""));
    }
}
