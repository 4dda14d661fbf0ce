//! The same done to one message that waits, to several, or to all of a kind.

use super::{List, QUEUE, WHICH, page, path, told, which_there_are};
use crate::cli::confirm::Question;
use crate::cli::failure::Failure;
use crate::cli::output::{Said, plain};
use crate::cli::transport::Client;
use clap::Args;
use postern_http::model::{Queue, QueuedMany, QueuedRemoved, QueuedWhich, QueuedWithRecipients};
use postern_types::{Address, counted};
use std::io::IsTerminal;

/// Messages that are left alone and are told one by one.
const TOLD_ONE_BY_ONE: usize = 5;

/// Which messages.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Their ids, such as msg_abcdefghijkl
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All that this credential handed in: its id, or as support@example.org/newsletter
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// All that is sent as the account with this address
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    account: Option<Address>,
    /// All that postern queue list shows: everything for administrators, for others what they sent
    #[arg(long)]
    all: bool,
}

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Retry,
    Hold,
    Remove,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Act::Retry => "retry",
            Act::Hold => "hold",
            Act::Remove => "remove",
        }
    }
}

impl Which {
    fn document(&self) -> QueuedWhich {
        QueuedWhich {
            messages: self.ids.clone(),
            credential: self.credential.clone(),
            account: self.account.as_ref().map(ToString::to_string),
            all: self.all,
        }
    }

    fn list(&self) -> List {
        List { account: self.account.clone(), credential: self.credential.clone(), before: None }
    }

    /// The command that lists them.
    fn listing(&self) -> String {
        format!("postern queue list{}", told::flags(&self.list()))
    }

    /// As they are told: ` that support@example.org/newsletter handed in`.
    fn words(&self, is_own: bool) -> String {
        match (&self.credential, &self.account) {
            (Some(credential), _) => format!(" that {credential} handed in"),
            (None, Some(account)) => format!(" sent as {account}"),
            (None, None) if is_own => " that you sent".to_owned(),
            (None, None) => String::new(),
        }
    }
}

pub(super) async fn run(client: &mut Client, act: Act, which: &Which, is_meant: bool) -> Result<Said, Failure> {
    if let [id] = which.ids.as_slice() {
        return one(client, act, id).await;
    }
    if which.ids.is_empty() && !is_meant {
        ask(client, which).await?;
    }
    let done: Result<QueuedMany, Failure> =
        client.send("POST", &format!("{QUEUE}/{}", act.name()), &which.document()).await;
    let done = done.map_err(|failure| failure.if_absent(which_there_are(which.credential.is_some())))?;
    // Whoever names them means each of them.
    if !which.ids.is_empty() && done.left_messages > 0 {
        let left = done.left.iter().map(|left| because(&left.id, &left.because)).collect::<Vec<_>>().join("; ");
        let done = match done.messages {
            0 => String::new(),
            some => format!(" (done to the other {})", counted(some, "message")),
        };
        return Err(Failure::new(left + &done).next("what waits: postern queue list"));
    }
    Ok(Said::new(all(act, which, &done), &done))
}

async fn one(client: &mut Client, act: Act, id: &str) -> Result<Said, Failure> {
    if act == Act::Remove {
        let removed: Result<QueuedRemoved, Failure> = client.act("DELETE", &path(id)).await;
        let removed = removed.map_err(|failure| failure.if_absent(WHICH))?;
        return Ok(Said::new(told::taken_out(&removed), &removed));
    }
    let done: Result<QueuedWithRecipients, Failure> = client.act("POST", &format!("{}/{}", path(id), act.name())).await;
    let done = done.map_err(|failure| failure.if_absent(WHICH))?;
    let text = if act == Act::Retry { told::sent_now(&done) } else { told::held(&done) };
    Ok(Said::new(text, &done))
}

/// Asks whether they are meant, all of them; of none there is nothing to ask.
async fn ask(client: &mut Client, which: &Which) -> Result<(), Failure> {
    let waiting = page(&which.list(), client).await?;
    if waiting.all_messages == 0 {
        return Ok(());
    }
    let is_asked = !client.wants_json() && std::io::stdin().is_terminal();
    let consequence = consequence(which, &waiting);
    let question = Question { consequence: &consequence, word: "yes", otherwise: "that is not yes" };
    question.ask(is_asked, |typed| typed == "yes", &mut std::io::stderr(), &mut std::io::stdin().lock())
}

fn consequence(which: &Which, waiting: &Queue) -> String {
    let messages = counted(waiting.all_messages, "message");
    let would = taken_out("to be taken out", waiting.all_messages, waiting.all_recipients);
    format!("{messages}{} {would}", which.words(waiting.only_own))
}

/// `are taken out: 1 recipient does not get them, and nobody hears of it`.
fn taken_out(how: &str, messages: u64, recipients: u64) -> String {
    let (are, them) = number(messages);
    let do_not = if recipients == 1 { "does" } else { "do" };
    let recipients = counted(recipients, "recipient");
    format!("{are} {how}: {recipients} {do_not} not get {them}, and nobody hears of it")
}

/// The verb and the pronoun of so many.
fn number(messages: u64) -> (&'static str, &'static str) {
    if messages == 1 { ("is", "it") } else { ("are", "them") }
}

/// Why one was left alone. What the server says of it often begins with its id.
fn because(id: &str, text: &str) -> String {
    if text.contains(id) { plain(text) } else { format!("{id}: {}", plain(text)) }
}

/// What came of it.
fn all(act: Act, which: &Which, done: &QueuedMany) -> String {
    let messages = format!("{}{}", counted(done.messages, "message"), which.words(false));
    let (are, them) = number(done.messages);
    let recipients = counted(done.recipients, "recipient");
    let mut text = match act {
        _ if done.messages == 0 && done.left_messages == 0 => {
            return format!("No message{} waits to be sent.\n", which.words(false));
        }
        _ if done.messages == 0 => String::new(),
        Act::Retry => format!(
            "{messages} {are} tried now, for {recipients}. What does not get through is tried again, ever more rarely.\n"
        ),
        Act::Hold => format!("{messages} to {recipients} {are} held until somebody sends or removes {them}.\n"),
        Act::Remove => format!("{messages} {}.\n", taken_out("taken out", done.messages, done.recipients)),
    };
    if act != Act::Retry && done.recipients_being_tried > 0 {
        let recipients = counted(done.recipients_being_tried, "recipient");
        text.push_str(&format!("On the way to {recipients} at this moment, who may get {them} all the same.\n"));
    }
    if done.moved_to_drafts > 0 {
        let verb = if done.moved_to_drafts == 1 { "is" } else { "are" };
        let copies = done.moved_to_drafts;
        let noun = if copies == 1 { "copy" } else { "copies" };
        text.push_str(&format!("{copies} {noun} of what never left {verb} in Drafts now.\n"));
    }
    text.push_str(&left_alone(done));
    text.push_str(&format!("Next: what waits still: {}\n", which.listing()));
    text
}

fn left_alone(done: &QueuedMany) -> String {
    if done.left_messages == 0 {
        return String::new();
    }
    let told = done.left.iter().take(TOLD_ONE_BY_ONE);
    let lines: String = told.map(|left| format!("  {}\n", because(&left.id, &left.because))).collect();
    let more = match done.left_messages.saturating_sub(done.left.len().min(TOLD_ONE_BY_ONE) as u64) {
        0 => String::new(),
        more => format!("  … and {more} more\n"),
    };
    format!("Left alone: {}.\n{lines}{more}", counted(done.left_messages, "message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_http::model::QueuedLeft;

    fn of_tool() -> Which {
        Which { ids: Vec::new(), credential: Some("news@example.org/letter".into()), account: None, all: false }
    }

    fn done(messages: u64, recipients: u64) -> QueuedMany {
        QueuedMany {
            messages,
            recipients,
            recipients_being_tried: 0,
            moved_to_drafts: 0,
            left_messages: 0,
            left: Vec::new(),
        }
    }

    #[test]
    fn what_came_of_many_says_how_many() {
        assert_eq!(
            all(Act::Remove, &of_tool(), &QueuedMany { recipients_being_tried: 1, ..done(12, 30) }),
            "12 messages that news@example.org/letter handed in are taken out: 30 recipients do not get them, and nobody \
             hears of it.\nOn the way to 1 recipient at this moment, who may get them all the same.\nNext: what waits \
             still: postern queue list --credential news@example.org/letter\n"
        );
        let left = QueuedLeft { id: "msg_abcdefghijkl".into(), because: "it waits for its sender".into() };
        let text = all(Act::Retry, &of_tool(), &QueuedMany { left_messages: 2, left: vec![left], ..done(1, 1) });
        assert_eq!(
            text,
            "1 message that news@example.org/letter handed in is tried now, for 1 recipient. What does not get through is \
             tried again, ever more rarely.\nLeft alone: 2 messages.\n  msg_abcdefghijkl: it waits for its sender\n  … and 1 more\nNext: what waits still: postern queue list \
             --credential news@example.org/letter\n"
        );
        assert_eq!(
            all(Act::Hold, &of_tool(), &done(0, 0)),
            "No message that news@example.org/letter handed in waits to be sent.\n"
        );
    }

    #[test]
    fn what_is_asked_says_how_much_it_is() {
        let waiting =
            Queue { messages: Vec::new(), next_before: None, all_messages: 1, all_recipients: 2, only_own: true };
        let all = Which { credential: None, all: true, ..of_tool() };
        assert_eq!(
            consequence(&all, &waiting),
            "1 message that you sent is to be taken out: 2 recipients do not get it, and nobody hears of it"
        );
    }
}
