//! SETACL and its kind (RFC 4314 section 3).

use super::token::{Explain, Help, Input, Parsed, mailbox, space, text};
use crate::command::{AclChange, CommandBody};
use postern_types::Rights;

/// A mailbox and the name of someone.
pub(super) fn who(input: &mut Input<'_>, make: impl FnOnce(String, String) -> CommandBody) -> Parsed<CommandBody> {
    space(input)?;
    let mailbox = mailbox(input)?;
    space(input)?;
    let identifier = text(input)?;
    Ok(make(mailbox, identifier))
}

/// SETACL: `+` adds, `-` takes away, neither replaces (RFC 4314 section 3.1).
pub(super) fn set_acl(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "SETACL needs a mailbox, a name and rights, as in SETACL INBOX bob@example.org +lr";
    space(input).help(HELP)?;
    let mailbox = mailbox(input).help(HELP)?;
    space(input).help(HELP)?;
    let identifier = text(input).help(HELP)?;
    space(input).help(HELP)?;
    let written = text(input).help(HELP)?;
    let rights = |letters: &str| {
        // A space is no right, though lists of rights on our own screens have them.
        let valid = if letters.contains(' ') { None } else { Rights::parse(letters).ok() };
        valid.ok_or(Help(Some("The rights are l r s w i p k x t e a, c for k x, and d for t e x")))
    };
    let change = if let Some(letters) = written.strip_prefix('+') {
        AclChange::Add(rights(letters)?)
    } else if let Some(letters) = written.strip_prefix('-') {
        AclChange::Remove(rights(letters)?)
    } else {
        AclChange::Replace(rights(&written)?)
    };
    Ok(CommandBody::SetAcl { mailbox, identifier, change })
}
