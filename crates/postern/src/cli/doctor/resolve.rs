//! Asking DNS: the host name, its addresses, and the records of each domain.

use super::dns::{Answer, Facts, Record, is_reserved};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use postern_http::model::DnsRecord;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);
/// A name with more has trouble of another kind.
const ADDRESSES: usize = 8;

/// Whom to ask.
pub(super) struct Dns(TokioResolver);

impl Dns {
    /// The servers of this machine, or that one.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let mut builder = match server {
            None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
            Some(server) => {
                let config = ResolverConfig::from_name_servers(vec![at(server)]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 2;
        // What the world sees, not what this machine is told beside it.
        options.use_hosts_file = ResolveHosts::Never;
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    async fn ask<T>(&self, name: &str, kind: RecordType, read: fn(&RData) -> Option<T>) -> Answer<T> {
        // With the dot, no domain of this machine is tried after it.
        let name = format!("{}.", name.trim_end_matches('.'));
        match self.0.lookup(name, kind).await {
            Ok(found) => {
                let all: Vec<T> = found.answers().iter().filter_map(|record| read(&record.data)).collect();
                if all.is_empty() { Answer::Nothing } else { Answer::Found(all) }
            }
            Err(error) if error.is_no_records_found() => Answer::Nothing,
            Err(error) => Answer::Unknown(error.to_string()),
        }
    }

    /// IPv4 before IPv6.
    async fn addresses(&self, name: &str) -> Answer<IpAddr> {
        let read = |data: &RData| match data {
            RData::A(ip) => Some(IpAddr::V4(ip.0)),
            RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
            _ => None,
        };
        let mut all = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            match self.ask(name, kind, read).await {
                Answer::Found(found) => all.extend(found),
                Answer::Nothing => {}
                Answer::Unknown(why) => return Answer::Unknown(why),
            }
        }
        if all.is_empty() { Answer::Nothing } else { Answer::Found(all) }
    }

    async fn names_of(&self, address: IpAddr) -> Answer<String> {
        let read = |data: &RData| match data {
            RData::PTR(name) => Some(name.0.to_utf8()),
            _ => None,
        };
        self.ask(&reversed(address), RecordType::PTR, read).await
    }

    /// Hosts that take mail for a domain, the preferred first (RFC 5321 section 5.1).
    pub async fn exchangers(&self, domain: &str) -> Answer<String> {
        let read = |data: &RData| match data {
            RData::MX(mx) => Some((mx.preference, mx.exchange.to_utf8())),
            _ => None,
        };
        match self.ask(domain, RecordType::MX, read).await {
            Answer::Found(mut found) => {
                found.sort();
                Answer::Found(found.into_iter().map(|(_, host)| host).collect())
            }
            Answer::Nothing => Answer::Nothing,
            Answer::Unknown(why) => Answer::Unknown(why),
        }
    }

    /// What is published of a record's name and kind.
    async fn record(&self, wanted: &DnsRecord) -> Answer<String> {
        let kind = match wanted.kind.as_str() {
            "MX" => RecordType::MX,
            "TXT" => RecordType::TXT,
            "SRV" => RecordType::SRV,
            "CNAME" => RecordType::CNAME,
            other => return Answer::Unknown(format!("records of type {other} are not known here")),
        };
        self.ask(&wanted.name, kind, as_in_a_zone).await
    }
}

fn at(server: SocketAddr) -> NameServerConfig {
    let connection = |protocol| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = server.port();
        connection
    };
    NameServerConfig::new(server.ip(), true, vec![connection(ProtocolConfig::Udp), connection(ProtocolConfig::Tcp)])
}

fn as_in_a_zone(data: &RData) -> Option<String> {
    match data {
        RData::MX(mx) => Some(format!("{} {}", mx.preference, mx.exchange.to_utf8())),
        RData::SRV(srv) => Some(format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target.to_utf8())),
        // Its pieces belong together without anything between (RFC 7208 section 3.3).
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        RData::CNAME(name) => Some(name.0.to_utf8()),
        _ => None,
    }
}

/// `7.100.51.198.in-addr.arpa` (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let halves = ip.octets().into_iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
            format!("{}ip6.arpa", halves.collect::<String>())
        }
    }
}

/// What is to be asked.
pub(super) struct Questions {
    pub hostname: String,
    /// What each domain should publish.
    pub domains: Vec<(String, Vec<DnsRecord>)>,
    pub no_domains: Option<String>,
    pub takes_mail: bool,
    pub smarthost: Option<String>,
}

/// Asks. Where the first question finds nobody to answer, no other is asked.
pub(super) async fn look(dns: &Dns, asked: Questions) -> Facts {
    let (reserved, domains): (Vec<_>, Vec<_>) = asked.domains.into_iter().partition(|(name, _)| is_reserved(name));
    let mut reserved: Vec<String> = reserved.into_iter().map(|(name, _)| name).collect();
    let is_host_reserved = is_reserved(&asked.hostname);
    if is_host_reserved {
        reserved.insert(0, asked.hostname.clone());
    }
    let mut facts = Facts {
        hostname: asked.hostname,
        addresses: Answer::Nothing,
        pointers: Vec::new(),
        records: Vec::new(),
        reserved,
        no_domains: asked.no_domains,
        takes_mail: asked.takes_mail,
        smarthost: asked.smarthost,
    };
    if !is_host_reserved {
        facts.addresses = dns.addresses(&facts.hostname).await;
        if let Answer::Unknown(_) = facts.addresses {
            return facts;
        }
    }
    if let Answer::Found(addresses) = &facts.addresses {
        for address in addresses.iter().take(ADDRESSES) {
            facts.pointers.push((*address, dns.names_of(*address).await));
        }
    }
    for wanted in domains.into_iter().flat_map(|(_, records)| records) {
        let found = dns.record(&wanted).await;
        let has_instead = found == Answer::Nothing && ["MX", "CNAME"].contains(&wanted.kind.as_str());
        let instead = if has_instead { dns.addresses(&wanted.name).await } else { Answer::Nothing };
        facts.records.push(Record { wanted, found, instead });
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_turned_for_the_way_back() {
        assert_eq!(reversed("198.51.100.7".parse().unwrap()), "7.100.51.198.in-addr.arpa");
        let long = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reversed("2001:db8::7".parse().unwrap()), long);
    }
}
