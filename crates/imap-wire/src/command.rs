//! Commands as types (RFC 9051 section 6, RFC 3501 section 6).
//!
//! Everything here is owned, so a command outlives the buffer it was read from. Mailbox
//! names are decoded texts with their namespace still in front; what they name is the
//! session's matter. `by_uid` marks the UID form of a command.

use crate::fetch::FetchCommand;
use crate::notify::NotifySet;
use crate::search::SearchCommand;
use crate::sequence::SequenceSet;
use crate::table::{CommandKind, CommandSpec};
use postern_types::{Flags, Rights, Secret, SpecialUse, Timestamp};
use std::borrow::Cow;
use std::fmt;

/// What a client names a command with, and finds in its completion.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tag(Box<str>);

/// Longest tag that is kept. Clients use about five bytes.
pub const TAG_BYTES: usize = 128;

impl Tag {
    /// 1 to 128 ASTRING-CHARs other than `+`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fits = (1..=TAG_BYTES).contains(&bytes.len());
        let valid = |byte: &u8| crate::grammar::token::is_astring_char(*byte) && *byte != b'+';
        if !fits || !bytes.iter().all(valid) {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(|tag| Self(tag.into()))
    }
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

/// One command and its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its tag.
    pub tag: Tag,
    /// What it asks for.
    pub body: CommandBody,
}

/// Why a command is turned away before a session has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCommand {
    /// Its tag, where one could be read.
    pub tag: Option<Tag>,
    /// How it is answered.
    pub kind: BadKind,
    /// One sentence for a person. It never repeats what the client sent.
    pub text: Cow<'static, str>,
}

/// How a bad command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKind {
    /// `BAD`: not a command (RFC 9051 section 7.1.3).
    Syntax,
    /// `NO [TOOBIG]`: well formed, but a literal is over the limit (RFC 7888 section 4,
    /// RFC 7889 section 4).
    TooBig,
}

impl BadCommand {
    /// A command that is answered with BAD.
    pub fn syntax(tag: Option<Tag>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { tag, kind: BadKind::Syntax, text: text.into() }
    }
    /// A command that is answered with NO \[TOOBIG\].
    pub fn too_big(tag: Option<Tag>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { tag, kind: BadKind::TooBig, text: text.into() }
    }
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandBody {
    /// CAPABILITY
    Capability,
    /// NOOP
    Noop,
    /// LOGOUT
    Logout,
    /// STARTTLS
    StartTls,
    /// LOGIN
    Login {
        /// Who wants to sign in.
        username: String,
        /// With what.
        password: Secret,
    },
    /// AUTHENTICATE
    Authenticate {
        /// The SASL mechanism, in capitals.
        mechanism: String,
        /// The initial response, decoded (RFC 4959); `=` is an empty one.
        initial_response: Option<Secret>,
    },
    /// ENABLE
    Enable {
        /// In capitals.
        capabilities: Vec<String>,
    },
    /// COMPRESS (RFC 4978)
    Compress {
        /// The algorithm, in capitals.
        algorithm: String,
    },
    /// NOTIFY (RFC 5465); `None` is NOTIFY NONE.
    Notify(Option<NotifySet>),
    /// ID (RFC 2971)
    Id {
        /// Empty for NIL.
        parameters: Vec<(String, Option<String>)>,
    },
    /// NAMESPACE
    Namespace,
    /// LIST
    List(ListCommand),
    /// LSUB
    Lsub {
        /// Where the pattern starts.
        reference: String,
        /// With `%` and `*`.
        pattern: String,
    },
    /// SUBSCRIBE
    Subscribe {
        /// Which mailbox.
        mailbox: String,
    },
    /// UNSUBSCRIBE
    Unsubscribe {
        /// Which mailbox.
        mailbox: String,
    },
    /// STATUS
    Status {
        /// Which mailbox.
        mailbox: String,
        /// What about it; each item once, never empty.
        items: Vec<StatusItem>,
    },
    /// CREATE
    Create {
        /// Its name; a `/` at its end announces children (RFC 9051 section 6.3.4).
        mailbox: String,
        /// What it is for (RFC 6154 section 3).
        special_use: Vec<SpecialUse>,
    },
    /// DELETE
    Delete {
        /// Which mailbox.
        mailbox: String,
    },
    /// RENAME
    Rename {
        /// The name it has.
        from: String,
        /// The name it gets.
        to: String,
    },
    /// SELECT
    Select {
        /// Which mailbox.
        mailbox: String,
        /// `(CONDSTORE)` and its like.
        parameters: Vec<SelectParameter>,
    },
    /// EXAMINE
    Examine {
        /// Which mailbox.
        mailbox: String,
        /// `(CONDSTORE)` and its like.
        parameters: Vec<SelectParameter>,
    },
    /// UNSELECT
    Unselect,
    /// CLOSE
    Close,
    /// CHECK (RFC 3501 section 6.4.1)
    Check,
    /// EXPUNGE
    Expunge,
    /// UID EXPUNGE
    UidExpunge {
        /// Only these.
        uids: SequenceSet,
    },
    /// FETCH and UID FETCH
    Fetch(FetchCommand),
    /// STORE and UID STORE
    Store(StoreCommand),
    /// SEARCH and UID SEARCH
    Search(SearchCommand),
    /// COPY and UID COPY
    Copy {
        /// The UID form.
        by_uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        mailbox: String,
    },
    /// MOVE and UID MOVE
    Move {
        /// The UID form.
        by_uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        mailbox: String,
    },
    /// IDLE
    Idle,
    /// GETACL
    GetAcl {
        /// Of which mailbox.
        mailbox: String,
    },
    /// SETACL
    SetAcl {
        /// In which mailbox.
        mailbox: String,
        /// Whose rights.
        identifier: String,
        /// What happens to them.
        change: AclChange,
    },
    /// DELETEACL
    DeleteAcl {
        /// In which mailbox.
        mailbox: String,
        /// Whose rights.
        identifier: String,
    },
    /// LISTRIGHTS
    ListRights {
        /// In which mailbox.
        mailbox: String,
        /// Whose rights.
        identifier: String,
    },
    /// MYRIGHTS
    MyRights {
        /// In which mailbox.
        mailbox: String,
    },
    /// GETQUOTA
    GetQuota {
        /// The name of a quota root.
        root: String,
    },
    /// GETQUOTAROOT
    GetQuotaRoot {
        /// Of which mailbox.
        mailbox: String,
    },
    /// SETQUOTA
    SetQuota {
        /// The name of a quota root.
        root: String,
        /// Names of resources, in capitals, and how much there may be of each.
        bounds: Vec<(String, u64)>,
    },
}

impl CommandBody {
    /// Which command it is.
    pub fn kind(&self) -> CommandKind {
        let uid = |by_uid: bool, with: CommandKind, without: CommandKind| if by_uid { with } else { without };
        match self {
            Self::Capability => CommandKind::Capability,
            Self::Noop => CommandKind::Noop,
            Self::Logout => CommandKind::Logout,
            Self::StartTls => CommandKind::StartTls,
            Self::Login { .. } => CommandKind::Login,
            Self::Authenticate { .. } => CommandKind::Authenticate,
            Self::Enable { .. } => CommandKind::Enable,
            Self::Id { .. } => CommandKind::Id,
            Self::Namespace => CommandKind::Namespace,
            Self::Compress { .. } => CommandKind::Compress,
            Self::Notify(_) => CommandKind::Notify,
            Self::List(_) => CommandKind::List,
            Self::Lsub { .. } => CommandKind::Lsub,
            Self::Subscribe { .. } => CommandKind::Subscribe,
            Self::Unsubscribe { .. } => CommandKind::Unsubscribe,
            Self::Status { .. } => CommandKind::Status,
            Self::Create { .. } => CommandKind::Create,
            Self::Delete { .. } => CommandKind::Delete,
            Self::Rename { .. } => CommandKind::Rename,
            Self::Select { .. } => CommandKind::Select,
            Self::Examine { .. } => CommandKind::Examine,
            Self::Unselect => CommandKind::Unselect,
            Self::Close => CommandKind::Close,
            Self::Check => CommandKind::Check,
            Self::Expunge => CommandKind::Expunge,
            Self::UidExpunge { .. } => CommandKind::UidExpunge,
            Self::Fetch(fetch) => uid(fetch.by_uid, CommandKind::UidFetch, CommandKind::Fetch),
            Self::Store(store) => uid(store.by_uid, CommandKind::UidStore, CommandKind::Store),
            Self::Search(search) => uid(search.by_uid, CommandKind::UidSearch, CommandKind::Search),
            Self::Copy { by_uid, .. } => uid(*by_uid, CommandKind::UidCopy, CommandKind::Copy),
            Self::Move { by_uid, .. } => uid(*by_uid, CommandKind::UidMove, CommandKind::Move),
            Self::Idle => CommandKind::Idle,
            Self::GetAcl { .. } => CommandKind::GetAcl,
            Self::SetAcl { .. } => CommandKind::SetAcl,
            Self::DeleteAcl { .. } => CommandKind::DeleteAcl,
            Self::ListRights { .. } => CommandKind::ListRights,
            Self::MyRights { .. } => CommandKind::MyRights,
            Self::GetQuota { .. } => CommandKind::GetQuota,
            Self::GetQuotaRoot { .. } => CommandKind::GetQuotaRoot,
            Self::SetQuota { .. } => CommandKind::SetQuota,
        }
    }
    /// Its row in [`crate::COMMANDS`].
    pub fn spec(&self) -> &'static CommandSpec {
        self.kind().spec()
    }
}

/// The beginning of APPEND, up to the message, which the framer hands out in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendHead {
    /// The tag of the command.
    pub tag: Tag,
    /// Where to.
    pub mailbox: String,
    /// With which flags.
    pub flags: Flags,
    /// Its INTERNALDATE, where one is given.
    pub date: Option<Timestamp>,
    /// Bytes of the message.
    pub size: u64,
    /// The client waits for a continuation before it sends the message.
    pub synchronising: bool,
    /// Sent as literal8 (RFC 3516): the message may hold NUL.
    pub binary: bool,
}

impl AppendHead {
    /// Its row in [`crate::COMMANDS`].
    pub fn spec(&self) -> &'static CommandSpec {
        CommandKind::Append.spec()
    }
}

/// LIST in its basic and its extended form (RFC 9051 section 6.3.9, RFC 5258).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListCommand {
    /// Selection options.
    pub selection: ListSelection,
    /// Where the patterns start.
    pub reference: String,
    /// With `%` and `*`; never empty. One empty pattern asks for the delimiter.
    pub patterns: Vec<String>,
    /// Return options.
    pub returns: ListReturn,
    /// An option list or a list of patterns was written, if only `()`: RFC 5258 section 3
    /// takes the command for an extended one then.
    pub extended: bool,
}

/// Which mailboxes LIST answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSelection {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// REMOTE
    pub remote: bool,
    /// RECURSIVEMATCH
    pub recursive_match: bool,
    /// SPECIAL-USE (RFC 6154 section 4)
    pub special_use: bool,
}

/// What LIST says about each mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturn {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// CHILDREN
    pub children: bool,
    /// SPECIAL-USE
    pub special_use: bool,
    /// MYRIGHTS (RFC 8440)
    pub my_rights: bool,
    /// STATUS (RFC 5819); empty when not asked for.
    pub status: Vec<StatusItem>,
}

/// What STATUS tells about a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT (RFC 3501 only)
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
    /// DELETED
    Deleted,
    /// DELETED-STORAGE (RFC 9208 section 4.1.4), in octets
    DeletedStorage,
    /// SIZE
    Size,
    /// HIGHESTMODSEQ (RFC 7162 section 3.1.7)
    HighestModSeq,
    /// MAILBOXID (RFC 8474 section 4.3)
    MailboxId,
}

impl StatusItem {
    /// All of them.
    pub const ALL: [StatusItem; 10] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::DeletedStorage,
        Self::Size,
        Self::HighestModSeq,
        Self::MailboxId,
    ];
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::DeletedStorage => "DELETED-STORAGE",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::MailboxId => "MAILBOXID",
        }
    }
}

/// A parameter of SELECT or EXAMINE (RFC 4466 section 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectParameter {
    /// CONDSTORE (RFC 7162 section 3.1.8)
    CondStore,
    /// QRESYNC (RFC 7162 section 3.2.5)
    QResync(QResync),
    /// One that this grammar has no type for, in capitals; its value was read past. The
    /// session must refuse it.
    Other(String),
}

/// What a client knows of a mailbox from before (RFC 7162 section 3.2.5). Pairs of numbers and UIDs that it may
/// send beside are read past: they help a server that has forgotten what was expunged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QResync {
    /// Of which UIDVALIDITY it is.
    pub uid_validity: u32,
    /// Changes up to here are known.
    pub modseq: u64,
    /// Only these UIDs are known, without `*`; all of them where it is not said.
    pub known: Option<SequenceSet>,
}

/// STORE and UID STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCommand {
    /// The UID form.
    pub by_uid: bool,
    /// Which messages.
    pub set: SequenceSet,
    /// UNCHANGEDSINCE (RFC 7162 section 3.1.3)
    pub unchanged_since: Option<u64>,
    /// What happens to the flags.
    pub action: StoreAction,
    /// `.SILENT`: no FETCH in reply.
    pub silent: bool,
    /// The flags. `\Recent`, which no one can change, is left out.
    pub flags: Flags,
}

/// What STORE does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// What SETACL does (RFC 4314 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChange {
    /// These rights and no others.
    Replace(Rights),
    /// `+`: these as well.
    Add(Rights),
    /// `-`: these no more.
    Remove(Rights),
}
