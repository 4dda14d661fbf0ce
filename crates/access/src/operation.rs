//! Classes of operations on one mailbox, and the letters each needs.
//!
//! RFC 4314 section 4 is the source; RFC 6851 section 4.1 adds MOVE. The class is what the
//! gate proves; the letters held inside still decide single flags (`s` for \Seen, `t` for
//! \Deleted, `w` for all others).

use crate::Denied;
use postern_types::{Letter, Rights};
use std::fmt;

/// What someone wants to do to one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// LIST, LSUB, and SUBSCRIBE, which checks that the mailbox exists: `l`.
    Lookup,
    /// SELECT, EXAMINE, STATUS, FETCH, SEARCH, and the source of COPY: `r`. In the selected
    /// state the RFC implies `r`, so the classes below do not repeat it: a protocol opens a
    /// selected mailbox for reading at each command, whatever the command then does.
    Read,
    /// STORE: any of `s w t`, for it should not fail while one flag may be changed. FETCH
    /// that would set \Seen leaves it alone where `s` is missing.
    ChangeFlags,
    /// APPEND, and the target of COPY and MOVE: `i`.
    Insert,
    /// Mail sent to the mailbox's own address: `p`.
    Post,
    /// CREATE below this mailbox, and the new parent of RENAME: `k`.
    CreateChild,
    /// DELETE, and RENAME of this mailbox: `x`. Ours deletes a mailbox with its messages,
    /// so `e` and `t` are not asked for.
    DeleteMailbox,
    /// EXPUNGE, UID EXPUNGE, and CLOSE, which silently keeps messages where this is denied: `e`.
    Remove,
    /// The source of MOVE: `r t e`, the union of what STORE \Deleted, COPY and EXPUNGE ask
    /// of it (RFC 6851 section 4.1).
    MoveOut,
    /// MYRIGHTS: any of `l r i k x a`.
    OwnRights,
    /// SETACL, DELETEACL, GETACL, LISTRIGHTS: `a`.
    Administer,
}

/// What an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Each of these letters.
    All(Rights),
    /// At least one of these letters.
    Any(Rights),
}

impl Need {
    /// Is it met by `held`?
    pub fn is_met_by(self, held: Rights) -> bool {
        match self {
            Need::All(letters) => held.contains(letters),
            Need::Any(letters) => held.intersects(letters),
        }
    }
}

/// The letters, as the matrix writes them: `rte`, or `s|w|t`.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::All(letters) => write!(f, "{letters}"),
            Need::Any(letters) => {
                let letters: Vec<String> = letters.letters().map(|letter| letter.as_char().to_string()).collect();
                f.write_str(&letters.join("|"))
            }
        }
    }
}

impl Operation {
    /// All of them, in the order of the matrix.
    pub const ALL: [Operation; 11] = [
        Operation::Lookup,
        Operation::Read,
        Operation::ChangeFlags,
        Operation::Insert,
        Operation::Post,
        Operation::CreateChild,
        Operation::DeleteMailbox,
        Operation::Remove,
        Operation::MoveOut,
        Operation::OwnRights,
        Operation::Administer,
    ];

    /// The letters it needs.
    pub fn needs(self) -> Need {
        match self {
            Operation::Lookup => Need::All(Letter::Lookup.into()),
            Operation::Read => Need::All(Letter::Read.into()),
            Operation::ChangeFlags => Need::Any(Letter::Seen | Letter::Write | Letter::DeleteMessages),
            Operation::Insert => Need::All(Letter::Insert.into()),
            Operation::Post => Need::All(Letter::Post.into()),
            Operation::CreateChild => Need::All(Letter::CreateMailbox.into()),
            Operation::DeleteMailbox => Need::All(Letter::DeleteMailbox.into()),
            Operation::Remove => Need::All(Letter::Expunge.into()),
            Operation::MoveOut => Need::All(Letter::Read | Letter::DeleteMessages | Letter::Expunge),
            Operation::OwnRights => Need::Any(
                Letter::Lookup
                    | Letter::Read
                    | Letter::Insert
                    | Letter::CreateMailbox
                    | Letter::DeleteMailbox
                    | Letter::Administer,
            ),
            Operation::Administer => Need::All(Letter::Administer.into()),
        }
    }

    /// May someone who holds `held` do it? A letter that is enough is enough alone; without
    /// it, who lacks `l` too is told that there is no such mailbox (RFC 4314 section 6).
    pub fn allowed_with(self, held: Rights) -> Result<(), Denied> {
        if self.needs().is_met_by(held) {
            Ok(())
        } else if !held.has(Letter::Lookup) {
            Err(Denied::Hidden)
        } else {
            Err(Denied::Missing { missing: self.missing_letter(held) })
        }
    }

    /// The same, where delete protection withholds letters: then that is what is told.
    pub fn allowed_unless_protected(self, held: Rights, withheld: Rights) -> Result<(), Denied> {
        self.allowed_with(held).map_err(|denied| match denied {
            Denied::Missing { missing } if withheld.has(missing) => Denied::Protected { withheld: missing },
            denied => denied,
        })
    }

    /// The letter to name to someone who may not: the first missing one, or, where any of
    /// several would do, the one that allows most.
    fn missing_letter(self, held: Rights) -> Letter {
        match self.needs() {
            Need::All(letters) => (letters - held).letters().next().unwrap_or(Letter::Lookup),
            Need::Any(_) if self == Operation::ChangeFlags => Letter::Write,
            Need::Any(letters) => letters.letters().next().unwrap_or(Letter::Lookup),
        }
    }

    /// Its name in the matrix, the trail and `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Lookup => "lookup",
            Operation::Read => "read",
            Operation::ChangeFlags => "change-flags",
            Operation::Insert => "insert",
            Operation::Post => "post",
            Operation::CreateChild => "create-child",
            Operation::DeleteMailbox => "delete-mailbox",
            Operation::Remove => "remove",
            Operation::MoveOut => "move-out",
            Operation::OwnRights => "own-rights",
            Operation::Administer => "administer",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|known| known.name() == name)
    }

    /// As it reads after "may".
    pub fn verb(self) -> &'static str {
        match self {
            Operation::Lookup => "see the mailbox",
            Operation::Read => "read messages",
            Operation::ChangeFlags => "change flags",
            Operation::Insert => "add messages",
            Operation::Post => "post messages",
            Operation::CreateChild => "create mailboxes",
            Operation::DeleteMailbox => "delete or rename the mailbox",
            Operation::Remove => "expunge messages",
            Operation::MoveOut => "move messages out",
            Operation::OwnRights => "ask for their own rights",
            Operation::Administer => "change who may do what",
        }
    }
}
