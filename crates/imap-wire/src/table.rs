//! The table of commands: one list that feeds dispatch, documentation and the probe
//! that sends every command naming a mailbox at a hidden one.

/// When a command may be sent (RFC 9051 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum States {
    /// In every state.
    Any,
    /// Before sign-in only.
    NotAuthenticated,
    /// After sign-in, with or without a selected mailbox.
    Authenticated,
    /// With a selected mailbox only.
    Selected,
}

impl States {
    /// May it be sent in this state?
    pub fn allow(self, signed_in: bool, selected: bool) -> bool {
        match self {
            States::Any => true,
            States::NotAuthenticated => !signed_in,
            States::Authenticated => signed_in,
            States::Selected => signed_in && selected,
        }
    }
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// Its place in the table.
    pub kind: CommandKind,
    /// Its name in capitals; the UID form of a command is an entry of its own.
    pub name: &'static str,
    /// When it may be sent.
    pub states: States,
    /// For each mailbox it can name, the whole command with `{mailbox}` in its place.
    /// Empty when it names none.
    pub mailbox_examples: &'static [&'static str],
    /// Where it is specified.
    pub rfc: &'static str,
}

impl CommandSpec {
    /// Does it name a mailbox?
    pub fn names_mailbox(&self) -> bool {
        !self.mailbox_examples.is_empty()
    }
}

macro_rules! commands {
    ($($kind:ident $name:literal $states:ident $rfc:literal [$($example:literal),*];)*) => {
        /// Which command; one for each row of [`COMMANDS`], in its order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CommandKind {
            $(#[doc = $name] $kind,)*
        }

        /// Every command we read.
        pub const COMMANDS: &[CommandSpec] = &[
            $(CommandSpec {
                kind: CommandKind::$kind,
                name: $name,
                states: States::$states,
                mailbox_examples: &[$($example),*],
                rfc: $rfc,
            },)*
        ];

        impl CommandKind {
            /// Its row in [`COMMANDS`].
            pub fn spec(self) -> &'static CommandSpec {
                // Rows and kinds come from one list, so every kind has its row.
                &COMMANDS[self as usize]
            }
        }
    };
}

commands! {
    Capability "CAPABILITY" Any "RFC 9051 section 6.1.1" [];
    Noop "NOOP" Any "RFC 9051 section 6.1.2" [];
    Logout "LOGOUT" Any "RFC 9051 section 6.1.3" [];
    Id "ID" Any "RFC 2971 section 3.1" [];
    StartTls "STARTTLS" NotAuthenticated "RFC 9051 section 6.2.1" [];
    Authenticate "AUTHENTICATE" NotAuthenticated "RFC 9051 section 6.2.2" [];
    Login "LOGIN" NotAuthenticated "RFC 9051 section 6.2.3" [];
    Enable "ENABLE" Authenticated "RFC 9051 section 6.3.1" [];
    Compress "COMPRESS" Authenticated "RFC 4978 section 3" [];
    Select "SELECT" Authenticated "RFC 9051 section 6.3.2" ["SELECT {mailbox}", "SELECT {mailbox} (CONDSTORE)"];
    Examine "EXAMINE" Authenticated "RFC 9051 section 6.3.3" ["EXAMINE {mailbox}"];
    Create "CREATE" Authenticated "RFC 9051 section 6.3.4" ["CREATE {mailbox}"];
    Delete "DELETE" Authenticated "RFC 9051 section 6.3.5" ["DELETE {mailbox}"];
    Rename "RENAME" Authenticated "RFC 9051 section 6.3.6" ["RENAME {mailbox} Elsewhere", "RENAME Elsewhere {mailbox}"];
    Subscribe "SUBSCRIBE" Authenticated "RFC 9051 section 6.3.7" ["SUBSCRIBE {mailbox}"];
    Unsubscribe "UNSUBSCRIBE" Authenticated "RFC 9051 section 6.3.8" ["UNSUBSCRIBE {mailbox}"];
    List "LIST" Authenticated "RFC 9051 section 6.3.9" [
        "LIST \"\" {mailbox}",
        "LIST {mailbox} %",
        "LIST () \"\" ({mailbox}) RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT))"
    ];
    Lsub "LSUB" Authenticated "RFC 3501 section 6.3.9" ["LSUB \"\" {mailbox}", "LSUB {mailbox} %"];
    Namespace "NAMESPACE" Authenticated "RFC 9051 section 6.3.10" [];
    Status "STATUS" Authenticated "RFC 9051 section 6.3.11" ["STATUS {mailbox} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ DELETED-STORAGE MAILBOXID)"];
    Append "APPEND" Authenticated "RFC 9051 section 6.3.12" ["APPEND {mailbox} (\\Seen) {4+}\r\na: b"];
    Idle "IDLE" Authenticated "RFC 9051 section 6.3.13" [];
    Notify "NOTIFY" Authenticated "RFC 5465 section 3.1" [
        "NOTIFY SET STATUS (mailboxes {mailbox} (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))",
        "NOTIFY SET (subtree {mailbox} (MailboxName))"
    ];
    GetAcl "GETACL" Authenticated "RFC 4314 section 3.3" ["GETACL {mailbox}"];
    SetAcl "SETACL" Authenticated "RFC 4314 section 3.1" ["SETACL {mailbox} bob@example.org lr"];
    DeleteAcl "DELETEACL" Authenticated "RFC 4314 section 3.2" ["DELETEACL {mailbox} bob@example.org"];
    ListRights "LISTRIGHTS" Authenticated "RFC 4314 section 3.4" ["LISTRIGHTS {mailbox} bob@example.org"];
    MyRights "MYRIGHTS" Authenticated "RFC 4314 section 3.5" ["MYRIGHTS {mailbox}"];
    GetQuota "GETQUOTA" Authenticated "RFC 9208 section 4.1.1" [];
    GetQuotaRoot "GETQUOTAROOT" Authenticated "RFC 9208 section 4.1.2" ["GETQUOTAROOT {mailbox}"];
    SetQuota "SETQUOTA" Authenticated "RFC 9208 section 4.1.3" [];
    Check "CHECK" Selected "RFC 3501 section 6.4.1" [];
    Close "CLOSE" Selected "RFC 9051 section 6.4.1" [];
    Unselect "UNSELECT" Selected "RFC 9051 section 6.4.2" [];
    Expunge "EXPUNGE" Selected "RFC 9051 section 6.4.3" [];
    Search "SEARCH" Selected "RFC 9051 section 6.4.4" [];
    Fetch "FETCH" Selected "RFC 9051 section 6.4.5" [];
    Store "STORE" Selected "RFC 9051 section 6.4.6" [];
    Copy "COPY" Selected "RFC 9051 section 6.4.7" ["COPY 1 {mailbox}"];
    Move "MOVE" Selected "RFC 9051 section 6.4.8" ["MOVE 1 {mailbox}"];
    UidExpunge "UID EXPUNGE" Selected "RFC 9051 section 6.4.9" [];
    UidSearch "UID SEARCH" Selected "RFC 9051 section 6.4.9" [];
    UidFetch "UID FETCH" Selected "RFC 9051 section 6.4.9" [];
    UidStore "UID STORE" Selected "RFC 9051 section 6.4.9" [];
    UidCopy "UID COPY" Selected "RFC 9051 section 6.4.9" ["UID COPY 1 {mailbox}"];
    UidMove "UID MOVE" Selected "RFC 9051 section 6.4.9" ["UID MOVE 1 {mailbox}"];
}

impl CommandKind {
    /// The command of this name, which is in capitals.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        COMMANDS.iter().find(|spec| spec.name.as_bytes() == name).map(|spec| spec.kind)
    }
    /// The UID form of the command of this name, which is in capitals.
    pub(crate) fn uid_named(name: &[u8]) -> Option<Self> {
        let form = |spec: &&CommandSpec| spec.name.strip_prefix("UID ").is_some_and(|rest| rest.as_bytes() == name);
        COMMANDS.iter().find(form).map(|spec| spec.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_finds_its_own_row_and_its_own_name() {
        for (index, spec) in COMMANDS.iter().enumerate() {
            assert_eq!(spec.kind as usize, index);
            assert_eq!(spec.kind.spec(), spec);
            let found = match spec.name.strip_prefix("UID ") {
                Some(name) => CommandKind::uid_named(name.as_bytes()),
                None => CommandKind::named(spec.name.as_bytes()),
            };
            assert_eq!(found, Some(spec.kind));
            for example in spec.mailbox_examples {
                assert!(example.starts_with(spec.name) && example.matches("{mailbox}").count() == 1, "{example}");
            }
        }
    }

    /// RFC 9051 section 3: four states, and what may be sent in them.
    #[test]
    fn states_say_when_a_command_may_be_sent() {
        let allowed = |kind: CommandKind| {
            let states = kind.spec().states;
            [states.allow(false, false), states.allow(true, false), states.allow(true, true)]
        };
        assert_eq!(allowed(CommandKind::Noop), [true, true, true]);
        assert_eq!(allowed(CommandKind::Login), [true, false, false]);
        assert_eq!(allowed(CommandKind::Select), [false, true, true]);
        assert_eq!(allowed(CommandKind::UidFetch), [false, false, true]);
    }
}
