//! NAMESPACE (RFC 9051 section 6.3.10): one's own mailboxes without a prefix, those that
//! others share below `Shared/`. A session that is rooted at one account has no others.

use crate::answer::{Completion, Handled};
use crate::connection::Client;
use crate::names::{DELIMITER, SHARED_PREFIX};
use postern_imap_wire::NamespaceEntry;

pub(crate) fn run(client: &mut Client) -> Handled {
    let entry = |prefix| NamespaceEntry { prefix, delimiter: Some(DELIMITER) };
    let rooted = client.desk()?.session.is_rooted();
    let shared = [entry(SHARED_PREFIX)];
    client.reply().namespace(&[entry("")], &[], if rooted { &[] } else { &shared });
    Ok(Completion::ok("Done"))
}
