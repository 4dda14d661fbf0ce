//! `postern shared convert-to-person` and `convert-from-person`.
//!
//! To make a person's mailbox shared opens private mail to its delegates, so it is confirmed:
//! with `--yes`, or by an answer at the terminal that names who is concerned.

use super::confirm::Question;
use super::failure::Failure;
use super::output::Said;
use super::shared::{WHICH, path};
use super::transport::Client;
use clap::Args;
use postern_http::model::{ConvertedFromPerson, ConvertedToPerson, Delegate, FromPerson};
use postern_types::Address;
use std::io::{BufRead, IsTerminal, Write};

/// Whose mailbox is made shared, and for whom.
#[derive(Debug, Clone, Args)]
pub struct From {
    /// The person's address
    #[arg(value_name = "EMAIL", value_parser = Address::parse)]
    address: Address,
    /// A delegate with full access and send-as; may be repeated
    #[arg(long = "member", value_name = "EMAIL", value_parser = Address::parse)]
    members: Vec<Address>,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
}

pub(super) async fn to_person(client: &mut Client, address: &Address) -> Result<Said, Failure> {
    let target = format!("{}/convert-to-person", path(address));
    let converted: Result<ConvertedToPerson, Failure> = client.act("POST", &target).await;
    let converted = converted.map_err(|failure| failure.if_absent(WHICH))?;
    let mut text = format!("{address} is a person's own mailbox now; its mail and addresses stayed.\n");
    if !converted.delegates.is_empty() {
        text.push_str(&format!(
            "Delegates in it still: {}. Take back what should end: postern delegate remove {address} PERSON\n",
            names(&converted.delegates)
        ));
    }
    if !converted.left_groups.is_empty() {
        text.push_str(&format!(
            "It left {}, for a person holds the rights of their groups; to join as a person: postern group add-member\n",
            converted.left_groups.join(", ")
        ));
    }
    Ok(Said::new(
        format!("{text}Next: they can sign in once there is a password: postern person set-password {address}\n"),
        &converted,
    ))
}

pub(super) async fn from_person(client: &mut Client, from: From) -> Result<Said, Failure> {
    let address = &from.address;
    if !from.yes {
        let is_asked = !client.wants_json() && std::io::stdin().is_terminal();
        confirm(address, is_asked, &mut std::io::stderr(), &mut std::io::stdin().lock())?;
    }
    let document = FromPerson { members: from.members.iter().map(Address::to_string).collect(), confirm: true };
    let target = format!("{}/convert-from-person", path(address));
    let converted: Result<ConvertedFromPerson, Failure> = client.send("POST", &target, &document).await;
    let converted = converted.map_err(|failure| failure.if_absent("see who there is: postern person list"))?;
    Ok(Said::new(told(address, &converted), &converted))
}

fn told(address: &Address, converted: &ConvertedFromPerson) -> String {
    let mut text = format!(
        "{address} is a shared mailbox now; its mail and addresses stayed. The person's password, tokens and sessions \
         have ended.\n"
    );
    if !converted.ended_grants.is_empty() {
        text.push_str(&format!("They are no delegate any more of {}.\n", converted.ended_grants.join(", ")));
    }
    if !converted.groups.is_empty() {
        text.push_str(&format!(
            "It still receives the mail of {}, without their rights.\n",
            converted.groups.join(", ")
        ));
    }
    let delegates = converted.shared.delegates.as_deref().unwrap_or_default();
    match delegates.is_empty() {
        true => text + &format!("Next: nobody works in it yet: postern delegate add {address} PERSON\n"),
        false => {
            text + &format!(
                "Delegates: {}.\nNext: they find it under Shared/{address} in their mail program\n",
                names(delegates)
            )
        }
    }
}

/// Each delegate once, whatever number of grants they have.
fn names(delegates: &[Delegate]) -> String {
    let mut names: Vec<&str> = delegates.iter().map(|delegate| delegate.grantee.as_str()).collect();
    names.dedup();
    names.join(", ")
}

/// Asks whether it is meant; refuses where nobody can be asked.
fn confirm(
    address: &Address,
    is_asked: bool,
    screen: &mut impl Write,
    answers: &mut impl BufRead,
) -> Result<(), Failure> {
    let consequence = format!(
        "delegates of {address} will read mail that was private until now, and this person's password, tokens and \
         sessions end"
    );
    let question = Question { consequence: &consequence, word: "the address", otherwise: "that is not the address" };
    let is_right = |typed: &str| Address::parse(typed).is_ok_and(|typed| typed == *address);
    question.ask(is_asked, is_right, screen, answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(is_asked: bool, answer: &str) -> (Result<(), Failure>, String) {
        let mut screen = Vec::new();
        let address = Address::parse("bob@example.org").unwrap();
        let confirmed = confirm(&address, is_asked, &mut screen, &mut answer.as_bytes());
        (confirmed, String::from_utf8(screen).unwrap())
    }

    #[test]
    fn private_mail_is_opened_by_whoever_types_the_address() {
        let (confirmed, screen) = ask(true, "Bob@Example.org\n");
        assert_eq!(confirmed, Ok(()));
        assert!(screen.contains("delegates of bob@example.org will read mail that was private"), "{screen}");
        for answer in ["", "y\n", "bob@example.com\n"] {
            assert_eq!(ask(true, answer).0.unwrap_err().code(), 1, "{answer:?}");
        }
    }

    #[test]
    fn where_nobody_can_be_asked_it_must_be_said() {
        let (refused, screen) = ask(false, "bob@example.org\n");
        let refused = refused.unwrap_err();
        assert_eq!((refused.code(), screen.as_str()), (2, ""));
        assert!(refused.to_string().contains("say so with --yes"), "{refused}");
    }
}
