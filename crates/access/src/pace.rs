//! How much may be sent, and when: limits of accounts and credentials, as pure arithmetic.
//!
//! Time is cut into minutes and days (of UTC), so that a refusal can name the moment at which there
//! is room again. Whoever is slowed down is not refused: what is over the limit leaves in the next
//! minute, or the next day, that has room. Mail within the house and notifications count nothing.

use crate::{CredentialFacts, Purpose};
use postern_types::{Address, Timestamp, counted};

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// A credential is young for so long.
const YOUNG_MS: i64 = 7 * DAY_MS;

/// Recipients elsewhere to whom one account sends in a day.
pub const RECIPIENTS_PER_DAY: u32 = 10_000;
/// Messages of one credential in a minute, where nothing else is said.
pub const MESSAGES_PER_MINUTE: u32 = 30;
/// Recipients to whom the account never sent before, for a young credential, in a day.
pub const NEW_RECIPIENTS_WHILE_YOUNG: u32 = 200;
/// Messages of a credential for marketing in a minute, and the most that any may have.
pub const MOST_MESSAGES_PER_MINUTE: u32 = 600;

/// What happens where a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnLimit {
    /// Refused for now, with the moment to try again.
    #[default]
    Refuse,
    /// Taken, and sent when there is room.
    Slow,
    /// The credential is suspended.
    Suspend,
}

impl OnLimit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            OnLimit::Refuse => "refuse",
            OnLimit::Slow => "slow",
            OnLimit::Suspend => "suspend",
        }
    }

    /// From its name.
    pub fn parse(text: &str) -> Option<Self> {
        [OnLimit::Refuse, OnLimit::Slow, OnLimit::Suspend].into_iter().find(|known| known.name() == text)
    }
}

/// What the scope of a credential says of sending, beside the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendingScope {
    /// Addresses that may stand in From; where none is named, every address of the mailbox.
    pub from: Vec<Address>,
    /// Recipients in the house's own domains only.
    pub own_domains: bool,
    /// Messages in a minute.
    pub messages_per_minute: Option<u32>,
    /// Recipients elsewhere in a day; what nobody named is the account's.
    pub recipients_per_day: Option<u32>,
    /// Recipients in a day to whom the account never sent before.
    pub new_recipients_per_day: Option<u32>,
    /// Bytes in a day, each message counted once.
    pub bytes_per_day: Option<u64>,
    /// What happens at a limit.
    pub on_limit: OnLimit,
}

impl Purpose {
    /// What a credential of this purpose may send where nothing is said.
    pub fn sending(self) -> SendingScope {
        let plain = SendingScope { messages_per_minute: Some(MESSAGES_PER_MINUTE), ..SendingScope::default() };
        match self {
            Purpose::Marketing => SendingScope {
                messages_per_minute: Some(MOST_MESSAGES_PER_MINUTE),
                recipients_per_day: Some(RECIPIENTS_PER_DAY),
                new_recipients_per_day: Some(RECIPIENTS_PER_DAY),
                on_limit: OnLimit::Slow,
                ..plain
            },
            Purpose::Device => SendingScope { own_domains: true, ..plain },
            _ => plain,
        }
    }

    /// Limits that are above the template: wider than the purpose needs. Where it has none for new recipients,
    /// what a young credential has is the measure.
    pub fn sending_widened_by(self, sending: &SendingScope) -> Vec<(Limit, u64)> {
        if self == Purpose::Other {
            return Vec::new();
        }
        let template = self.sending();
        let above = |limit, given: Option<u32>, usual: Option<u32>| {
            given.filter(|given| usual.is_some_and(|usual| *given > usual)).map(|given| (limit, given.into()))
        };
        let usual_new = template.new_recipients_per_day.or(Some(NEW_RECIPIENTS_WHILE_YOUNG));
        [
            above(Limit::Messages, sending.messages_per_minute, template.messages_per_minute),
            above(Limit::Recipients, sending.recipients_per_day, template.recipients_per_day),
            above(Limit::NewRecipients, sending.new_recipients_per_day, usual_new),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The limits that hold for one sender now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    /// Messages in a minute.
    pub messages_per_minute: Option<u32>,
    /// Recipients in a day.
    pub recipients_per_day: Option<u32>,
    /// New recipients in a day.
    pub new_recipients_per_day: Option<u32>,
    /// Bytes in a day.
    pub bytes_per_day: Option<u64>,
    /// Recipients that the account as a whole sends to in a day; nothing where the credential has a
    /// number of its own in place of the account's.
    pub account_recipients_per_day: Option<u32>,
    /// What happens at a limit.
    pub on_limit: OnLimit,
}

impl SendLimits {
    /// Of a person: what their account, or the account they send as, has.
    pub const PERSON: SendLimits = SendLimits {
        messages_per_minute: None,
        recipients_per_day: None,
        new_recipients_per_day: None,
        bytes_per_day: None,
        account_recipients_per_day: Some(RECIPIENTS_PER_DAY),
        on_limit: OnLimit::Refuse,
    };
}

impl CredentialFacts {
    /// Until when it reaches few people to whom nobody sent before, as a young one without a number of its
    /// own; nothing where it does not, or not any more.
    pub fn young_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.issued.plus_ms(YOUNG_MS);
        (now < until && self.scope.sending.new_recipients_per_day.is_none()).then_some(until)
    }

    /// Its limits now: a young one reaches fewer people to whom nobody sent before.
    pub fn send_limits(&self, now: Timestamp) -> SendLimits {
        let sending = &self.scope.sending;
        let while_young = self.young_until(now).map(|_| NEW_RECIPIENTS_WHILE_YOUNG);
        let has_own_day = self.purpose == Purpose::Marketing;
        SendLimits {
            messages_per_minute: Some(sending.messages_per_minute.unwrap_or(MESSAGES_PER_MINUTE)),
            recipients_per_day: sending.recipients_per_day,
            new_recipients_per_day: sending.new_recipients_per_day.or(while_young),
            bytes_per_day: sending.bytes_per_day,
            account_recipients_per_day: (!has_own_day).then_some(RECIPIENTS_PER_DAY),
            on_limit: sending.on_limit,
        }
    }
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Messages in a minute.
    Messages,
    /// Recipients in a day.
    Recipients,
    /// New recipients in a day.
    NewRecipients,
    /// Bytes in a day.
    Bytes,
    /// Recipients of the account in a day.
    AccountRecipients,
}

impl Limit {
    /// So much of what it counts, as it reads after "may send": `30 messages in a minute`.
    pub fn told(self, most: u64) -> String {
        let (noun, more) = match self {
            Limit::Messages => ("message", "in a minute"),
            Limit::Recipients => ("recipient", "in a day"),
            Limit::NewRecipients => ("recipient", "in a day to whom the mailbox never sent before"),
            Limit::Bytes => ("byte", "in a day"),
            Limit::AccountRecipients => ("recipient", "in a day, whoever sends"),
        };
        format!("{} {more}", counted(most, noun))
    }
}

/// What one message takes of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Recipients elsewhere.
    pub recipients: u32,
    /// Of those, to whom the account never sent before.
    pub new_recipients: u32,
    /// Its bytes.
    pub bytes: u64,
}

/// What was used of the latest day that has any use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsedDay {
    /// When it began.
    pub start: Timestamp,
    /// Recipients.
    pub recipients: u32,
    /// New ones.
    pub new_recipients: u32,
    /// Bytes.
    pub bytes: u64,
}

/// What was used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// The latest minute with any use, and its messages.
    pub minute: (Timestamp, u32),
    /// The latest day of the sender.
    pub day: UsedDay,
    /// Days of the account as a whole that have any use, of those to come too.
    pub account_days: [UsedDay; 2],
}

/// When a message leaves, and where it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The minute that it counts for.
    pub minute: Timestamp,
    /// The day that it counts for.
    pub day: Timestamp,
    /// It leaves at this moment or after.
    pub leaves: Timestamp,
    /// The limit that it was slowed down by.
    pub slowed_by: Option<Limit>,
}

/// A limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// Which.
    pub limit: Limit,
    /// How much it allows.
    pub most: u64,
    /// When there is room again.
    pub until: Timestamp,
    /// The message alone is over it: there is never room.
    pub is_never: bool,
}

/// The minute in which a moment lies.
pub fn minute_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(MINUTE_MS))
}

/// The day in which a moment lies.
pub fn day_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(DAY_MS))
}

/// When the day after a moment begins.
pub fn day_after(at: Timestamp) -> Timestamp {
    Timestamp(day_of(at).0 + DAY_MS)
}

impl SendLimits {
    /// How much a limit allows.
    pub fn most(&self, limit: Limit) -> u64 {
        let most = match limit {
            Limit::Messages => self.messages_per_minute,
            Limit::Recipients => self.recipients_per_day,
            Limit::NewRecipients => self.new_recipients_per_day,
            Limit::AccountRecipients => self.account_recipients_per_day,
            Limit::Bytes => return self.bytes_per_day.unwrap_or(u64::MAX),
        };
        most.map_or(u64::MAX, u64::from)
    }

    /// When may a message leave that takes so much?
    pub fn pace(&self, wanted: &Wanted, used: &Used, now: Timestamp) -> Result<Slot, OverLimit> {
        let today = day_of(now);
        // At the end of what was taken already, and never before now.
        let (mut day, mut slowed_by) = (used.day.start.max(today), None);
        if let Some((limit, most)) = self.over_day(wanted, used, day) {
            let until = Timestamp(day.0 + DAY_MS);
            // What waits is at most the next day's: a backlog has an end.
            let is_never = !self.fits_empty_day(wanted);
            let can_wait = self.on_limit == OnLimit::Slow && day == today && !is_never;
            if !can_wait {
                return Err(OverLimit { limit, most, until, is_never });
            }
            (day, slowed_by) = (until, Some(limit));
        }
        let this_minute = minute_of(now);
        let earliest = this_minute.max(if day == today { this_minute } else { day });
        let (latest, messages) = used.minute;
        let mut minute = latest.max(earliest);
        if let Some(most) = self.messages_per_minute.filter(|most| minute == latest && messages >= *most) {
            minute = Timestamp(minute.0 + MINUTE_MS);
            if self.on_limit != OnLimit::Slow {
                return Err(OverLimit { limit: Limit::Messages, most: most.into(), until: minute, is_never: false });
            }
        }
        if minute > earliest {
            slowed_by = slowed_by.or(Some(Limit::Messages));
        }
        // Minutes that are full reach into days to come: those have limits of their own, and an end as well.
        if minute.0 >= today.0 + 2 * DAY_MS {
            let (limit, most) = (Limit::Messages, self.most(Limit::Messages));
            return Err(OverLimit { limit, most, until: day_after(now), is_never: false });
        }
        let day = day.max(day_of(minute));
        if let Some((limit, most)) = self.over_day(wanted, used, day) {
            return Err(OverLimit { limit, most, until: Timestamp(day.0 + DAY_MS), is_never: false });
        }
        Ok(Slot { minute, day, leaves: minute.max(now), slowed_by })
    }

    fn fits_empty_day(&self, wanted: &Wanted) -> bool {
        self.over_day(wanted, &Used::default(), Timestamp(i64::MAX)).is_none()
    }

    /// The first limit of the day that the message would go over.
    fn over_day(&self, wanted: &Wanted, used: &Used, day: Timestamp) -> Option<(Limit, u64)> {
        let own = if used.day.start == day { used.day } else { UsedDay::default() };
        let all = used.account_days.into_iter().find(|known| known.start == day).unwrap_or_default();
        let over = |limit, used: u64, wanted: u64, most: Option<u64>| {
            most.filter(|most| wanted > 0 && used.saturating_add(wanted) > *most).map(|most| (limit, most))
        };
        let most = |most: Option<u32>| most.map(u64::from);
        let (recipients, new) = (u64::from(wanted.recipients), u64::from(wanted.new_recipients));
        over(Limit::Recipients, own.recipients.into(), recipients, most(self.recipients_per_day))
            .or_else(|| over(Limit::NewRecipients, own.new_recipients.into(), new, most(self.new_recipients_per_day)))
            .or_else(|| over(Limit::Bytes, own.bytes, wanted.bytes, self.bytes_per_day))
            .or_else(|| {
                let account = most(self.account_recipients_per_day);
                over(Limit::AccountRecipients, all.recipients.into(), recipients, account)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(20_000 * DAY_MS + 90_500);
    const MARKETING: SendLimits = SendLimits {
        messages_per_minute: Some(3),
        recipients_per_day: Some(5),
        new_recipients_per_day: Some(5),
        bytes_per_day: None,
        account_recipients_per_day: None,
        on_limit: OnLimit::Slow,
    };
    const ONE: Wanted = Wanted { recipients: 1, new_recipients: 1, bytes: 1000 };

    /// Sends until it is refused; answers when each left, in milliseconds after NOW.
    fn send(limits: &SendLimits, most: usize) -> (Vec<i64>, Option<OverLimit>) {
        let (mut used, mut left) = (Used::default(), Vec::new());
        for _ in 0..most {
            let slot = match limits.pace(&ONE, &used, NOW) {
                Ok(slot) => slot,
                Err(over) => return (left, Some(over)),
            };
            left.push(slot.leaves.0 - NOW.0);
            used.minute =
                if used.minute.0 == slot.minute { (slot.minute, used.minute.1 + 1) } else { (slot.minute, 1) };
            let before = if used.day.start == slot.day { used.day } else { UsedDay::default() };
            let (recipients, new_recipients) = (before.recipients + 1, before.new_recipients + 1);
            used.day = UsedDay { start: slot.day, recipients, new_recipients, bytes: before.bytes + 1000 };
            used.account_days = [used.day, UsedDay::default()];
        }
        (left, None)
    }

    #[test]
    fn who_is_slowed_down_leaves_minute_by_minute_and_then_the_next_day() {
        let (left, over) = send(&MARKETING, 100);
        let tomorrow = DAY_MS - 90_500;
        let minute = |number: i64| number * MINUTE_MS - 30_500;
        assert_eq!(left[..5], [0, 0, 0, minute(1), minute(1)]);
        assert_eq!(left[5..], [tomorrow, tomorrow, tomorrow, tomorrow + MINUTE_MS, tomorrow + MINUTE_MS]);
        let over = over.unwrap();
        assert_eq!((over.limit, over.most), (Limit::Recipients, 5));
        assert_eq!(over.until.0, 20_002 * DAY_MS, "a backlog of one day, and no more");
    }

    /// Where the minutes fill up before the day does, the backlog has an end all the same.
    #[test]
    fn minutes_reach_into_tomorrow_and_no_further() {
        let limits = SendLimits {
            messages_per_minute: Some(1),
            recipients_per_day: Some(2000),
            new_recipients_per_day: None,
            ..MARKETING
        };
        let (left, over) = send(&limits, 10_000);
        let minutes_left_today = 24 * 60 - 1;
        assert_eq!(left.len(), minutes_left_today + 24 * 60);
        let over = over.unwrap();
        assert_eq!((over.limit, over.until.0), (Limit::Messages, 20_001 * DAY_MS));
    }

    #[test]
    fn who_is_refused_hears_when_there_is_room() {
        let limits = SendLimits { on_limit: OnLimit::Refuse, ..MARKETING };
        let (left, over) = send(&limits, 100);
        assert_eq!(left, [0, 0, 0]);
        let over = over.unwrap();
        assert_eq!((over.limit, over.most, over.until.0 - NOW.0), (Limit::Messages, 3, 29_500));
    }

    #[test]
    fn a_message_that_fits_no_day_is_refused_whoever_is_slowed_down() {
        let many = Wanted { recipients: 6, new_recipients: 0, bytes: 1 };
        let over = MARKETING.pace(&many, &Used::default(), NOW).unwrap_err();
        assert_eq!((over.limit, over.is_never), (Limit::Recipients, true));
        let internal = Wanted { recipients: 0, new_recipients: 0, bytes: 1 };
        let full = Used { day: UsedDay { start: day_of(NOW), recipients: 5, ..UsedDay::default() }, ..Used::default() };
        assert!(MARKETING.pace(&internal, &full, NOW).is_ok(), "mail within the house counts nothing");
    }

    #[test]
    fn a_number_above_the_template_is_wider_than_the_purpose_needs() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.sending_widened_by(&purpose.sending()), [], "{purpose}");
        }
        let fast = SendingScope {
            messages_per_minute: Some(31),
            recipients_per_day: Some(RECIPIENTS_PER_DAY),
            new_recipients_per_day: Some(201),
            ..SendingScope::default()
        };
        assert_eq!(
            Purpose::Ticketing.sending_widened_by(&fast),
            [(Limit::Messages, 31), (Limit::NewRecipients, 201)],
            "the recipients of a day are the account's anyway"
        );
        assert_eq!(Purpose::Marketing.sending_widened_by(&fast), []);
        assert_eq!(Purpose::Other.sending_widened_by(&fast), [], "where all is named nothing is wider");
    }

    #[test]
    fn a_person_is_bound_by_the_account() {
        let today = UsedDay { start: day_of(NOW), recipients: RECIPIENTS_PER_DAY, ..UsedDay::default() };
        let tomorrow = UsedDay { start: Timestamp(today.start.0 + DAY_MS), recipients: 1, ..UsedDay::default() };
        // What others have waiting for tomorrow makes no room today.
        let used = Used { account_days: [tomorrow, today], ..Used::default() };
        let over = SendLimits::PERSON.pace(&ONE, &used, NOW).unwrap_err();
        assert!(!over.is_never);
        assert_eq!((over.limit, over.until), (Limit::AccountRecipients, Timestamp(day_of(NOW).0 + DAY_MS)));
        assert!(SendLimits::PERSON.pace(&ONE, &used, Timestamp(NOW.0 + DAY_MS)).is_ok());
    }
}
