//! IMAP on the wire, without I/O: RFC 3501 and RFC 9051, server side.
//!
//! Three layers, each of use alone:
//!
//! - [`Framer`] cuts a client's bytes into [`Event`]s. It alone decides where a command
//!   ends, so a bad command costs itself and never the one after it. Small literals stay
//!   in their command; the message of APPEND is handed out in pieces and never held.
//! - The grammar makes a typed [`Command`] of each piece, or a [`BadCommand`] with a
//!   sentence for a person. [`COMMANDS`] lists all it knows: when each may be sent, which
//!   mailboxes it names, where it is specified.
//! - [`Encoder`] writes replies into a `Vec<u8>`.
//!
//! A session pushes what it has read, asks for events until there is none, and writes
//! what its buffer holds:
//!
//! ```
//! use postern_imap_wire::{CommandBody, Encoder, Event, Framer, ResponseCode, Status};
//! use postern_types::Limits;
//!
//! let mut framer = Framer::new(&Limits::default());
//! let mut out = Vec::new();
//! let mut message = Vec::new();
//! let mut append = None;
//!
//! framer.push(b"a1 LOGIN alice@example.org {6+}\r\nsecret\r\na2 NOPE\r\na3 APPEND Sent (\\Seen) {5}\r\n");
//! framer.push(b"hello\r\na4 LOGOUT\r\n");
//! while let Some(event) = framer.next_event() {
//!     let mut reply = Encoder::new(&mut out, false);
//!     match event {
//!         Event::Command(command) => match &command.body {
//!             CommandBody::Login { username, password } => {
//!                 assert_eq!((username.as_str(), password.expose()), ("alice@example.org", &b"secret"[..]));
//!                 let code = ResponseCode::Capability(&["IMAP4rev1", "IMAP4rev2", "LITERAL+"]);
//!                 reply.tagged(&command.tag, Status::Ok, Some(&code), "Welcome");
//!                 framer.signed_in(); // Longer lines from now on.
//!             }
//!             CommandBody::Logout => {
//!                 reply.bye(None, "Until next time");
//!                 reply.tagged(&command.tag, Status::Ok, None, "Done");
//!             }
//!             other => reply.tagged(&command.tag, Status::Bad, None, other.spec().name),
//!         },
//!         Event::Bad(bad) => reply.bad_command(&bad),
//!         Event::Continue => reply.continuation("Go on"),
//!         Event::AppendStart(head) => {
//!             if head.synchronising {
//!                 reply.continuation("Send the message");
//!             }
//!             append = Some(head);
//!             framer.accept_append(); // Or refuse_append, and answer NO at once.
//!         }
//!         Event::AppendData(bytes) => message.extend_from_slice(bytes),
//!         Event::AppendFailed(bad) => reply.bad_command(&bad),
//!         Event::AppendEnd => {
//!             if let Some(head) = append.take() {
//!                 reply.tagged(&head.tag, Status::Ok, None, "Appended");
//!             }
//!         }
//!         // After AUTHENTICATE: `framer.expect_response()`; after IDLE: `framer.expect_done()`.
//!         Event::Response(_) | Event::Cancelled | Event::Done => {}
//!     }
//! }
//! assert_eq!(message, b"hello");
//! let out = String::from_utf8(out).unwrap();
//! assert_eq!(
//!     out.lines().collect::<Vec<_>>(),
//!     [
//!         "a1 OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+] Welcome",
//!         "a2 BAD Unknown command; CAPABILITY says what this server can do",
//!         "+ Send the message",
//!         "a3 OK Appended",
//!         "* BYE Until next time",
//!         "a4 OK Done",
//!     ]
//! );
//! ```
//!
//! The session's part of the bargain: it checks [`States`] of each command (also of
//! [`AppendHead::spec`]), calls `expect_response` or `expect_done` before it asks for the
//! next event, and makes a new `Framer` after STARTTLS.

mod command;
mod date;
mod encode;
mod fetch;
mod framer;
mod grammar;
mod mailbox;
mod notify;
mod search;
mod sequence;
mod table;

pub use command::{
    AclChange, AppendHead, BadCommand, BadKind, Command, CommandBody, ListCommand, ListReturn, ListSelection, QResync,
    SelectParameter, StatusItem, StoreAction, StoreCommand, TAG_BYTES, Tag,
};
pub use date::{Date, write_date_time};
pub use encode::{
    Encoder, Esearch, FetchWriter, ListAttribute, ListEntry, NamespaceEntry, QuotaResource, ResponseCode, Status,
    StatusValue, tell_nul, write_astring, write_literal, write_mailbox, write_nstring, write_number_set, write_string,
};
pub use fetch::{FetchCommand, FetchItem, Partial, Section, SectionText};
pub use framer::{Event, Framer};
pub use grammar::parse_command;
pub use grammar::token::Options;
pub use mailbox::{MailboxNameError, decode_mailbox, encode_mailbox};
pub use notify::{EventGroup, MailboxFilter, NOTIFY_EVENTS, NotifyEvents, NotifySet, SelectedEvents};
pub use search::{SEARCH_DEPTH, SearchCharset, SearchCommand, SearchKey, SearchReturn};
pub use sequence::{SEQUENCE_RANGES, SequenceNumber, SequenceRange, SequenceSet};
pub use table::{COMMANDS, CommandKind, CommandSpec, States};
