//! Response codes: what a client program reads where a person reads the text (RFC 9051
//! section 7.1, RFC 5530, RFC 4315, RFC 4978, RFC 5465, RFC 7162, RFC 7889, RFC 8474).

use super::{join, write_number_set};
use postern_types::{Flags, ModSeq, Uid, UidValidity};
use std::io::Write;

/// A response code, written in brackets before the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseCode<'a> {
    /// ALERT: the text must be shown to the person.
    Alert,
    /// ALREADYEXISTS
    AlreadyExists,
    /// APPENDUID
    AppendUid {
        /// Of the mailbox.
        uid_validity: UidValidity,
        /// Of the message.
        uid: Uid,
    },
    /// AUTHENTICATIONFAILED
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED
    AuthorizationFailed,
    /// BADEVENT, with the events that are known (RFC 5465 section 3.1).
    BadEvent(&'a [&'a str]),
    /// BADCHARSET, with the charsets that are known.
    BadCharset(&'a [&'a str]),
    /// CANNOT
    Cannot,
    /// CAPABILITY
    Capability(&'a [&'a str]),
    /// CLIENTBUG
    ClientBug,
    /// CLOSED: the mailbox selected before is no longer.
    Closed,
    /// COMPRESSIONACTIVE (RFC 4978)
    CompressionActive,
    /// CONTACTADMIN
    ContactAdmin,
    /// COPYUID; both sets in the order in which the messages were copied. Leave the code
    /// out where nothing was copied.
    CopyUid {
        /// Of the target.
        uid_validity: UidValidity,
        /// What was copied.
        source: &'a [Uid],
        /// As what.
        destination: &'a [Uid],
    },
    /// CORRUPTION
    Corruption,
    /// EXPIRED
    Expired,
    /// EXPUNGEISSUED
    ExpungeIssued,
    /// HASCHILDREN
    HasChildren,
    /// HIGHESTMODSEQ
    HighestModSeq(ModSeq),
    /// INUSE
    InUse,
    /// LIMIT
    Limit,
    /// MAILBOXID (RFC 8474 section 4)
    MailboxId(&'a str),
    /// MODIFIED: messages that STORE UNCHANGEDSINCE left alone.
    Modified(&'a [u32]),
    /// NOMODSEQ
    NoModSeq,
    /// NONEXISTENT
    NonExistent,
    /// NOPERM
    NoPerm,
    /// NOTIFICATIONOVERFLOW (RFC 5465 section 5.8)
    NotificationOverflow,
    /// NOTSAVED: there is no saved search result.
    NotSaved,
    /// OVERQUOTA
    OverQuota,
    /// PARSE
    Parse,
    /// PERMANENTFLAGS; `any` adds `\*`, new keywords are welcome.
    PermanentFlags {
        /// Which flags can be changed for good.
        flags: &'a Flags,
        /// `\*`
        any: bool,
    },
    /// PRIVACYREQUIRED
    PrivacyRequired,
    /// READ-ONLY
    ReadOnly,
    /// READ-WRITE
    ReadWrite,
    /// SERVERBUG
    ServerBug,
    /// TOOBIG (RFC 7889 section 4)
    TooBig,
    /// TRYCREATE
    TryCreate,
    /// UIDNEXT
    UidNext(Uid),
    /// UIDNOTSTICKY
    UidNotSticky,
    /// UIDVALIDITY
    UidValidity(UidValidity),
    /// UNAVAILABLE
    Unavailable,
    /// UNKNOWN-CTE
    UnknownCte,
    /// UNSEEN (RFC 3501): the first message without \Seen.
    Unseen(u32),
    /// USEATTR (RFC 6154 section 3): the purpose asked for can not be had.
    UseAttr,
}

impl ResponseCode<'_> {
    /// Without the brackets. Writing to a vector can not fail, so its results are dropped.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::AppendUid { uid_validity, uid } => drop(write!(out, "APPENDUID {uid_validity} {uid}")),
            Self::CopyUid { uid_validity, source, destination } => {
                let _ = write!(out, "COPYUID {uid_validity} ");
                write_number_set(out, source.iter().map(|uid| uid.get()));
                out.push(b' ');
                write_number_set(out, destination.iter().map(|uid| uid.get()));
            }
            Self::BadCharset(charsets) => {
                out.extend_from_slice(b"BADCHARSET (");
                join(out, *charsets, |out, name| super::string::write_astring(out, name.as_bytes(), false));
                out.push(b')');
            }
            Self::BadEvent(events) => {
                out.extend_from_slice(b"BADEVENT (");
                join(out, *events, |out, name| out.extend_from_slice(name.as_bytes()));
                out.push(b')');
            }
            Self::Capability(capabilities) => {
                out.extend_from_slice(b"CAPABILITY ");
                join(out, *capabilities, |out, name| out.extend_from_slice(name.as_bytes()));
            }
            Self::HighestModSeq(mod_seq) => drop(write!(out, "HIGHESTMODSEQ {mod_seq}")),
            Self::MailboxId(id) => drop(write!(out, "MAILBOXID ({id})")),
            Self::Modified(numbers) => {
                out.extend_from_slice(b"MODIFIED ");
                write_number_set(out, numbers.iter().copied());
            }
            Self::PermanentFlags { flags, any } => {
                let _ = write!(out, "PERMANENTFLAGS ({flags}");
                if *any {
                    out.extend_from_slice(if flags.is_empty() { b"\\*" } else { b" \\*" });
                }
                out.push(b')');
            }
            Self::UidNext(uid) => drop(write!(out, "UIDNEXT {uid}")),
            Self::UidValidity(validity) => drop(write!(out, "UIDVALIDITY {validity}")),
            Self::Unseen(number) => drop(write!(out, "UNSEEN {number}")),
            _ => out.extend_from_slice(self.name().as_bytes()),
        }
    }

    /// The atom it starts with.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Alert => "ALERT",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::AppendUid { .. } => "APPENDUID",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::BadCharset(_) => "BADCHARSET",
            Self::BadEvent(_) => "BADEVENT",
            Self::Cannot => "CANNOT",
            Self::Capability(_) => "CAPABILITY",
            Self::ClientBug => "CLIENTBUG",
            Self::Closed => "CLOSED",
            Self::CompressionActive => "COMPRESSIONACTIVE",
            Self::ContactAdmin => "CONTACTADMIN",
            Self::CopyUid { .. } => "COPYUID",
            Self::Corruption => "CORRUPTION",
            Self::Expired => "EXPIRED",
            Self::ExpungeIssued => "EXPUNGEISSUED",
            Self::HasChildren => "HASCHILDREN",
            Self::HighestModSeq(_) => "HIGHESTMODSEQ",
            Self::InUse => "INUSE",
            Self::Limit => "LIMIT",
            Self::MailboxId(_) => "MAILBOXID",
            Self::Modified(_) => "MODIFIED",
            Self::NoModSeq => "NOMODSEQ",
            Self::NonExistent => "NONEXISTENT",
            Self::NoPerm => "NOPERM",
            Self::NotificationOverflow => "NOTIFICATIONOVERFLOW",
            Self::NotSaved => "NOTSAVED",
            Self::OverQuota => "OVERQUOTA",
            Self::Parse => "PARSE",
            Self::PermanentFlags { .. } => "PERMANENTFLAGS",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ReadOnly => "READ-ONLY",
            Self::ReadWrite => "READ-WRITE",
            Self::ServerBug => "SERVERBUG",
            Self::TooBig => "TOOBIG",
            Self::TryCreate => "TRYCREATE",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidNotSticky => "UIDNOTSTICKY",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Unavailable => "UNAVAILABLE",
            Self::UnknownCte => "UNKNOWN-CTE",
            Self::Unseen(_) => "UNSEEN",
            Self::UseAttr => "USEATTR",
        }
    }
}
