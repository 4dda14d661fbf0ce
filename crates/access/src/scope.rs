//! The scope of a credential: by which protocols, from where, when, and with which letters on
//! which mailboxes. Everything in it takes away; what policy, account and purpose do not allow
//! is not brought back by it.

use crate::{GrantFact, Reach, SendingScope};
use postern_types::{GrantId, Network, Rights, SendRights, Timestamp};
use std::fmt;
use std::net::IpAddr;
use std::ops::Sub;
use std::str::FromStr;

/// What is spoken by whoever signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RFC 9051 and RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
    /// RFC 6409.
    Submission,
    /// RFC 8620.
    Jmap,
    /// The web client.
    Web,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 5] =
        [Protocol::Imap, Protocol::Pop3, Protocol::Submission, Protocol::Jmap, Protocol::Web];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Imap => "imap",
            Protocol::Pop3 => "pop3",
            Protocol::Submission => "submission",
            Protocol::Jmap => "jmap",
            Protocol::Web => "web",
        }
    }

    /// From its name, in any case.
    pub fn parse(text: &str) -> Result<Protocol, ScopeError> {
        let folded = text.trim().to_ascii_lowercase();
        let found = Protocol::ALL.into_iter().find(|known| known.name() == folded);
        found.ok_or_else(|| ScopeError::NoProtocol(text.to_owned()))
    }
}

/// A text that says nothing a scope can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// No protocol.
    #[error("{0:?} is no protocol; there are imap, pop3, submission, jmap, web")]
    NoProtocol(String),
    /// No hours.
    #[error("{0:?} is no time of day: write 08:00-18:00; 22:00-06:00 goes past midnight")]
    NoHours(String),
}

/// Some protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocols(u8);

impl Protocols {
    /// None.
    pub const NONE: Protocols = Protocols(0);

    /// These.
    pub fn of(protocols: &[Protocol]) -> Self {
        Self(protocols.iter().fold(0, |bits, protocol| bits | 1 << *protocol as u8))
    }

    /// Is it one of them?
    pub fn has(self, protocol: Protocol) -> bool {
        self.0 & 1 << protocol as u8 != 0
    }

    /// Is it none?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.into_iter().filter(move |protocol| self.has(*protocol))
    }
}

impl Sub for Protocols {
    type Output = Protocols;
    fn sub(self, other: Protocols) -> Protocols {
        Protocols(self.0 & !other.0)
    }
}

/// Their names with commas between them.
impl fmt::Display for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Protocol::name).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Protocols {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let words = text.split(',').filter(|word| !word.trim().is_empty());
        Ok(Self::of(&words.map(Protocol::parse).collect::<Result<Vec<_>, _>>()?))
    }
}

/// From where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Networks {
    /// From anywhere.
    Any,
    /// From these.
    Of(Vec<Network>),
}

impl Networks {
    /// Is somebody there? A unix socket has no address and is this machine: only a scope of
    /// everywhere has it.
    pub fn have(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Networks::Any, _) => true,
            (Networks::Of(networks), Some(address)) => networks.iter().any(|network| network.contains(address)),
            (Networks::Of(_), None) => false,
        }
    }
}

const DAY_MINUTES: u16 = 24 * 60;
const MINUTE_MS: i64 = 60 * 1000;
/// Clocks are put forward and back: so often it is looked again.
const LOOK_MS: i64 = 15 * MINUTE_MS;

/// A part of each day in the organisation's time zone, the end not included. Where it begins
/// after it ends, it goes past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

impl Hours {
    /// From minutes after midnight, as a database keeps them.
    pub fn of_minutes(from: i64, to: i64) -> Option<Self> {
        let minute = |value| u16::try_from(value).ok().filter(|minute| *minute <= DAY_MINUTES);
        let (from, to) = (minute(from)?, minute(to)?);
        (from < DAY_MINUTES && from % DAY_MINUTES != to % DAY_MINUTES || (from, to) == (0, DAY_MINUTES))
            .then_some(Self { from, to })
    }

    /// Minutes after midnight at which they begin and end.
    pub fn minutes(self) -> (i64, i64) {
        (self.from.into(), self.to.into())
    }

    /// The next two moments at which they begin or end, where the zone is so many seconds ahead of UTC.
    pub fn edges_after(self, now: Timestamp, offset_seconds: i32) -> [Timestamp; 2] {
        let local = now.0 + i64::from(offset_seconds) * 1000;
        let day_ms = i64::from(DAY_MINUTES) * MINUTE_MS;
        let passed = local.rem_euclid(day_ms);
        let (from, to) = self.minutes();
        [from, to].map(|minute| {
            let wait = (minute * MINUTE_MS - passed).rem_euclid(day_ms);
            now.plus_ms(if wait == 0 { day_ms } else { wait })
        })
    }

    /// Are they now, where the zone is so many seconds ahead of UTC? And until when is that
    /// sure: the next end or beginning, and never more than a quarter of an hour, for zones
    /// change.
    pub fn at(self, now: Timestamp, offset_seconds: i32) -> (bool, Timestamp) {
        let local = now.0 + i64::from(offset_seconds) * 1000;
        let day_ms = i64::from(DAY_MINUTES) * MINUTE_MS;
        let passed = local.rem_euclid(day_ms);
        let minute = passed / MINUTE_MS;
        let (from, to) = self.minutes();
        let inside = if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to };
        let next = MINUTE_MS * if inside { to } else { from };
        let wait = (next - passed).rem_euclid(day_ms);
        let wait = if wait == 0 { day_ms } else { wait };
        (inside, now.plus_ms(wait.min(LOOK_MS)))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl FromStr for Hours {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let minutes = |part: &str| {
            let (hour, minute) = part.trim().split_once(':')?;
            let is_short = |digits: &str| digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let (hour, minute): (i64, i64) =
                (is_short(hour).then(|| hour.parse().ok())??, is_short(minute).then(|| minute.parse().ok())??);
            (minute < 60).then_some(hour * 60 + minute)
        };
        let found = text.split_once('-').and_then(|(from, to)| Hours::of_minutes(minutes(from)?, minutes(to)?));
        found.ok_or_else(|| ScopeError::NoHours(text.to_owned()))
    }
}

/// What a credential may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope {
    /// By which protocols.
    pub protocols: Protocols,
    /// With which letters where. The most specific one decides, as with the grants of one
    /// person; where none reaches, there is nothing.
    pub reaches: Vec<(Reach, Rights)>,
    /// Flags that it may not change are taken and forgotten, for programs that give up on a NO.
    pub forgiving: bool,
    /// Only messages that came so many milliseconds ago or before.
    pub older_than_ms: Option<i64>,
    /// From where.
    pub networks: Networks,
    /// At which hours.
    pub hours: Option<Hours>,
    /// How many connections at once.
    pub connections: Option<u32>,
    /// What it sends, where it submits.
    pub sending: SendingScope,
}

impl CredentialScope {
    /// As grants, so that they combine and are compared as those do. They end at `not_after`.
    /// Whoever submits sends as the account, also where nothing of it is read.
    pub fn as_grants(&self, not_after: Option<Timestamp>) -> Vec<GrantFact> {
        let send = SendRights { send_as: self.protocols.has(Protocol::Submission), send_on_behalf: false };
        let sends_alone = (self.reaches.is_empty() && send.send_as).then_some((Reach::Account, Rights::NONE));
        let numbered = self.reaches.iter().chain(&sends_alone).zip(1..);
        numbered
            .filter_map(|((reach, rights), number)| {
                Some(GrantFact {
                    id: GrantId::new(number).ok()?,
                    via: None,
                    reach: reach.clone(),
                    rights: *rights,
                    send,
                    automap: true,
                    not_after,
                })
            })
            .collect()
    }

    /// Every letter held anywhere.
    pub fn letters(&self) -> Rights {
        self.reaches.iter().fold(Rights::NONE, |held, (_, rights)| held | *rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * MINUTE_MS;

    #[test]
    fn protocols_and_hours_read_back() {
        let some: Protocols = "imap, POP3".parse().unwrap();
        assert_eq!(some.to_string(), "imap,pop3");
        assert!("telnet".parse::<Protocols>().is_err());
        for text in ["08:00-18:00", "22:30-06:00", "00:00-24:00", "23:59-00:00"] {
            assert_eq!(text.parse::<Hours>().unwrap().to_string(), text);
        }
        for text in
            ["8-18", "08:00", "08:00-08:00", "24:00-06:00", "08:60-09:00", "08:00-25:00", "-1:00-02:00", "+8:00-9:00"]
        {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }

    /// Against a minute by minute count of two days, in three zones.
    #[test]
    fn hours_begin_and_end_where_they_say() {
        for (text, inside) in [("08:00-18:00", 600), ("22:30-06:00", 450), ("00:00-24:00", 1440)] {
            let hours: Hours = text.parse().unwrap();
            for offset in [0, 7200, -12_600] {
                let held = |minute: i64| hours.at(Timestamp(minute * MINUTE_MS), offset);
                let count = (0..1440).filter(|minute| held(*minute).0).count();
                assert_eq!(count, inside, "{text} at {offset}");
                for minute in 0..1440 {
                    let (is, until) = held(minute);
                    assert!(until.0 > minute * MINUTE_MS && until.0 <= minute * MINUTE_MS + LOOK_MS);
                    let before_end = Timestamp(until.0 - 1);
                    assert_eq!(hours.at(before_end, offset).0, is, "it does not change before it is looked again");
                }
            }
        }
        let hours: Hours = "08:00-18:00".parse().unwrap();
        assert!(!hours.at(Timestamp(8 * HOUR_MS - 1), 0).0 && hours.at(Timestamp(8 * HOUR_MS), 0).0);
        assert!(hours.at(Timestamp(18 * HOUR_MS - 1), 0).0 && !hours.at(Timestamp(18 * HOUR_MS), 0).0);
        assert!(hours.at(Timestamp(6 * HOUR_MS), 7200).0, "08:00 in a zone two hours ahead");
    }

    #[test]
    fn a_socket_without_address_is_no_network() {
        let one = Networks::Of(vec!["192.0.2.0/24".parse().unwrap()]);
        assert!(one.have(Some("192.0.2.9".parse().unwrap())) && !one.have(Some("192.0.3.9".parse().unwrap())));
        assert!(!one.have(None) && Networks::Any.have(None));
    }
}
