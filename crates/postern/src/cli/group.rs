//! `postern group`: flat sets of people; what a group is granted, each of its people holds.

use super::domain::day;
use super::failure::Failure;
use super::output::{Said, facts, plain, table};
use super::transport::{Client, segment};
use clap::Subcommand;
use postern_http::model::{GroupWithMembers, Groups, Made, Membership, NewGroup, Removed};
use postern_types::Address;

/// What to do with groups.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Make a group
    Add {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
        /// Its name
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// A first member; may be repeated
        #[arg(long = "member", value_name = "EMAIL", value_parser = Address::parse)]
        members: Vec<Address>,
    },
    /// Add a member
    AddMember {
        /// The group
        #[arg(value_parser = Address::parse)]
        group: Address,
        /// Who
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        member: Address,
    },
    /// Take a member out
    RemoveMember {
        /// The group
        #[arg(value_parser = Address::parse)]
        group: Address,
        /// Who
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        member: Address,
    },
    /// Every group
    List,
    /// A group with its members
    Show {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Delete a group with the grants it holds
    Remove {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
}

const GROUPS: &str = "/api/v1/groups";
const WHICH: &str = "see which there are: postern group list; who could be a member: postern person list, shared list";

fn path(address: &Address) -> String {
    format!("{GROUPS}/{}", segment(address.as_str()))
}

fn member_path(group: &Address, member: &Address) -> String {
    format!("{}/members/{}", path(group), segment(member.as_str()))
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    let outcome = match verb {
        Verb::Add { address, name, members } => return add(client, &address, name, &members).await,
        Verb::List => list(client).await,
        Verb::Show { address } => {
            let group: Result<GroupWithMembers, Failure> = client.get(&path(&address)).await;
            group.map(|group| Said::new(shown(&group), &group))
        }
        Verb::AddMember { group, member } => {
            let changed: Result<Membership, Failure> = client.act("PUT", &member_path(&group, &member)).await;
            let text = format!(
                "{member} is a member of {group} now: a person holds what it was granted, a shared mailbox receives \
                 its mail and nothing more.\n"
            );
            changed.map(|changed| Said::new(text, &changed))
        }
        Verb::RemoveMember { group, member } => {
            let changed: Result<Membership, Failure> = client.act("DELETE", &member_path(&group, &member)).await;
            let text = format!("{member} is no member of {group} any more; what they held through it has ended.\n");
            changed.map(|changed| Said::new(text, &changed))
        }
        Verb::Remove { address } => {
            let removed: Result<Removed, Failure> = client.act("DELETE", &path(&address)).await;
            let text = format!("The group {address} is gone, and with it what it was granted.\n");
            removed.map(|removed| Said::new(text, &removed))
        }
    };
    outcome.map_err(|failure| failure.if_absent(WHICH))
}

async fn add(client: &mut Client, address: &Address, name: String, members: &[Address]) -> Result<Said, Failure> {
    let members: Vec<String> = members.iter().map(Address::to_string).collect();
    let count = members.len();
    let new = NewGroup { address: address.to_string(), name, members };
    let made: Made = client.send("POST", GROUPS, &new).await?;
    let next = match count {
        0 => format!("postern group add-member {address} EMAIL"),
        _ => format!("give it a shared mailbox to work in: postern delegate add SHARED {address}"),
    };
    let members = if count == 1 { "1 member".to_owned() } else { format!("{count} members") };
    Ok(Said::new(format!("{address} is a group now, with {members}.\nNext: {next}\n"), &made))
}

async fn list(client: &mut Client) -> Result<Said, Failure> {
    let all: Groups = client.get(GROUPS).await?;
    let rows = all.groups.iter().map(|group| {
        vec![group.address.clone(), plain(&group.name), group.member_count.to_string(), day(&group.created_at)]
    });
    let text =
        table(&["EMAIL", "NAME", "MEMBERS", "SINCE"], rows.collect(), "There is no group yet: postern group add EMAIL");
    Ok(Said::new(text, &all))
}

fn shown(group: &GroupWithMembers) -> String {
    let about =
        facts(&[("Email", group.address.clone()), ("Name", plain(&group.name)), ("Since", group.created_at.clone())]);
    let rows = group.members.iter().map(|member| {
        let kind = if member.kind == "shared" { "shared mailbox, receives mail only" } else { "person" };
        vec![member.address.clone(), plain(&member.name), kind.to_owned()]
    });
    let none = format!("It has no members yet: postern group add-member {} EMAIL", group.address);
    format!("{about}\n{}", table(&["MEMBER", "NAME", "KIND"], rows.collect(), &none))
}
