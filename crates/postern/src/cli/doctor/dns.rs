//! The records of DNS: does mail for each domain come here, is what leaves believed, does the host name lead
//! to an address and that back to the name.
//!
//! What `domain show` says to publish is compared with what is published. Who could not be asked is
//! no fault of the house.

use super::check::{Check, Group};
use super::spf::{self, Spf};
use postern_http::model::DnsRecord;
use std::net::{IpAddr, Ipv4Addr};

const DNS: Group = Group::Dns;
const NOTHING_LEAVES: &str = "which is right while [relay] names no smarthost, for nothing leaves this house";

/// What DNS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer<T> {
    /// These, at least one.
    Found(Vec<T>),
    /// There is none of the kind.
    Nothing,
    /// Nobody could be asked, and why.
    Unknown(String),
}

/// A record that is to be there, and what is there of its name and kind: `10 mail.example.org.`, the text of a
/// TXT, `0 1 993 mail.example.org.`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub wanted: DnsRecord,
    pub found: Answer<String>,
    /// The addresses of its name, where an MX or CNAME record is wanted and there is none.
    pub instead: Answer<IpAddr>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub hostname: String,
    pub addresses: Answer<IpAddr>,
    /// For each address, the names it leads to.
    pub pointers: Vec<(IpAddr, Answer<String>)>,
    pub records: Vec<Record>,
    /// Names that nobody asks DNS for.
    pub reserved: Vec<String>,
    /// Why no domain of the house was asked for.
    pub no_domains: Option<String>,
    /// The house takes mail from other servers itself.
    pub takes_mail: bool,
    /// Where its mail leaves.
    pub smarthost: Option<String>,
}

/// Names that are for documentation, tests and one machine (RFC 2606, RFC 6761).
pub(super) fn is_reserved(name: &str) -> bool {
    const TOPS: [&str; 4] = ["test", "example", "invalid", "localhost"];
    const SECONDS: [&str; 3] = ["example.com", "example.net", "example.org"];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let ends_so = |end: &&str| name == **end || name.ends_with(&format!(".{end}"));
    TOPS.iter().chain(&SECONDS).any(ends_so)
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let mut checks = Vec::new();
    if !facts.reserved.is_empty() {
        let names = facts.reserved.join(", ");
        checks.push(Check::note(DNS, "dns.reserved", names, "for documentation and tests alone: DNS is not asked"));
    }
    if let Some(why) = &facts.no_domains {
        let next = "start the server, or name them: postern doctor --domain DOMAIN";
        checks.push(Check::note(DNS, "dns.domains", "domains of the house", why).next(next));
    }
    if !is_reserved(&facts.hostname) {
        checks.push(addresses(facts));
    }
    checks.extend(facts.pointers.iter().map(|(address, names)| pointer(*address, names, facts)));
    checks.extend(facts.records.iter().map(|record| judge_record(record, facts)));
    checks
}

fn unknown(id: &'static str, what: String, why: &str) -> Check {
    let next = "look at the network and /etc/resolv.conf, or ask another server: postern doctor --resolver ADDRESS";
    Check::note(DNS, id, what, format!("could not be asked: {why}")).next(next)
}

fn addresses(facts: &Facts) -> Check {
    let (id, what) = ("dns.address", facts.hostname.clone());
    match &facts.addresses {
        Answer::Unknown(why) => unknown(id, what, why),
        Answer::Nothing => Check::fail(DNS, id, what, "it has no address: nobody finds this host").next(format!(
            "publish an address record: {}. A (and AAAA) with the public address of this host",
            facts.hostname
        )),
        Answer::Found(found) => {
            let shown = list(found);
            match found.iter().all(|address| is_private(*address)) {
                true => {
                    Check::warn(DNS, id, what, format!("its address is {shown}, which nobody on the Internet reaches"))
                        .next("publish the public address, unless the house is for this network alone")
                }
                false => Check::ok(DNS, id, what, format!("its address is {shown}")),
            }
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared(ip),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Of a provider that gives its customers none of their own (RFC 6598).
fn is_shared(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1])
}

/// Forward and back: other servers ask it of whoever sends.
fn pointer(address: IpAddr, names: &Answer<String>, facts: &Facts) -> Check {
    let (id, what, hostname) = ("dns.pointer", format!("{address}"), &facts.hostname);
    let next = format!("have whoever provides the address set its PTR record to {hostname}.");
    let text = match names {
        Answer::Unknown(why) => return unknown(id, what, why),
        Answer::Found(found) if found.iter().any(|name| same_name(name, hostname)) => {
            return Check::ok(DNS, id, what, format!("it leads back to {hostname}"));
        }
        Answer::Found(found) => format!("it leads back to {} and not to {hostname}", list(found)),
        Answer::Nothing => "it leads back to no name (PTR)".to_owned(),
    };
    match &facts.smarthost {
        Some(smarthost) => {
            Check::note(DNS, id, what, format!("{text}; mail leaves by {smarthost}, so it matters little"))
        }
        None => {
            let why = "many servers take no mail from such a host, but without [relay] smarthost none leaves this one";
            Check::note(DNS, id, what, format!("{text}: {why}"))
        }
    }
    .next(next)
}

fn judge_record(record: &Record, facts: &Facts) -> Check {
    let wanted = &record.wanted;
    let what = format!("{} {}", wanted.name, wanted.kind);
    match (wanted.kind.as_str(), wanted.value.trim_matches('"')) {
        ("MX", _) => mail(record, facts, what),
        ("TXT", value) if spf::is_one(value) => sender_policy(record, facts, what),
        ("TXT", value) if value.starts_with("v=DMARC1") => dmarc(record, what),
        _ => verbatim(record, facts, what),
    }
}

fn publish(record: &Record) -> String {
    format!("publish: {} {} {}", record.wanted.name, record.wanted.kind, record.wanted.value)
}

fn mail(record: &Record, facts: &Facts, what: String) -> Check {
    let id = "dns.mx";
    match &record.found {
        Answer::Unknown(why) => unknown(id, what, why),
        Answer::Nothing => match &record.instead {
            // RFC 5321 section 5.1: without an MX record, the address of the domain counts.
            Answer::Found(found) if is_ours(found, facts) => {
                Check::warn(DNS, id, what, "there is none; mail comes here by the address of the domain alone")
            }
            Answer::Found(found) => {
                let text = format!("there is none, so mail goes to the address of the domain, {}", list(found));
                Check::fail(DNS, id, what, text)
            }
            _ => Check::fail(DNS, id, what, "there is none: other servers do not find where its mail goes"),
        }
        .next(publish(record)),
        Answer::Found(found) if leads_to(found, &facts.hostname) => Check::ok(DNS, id, what, list(found)),
        Answer::Found(found) => {
            let text = format!("mail for the domain goes to {}, not to {}", list(found), facts.hostname);
            match facts.takes_mail {
                true => Check::warn(DNS, id, what, text).next(publish(record)),
                false => Check::note(DNS, id, what, text)
                    .next("that is right where a server in front hands over to this one"),
            }
        }
    }
}

/// Whether each of these addresses is this host's.
fn is_ours(found: &[IpAddr], facts: &Facts) -> bool {
    matches!(&facts.addresses, Answer::Found(ours) if found.iter().all(|address| ours.contains(address)))
}

/// Whether one of these MX or SRV records has this host as its target.
fn leads_to(found: &[String], hostname: &str) -> bool {
    found.iter().any(|value| value.split_whitespace().last().is_some_and(|target| same_name(target, hostname)))
}

fn sender_policy(record: &Record, facts: &Facts, what: String) -> Check {
    let id = "dns.spf";
    let all = match &record.found {
        Answer::Unknown(why) => return unknown(id, what, why),
        Answer::Nothing => vec![],
        Answer::Found(found) => found.iter().filter(|text| spf::is_one(text)).collect(),
    };
    let text = match all.as_slice() {
        [] => {
            return Check::warn(DNS, id, what, "there is no SPF record: what is sent is believed less")
                .next(publish(record));
        }
        [one] => *one,
        _ => {
            let text = "there is more than one SPF record, so none of them counts (RFC 7208 section 4.5)";
            return Check::fail(DNS, id, what, text).next("leave one of them");
        }
    };
    let sender = sender(record, facts);
    let before_all = "what sends for the domain comes before its end (-all)";
    match spf::judge(text, &sender) {
        Spf::Everyone => Check::warn(DNS, id, what, format!("{text}: it lets everybody send for the domain"))
            .next("end it with -all"),
        Spf::Names if facts.smarthost.is_some() => {
            let smarthost = facts.smarthost.as_deref().unwrap_or_default();
            let text = format!("{text}: it names this host alone, and mail leaves by {smarthost}");
            Check::warn(DNS, id, what, text).next(format!("add what the provider of {smarthost} asks for, before -all"))
        }
        Spf::Names => Check::ok(DNS, id, what, text),
        Spf::Elsewhere => Check::ok(DNS, id, what, format!("{text} (what it includes was not asked for)")),
        Spf::Others => match &facts.smarthost {
            Some(smarthost) => {
                let text = format!("{text}: it names others alone; whether {smarthost} is one of them was not asked");
                Check::note(DNS, id, what, text)
                    .next(format!("compare with what the provider of {smarthost} asks for; {before_all}"))
            }
            None => Check::ok(DNS, id, what, format!("{text}: it names others alone, {NOTHING_LEAVES}")),
        },
        Spf::Excludes if facts.smarthost.is_none() => {
            Check::ok(DNS, id, what, format!("{text}: nobody sends for the domain, {NOTHING_LEAVES}"))
        }
        Spf::Excludes => Check::fail(DNS, id, what, format!("{text}: nobody sends for the domain, this house neither"))
            .next(format!("add mx; {before_all}")),
        Spf::Open => {
            Check::note(DNS, id, what, format!("{text}: it neither names nor excludes this host")).next(publish(record))
        }
    }
}

fn sender<'f>(record: &'f Record, facts: &'f Facts) -> spf::Sender<'f> {
    let domain = record.wanted.name.trim_end_matches('.');
    let is_mx = |other: &&Record| other.wanted.kind == "MX" && other.wanted.name == record.wanted.name;
    let mx = facts.records.iter().find(is_mx);
    let is_mx = mx.is_some_and(|mx| matches!(&mx.found, Answer::Found(found) if leads_to(found, &facts.hostname)));
    let addresses = match &facts.addresses {
        Answer::Found(found) => found.as_slice(),
        _ => &[],
    };
    spf::Sender { domain, hostname: &facts.hostname, addresses, is_mx }
}

fn dmarc(record: &Record, what: String) -> Check {
    let id = "dns.dmarc";
    match &record.found {
        Answer::Unknown(why) => unknown(id, what, why),
        Answer::Found(found) if found.iter().any(|text| text.trim_start().starts_with("v=DMARC1")) => {
            Check::ok(DNS, id, what, list(found))
        }
        _ => Check::note(DNS, id, what, "there is no DMARC record: nobody tells of forged mail").next(publish(record)),
    }
}

/// Records that say where to go, and keys: what is wanted is there, or not.
fn verbatim(record: &Record, facts: &Facts, what: String) -> Check {
    let (id, wanted) = ("dns.record", &record.wanted);
    let compact = |text: &str| text.replace([' ', '"'], "").to_ascii_lowercase();
    match &record.found {
        Answer::Unknown(why) => unknown(id, what, why),
        Answer::Found(found) if found.iter().any(|value| compact(value) == compact(&wanted.value)) => {
            Check::ok(DNS, id, what, wanted.value.clone())
        }
        Answer::Found(found) => {
            Check::note(DNS, id, what, format!("it is {}, and domain show has {}", list(found), wanted.value))
                .next(publish(record))
        }
        Answer::Nothing => match &record.instead {
            Answer::Found(found) if is_ours(found, facts) => {
                Check::ok(DNS, id, what, format!("in its place the address of this host, {}", list(found)))
            }
            Answer::Found(found) => {
                let text = format!("in its place the address {}, and domain show has {}", list(found), wanted.value);
                Check::note(DNS, id, what, text).next(publish(record))
            }
            _ => Check::note(DNS, id, what, format!("there is none: {}", wanted.purpose)).next(publish(record)),
        },
    }
}

fn same_name(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn one(kind: &str, name: &str, value: &str) -> DnsRecord {
        DnsRecord { name: name.into(), kind: kind.into(), value: value.into(), purpose: "for something".into() }
    }

    fn found(values: &[&str]) -> Answer<String> {
        match values {
            [] => Answer::Nothing,
            _ => Answer::Found(values.iter().map(|value| (*value).to_owned()).collect()),
        }
    }

    fn facts(records: Vec<Record>) -> Facts {
        Facts {
            hostname: "mail.garden.org".into(),
            addresses: Answer::Found(vec!["198.51.100.7".parse().unwrap()]),
            pointers: vec![],
            records,
            reserved: vec![],
            no_domains: None,
            takes_mail: true,
            smarthost: None,
        }
    }

    fn check(facts: &Facts, id: &str) -> (Status, String) {
        let all = judge(facts);
        let check = all.into_iter().find(|check| check.id == id).expect("it was looked at");
        assert!(check.status == Status::Ok || check.next.is_some(), "{check:?}");
        (check.status, check.text)
    }

    fn record(wanted: DnsRecord, values: &[&str]) -> Record {
        Record { wanted, found: found(values), instead: Answer::Nothing }
    }

    fn at(record: Record, address: &str) -> Facts {
        facts(vec![Record { instead: Answer::Found(vec![address.parse().unwrap()]), ..record }])
    }

    fn mx(values: &[&str]) -> Record {
        record(one("MX", "garden.org.", "10 mail.garden.org."), values)
    }

    fn txt(values: &[&str]) -> Record {
        record(one("TXT", "garden.org.", "\"v=spf1 mx -all\""), values)
    }

    #[test]
    fn mail_comes_here_or_goes_elsewhere() {
        let told = |values: &[&str]| check(&facts(vec![mx(values)]), "dns.mx");
        assert_eq!(told(&["10 Mail.Garden.Org."]), (Status::Ok, "10 Mail.Garden.Org.".into()));
        let (status, text) = told(&["5 mx.elsewhere.net."]);
        assert!(status == Status::Warn && text.contains("not to mail.garden.org"), "{text}");
        assert_eq!(told(&[]).0, Status::Fail);
        assert_eq!(check(&at(mx(&[]), "198.51.100.7"), "dns.mx").0, Status::Warn, "RFC 5321 section 5.1");
        assert_eq!(check(&at(mx(&[]), "203.0.113.9"), "dns.mx").0, Status::Fail);
        let behind = Facts { takes_mail: false, ..facts(vec![mx(&["5 filter.garden.org."])]) };
        assert_eq!(check(&behind, "dns.mx").0, Status::Note, "a server in front");
    }

    #[test]
    fn sender_policies_are_read() {
        let told = |values: &[&str], smarthost: Option<&str>| {
            let records = vec![mx(&["10 mail.garden.org."]), txt(values)];
            check(&Facts { smarthost: smarthost.map(str::to_owned), ..facts(records) }, "dns.spf").0
        };
        let alone = |values: &[&str]| told(values, None);
        assert_eq!(alone(&["other=1", "v=spf1 mx -all"]), Status::Ok);
        assert_eq!(alone(&["other=1"]), Status::Warn, "there is none");
        assert_eq!(alone(&["v=spf1 mx -all", "v=spf1 a -all"]), Status::Fail, "two count as none");
        assert_eq!(alone(&["v=spf1 +all"]), Status::Warn);
        for text in ["v=spf1 -all", "v=spf1 a:www.garden.org -all"] {
            assert_eq!(alone(&[text]), Status::Ok, "nothing leaves this house: {text}");
        }
        let by_relay = |text: &'static str| told(&[text], Some("relay.example.net:587"));
        assert_eq!(by_relay("v=spf1 mx -all"), Status::Warn);
        assert_eq!(by_relay("v=spf1 mx include:_spf.example.net -all"), Status::Ok);
        assert_eq!(by_relay("v=spf1 a:www.garden.org -all"), Status::Note, "it may be the smarthost");
        assert_eq!(by_relay("v=spf1 -all"), Status::Fail, "nobody sends");
    }

    #[test]
    fn the_address_leads_back() {
        let to = |names: &[&str], smarthost: Option<&str>| {
            let address = "198.51.100.7".parse().unwrap();
            let smarthost = smarthost.map(str::to_owned);
            check(&Facts { pointers: vec![(address, found(names))], smarthost, ..facts(vec![]) }, "dns.pointer").0
        };
        assert_eq!(to(&["mail.garden.org."], None), Status::Ok);
        assert_eq!(
            (to(&["host-7.provider.net."], None), to(&[], None)),
            (Status::Note, Status::Note),
            "nothing leaves"
        );
        assert_eq!(to(&[], Some("relay.example.net:587")), Status::Note);
    }

    #[test]
    fn a_host_without_a_public_address_is_told() {
        let at = |addresses| check(&Facts { addresses, ..facts(vec![]) }, "dns.address").0;
        assert_eq!(at(Answer::Nothing), Status::Fail);
        assert_eq!(at(Answer::Found(vec!["10.0.0.7".parse().unwrap()])), Status::Warn);
        assert_eq!(at(Answer::Found(vec!["198.51.100.7".parse().unwrap()])), Status::Ok);
        assert_eq!(at(Answer::Unknown("timed out".into())), Status::Note, "nobody's fault");
    }

    #[test]
    fn other_records_are_compared_as_they_are() {
        let srv = |values: &[&str]| {
            let wanted = one("SRV", "_imaps._tcp.garden.org.", "0 1 993 mail.garden.org.");
            check(&facts(vec![record(wanted, values)]), "dns.record").0
        };
        assert_eq!(srv(&["0 1 993 mail.garden.org."]), Status::Ok);
        assert_eq!((srv(&["0 1 993 old.garden.org."]), srv(&[])), (Status::Note, Status::Note));
        let alias = || record(one("CNAME", "autoconfig.garden.org.", "mail.garden.org."), &[]);
        assert_eq!(check(&at(alias(), "198.51.100.7"), "dns.record").0, Status::Ok, "by its address");
        let (status, text) = check(&at(alias(), "203.0.113.9"), "dns.record");
        assert!(status == Status::Note && text.contains("203.0.113.9"), "{text}");
        let wanted = one("TXT", "_dmarc.garden.org.", "\"v=DMARC1; p=none\"");
        let dmarc = |values: &[&str]| check(&facts(vec![record(wanted.clone(), values)]), "dns.dmarc").0;
        assert_eq!((dmarc(&["v=DMARC1; p=reject"]), dmarc(&[])), (Status::Ok, Status::Note));
    }

    #[test]
    fn names_of_documentation_are_not_asked_for() {
        for name in ["example.org", "mail.example.org.", "a.test", "localhost", "EXAMPLE.com"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["garden.org", "notexample.org", "test.org"] {
            assert!(!is_reserved(name), "{name}");
        }
        let told = judge(&Facts {
            hostname: "mail.example.org".into(),
            reserved: vec!["example.org".into()],
            ..facts(vec![])
        });
        assert_eq!(told.iter().map(|check| check.id).collect::<Vec<_>>(), ["dns.reserved"]);
    }
}
