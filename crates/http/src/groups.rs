//! Groups: flat sets of people, and of shared mailboxes that receive their mail only.

use crate::model::{Group, GroupWithMembers, Groups, Made, Member, Membership, NewGroup, Removed};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_access::AccountKind;
use postern_app::{GroupRow, MemberRow};
use postern_types::{Address, DisplayName};

fn shown(row: GroupRow) -> Group {
    let created_at = show_date(row.created);
    Group { address: row.address, name: row.name, member_count: row.members, created_at }
}

fn shown_member(row: MemberRow) -> Member {
    let kind = match row.kind {
        AccountKind::Shared => "shared",
        _ => "person",
    };
    Member { address: row.address, name: row.name, kind: kind.to_owned() }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let groups = ask.house.groups(ask.caller()?).await?;
    Reply::ok(&Groups { groups: groups.into_iter().map(shown).collect() })
}

pub(crate) async fn add(ask: Ask) -> Result<Reply, Problem> {
    let new: NewGroup = ask.document()?;
    let name = field("name", &new.name, DisplayName::parse)?;
    let address = field("address", &new.address, Address::parse)?;
    let members = addresses("members", &new.members)?;
    ask.house.add_group(ask.caller()?, &address, &name, &members).await?;
    Reply::made(&Made { address: address.to_string(), name: name.to_string() })
}

/// The addresses of a list, each parsed.
pub(crate) fn addresses(name: &str, texts: &[String]) -> Result<Vec<Address>, Problem> {
    texts.iter().map(|text| field(name, text, Address::parse)).collect()
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let group = ask.house.group(ask.caller()?, &address).await?;
    Reply::ok(&GroupWithMembers {
        address: group.row.address,
        name: group.row.name,
        created_at: show_date(group.row.created),
        members: group.members.into_iter().map(shown_member).collect(),
    })
}

pub(crate) async fn remove(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    ask.house.remove_group(ask.caller()?, &address).await?;
    Reply::ok(&Removed { removed: address.to_string() })
}

pub(crate) async fn add_member(ask: Ask) -> Result<Reply, Problem> {
    let (group, member) = (ask.part("address", Address::parse)?, ask.part("member", Address::parse)?);
    ask.house.add_member(ask.caller()?, &group, &member).await?;
    Reply::ok(&Membership { group: group.to_string(), member: member.to_string(), is_member: true })
}

pub(crate) async fn remove_member(ask: Ask) -> Result<Reply, Problem> {
    let (group, member) = (ask.part("address", Address::parse)?, ask.part("member", Address::parse)?);
    ask.house.remove_member(ask.caller()?, &group, &member).await?;
    Reply::ok(&Membership { group: group.to_string(), member: member.to_string(), is_member: false })
}
