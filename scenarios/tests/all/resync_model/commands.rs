//! Commands at random: their text, and what they mean by UIDs, as the session has the numbers.

use super::model::{Flags, Session};
use super::timeline::Timeline;
use postern_testkit::power::Random;

/// How a client keeps what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It knows no modification sequences.
    Plain,
    /// With CONDSTORE: what changed is told with them, what is expunged by number.
    Sequences,
    /// With QRESYNC: what is expunged is told by UID.
    Resync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Add,
    Remove,
    Replace,
}

impl Sign {
    fn text(self) -> &'static str {
        match self {
            Sign::Add => "+",
            Sign::Remove => "-",
            Sign::Replace => "",
        }
    }
}

/// UNCHANGEDSINCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// 0: what is there at all was changed.
    Ever,
    /// Changed by a later event.
    After(usize),
}

#[derive(Debug, Clone)]
pub struct Store {
    pub uids: Vec<u32>,
    pub sign: Sign,
    pub flags: Flags,
    pub is_silent: bool,
    pub unless: Option<Unless>,
}

/// What a command means.
#[derive(Debug, Clone)]
pub enum Act {
    Noop,
    /// `since`: those that a later event changed; `vanished`: and which are gone since then.
    Fetch {
        uids: Vec<u32>,
        marks_seen: bool,
        since: Option<usize>,
        vanished: bool,
    },
    /// A number that no message has.
    Beyond,
    Store(Store),
    /// All that are marked, or those of these.
    Expunge(Option<Vec<u32>>),
    Copy {
        uids: Vec<u32>,
        is_to_archive: bool,
    },
    Move(Vec<u32>),
    Append(Flags),
    /// Those that a later event changed; `None` asks for those without `\Seen`.
    Search(Option<usize>),
}

impl Act {
    pub fn name(&self) -> &'static str {
        match self {
            Act::Noop => "noop",
            Act::Fetch { since: Some(_), .. } => "fetch of changes",
            Act::Fetch { marks_seen: true, .. } => "read",
            Act::Fetch { .. } | Act::Beyond => "fetch",
            Act::Store(Store { unless: Some(_), .. }) => "store unless changed",
            Act::Store(Store { is_silent: true, .. }) => "silent store",
            Act::Store(_) => "store",
            Act::Expunge(None) => "expunge",
            Act::Expunge(Some(_)) => "expunge of some",
            Act::Copy { .. } => "copy",
            Act::Move(_) => "move",
            Act::Append(_) => "append",
            Act::Search(Some(_)) => "search for changes",
            Act::Search(None) => "search",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Command {
    pub text: String,
    pub act: Act,
    pub by_uid: bool,
}

impl Command {
    pub fn noop() -> Self {
        Self { text: "NOOP".to_owned(), act: Act::Noop, by_uid: false }
    }

    /// Asks for all that is known of messages from a UID on.
    pub fn learn(from: u32, session: &Session, kind: Kind) -> Self {
        let modseq = if kind == Kind::Plain { "" } else { " MODSEQ" };
        let uids = match session.list.last() {
            // `*` is the last one, whatever stands before it.
            Some(last) => session.list.iter().copied().filter(|uid| *uid >= from.min(*last)).collect(),
            None => Vec::new(),
        };
        let act = Act::Fetch { uids, marks_seen: false, since: None, vanished: false };
        Self { text: format!("UID FETCH {from}:* (UID FLAGS{modseq})"), act, by_uid: true }
    }

    /// While numbers are used, nothing that is expunged is told (RFC 9051 section 7.5.1).
    pub fn holds_expunges(&self) -> bool {
        let uses_numbers = matches!(self.act, Act::Fetch { .. } | Act::Beyond | Act::Store(_) | Act::Search(_));
        uses_numbers && !self.by_uid
    }
}

/// What a command is made of.
pub struct Choice<'a> {
    pub random: &'a mut Random,
    pub session: &'a Session,
    pub timeline: &'a Timeline,
    pub kind: Kind,
    /// What the client knows everything up to.
    pub highest: u64,
    /// Archive, as it is called here.
    pub archive: String,
    pub inbox: String,
}

impl Choice<'_> {
    /// Any command: numbers are those of messages, but for one that is to be refused.
    pub fn any(mut self) -> Command {
        if self.session.list.is_empty() {
            return if self.random.below(3) == 0 { self.append() } else { Command::noop() };
        }
        match self.random.below(36) {
            0..10 => self.store(),
            10..14 => self.fetch(),
            14..17 => self.fetch_changes(),
            17..20 => self.search(),
            20..25 => self.expunge(),
            25..28 => self.copy(),
            28..30 => self.r#move(),
            30..32 => self.append(),
            32 => {
                let text = format!("FETCH {} FLAGS", self.session.list.len() + 1);
                Command { text, act: Act::Beyond, by_uid: false }
            }
            _ => Command::noop(),
        }
    }

    /// One message, some, or all from one on: as a set, and by UID.
    fn some(&mut self) -> (bool, String, Vec<u32>) {
        let list = &self.session.list;
        let (one, other) = (self.random.below(list.len()), self.random.below(list.len()));
        let (first, last) = (one.min(other), one.max(other));
        match self.random.below(4) {
            0 => (false, format!("{}", one + 1), vec![list[one]]),
            1 => (false, format!("{}:{}", one + 1, other + 1), list[first..=last].to_vec()),
            2 => (true, format!("{}", list[one]), vec![list[one]]),
            _ => (true, format!("{}:*", list[one]), list[one..].to_vec()),
        }
    }

    fn flags(&mut self) -> Flags {
        let some = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$Work", "\\Seen \\Deleted", "SeenByTeam"];
        self.random.pick(&some).split(' ').map(str::to_owned).collect()
    }

    /// A modification sequence, and the last event that is not later: what the client knows everything up to, that of
    /// some event, or the one before it.
    fn since(&mut self) -> Option<(u64, usize)> {
        let told = self.timeline.told();
        let known = self.timeline.up_to(self.highest).map(|event| (self.highest, event));
        let chosen = match (self.random.below(3), told.is_empty()) {
            (0, _) | (_, true) => known,
            (1, false) => Some(self.random.pick(&told)).map(|(event, number)| (*number, *event)),
            _ => Some(self.random.pick(&told)).map(|(event, number)| (*number - 1, *event - 1)),
        };
        chosen.filter(|(number, _)| *number > 0 && self.kind != Kind::Plain)
    }

    fn store(&mut self) -> Command {
        let (by_uid, set, uids) = self.some();
        let (flags, is_silent) = (self.flags(), self.random.below(2) == 0);
        let sign = *self.random.pick(&[Sign::Add, Sign::Remove, Sign::Replace]);
        let since = if self.random.below(2) == 0 { self.since() } else { None };
        let (unless, condition) = match since {
            Some(_) if self.random.below(6) == 0 => (Some(Unless::Ever), " (UNCHANGEDSINCE 0)".to_owned()),
            Some((number, event)) => (Some(Unless::After(event)), format!(" (UNCHANGEDSINCE {number})")),
            None => (None, String::new()),
        };
        let (uid, silent) = (if by_uid { "UID " } else { "" }, if is_silent { ".SILENT" } else { "" });
        let named = flags.iter().cloned().collect::<Vec<_>>().join(" ");
        let text = format!("{uid}STORE {set}{condition} {}FLAGS{silent} ({named})", sign.text());
        Command { text, act: Act::Store(Store { uids, sign, flags, is_silent, unless }), by_uid }
    }

    fn fetch(&mut self) -> Command {
        let (by_uid, set, uids) = self.some();
        let modseq = if self.kind == Kind::Plain { "" } else { " MODSEQ" };
        let (items, marks_seen) = match self.random.below(4) {
            0 => ("(FLAGS BODY[TEXT])".to_owned(), true),
            1 => ("FLAGS".to_owned(), false),
            2 if self.kind != Kind::Plain => ("MODSEQ".to_owned(), false),
            _ => (format!("(UID FLAGS{modseq})"), false),
        };
        let uid = if by_uid { "UID " } else { "" };
        let act = Act::Fetch { uids, marks_seen, since: None, vanished: false };
        Command { text: format!("{uid}FETCH {set} {items}"), act, by_uid }
    }

    fn fetch_changes(&mut self) -> Command {
        let Some((number, event)) = self.since() else { return self.fetch() };
        let (uids, since) = (self.session.list.clone(), Some(event));
        let (vanished, by_uid) = (self.kind == Kind::Resync && self.random.below(3) > 0, self.random.below(2) == 0);
        let by_uid = by_uid || vanished;
        let (uid, asks) = (if by_uid { "UID " } else { "" }, if vanished { " VANISHED" } else { "" });
        let text = format!("{uid}FETCH 1:* (UID FLAGS) (CHANGEDSINCE {number}{asks})");
        Command { text, act: Act::Fetch { uids, marks_seen: false, since, vanished }, by_uid }
    }

    fn search(&mut self) -> Command {
        let by_uid = self.random.below(2) == 0;
        let uid = if by_uid { "UID " } else { "" };
        let (text, act) = match self.since().filter(|_| self.random.below(4) > 0) {
            Some((number, event)) => (format!("{uid}SEARCH MODSEQ {}", number + 1), Act::Search(Some(event))),
            None => (format!("{uid}SEARCH UNSEEN"), Act::Search(None)),
        };
        Command { text, act, by_uid }
    }

    fn expunge(&mut self) -> Command {
        let (by_uid, set, uids) = self.some();
        match by_uid {
            true => Command { text: format!("UID EXPUNGE {set}"), act: Act::Expunge(Some(uids)), by_uid },
            false => Command { text: "EXPUNGE".to_owned(), act: Act::Expunge(None), by_uid },
        }
    }

    fn copy(&mut self) -> Command {
        let (by_uid, set, uids) = self.some();
        let is_to_archive = self.random.below(2) == 0;
        let to = if is_to_archive { &self.archive } else { &self.inbox };
        let text = format!("{}COPY {set} {to}", if by_uid { "UID " } else { "" });
        Command { text, act: Act::Copy { uids, is_to_archive }, by_uid }
    }

    fn r#move(&mut self) -> Command {
        let (by_uid, set, uids) = self.some();
        let text = format!("{}MOVE {set} {}", if by_uid { "UID " } else { "" }, self.archive);
        Command { text, act: Act::Move(uids), by_uid }
    }

    fn append(&mut self) -> Command {
        let flags = self.flags();
        let named = flags.iter().cloned().collect::<Vec<_>>().join(" ");
        let message = "From: b@example.net\r\nSubject: Kept\r\n\r\nFor later.\r\n";
        let text = format!("APPEND {} ({named}) {{{}+}}\r\n{message}", self.inbox, message.len());
        Command { text, act: Act::Append(flags), by_uid: false }
    }
}
