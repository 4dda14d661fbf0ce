//! What a client hears without asking: as ever, or as NOTIFY has it (RFC 5465 section 3.1).

use crate::around::Around;
use postern_imap_wire::{FetchItem, SelectedEvents};

/// What a connection tells by itself.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// Of the selected mailbox.
    pub(crate) selected: OfSelected,
    /// What is fetched of each new message in it.
    pub(crate) items: Vec<FetchItem>,
    /// Of all others.
    pub(crate) around: Option<Box<Around>>,
}

/// What is told of the selected mailbox, whichever that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OfSelected {
    /// All that happens, within commands and in IDLE: NOTIFY was not used.
    #[default]
    Asked,
    /// Nothing but what comes of the client's own commands.
    Nothing,
    /// Messages that are new or gone, at any time.
    Always {
        /// Changes of flags too.
        flags: bool,
        /// What is gone waits for a command.
        delayed: bool,
    },
}

impl OfSelected {
    /// Are changes of flags told?
    pub(crate) fn flags(self) -> bool {
        !matches!(self, OfSelected::Nothing | OfSelected::Always { flags: false, .. })
    }

    /// May what is gone be told while no command runs?
    pub(crate) fn expunges_unasked(self) -> bool {
        matches!(self, OfSelected::Always { delayed: false, .. })
    }
}

impl Hearing {
    /// As after NOTIFY NONE.
    pub(crate) fn nothing() -> Self {
        Self { selected: OfSelected::Nothing, ..Self::default() }
    }

    /// As after NOTIFY SET.
    pub(crate) fn set(selected: Option<SelectedEvents>, around: Option<Box<Around>>) -> Self {
        let Some(SelectedEvents { delayed, flags, items }) = selected else {
            return Self { around, ..Self::nothing() };
        };
        Self { selected: OfSelected::Always { flags, delayed }, items, around }
    }

    /// Is anything told while no command runs?
    pub(crate) fn is_unasked(&self) -> bool {
        self.around.is_some() || matches!(self.selected, OfSelected::Always { .. })
    }
}
