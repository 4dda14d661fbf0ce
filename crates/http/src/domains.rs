//! Domains of the organisation.

use crate::dns;
use crate::model::{Domain, DomainWithRecords, Domains, NewDomain, Removed};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_types as types;
use postern_types::Timestamp;

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let domains = ask.house.domains(ask.caller()?).await?;
    let show = |(domain, created): (String, Timestamp)| Domain { domain, created_at: show_date(created) };
    Reply::ok(&Domains { domains: domains.into_iter().map(show).collect() })
}

pub(crate) async fn add(ask: Ask) -> Result<Reply, Problem> {
    let new: NewDomain = ask.document()?;
    let domain = field("domain", &new.domain, types::Domain::parse)?;
    ask.house.add_domain(ask.caller()?, &domain).await?;
    Reply::made(&find(&ask, &domain).await?)
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let domain = ask.part("domain", types::Domain::parse)?;
    Reply::ok(&find(&ask, &domain).await?)
}

pub(crate) async fn remove(ask: Ask) -> Result<Reply, Problem> {
    let domain = ask.part("domain", types::Domain::parse)?;
    ask.house.remove_domain(ask.caller()?, &domain).await?;
    Reply::ok(&Removed { removed: domain.to_string() })
}

async fn find(ask: &Ask, domain: &types::Domain) -> Result<DomainWithRecords, Problem> {
    let domains = ask.house.domains(ask.caller()?).await?;
    let (domain, created) =
        domains.into_iter().find(|(name, _)| name == domain.as_str()).ok_or_else(Problem::absent)?;
    let records = dns::records(&domain, ask.house.hostname());
    Ok(DomainWithRecords { domain, created_at: show_date(created), records })
}
