//! Roles: names for the sets of letters that people ask for by name.
//!
//! A role is a word at the door, never stored: a grant keeps letters.

use postern_types::Rights;
use std::fmt;

/// A named set of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees and reads: `l r`.
    Reader,
    /// Also keeps flags: `l r s w`.
    Contributor,
    /// Also adds and posts messages: `l r s w i p`.
    Author,
    /// Also deletes messages: `l r s w i p t e`.
    Editor,
    /// Everything but `a`.
    FullAccess,
    /// Everything: manages delegates and credentials of the account too.
    Owner,
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role; the roles are reader, contributor, author, editor, full-access, owner")]
pub struct RoleError(pub String);

impl Role {
    /// All of them, each holding the letters of the one before.
    pub const ALL: [Role; 6] =
        [Role::Reader, Role::Contributor, Role::Author, Role::Editor, Role::FullAccess, Role::Owner];

    /// The letters of the role.
    pub fn rights(self) -> Rights {
        use postern_types::Letter::{DeleteMessages, Expunge, Insert, Post, Seen, Write};
        match self {
            Role::Reader => Rights::READER,
            Role::Contributor => Role::Reader.rights() | Seen | Write,
            Role::Author => Role::Contributor.rights() | Insert | Post,
            Role::Editor => Role::Author.rights() | DeleteMessages | Expunge,
            Role::FullAccess => Rights::FULL_ACCESS,
            Role::Owner => Rights::ALL,
        }
    }

    /// The role that is exactly these letters, if one is.
    pub fn of(rights: Rights) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.rights() == rights)
    }

    /// Its name on the command line and in REST.
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Contributor => "contributor",
            Role::Author => "author",
            Role::Editor => "editor",
            Role::FullAccess => "full-access",
            Role::Owner => "owner",
        }
    }

    /// From its name, in any case; `full access` and `full_access` are understood too.
    pub fn parse(name: &str) -> Result<Role, RoleError> {
        let folded = name.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        Role::ALL.into_iter().find(|role| role.name() == folded).ok_or_else(|| RoleError(name.to_owned()))
    }

    /// As it reads in a sentence about a delegate: "a delegate with full access".
    pub fn phrase(self) -> &'static str {
        match self {
            Role::Reader => "as reader",
            Role::Contributor => "as contributor",
            Role::Author => "as author",
            Role::Editor => "as editor",
            Role::FullAccess => "with full access",
            Role::Owner => "as owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = RoleError;
    fn from_str(name: &str) -> Result<Role, RoleError> {
        Role::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_the_letters_that_were_promised() {
        let letters: Vec<String> = Role::ALL.into_iter().map(|role| role.rights().to_string()).collect();
        assert_eq!(letters, ["lr", "lrsw", "lrswip", "lrswipte", "lrswipkxte", "lrswipkxtea"]);
    }

    #[test]
    fn a_role_survives_its_name_and_its_letters() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Ok(role));
            assert_eq!(Role::of(role.rights()), Some(role));
        }
        assert_eq!(Role::parse("Full Access"), Ok(Role::FullAccess));
        assert_eq!(Role::parse("king"), Err(RoleError("king".to_owned())));
        assert_eq!(Role::of(Rights::NONE), None);
    }
}
