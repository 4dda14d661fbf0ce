//! NOTIFY (RFC 5465): what a client wants to hear of, and of which mailboxes.

use crate::fetch::FetchItem;

/// NOTIFY SET (section 3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifySet {
    /// STATUS of each mailbox is told at once.
    pub status: bool,
    /// Of the selected mailbox; `None` is the same as NONE.
    pub selected: Option<SelectedEvents>,
    /// Of all others: what each group names, added up.
    pub groups: Vec<EventGroup>,
    /// An event was named that is not among [`NOTIFY_EVENTS`].
    pub unsupported: bool,
}

/// Events that can be asked for, for BADEVENT.
pub const NOTIFY_EVENTS: &[&str] = &["MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange"];

/// What is told of the selected mailbox (section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedEvents {
    /// SELECTED-DELAYED: what is expunged waits for a command that may tell it.
    pub delayed: bool,
    /// FlagChange
    pub flags: bool,
    /// What is fetched of each new message; each item once, and it may be none.
    pub items: Vec<FetchItem>,
}

/// What is told of some mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventGroup {
    /// Which mailboxes.
    pub filter: MailboxFilter,
    /// What of them.
    pub events: NotifyEvents,
}

/// Which mailboxes (sections 6.2 to 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxFilter {
    /// Where mail is delivered to.
    Inboxes,
    /// One's own.
    Personal,
    /// What is subscribed to.
    Subscribed,
    /// These and what is below them.
    Subtree(Vec<String>),
    /// These.
    Mailboxes(Vec<String>),
}

/// Kinds of events (section 5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NotifyEvents {
    /// MessageNew and MessageExpunge, which go together.
    pub messages: bool,
    /// FlagChange
    pub flags: bool,
    /// MailboxName
    pub names: bool,
    /// SubscriptionChange
    pub subscriptions: bool,
}

impl NotifyEvents {
    /// Is there any?
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// What is in either.
    pub fn or(self, other: Self) -> Self {
        Self {
            messages: self.messages || other.messages,
            flags: self.flags || other.flags,
            names: self.names || other.names,
            subscriptions: self.subscriptions || other.subscriptions,
        }
    }
}
