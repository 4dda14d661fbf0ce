//! NAMESPACE (RFC 9051 section 6.3.10): one's own mailboxes without a prefix, those that
//! others share below `Shared/`.

use crate::answer::{Completion, Handled};
use crate::connection::Client;
use crate::names::{DELIMITER, SHARED_PREFIX};
use postern_imap_wire::NamespaceEntry;

pub(crate) fn run(client: &mut Client) -> Handled {
    let entry = |prefix| NamespaceEntry { prefix, delimiter: Some(DELIMITER) };
    client.reply().namespace(&[entry("")], &[], &[entry(SHARED_PREFIX)]);
    Ok(Completion::ok("Done"))
}
