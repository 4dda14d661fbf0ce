//! LIST, plain and extended (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8440).
//!
//! Nothing here is remote, so REMOTE selects nothing more and nothing less. Children and
//! purposes are told always: they cost nothing, and RFC 3348 and RFC 6154 allow it. Purposes
//! under `Shared/` are told to those who ask (RFC 6154 section 2): a program that takes the
//! first `\Sent` it hears of would file a delegate's own mail with somebody else's.

use crate::answer::{Completion, Handled};
use crate::commands::status;
use crate::connection::{Client, Desk};
use crate::listing::{Kind, Listing, Node, Told, take_turns};
use crate::names::{DELIMITER, SHARED, SHARED_PREFIX, shown_at};
use crate::pattern::{self, Pattern};
use postern_app::{House, Locator, Numbers, Refused, Session};
use postern_imap_wire::{Encoder, ListAttribute, ListCommand, ListEntry, ResponseCode, StatusItem};

/// One line of the answer.
struct Line<'a> {
    node: &'a Node,
    /// It is what was selected, and not there for what is below it alone.
    selected: bool,
    /// CHILDINFO (RFC 5258 section 3.5).
    subscribed_below: bool,
}

pub(crate) async fn run(client: &mut Client, list: ListCommand) -> Handled {
    status::enable(client, &list.returns.status);
    if list.selection.recursive_match && !list.selection.subscribed {
        return Ok(Completion::bad("RECURSIVEMATCH goes with SUBSCRIBED here"));
    }
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    if !list.extended && list.patterns.iter().all(String::is_empty) {
        tell_root(&mut Encoder::new(out, rev2), &list.reference);
        return Ok(Completion::ok("Done"));
    }
    if !pattern::fit(&list.reference, list.patterns.iter().map(String::as_str)) {
        return Ok(too_long());
    }
    let mut listing = Listing::read(house, session).await?;
    if list.selection.subscribed {
        listing.add_subscriptions(house, session).await?;
    }
    let told = Told {
        extended: list.extended || rev2,
        subscribed: list.selection.subscribed || list.returns.subscribed,
        shared_uses: list.selection.special_use || list.returns.special_use,
    };
    for line in lines(&listing, &list).await {
        let mut attributes = line.node.attributes(told);
        // What goes with it is for what was selected (RFC 5819 section 2).
        let shown = line.selected && line.node.kind == Kind::Mailbox;
        let at = line.node.locator.as_ref().filter(|_| shown && !list.returns.status.is_empty());
        let numbers = numbers(house, session, at, &list.returns.status).await?;
        if at.is_some() && numbers.is_none() {
            attributes.insert(0, ListAttribute::NoSelect);
        }
        Encoder::new(out, rev2).list(&ListEntry {
            attributes: &attributes,
            delimiter: Some(DELIMITER),
            mailbox: &line.node.name,
            subscribed_below: line.subscribed_below,
            old_name: None,
        });
        if list.returns.my_rights && shown {
            Encoder::new(out, rev2).my_rights(&line.node.name, line.node.rights);
        }
        if let (Some(at), Some(numbers)) = (at, numbers) {
            let values = status::values(&numbers, &list.returns.status);
            Encoder::new(out, rev2).status(&shown_at(at), &values);
        }
    }
    Ok(Completion::ok("Done"))
}

/// What STATUS tells of a mailbox; nothing where it is seen and not to be read, so that it can not be selected.
async fn numbers(
    house: &House,
    session: &Session,
    at: Option<&Locator>,
    items: &[StatusItem],
) -> Result<Option<Numbers>, Refused> {
    let Some(at) = at else { return Ok(None) };
    match house.status(session, at, status::adds_up_deleted(items)).await {
        Ok(numbers) => Ok(Some(numbers)),
        Err(Refused::Denied(_)) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// An empty pattern asks for the delimiter and the root of the reference.
fn tell_root(reply: &mut Encoder<'_>, reference: &str) {
    let shared = reference == SHARED || reference.starts_with(SHARED_PREFIX);
    reply.list(&ListEntry {
        attributes: &[ListAttribute::NoSelect],
        delimiter: Some(DELIMITER),
        mailbox: if shared { SHARED_PREFIX } else { "" },
        subscribed_below: false,
        old_name: None,
    });
}

/// The patterns are more than a name can be compared with in passing.
pub(super) fn too_long() -> Completion {
    Completion::no(ResponseCode::Limit, "The patterns are longer than 8192 bytes together; list in parts")
}

async fn lines<'a>(listing: &'a Listing, list: &ListCommand) -> Vec<Line<'a>> {
    // An empty one matches nothing (RFC 5258 section 3).
    let patterns = list.patterns.iter().filter(|pattern| !pattern.is_empty());
    let patterns: Vec<Pattern> = patterns.map(|pattern| Pattern::new(&list.reference, pattern)).collect();
    let selection = list.selection;
    let mut meant = Vec::with_capacity(listing.nodes.len());
    for (place, node) in listing.nodes.iter().enumerate() {
        meant.push(patterns.iter().any(|pattern| pattern.matches(&node.name)));
        take_turns(place).await;
    }
    let selected = |node: &Node| {
        (!selection.subscribed || node.subscribed) && (!selection.special_use || node.special_use.is_some())
    };
    let named = listing.nodes.iter().zip(&meant).filter(|(_, meant)| **meant).map(|(node, _)| node);
    if !selection.recursive_match {
        // A subscription alone makes no name; without the option it is not shown.
        let line = |node| Line { node, selected: true, subscribed_below: false };
        return named.filter(|node| selected(node)).map(line).collect();
    }
    let (above_hidden, above_any) = listing.above(selected, |place| meant[place]);
    let line = |node: &'a Node| {
        let (selected, subscribed_below) = (selected(node), above_any.contains(node.name.as_str()));
        let shown = selected || above_hidden.contains(node.name.as_str());
        shown.then_some(Line { node, selected, subscribed_below })
    };
    named.filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::listing;
    use postern_imap_wire::ListSelection;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// The lines, and how often others had their turn.
    fn lines_in_turns<'a>(listing: &'a Listing, list: &ListCommand) -> (Vec<Line<'a>>, usize) {
        let mut lines = pin!(lines(listing, list));
        let mut turns = 0;
        loop {
            match lines.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(lines) => return (lines, turns),
                Poll::Pending => turns += 1,
            }
        }
    }

    fn shown(list: &ListCommand) -> Vec<String> {
        let listing = listing(
            &["INBOX", "+Sent", "Fruit", "+Fruit/Apple", "Fruit/Banana", "+Tofu"],
            &[("support@example.org", &["+INBOX", "+Cases/Open"])],
        );
        let line = |line: Line<'_>| {
            let kind = if line.node.kind == Kind::Mailbox { "" } else { "!" };
            format!("{kind}{}{}", line.node.name, if line.subscribed_below { " +" } else { "" })
        };
        lines_in_turns(&listing, list).0.into_iter().map(line).collect()
    }

    fn command(reference: &str, patterns: &[&str]) -> ListCommand {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        ListCommand { reference: reference.to_owned(), patterns, ..ListCommand::default() }
    }

    #[test]
    fn one_level_shows_what_holds_others() {
        assert_eq!(shown(&command("", &["%"])), ["INBOX", "Sent", "Fruit", "Tofu", "!Shared"]);
        assert_eq!(shown(&command("Shared/", &["%"])), ["!Shared/support@example.org"]);
        let below = ["Shared/support@example.org/INBOX", "!Shared/support@example.org/Cases"];
        assert_eq!(shown(&command("Shared/support@example.org", &["/%"])), below);
        assert_eq!(shown(&command("", &["Fruit/*", "inbox"])), ["INBOX", "Fruit/Apple", "Fruit/Banana"]);
        assert!(shown(&command("", &["Shared/nobody@example.org/*"])).is_empty());
    }

    /// Ten thousand names and a hundred patterns are much work; other connections wait for 64
    /// names, not for all.
    #[test]
    fn a_long_list_lets_others_have_their_turn() {
        let names: Vec<String> = (0..1000).map(|number| format!("Box {number}")).collect();
        let listing = listing(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let (lines, turns) = lines_in_turns(&listing, &command("", &["Box 1*", "%9"]));
        assert_eq!((lines.len(), turns), (111 + 100 - 11, 1000 / 64));
    }

    #[test]
    fn options_select_names() {
        let select = |selection, pattern| shown(&ListCommand { selection, ..command("", &[pattern]) });
        let subscribed = ListSelection { subscribed: true, ..ListSelection::default() };
        assert_eq!(
            select(subscribed, "*"),
            [
                "Sent",
                "Fruit/Apple",
                "Tofu",
                "Shared/support@example.org/INBOX",
                "Shared/support@example.org/Cases/Open"
            ]
        );
        let special = ListSelection { special_use: true, ..ListSelection::default() };
        assert_eq!(select(special, "*"), ["Sent"]);
    }

    /// RFC 5258 section 3.5 and its examples 8 and 9.
    #[test]
    fn recursive_match_shows_parents_of_what_is_subscribed() {
        let selection = ListSelection { subscribed: true, recursive_match: true, ..ListSelection::default() };
        let select = |pattern| shown(&ListCommand { selection, ..command("", &[pattern]) });
        assert_eq!(select("%"), ["Sent", "Fruit +", "Tofu", "!Shared +"]);
        assert_eq!(select("Fruit*"), ["Fruit/Apple"], "what is shown itself needs no hint above it");
    }
}
