//! `postern domain`: whose mail the house receives, and the DNS records that say so.

use super::failure::Failure;
use super::output::{Said, table};
use super::transport::{Client, segment};
use clap::Subcommand;
use postern_http::model::{DomainWithRecords, Domains, NewDomain, Removed};
use postern_types::Domain;

/// What to do with domains.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Make a domain ours
    Add {
        /// Its name
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
    /// Every domain
    List,
    /// A domain, and the DNS records to publish for it
    Show {
        /// Its name
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
    /// Take a domain away that no address uses
    Remove {
        /// Its name
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
}

const DOMAINS: &str = "/api/v1/domains";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Add { domain } => {
            let new = NewDomain { domain: domain.to_string() };
            let made: DomainWithRecords = client.send("POST", DOMAINS, &new).await?;
            let text = format!(
                "{domain} is a domain of this house now.\nNext: publish its DNS records: postern domain show {domain}\n"
            );
            Ok(Said::new(text, &made))
        }
        Verb::List => {
            let all: Domains = client.get(DOMAINS).await?;
            let rows = all.domains.iter().map(|row| vec![row.domain.clone(), day(&row.created_at)]).collect();
            Ok(Said::new(table(&["DOMAIN", "SINCE"], rows, "There is no domain yet: postern domain add DOMAIN"), &all))
        }
        Verb::Show { domain } => {
            let path = format!("{DOMAINS}/{}", segment(domain.as_str()));
            let shown: DomainWithRecords = client
                .get(&path)
                .await
                .map_err(|failure| failure.if_absent("see which there are: postern domain list"))?;
            Ok(Said::new(records(&shown), &shown))
        }
        Verb::Remove { domain } => {
            let path = format!("{DOMAINS}/{}", segment(domain.as_str()));
            let removed: Removed = client
                .act("DELETE", &path)
                .await
                .map_err(|failure| failure.if_absent("see which there are: postern domain list"))?;
            let text = format!("{domain} is no domain of this house any more.\nNext: take its MX record out of DNS\n");
            Ok(Said::new(text, &removed))
        }
    }
}

fn records(shown: &DomainWithRecords) -> String {
    let rows = shown.records.iter();
    let rows = rows.map(|row| vec![row.name.clone(), row.kind.clone(), row.value.clone(), row.purpose.clone()]);
    let records = table(&["NAME", "TYPE", "VALUE", "PURPOSE"], rows.collect(), "");
    format!("{} is a domain of this house. Publish in its DNS zone:\n\n{records}", shown.domain)
}

/// The day of a date.
pub(super) fn day(date: &str) -> String {
    date.split('T').next().unwrap_or_default().to_owned()
}
