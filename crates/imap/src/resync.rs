//! How a client is told of changes so that it can come back to them later (RFC 7162).

use postern_types::ModSeq;

/// A modification sequence that a client names. None that is read is above what an i64 holds (RFC 7162 section 7).
pub(crate) fn modseq(number: u64) -> ModSeq {
    ModSeq(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What a connection was asked to tell. It holds until the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Resync {
    /// Nothing: no command asked for modification sequences yet.
    #[default]
    Off,
    /// CONDSTORE: every change is told with its UID and modification sequence (sections 3.1 and 3.2.4).
    Changes,
    /// QRESYNC: also, what is expunged is told by UID (section 3.2.10).
    Uids,
    /// Either of these, in a mailbox without modification sequences (section 3.1.2.2): changes are told with their UID.
    Unkept,
}

impl Resync {
    /// How a mailbox is told of that keeps modification sequences, or does not.
    pub(crate) fn in_mailbox(self, keeps_modseqs: bool) -> Self {
        if keeps_modseqs || self == Resync::Off { self } else { Resync::Unkept }
    }

    /// Are changes told with their UID (section 3.2.4)?
    pub(crate) fn shows_uids(self) -> bool {
        self != Resync::Off
    }

    /// Are changes told with their modification sequence?
    pub(crate) fn tells_changes(self) -> bool {
        matches!(self, Resync::Changes | Resync::Uids)
    }

    /// Is what is expunged told with VANISHED?
    pub(crate) fn tells_uids(self) -> bool {
        self == Resync::Uids
    }
}
