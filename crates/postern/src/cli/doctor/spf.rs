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
    /// Others may, and it may not.
    Others,
    /// Nobody may.
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
    // Whoever a term with another qualifier names may not send.
    let senders = || terms.iter().filter(|(qualifier, _)| *qualifier == '+').map(|(_, mechanism)| *mechanism);
    let names_us = senders().any(|mechanism| names(mechanism, sender));
    let names_others = senders().any(|mechanism| is_sender(mechanism) && !names(mechanism, sender));
    // One that is included may be the smarthost's, or name us.
    let asks_others = senders()
        .any(|mechanism| ["include:", "redirect=", "exists:", "ptr"].iter().any(|start| mechanism.starts_with(start)));
    let is_shut = terms.iter().any(|(qualifier, mechanism)| *mechanism == "all" && "-~".contains(*qualifier));
    if terms.contains(&('+', "all")) {
        Spf::Everyone
    } else if names_us && !names_others {
        Spf::Names
    } else if names_us || asks_others {
        Spf::Elsewhere
    } else if is_shut {
        if names_others { Spf::Others } else { Spf::Excludes }
    } else {
        Spf::Open
    }
}

/// Whether a term lets somebody send (RFC 7208 sections 5 and 6); `exp=` and what is not known do not.
fn is_sender(mechanism: &str) -> bool {
    let kind = mechanism.split([':', '=', '/']).next().unwrap_or_default();
    ["a", "mx", "ptr", "ip4", "ip6", "include", "exists", "redirect"].contains(&kind)
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
            "v=spf1 mx -ip4:203.0.113.9 -all",
        ] {
            assert_eq!(says(text), Spf::Names, "{text}");
        }
        for text in ["v=spf1 -all", "v=spf1 -mx -all", "v=spf1 -ip4:198.51.100.7 ~all exp=why.garden.org"] {
            assert_eq!(says(text), Spf::Excludes, "{text}");
        }
        for text in ["v=spf1 a -all", "v=spf1 ip4:203.0.113.0/24 ~all", "v=spf1 mx:relay.example.net -all"] {
            assert_eq!(says(text), Spf::Others, "{text}");
        }
        for text in [
            "v=spf1 mx include:_spf.example.net -all",
            "v=spf1 include:_spf.example.net -all",
            "v=spf1 redirect=x.org",
            "v=spf1 mx ip4:203.0.113.9 -all",
            "v=spf1 mx mx:relay.example.net -all",
            "v=spf1 mx a/28 -all",
        ] {
            assert_eq!(says(text), Spf::Elsewhere, "{text}");
        }
        assert_eq!((says("v=spf1 all"), says("v=spf1 +all")), (Spf::Everyone, Spf::Everyone));
        assert_eq!((says("v=spf1 ?all"), says("v=spf1")), (Spf::Open, Spf::Open));
        assert!(is_one("v=spf1") && is_one("v=spf1 -all") && !is_one("v=spf10 -all") && !is_one(""));
    }
}
