//! LIST, plain and extended (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8440).
//!
//! Nothing here is remote, so REMOTE selects nothing more and nothing less. Children and
//! purposes are told always: they cost nothing, and RFC 3348 and RFC 6154 allow it. Purposes
//! under `Shared/` are told to those who ask (RFC 6154 section 2): a program that takes the
//! first `\Sent` it hears of would file a delegate's own mail with somebody else's.

use crate::answer::{Completion, Handled};
use crate::commands::status;
use crate::connection::{Client, Desk};
use crate::listing::{Kind, Listing, Node, Told};
use crate::names::{DELIMITER, SHARED, SHARED_PREFIX, shown_at};
use crate::pattern::Pattern;
use postern_app::Refused;
use postern_imap_wire::{Encoder, ListAttribute, ListCommand, ListEntry};

/// One line of the answer.
struct Line<'a> {
    node: &'a Node,
    /// CHILDINFO (RFC 5258 section 3.5).
    subscribed_below: bool,
}

pub(crate) async fn run(client: &mut Client, list: ListCommand) -> Handled {
    status::check(&list.returns.status)?;
    if list.selection.recursive_match && !list.selection.subscribed {
        return Ok(Completion::bad("RECURSIVEMATCH goes with SUBSCRIBED here"));
    }
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    if !list.extended && list.patterns.iter().all(String::is_empty) {
        tell_root(&mut Encoder::new(out, rev2), &list.reference);
        return Ok(Completion::ok("Done"));
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
    for line in lines(&listing, &list) {
        let attributes = line.node.attributes(told);
        Encoder::new(out, rev2).list(&ListEntry {
            attributes: &attributes,
            delimiter: Some(DELIMITER),
            mailbox: &line.node.name,
            subscribed_below: line.subscribed_below,
            old_name: None,
        });
        if list.returns.my_rights && line.node.kind == Kind::Mailbox {
            Encoder::new(out, rev2).my_rights(&line.node.name, line.node.rights);
        }
        let Some(at) = line.node.locator.as_ref().filter(|_| !list.returns.status.is_empty()) else { continue };
        match house.status(session, at).await {
            Ok(counters) => {
                let values = status::values(&counters, &list.returns.status);
                Encoder::new(out, rev2).status(&shown_at(at), &values);
            }
            // Seen and not to be read: LIST without STATUS (RFC 5819 section 2).
            Err(Refused::Denied(_)) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Ok(Completion::ok("Done"))
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

fn lines<'a>(listing: &'a Listing, list: &ListCommand) -> Vec<Line<'a>> {
    let patterns: Vec<Pattern> = list.patterns.iter().map(|pattern| Pattern::new(&list.reference, pattern)).collect();
    let matches = |node: &Node| patterns.iter().any(|pattern| pattern.matches(&node.name));
    let selection = list.selection;
    let selected = |node: &Node| {
        (!selection.subscribed || node.subscribed) && (!selection.special_use || node.special_use.is_some())
    };
    if !selection.recursive_match {
        let lines = listing.nodes.iter().filter(|node| matches(node) && selected(node));
        // A subscription alone makes no name; without the option it is not shown.
        return lines.map(|node| Line { node, subscribed_below: false }).collect();
    }
    let (above_hidden, above_any) = listing.above(selected, matches);
    let line = |node: &'a Node| {
        let itself = selected(node);
        let below = above_any.contains(node.name.as_str());
        let hidden_below = above_hidden.contains(node.name.as_str());
        (matches(node) && (itself || hidden_below)).then_some(Line { node, subscribed_below: below })
    };
    listing.nodes.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::listing;
    use postern_imap_wire::ListSelection;

    fn shown(list: &ListCommand) -> Vec<String> {
        let listing = listing(
            &["INBOX", "+Sent", "Fruit", "+Fruit/Apple", "Fruit/Banana", "+Tofu"],
            &[("support@example.org", &["+INBOX", "+Cases/Open"])],
        );
        let line = |line: Line<'_>| {
            let kind = if line.node.kind == Kind::Mailbox { "" } else { "!" };
            format!("{kind}{}{}", line.node.name, if line.subscribed_below { " +" } else { "" })
        };
        lines(&listing, list).into_iter().map(line).collect()
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
