//! `postern audit`: the trail, told so that each line reads as a sentence.

use super::clock;
use super::dates::{self, When};
use super::failure::Failure;
use super::output::{Said, plain};
use super::transport::{Client, segment};
use super::unbuilt;
use clap::{Args, Subcommand};
use postern_http::model::{AuditEvent, AuditPage};
use postern_types::Address;

/// What to do with the trail.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Who did what, newest first
    List(List),
    /// Write the trail to a file (not built yet)
    #[command(hide = true)]
    Export(unbuilt::Unbuilt),
    /// Check that the trail is whole (not built yet)
    #[command(hide = true)]
    Verify(unbuilt::Unbuilt),
    /// Prove that an event is in the trail (not built yet)
    #[command(hide = true)]
    Prove(unbuilt::Unbuilt),
}

/// Which events.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Only what happened in the account with this address, or of this number (acc_42): that of a
    /// deleted one is in the line that deletes it
    #[arg(long, value_name = "EMAIL", value_parser = account)]
    account: Option<String>,
    /// Only what this person did, or this credential (crd_… or support@example.org/nightly)
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only from then on: a date (2026-11-22T21:00:00Z) or a span back from now (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    since: Option<When>,
    /// Only events older than this one, as the page before names it
    #[arg(long, value_name = "EVENT")]
    before: Option<String>,
    /// At most this many, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Tell them in the order in which they happened
    #[arg(long)]
    oldest_first: bool,
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    let later = |name: &str| Err(unbuilt::command(name, "postern audit list shows the trail"));
    match verb {
        Verb::List(list) => {
            let page: Result<AuditPage, Failure> = client.get(&list.target()).await;
            let mut page = page.map_err(|failure| match list.account {
                None => failure.if_not_theirs(
                    "name a mailbox that you answer for: postern audit list --account SHARED; of your own account you \
                     may read it all: --account YOUR-ADDRESS",
                ),
                Some(_) => failure,
            })?;
            if list.oldest_first {
                page = reversed(page);
            }
            Ok(Said::new(told(&page, list.oldest_first), &page))
        }
        Verb::Export(_) => later("audit export"),
        Verb::Verify(_) => later("audit verify"),
        Verb::Prove(_) => later("audit prove"),
    }
}

impl List {
    fn target(&self) -> String {
        let mut target = format!("/api/v1/audit?limit={}", self.limit);
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", segment(&value)));
            }
        };
        add("account", self.account.clone());
        add("actor", self.actor.clone());
        add("since", self.since.map(|since| since.before(clock::now())));
        add("before", self.before.clone());
        target
    }
}

/// An address, or a number such as `acc_42`; as the server takes it.
pub(super) fn account(text: &str) -> Result<String, String> {
    let is_number = |number: &str| number.parse::<i64>().is_ok_and(|number| number > 0);
    match text.strip_prefix("acc_") {
        Some(number) if is_number(number) => Ok(text.to_owned()),
        _ => Address::parse(text).map(|address| address.to_string()).map_err(|error| error.to_string()),
    }
}

/// The same events in the order in which they happened.
fn reversed(mut page: AuditPage) -> AuditPage {
    page.events.reverse();
    page
}

fn told(page: &AuditPage, oldest_first: bool) -> String {
    if page.events.is_empty() {
        return "The trail has nothing like that.\n".to_owned();
    }
    let mut text: String = page.events.iter().map(line).collect();
    let (count, order) = (page.events.len(), if oldest_first { "oldest first" } else { "newest first" });
    text.push_str(&format!("{count} {}, {order}.\n", if count == 1 { "event" } else { "events" }));
    if let Some(before) = &page.next_before {
        text.push_str(&format!("Next: older ones: postern audit list --before {before}, with the same flags\n"));
    }
    text
}

/// One event as a line. What people wrote stays on it, and does not draw on the terminal.
fn line(event: &AuditEvent) -> String {
    plain(&postern_http::line(event)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str) -> AuditEvent {
        AuditEvent {
            id: "evt_7".into(),
            at: "2026-11-22T21:00:03.250Z".into(),
            class: "A".into(),
            action: action.into(),
            actor_kind: "operator".into(),
            actor: Some("operator(0)".into()),
            peer: None,
            protocol: "socket".into(),
            account: Some("support@example.org".into()),
            mailbox: None,
            mailbox_deleted: false,
            subject: Some("alice@example.org".into()),
            detail: "lrswipkxte send-as".into(),
        }
    }

    #[test]
    fn a_page_says_which_way_it_is_read() {
        let (first, second) = (event("shared.added"), event("grant.given"));
        let page = |next_before| AuditPage { events: vec![second.clone(), first.clone()], next_before };
        let text = told(&page(None), false);
        assert!(
            text.ends_with(" made the shared mailbox alice@example.org (socket)\n2 events, newest first.\n"),
            "{text}"
        );
        let text = told(&reversed(page(None)), true);
        assert!(text.ends_with("send-as on support@example.org (socket)\n2 events, oldest first.\n"), "{text}");
        let text = told(&page(Some("evt_3".into())), false);
        assert!(
            text.contains("2 events, newest first.\nNext: older ones: postern audit list --before evt_3"),
            "{text}"
        );
        assert_eq!(told(&AuditPage { events: vec![], next_before: None }, false), "The trail has nothing like that.\n");
    }

    /// What someone wrote must not draw on the terminal of whoever reads the trail.
    #[test]
    fn a_line_stays_one_line() {
        let hostile = AuditEvent { subject: Some("x\n2026 root did it\u{1b}[2J".into()), ..event("grant.given") };
        assert_eq!(line(&hostile).lines().count(), 1);
        assert!(!line(&hostile).contains('\u{1b}'));
    }
}
