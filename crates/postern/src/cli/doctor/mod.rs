//! `postern doctor`: what is amiss with a house and its machine, with cause and cure.
//!
//! It looks and changes nothing: it takes no lock, opens no database for writing, and leaves no file in the
//! house, so it may run as root, beside a server or without one. In each group, looking (`look`) and
//! judging what was seen (`judge`) are apart, so that what is rarely seen can be judged in tests.

mod acme;
mod backup;
mod certificate;
mod check;
mod clock;
mod disk;
mod dns;
mod files;
mod house;
mod listeners;
mod resolve;
mod sending;
mod show;
mod smtp;
mod spf;
mod tls;

use super::failure::Failure;
use super::{clock as time, locate, transport};
use crate::globals::GlobalArgs;
use crate::process::{absolute, refuse_flags, say};
use check::{Check, Group, Status};
use clap::ValueEnum as _;
use house::Server;
use postern_http::model::{DnsRecord, DomainWithRecords, Domains};
use postern_server::config::{Config, environment};
use postern_types::{Domain, Timestamp};
use resolve::{Dns, Questions};
use show::{Paint, Report};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

/// What to look at.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Only these groups, separated by commas
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    only: Vec<Group>,
    /// All but these groups, separated by commas
    #[arg(long, value_name = "GROUP", value_delimiter = ',', conflicts_with = "only")]
    skip: Vec<Group>,
    /// Ask nobody outside this machine: no DNS, no smarthost
    #[arg(long, conflicts_with_all = ["domain", "resolver", "outbound"])]
    no_network: bool,
    /// Look at the DNS records of this domain, in place of those of the house
    #[arg(long, value_name = "DOMAIN", value_parser = Domain::parse)]
    domain: Vec<Domain>,
    /// Ask this DNS server, in place of those of the machine: ADDRESS or ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = resolver)]
    resolver: Option<SocketAddr>,
    /// Try port 25 of the mail servers of this domain: whether mail could leave without a smarthost
    #[arg(long, value_name = "DOMAIN", value_parser = Domain::parse)]
    outbound: Option<Domain>,
    /// Exit with 1 for warnings too
    #[arg(long)]
    strict: bool,
}

impl Args {
    fn wants(&self, group: Group) -> bool {
        (self.only.is_empty() || self.only.contains(&group)) && !self.skip.contains(&group)
    }

    /// A flag about what is not looked at would be ignored.
    fn check(&self) -> Result<(), Failure> {
        let (dns, sending) = (self.wants(Group::Dns), self.wants(Group::Sending));
        let asks = sending && self.outbound.is_some();
        let is_dns_alone = dns && Group::value_variants().iter().filter(|group| self.wants(**group)).count() == 1;
        let idle = [
            ("--domain", !self.domain.is_empty() && !dns),
            ("--outbound", self.outbound.is_some() && !sending),
            ("--no-network", self.no_network && (is_dns_alone || !dns && !sending)),
            ("--resolver", self.resolver.is_some() && !dns && !asks),
        ];
        match idle.iter().find(|(_, is_idle)| *is_idle) {
            Some((flag, _)) => Err(Failure::usage(format!("{flag} is about a group that is left out"))
                .next("leave the flag out, or look at that group too")),
            None => Ok(()),
        }
    }
}

fn resolver(text: &str) -> Result<SocketAddr, String> {
    let alone = |_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    text.parse()
        .or_else(alone)
        .map_err(|_| "write an address such as 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53".to_owned())
}

/// Runs it: 0 where nothing failed, 1 where something did.
pub(crate) fn run(args: &Args, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    refuse_flags(globals, "doctor", &["--json"])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = match runtime.block_on(report(args, globals)) {
        Ok(checks) => Report::new(checks, globals),
        Err(failure) => return Ok(super::complain(&failure, globals)),
    };
    if globals.json {
        say(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        say(&report.text(Paint::of_output()));
    }
    let most = if args.strict { Status::Note } else { Status::Warn };
    Ok(if report.worst() > most { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn report(args: &Args, globals: &GlobalArgs) -> Result<Vec<Check>, Failure> {
    args.check()?;
    let Some(file) = &globals.config else { return Err(locate::config(globals).err().unwrap_or_else(unnamed)) };
    let file = absolute(file).map_err(|error| Failure::new(error.to_string()))?;
    match Config::load(&file, &environment()) {
        Ok(config) => Ok(examine(&config, args, time::now()).await),
        Err(error) => Ok(vec![house::unusable(&file, &error.to_string())]),
    }
}

fn unnamed() -> Failure {
    Failure::usage("which house? No configuration is named")
}

async fn examine(config: &Config, args: &Args, now: Timestamp) -> Vec<Check> {
    // Others rest on whether a server runs.
    let facts = house::look(config).await;
    let server = &facts.server;
    let mut checks = Vec::new();
    let mut add = |group: Group, found: Vec<Check>| {
        if args.wants(group) {
            checks.extend(found);
        }
    };
    // Without its folder there is nothing else to look at, whatever was asked for.
    if !facts.is_folder {
        return house::judge(&facts);
    }
    add(Group::House, house::judge(&facts));
    add(Group::Files, files::judge(&files::look(config)));
    add(Group::Listeners, listeners::judge(&listeners::look(config, server)));
    if args.wants(Group::Tls) {
        add(Group::Tls, tls::judge(&certificate::look(config, server, now).await));
    }
    let dns = Dns::new(args.resolver);
    if args.wants(Group::Dns) && !args.no_network {
        add(Group::Dns, names(config, args, server, &dns).await);
    }
    if args.wants(Group::Sending) {
        let outbound = args.outbound.as_ref().map(|domain| (domain, &dns));
        let reach = sending::Reach { is_network: !args.no_network, outbound, asks_server: server.runs() };
        add(Group::Sending, sending::judge(&sending::look(config, reach, now).await));
    }
    let clock_high = facts.peek.as_ref().ok().and_then(Option::as_ref).and_then(|peek| peek.clock_high);
    add(Group::Clock, clock::judge(&clock::look(clock_high, now)));
    add(Group::Disk, disk::judge(&disk::look(config)));
    add(Group::Backup, backup::judge(&backup::look(&config.data_dir, now)));
    checks
}

async fn names(config: &Config, args: &Args, server: &Server, dns: &Result<Dns, String>) -> Vec<Check> {
    let dns = match dns {
        Ok(dns) => dns,
        Err(why) => {
            let next = "look at /etc/resolv.conf, or name a server: postern doctor --resolver ADDRESS";
            let text = format!("it could not be asked: {why}");
            return vec![Check::note(Group::Dns, "dns.resolver", "DNS", text).next(next)];
        }
    };
    let (domains, no_domains) = match domains(config, args, server).await {
        Ok(domains) => (domains, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let asked = Questions {
        hostname: config.hostname.clone(),
        domains,
        no_domains,
        takes_mail: !config.listen.smtp.is_empty(),
        smarthost: config.relay.known().smarthost.as_ref().map(ToString::to_string),
    };
    dns::judge(&resolve::look(dns, asked).await)
}

/// Domains, each with what it should publish: those that were named, or the house's, which its server knows.
async fn domains(config: &Config, args: &Args, server: &Server) -> Result<Vec<(String, Vec<DnsRecord>)>, String> {
    if !args.domain.is_empty() {
        let named = args
            .domain
            .iter()
            .map(|domain| (domain.to_string(), postern_http::dns_records(domain.as_str(), &config.hostname)));
        return Ok(named.collect());
    }
    if !server.runs() {
        return Err("they are known to its server alone, which does not answer".to_owned());
    }
    let failed = |failure: Failure| format!("the server does not tell them: {}", failure.reason());
    let all: Domains = transport::ask_operator(config, "/api/v1/domains").await.map_err(failed)?;
    let mut domains = Vec::new();
    for row in all.domains {
        let target = format!("/api/v1/domains/{}", transport::segment(&row.domain));
        let shown: DomainWithRecords = transport::ask_operator(config, &target).await.map_err(failed)?;
        domains.push((shown.domain, shown.records));
    }
    Ok(domains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_dns_is_an_address_with_or_without_a_port() {
        assert_eq!(resolver("192.0.2.1").unwrap().to_string(), "192.0.2.1:53");
        assert_eq!(resolver("127.0.0.1:5353").unwrap().to_string(), "127.0.0.1:5353");
        assert_eq!(resolver("2001:db8::1").unwrap().to_string(), "[2001:db8::1]:53");
        assert!(resolver("dns.example.org").is_err());
    }

    #[test]
    fn a_flag_about_what_is_left_out_is_refused() {
        let domain = Domain::parse("example.net").unwrap();
        let with = |only: &[Group]| Args { only: only.to_vec(), domain: vec![domain.clone()], ..Args::default() };
        assert!(with(&[]).check().is_ok() && with(&[Group::Dns]).check().is_ok());
        assert_eq!(with(&[Group::Tls]).check().unwrap_err().code(), 2);
        let quiet = |only: &[Group]| Args { only: only.to_vec(), no_network: true, ..Args::default() }.check();
        assert!(quiet(&[]).is_ok() && quiet(&[Group::Dns, Group::Sending]).is_ok());
        assert!(quiet(&[Group::Dns]).is_err() && quiet(&[Group::Tls]).is_err());
        let outbound = Args { skip: vec![Group::Sending], outbound: Some(domain), ..Args::default() };
        assert!(outbound.check().unwrap_err().to_string().contains("--outbound"));
    }
}
