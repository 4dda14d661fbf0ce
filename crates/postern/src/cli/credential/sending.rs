//! What a credential sends, in words, and the flags that say so at its issue.

use super::told::{spelled, spelled_with};
use crate::cli::dates::seconds;
use crate::cli::output::bytes;
use crate::cli::size;
use clap::Args;
use postern_access::OnLimit;
use postern_http::model::{CredentialSending, CredentialUsed, NewCredential};
use postern_types::Address;

/// What it sends, where that is not as its purpose has it.
#[derive(Debug, Clone, Args)]
pub(super) struct Flags {
    /// Only this address of the mailbox in From; may be repeated
    #[arg(long = "from", value_name = "EMAIL", value_parser = Address::parse)]
    from: Vec<Address>,
    /// Recipients elsewhere in a day, 10000 at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_recipients_per_day: Option<u32>,
    /// Messages in a minute, 600 at most; 30 where nothing is said, and 600 for marketing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=600))]
    max_messages_per_minute: Option<u32>,
    /// Recipients in a day to whom the mailbox never sent before; where nothing is said, 200 in the first 7
    /// days, and 10,000 for marketing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_new_recipients_per_day: Option<u32>,
    /// Bytes in a day: a number, or a size such as 500M or 10G
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_bytes_per_day: Option<size::Bound>,
    /// What happens at a limit: refuse (with the time to try again), slow (taken, and sent when there is
    /// room) or suspend
    #[arg(long, value_name = "HOW", value_parser = on_limit)]
    on_limit: Option<OnLimit>,
}

/// For clap: a word for what happens at a limit.
fn on_limit(text: &str) -> Result<OnLimit, String> {
    OnLimit::parse(&text.to_ascii_lowercase()).ok_or_else(|| "there are refuse, slow, suspend".to_owned())
}

impl Flags {
    /// The document with what was said of sending.
    pub(super) fn complete(&self, document: NewCredential) -> NewCredential {
        NewCredential {
            from: self.from.iter().map(ToString::to_string).collect(),
            max_messages_per_minute: self.max_messages_per_minute,
            max_recipients_per_day: self.max_recipients_per_day,
            max_new_recipients_per_day: self.max_new_recipients_per_day,
            max_bytes_per_day: self.max_bytes_per_day.and_then(|bound| bound.0),
            on_limit: self.on_limit.map(|how| how.name().to_owned()),
            ..document
        }
    }
}

/// How much it sends: `600 messages a minute, 10,000 recipients and as many new ones a day, slowed down
/// beyond`.
pub(super) fn told(sending: &CredentialSending) -> String {
    let mut parts = Vec::new();
    if sending.own_domains_only {
        parts.push("recipients in your own domains only".to_owned());
    }
    parts.extend(sending.messages_per_minute.map(|most| format!("{} a minute", spelled_with(most, "message"))));
    match (sending.recipients_per_day, sending.new_recipients_per_day) {
        (Some(all), Some(new)) if all == new => {
            parts.push(format!("{} and as many new ones a day", spelled_with(all, "recipient")));
        }
        (all, new) => {
            parts.extend(all.map(|all| format!("{} a day", spelled_with(all, "recipient"))));
            parts.extend(new.map(|new| format!("{} a day", spelled_with(new, "new recipient"))));
        }
    }
    parts.extend(sending.while_young.as_ref().map(|young| {
        format!("{} a day until {}", spelled_with(young.new_recipients_per_day, "new recipient"), seconds(&young.until))
    }));
    parts.extend(sending.bytes_per_day.map(|most| format!("{} a day", bytes(most))));
    parts.push(
        match sending.on_limit.as_str() {
            "slow" => "slowed down beyond",
            "suspend" => "suspended beyond",
            _ => "refused beyond",
        }
        .to_owned(),
    );
    parts.join(", ")
}

/// What it has used: `today 120 of 10,000 recipients, 3 of 200 new ones, 1.0 MiB; this minute 3 of 30
/// messages`.
pub(super) fn used(used: &CredentialUsed, sending: &CredentialSending) -> String {
    let of = |most: Option<u32>| most.map(|most| format!(" of {}", spelled(most))).unwrap_or_default();
    let new = sending.new_recipients_per_day.or(sending.while_young.as_ref().map(|young| young.new_recipients_per_day));
    let recipients = match sending.recipients_per_day {
        Some(most) => format!("{} of {}", spelled(used.recipients_today), spelled_with(most, "recipient")),
        None => spelled_with(used.recipients_today, "recipient"),
    };
    let sent = match sending.bytes_per_day {
        Some(most) => format!("{} of {}", bytes(used.bytes_today), bytes(most)),
        None => bytes(used.bytes_today),
    };
    let messages = match sending.messages_per_minute {
        Some(most) => format!("{} of {}", spelled(used.messages_this_minute), spelled_with(most, "message")),
        None => spelled_with(used.messages_this_minute, "message"),
    };
    format!("today {recipients}, {}{} new, {sent}; this minute {messages}", spelled(used.new_recipients_today), of(new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_http::model::WhileYoung;

    const MARKETING: CredentialSending = CredentialSending {
        from: Vec::new(),
        own_domains_only: false,
        messages_per_minute: Some(600),
        recipients_per_day: Some(10_000),
        new_recipients_per_day: Some(10_000),
        bytes_per_day: None,
        on_limit: String::new(),
        while_young: None,
    };

    #[test]
    fn what_was_used_stands_beside_what_there_is() {
        let so_far = CredentialUsed {
            messages_this_minute: 3,
            recipients_today: 1200,
            new_recipients_today: 40,
            bytes_today: 1 << 20,
        };
        assert_eq!(
            used(&so_far, &MARKETING),
            "today 1,200 of 10,000 recipients, 40 of 10,000 new, 1.0 MiB; this minute 3 of 600 messages"
        );
        let plain = CredentialSending {
            messages_per_minute: Some(1),
            recipients_per_day: None,
            new_recipients_per_day: None,
            bytes_per_day: Some(1 << 30),
            ..MARKETING
        };
        let one = CredentialUsed { recipients_today: 1, new_recipients_today: 0, ..so_far };
        assert_eq!(used(&one, &plain), "today 1 recipient, 0 new, 1.0 MiB of 1.0 GiB; this minute 3 of 1 message");
    }

    #[test]
    fn limits_are_told_in_one_sentence() {
        assert_eq!(
            told(&CredentialSending { on_limit: "slow".into(), ..MARKETING }),
            "600 messages a minute, 10,000 recipients and as many new ones a day, slowed down beyond"
        );
        let until = "2026-11-29T21:00:00Z".to_owned();
        let young = CredentialSending {
            messages_per_minute: Some(30),
            recipients_per_day: None,
            new_recipients_per_day: None,
            bytes_per_day: Some(1 << 30),
            on_limit: "refuse".into(),
            while_young: Some(WhileYoung { new_recipients_per_day: 200, until }),
            ..MARKETING
        };
        assert_eq!(
            told(&young),
            "30 messages a minute, 200 new recipients a day until 2026-11-29T21:00:00Z, 1.0 GiB a day, refused beyond"
        );
        let device = CredentialSending { own_domains_only: true, while_young: None, bytes_per_day: None, ..young };
        assert_eq!(told(&device), "recipients in your own domains only, 30 messages a minute, refused beyond");
        let unequal = CredentialSending { new_recipients_per_day: Some(50), on_limit: "suspend".into(), ..MARKETING };
        assert_eq!(
            told(&unequal),
            "600 messages a minute, 10,000 recipients a day, 50 new recipients a day, suspended beyond"
        );
    }
}
