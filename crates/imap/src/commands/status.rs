//! STATUS (RFC 9051 section 6.3.11), and the same within LIST (RFC 5819).

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;
use crate::resync::Resync;
use postern_app::Numbers;
use postern_imap_wire::{Encoder, StatusItem, StatusValue};

/// Asking for HIGHESTMODSEQ is asking to be told of changes with theirs (RFC 7162 section 3.1).
pub(crate) fn enable(client: &mut Client, items: &[StatusItem]) {
    if items.contains(&StatusItem::HighestModSeq) {
        client.enable_resync(Resync::Changes);
    }
}

pub(crate) async fn run(client: &mut Client, mailbox: &str, items: &[StatusItem]) -> Handled {
    enable(client, items);
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    let at = names::locate(mailbox);
    let numbers = house.status(session, &at, adds_up_deleted(items)).await?;
    Encoder::new(out, rev2).status(&names::shown_at(&at), &values(&numbers, items));
    Ok(Completion::ok("Done"))
}

/// Is something asked for that no counter says?
pub(crate) fn adds_up_deleted(items: &[StatusItem]) -> bool {
    items.contains(&StatusItem::DeletedStorage)
}

/// What the numbers say of each item.
pub(crate) fn values(numbers: &Numbers, items: &[StatusItem]) -> Vec<(StatusItem, StatusValue)> {
    let Numbers { id, counters, deleted_bytes, keeps_modseqs } = numbers;
    let value = |item: &StatusItem| {
        let value = match item {
            StatusItem::Messages => counters.messages,
            // What no session has been shown. Of those, expunged ones are not counted out
            // one by one, so it is held to what is there.
            StatusItem::Recent => counters.uid_next.saturating_sub(counters.recent_from).min(counters.messages),
            StatusItem::UidNext => counters.uid_next.min(u64::from(u32::MAX)),
            StatusItem::UidValidity => u64::from(counters.uid_validity.0),
            StatusItem::Unseen => counters.unseen,
            StatusItem::Deleted => counters.deleted,
            StatusItem::DeletedStorage => *deleted_bytes,
            StatusItem::Size => counters.bytes,
            // RFC 7162 section 3.1.7.
            StatusItem::HighestModSeq if !keeps_modseqs => 0,
            StatusItem::HighestModSeq => counters.modseq.0.unsigned_abs().max(1),
            StatusItem::MailboxId => return (*item, StatusValue::Id(id.to_string())),
        };
        (*item, StatusValue::Number(value))
    };
    items.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_app::{Counters, ObjectNames};
    use postern_types::{MailboxId, ModSeq, UidValidity};

    #[test]
    fn every_item_has_its_value() {
        let counters = Counters {
            uid_validity: UidValidity(7),
            uid_next: 1 << 32,
            modseq: ModSeq(99),
            messages: 3,
            unseen: 2,
            deleted: 1,
            bytes: 1234,
            recent_from: (1 << 32) - 2,
        };
        let id = ObjectNames::new([7; 32]).mailbox(MailboxId::from_key(1 << 36 | 1).unwrap());
        let numbers = Numbers { id, counters, deleted_bytes: 567, keeps_modseqs: true };
        let values = values(&numbers, &StatusItem::ALL);
        let told: Vec<StatusValue> = values.into_iter().map(|(_, value)| value).collect();
        let numbers = [3, 2, u64::from(u32::MAX), 7, 2, 1, 567, 1234, 99].map(StatusValue::Number);
        assert_eq!(told, numbers.into_iter().chain([StatusValue::Id(id.to_string())]).collect::<Vec<_>>());
    }
}
