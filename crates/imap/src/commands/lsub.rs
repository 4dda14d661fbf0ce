//! LSUB (RFC 3501 section 6.3.9): subscribed names, also of mailboxes that are gone.
//!
//! Where `%` stops short of a subscribed name, the level above is shown with `\Noselect`:
//! the special rule of that section, by which clients walk down.

use crate::answer::{Completion, Handled};
use crate::commands::list::too_long;
use crate::connection::{Client, Desk};
use crate::listing::{Listing, take_turns};
use crate::names::DELIMITER;
use crate::pattern::{self, Pattern};
use postern_imap_wire::{Encoder, ListAttribute, ListEntry};
use std::collections::HashSet;

pub(crate) async fn run(client: &mut Client, reference: &str, pattern: &str) -> Handled {
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    if !pattern::fit(reference, [pattern]) {
        return Ok(too_long());
    }
    let mut listing = Listing::read(house, session).await?;
    listing.add_subscriptions(house, session).await?;
    let names = names(&listing, &Pattern::new(reference, pattern)).await;
    let mut reply = Encoder::new(out, rev2);
    for (mailbox, subscribed) in names {
        let attributes: &[ListAttribute] = if subscribed { &[] } else { &[ListAttribute::NoSelect] };
        reply.lsub(&ListEntry {
            attributes,
            delimiter: Some(DELIMITER),
            mailbox,
            subscribed_below: false,
            old_name: None,
        });
    }
    Ok(Completion::ok("Done"))
}

/// Names to show, and whether they are subscribed themselves.
async fn names<'a>(listing: &'a Listing, pattern: &Pattern) -> Vec<(&'a str, bool)> {
    let subscribed: HashSet<&str> =
        listing.nodes.iter().filter(|node| node.subscribed).map(|node| node.name.as_str()).collect();
    let mut names = Vec::new();
    let mut levels = HashSet::new();
    for (place, node) in listing.nodes.iter().filter(|node| node.subscribed).enumerate() {
        take_turns(place).await;
        if pattern.matches(&node.name) {
            names.push((node.name.as_str(), true));
            continue;
        }
        let level = pattern.level_above(&node.name);
        if let Some(level) = level.filter(|level| !subscribed.contains(level) && levels.insert(*level)) {
            names.push((level, false));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::listing;

    /// RFC 3501 section 6.3.9.
    #[tokio::test]
    async fn a_level_above_a_subscribed_name_is_shown_when_percent_stops_there() {
        let listing =
            listing(&["+INBOX", "Fruit", "+Fruit/Apple", "+Fruit/Banana"], &[("support@example.org", &["+INBOX"])]);
        let shown = async |reference, pattern| names(&listing, &Pattern::new(reference, pattern)).await;
        assert_eq!(shown("", "%").await, [("INBOX", true), ("Fruit", false), ("Shared", false)]);
        assert_eq!(shown("", "Fruit/%").await, [("Fruit/Apple", true), ("Fruit/Banana", true)]);
        assert_eq!(shown("Shared/", "*").await, [("Shared/support@example.org/INBOX", true)]);
        assert!(shown("", "Fruit").await.is_empty());
    }
}
