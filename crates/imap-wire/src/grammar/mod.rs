//! From the bytes of one command to its type (RFC 9051 section 9, RFC 3501 section 9).
//!
//! The framer has found where the command ends and left its small literals in place, so
//! a fault here costs this command and no other. Keywords are matched without regard to
//! case; exactly one space separates words, as the RFC asks.

mod acl;
mod append;
mod fetch;
mod list;
mod manage;
mod message;
mod notify;
mod quota;
mod search;
mod session;
pub(crate) mod token;

pub(crate) use append::{AppendProbe, probe_append};

use crate::command::{BadCommand, Command, CommandBody, TAG_BYTES, Tag};
use crate::table::CommandKind;
use token::{Explain, Help, Input, Options, Parsed, fail, input, is_astring_char, peek, space, word};
use winnow::prelude::*;
use winnow::token::take_while;

const NO_TAG: &str = "A command starts with a tag and a space, as in A1 NOOP";
const UNKNOWN: &str = "Unknown command; CAPABILITY says what this server can do";
const APPEND_END: &str = "APPEND ends with the message as a literal, as in APPEND Sent (\\Seen) {310}";

/// Reads one whole command with its literals in place; its line end may be left out.
///
/// APPEND is not read here: it has no end before its message, which is streamed by the
/// framer. An APPEND that comes here is one without a message, and a bad command.
pub fn parse_command(line: &[u8], options: Options) -> Result<Command, BadCommand> {
    let line = line.strip_suffix(b"\n").map_or(line, |rest| rest.strip_suffix(b"\r").unwrap_or(rest));
    let mut input = input(line, options);
    let Ok(tag) = tag(&mut input) else { return Err(BadCommand::syntax(None, NO_TAG)) };
    match body(&mut input) {
        Ok(body) => Ok(Command { tag, body }),
        Err(Help(text)) => {
            let nul = "A command can not hold NUL (RFC 9051 section 9)";
            let text = if peek(&input) == Some(0) { Some(nul) } else { text };
            Err(BadCommand::syntax(Some(tag), text.unwrap_or("The command could not be read")))
        }
    }
}

/// The tag at the start of a line, where there is one.
pub(crate) fn leading_tag(line: &[u8]) -> Option<Tag> {
    tag(&mut input(line, Options::default())).ok()
}

/// Before the client is asked for a literal: is this the beginning of a command at all?
pub(crate) fn check_beginning(line: &[u8], options: Options) -> Result<(), BadCommand> {
    let mut input = input(line, options);
    let Ok(tag) = tag(&mut input) else { return Err(BadCommand::syntax(None, NO_TAG)) };
    match kind(&mut input) {
        Ok(_) => Ok(()),
        Err(Help(text)) => Err(BadCommand::syntax(Some(tag), text.unwrap_or(UNKNOWN))),
    }
}

fn tag(input: &mut Input<'_>) -> Parsed<Tag> {
    let bytes: &[u8] = take_while(1..=TAG_BYTES, |b: u8| is_astring_char(b) && b != b'+').parse_next(input)?;
    space(input)?;
    Tag::parse(bytes).ok_or(Help(None))
}

fn kind(input: &mut Input<'_>) -> Parsed<CommandKind> {
    let name = word(input).help(UNKNOWN)?;
    let kind = if name.as_bytes() == b"UID" {
        space(input).help("UID stands before FETCH, STORE, SEARCH, COPY, MOVE or EXPUNGE")?;
        CommandKind::uid_named(word(input).help(UNKNOWN)?.as_bytes())
    } else {
        CommandKind::named(name.as_bytes())
    };
    kind.ok_or(Help(Some(UNKNOWN)))
}

fn body(input: &mut Input<'_>) -> Parsed<CommandBody> {
    let kind = kind(input)?;
    let body = arguments(kind, input)?;
    match peek(input) {
        None => Ok(body),
        Some(b' ') => fail("There is a space or a word too many at the end of the command"),
        Some(_) => fail("The command goes on where it should end"),
    }
}

fn arguments(kind: CommandKind, input: &mut Input<'_>) -> Parsed<CommandBody> {
    match kind {
        CommandKind::Capability => Ok(CommandBody::Capability),
        CommandKind::Noop => Ok(CommandBody::Noop),
        CommandKind::Logout => Ok(CommandBody::Logout),
        CommandKind::StartTls => Ok(CommandBody::StartTls),
        CommandKind::Namespace => Ok(CommandBody::Namespace),
        CommandKind::Unselect => Ok(CommandBody::Unselect),
        CommandKind::Close => Ok(CommandBody::Close),
        CommandKind::Check => Ok(CommandBody::Check),
        CommandKind::Expunge => Ok(CommandBody::Expunge),
        CommandKind::Idle => Ok(CommandBody::Idle),
        CommandKind::Notify => notify::notify(input),
        CommandKind::Login => session::login(input),
        CommandKind::Authenticate => session::authenticate(input),
        CommandKind::Enable => session::enable(input),
        CommandKind::Compress => session::compress(input),
        CommandKind::Id => session::id(input),
        CommandKind::Select => manage::select(input)
            .map(|(mailbox, parameters)| CommandBody::Select { mailbox, parameters })
            .help("SELECT needs a mailbox, as in SELECT INBOX"),
        CommandKind::Examine => manage::select(input)
            .map(|(mailbox, parameters)| CommandBody::Examine { mailbox, parameters })
            .help("EXAMINE needs a mailbox, as in EXAMINE INBOX"),
        CommandKind::Create => manage::create(input),
        CommandKind::Delete => manage::one(input, |mailbox| CommandBody::Delete { mailbox })
            .help("DELETE needs a mailbox, as in DELETE Old"),
        CommandKind::Rename => manage::rename(input),
        CommandKind::Subscribe => manage::one(input, |mailbox| CommandBody::Subscribe { mailbox })
            .help("SUBSCRIBE needs a mailbox, as in SUBSCRIBE Sent"),
        CommandKind::Unsubscribe => manage::one(input, |mailbox| CommandBody::Unsubscribe { mailbox })
            .help("UNSUBSCRIBE needs a mailbox, as in UNSUBSCRIBE Sent"),
        CommandKind::Status => manage::status(input),
        CommandKind::List => list::list(input),
        CommandKind::Lsub => list::lsub(input),
        CommandKind::Append => fail(APPEND_END),
        CommandKind::GetAcl => manage::one(input, |mailbox| CommandBody::GetAcl { mailbox })
            .help("GETACL needs a mailbox, as in GETACL INBOX"),
        CommandKind::MyRights => manage::one(input, |mailbox| CommandBody::MyRights { mailbox })
            .help("MYRIGHTS needs a mailbox, as in MYRIGHTS INBOX"),
        CommandKind::SetAcl => acl::set_acl(input),
        CommandKind::GetQuota => quota::get(input),
        CommandKind::GetQuotaRoot => manage::one(input, |mailbox| CommandBody::GetQuotaRoot { mailbox })
            .help("GETQUOTAROOT needs a mailbox, as in GETQUOTAROOT INBOX"),
        CommandKind::SetQuota => quota::set(input),
        CommandKind::DeleteAcl => acl::who(input, |mailbox, identifier| CommandBody::DeleteAcl { mailbox, identifier })
            .help("DELETEACL needs a mailbox and a name, as in DELETEACL INBOX bob@example.org"),
        CommandKind::ListRights => {
            acl::who(input, |mailbox, identifier| CommandBody::ListRights { mailbox, identifier })
                .help("LISTRIGHTS needs a mailbox and a name, as in LISTRIGHTS INBOX bob@example.org")
        }
        CommandKind::Search => search::search(input, false),
        CommandKind::UidSearch => search::search(input, true),
        CommandKind::Fetch => fetch::fetch(input, false),
        CommandKind::UidFetch => fetch::fetch(input, true),
        CommandKind::Store => message::store(input, false),
        CommandKind::UidStore => message::store(input, true),
        CommandKind::Copy => {
            message::copy(input).map(|(set, mailbox)| CommandBody::Copy { by_uid: false, set, mailbox })
        }
        CommandKind::UidCopy => {
            message::copy(input).map(|(set, mailbox)| CommandBody::Copy { by_uid: true, set, mailbox })
        }
        CommandKind::Move => {
            message::copy(input).map(|(set, mailbox)| CommandBody::Move { by_uid: false, set, mailbox })
        }
        CommandKind::UidMove => {
            message::copy(input).map(|(set, mailbox)| CommandBody::Move { by_uid: true, set, mailbox })
        }
        CommandKind::UidExpunge => message::uid_expunge(input),
    }
}
