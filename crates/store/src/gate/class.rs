//! Operation classes as types: `Access<'_, Read>` can read and nothing else.

use postern_access::Operation;

mod sealed {
    pub trait Sealed {}
}

/// A class of operations on one mailbox. The letters that were found held decide details
/// (which flags, for one); the class decides which statements exist.
pub trait Class: sealed::Sealed + 'static {
    /// The operation that `postern-access` judges.
    const OPERATION: Operation;
}

/// A class whose letters include reading what is in the mailbox.
pub trait Reads: Class {}

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl Class for $name {
                const OPERATION: Operation = Operation::$name;
            }
        )*
    };
}

classes! {
    /// See that the mailbox is there (`l`).
    Lookup;
    /// Read messages, flags and counters (`r`).
    Read;
    /// Change flags (any of `s w t`; the letters decide which).
    ChangeFlags;
    /// Add messages (`i`).
    Insert;
    /// Make mailboxes below (`k`).
    CreateChild;
    /// Delete or rename the mailbox (`x`).
    DeleteMailbox;
    /// Expunge (`e`).
    Remove;
    /// Move messages to another mailbox (`r t e`; RFC 6851 section 4.1).
    MoveOut;
    /// Hear what one holds oneself (any letter that RFC 4314 section 4 names for MYRIGHTS).
    OwnRights;
    /// Change who may do what (`a`).
    Administer;
}

impl Reads for Read {}
impl Reads for MoveOut {}
