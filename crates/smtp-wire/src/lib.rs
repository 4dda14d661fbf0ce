//! SMTP and LMTP on the wire, without I/O: bytes become typed commands, replies become bytes.
//! The other side, ours towards the next server, is [`client`].
//!
//! Framing comes first ([`Framer`]), so that a bad command can not desynchronise the
//! stream: a command line ends with CRLF and nothing else, `CRLF.CRLF` alone ends DATA,
//! and a message with a bare CR or LF in it is reported for refusal (RFC 5321 section
//! 2.3.8). Then the grammar ([`Command::parse`]), the order of commands ([`Sequence`]),
//! replies that no input can break out of ([`Reply`]), and the trace lines ([`Trace`]).
//! What is advertised and what is understood come from one value, the [`Offer`].
//!
//! RFC 5321 (SMTP), 2033 (LMTP), 1870 SIZE, 2034 ENHANCEDSTATUSCODES, 2920 PIPELINING,
//! 3030 CHUNKING and BINARYMIME, 3207 STARTTLS, 3461 DSN, 4865 FUTURERELEASE, 4954 AUTH, 6152
//! 8BITMIME, 6531 SMTPUTF8, 9422 LIMITS. Sessions, rights and storage are elsewhere; nothing here knows a socket.
//!
//! A session feeds what it read, asks for events until there are none, and writes the
//! replies when nothing more is waiting (RFC 2920 section 3.2):
//!
//! ```
//! use postern_smtp_wire::{Command, Enhanced, Event, Framer, Offer, Protocol, Reply, Sequence};
//!
//! let offer = Offer::new(Protocol::Lmtp, "mail.example.org", 50 << 20);
//! let (mut framer, mut sequence) = (Framer::new(), Sequence::new(Protocol::Lmtp));
//! let (mut output, mut message) = (Vec::new(), Vec::new());
//!
//! framer.feed(
//!     b"LHLO client.example.org\r\nMAIL FROM:<bob@example.org>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n\
//!       Subject: hello\r\n\r\n..one dot\r\n.\r\nQUIT\r\n",
//! );
//! while let Some(event) = framer.next() {
//!     match event {
//!         Event::Line(line) => match Command::parse(line, &offer) {
//!             Err(refusal) => refusal.reply.encode(&mut output),
//!             Ok(command) => match sequence.check(&command) {
//!                 Err(refusal) => refusal.reply.encode(&mut output),
//!                 Ok(()) => {
//!                     // Here a session asks the house; this one says yes to everything.
//!                     sequence.accepted(&command);
//!                     match command {
//!                         Command::Hello(_) => offer.hello_reply().encode(&mut output),
//!                         Command::Data => {
//!                             framer.begin_data(offer.message_bytes());
//!                             Reply::go_ahead().encode(&mut output);
//!                         }
//!                         Command::Quit => Reply::closing(offer.hostname()).encode(&mut output),
//!                         _ => Reply::new(250, Enhanced(0, 0), "Ok").encode(&mut output),
//!                     }
//!                 }
//!             },
//!         },
//!         Event::BadLine(bad) => bad.refusal().reply.encode(&mut output),
//!         Event::Data(bytes) => message.extend_from_slice(bytes),
//!         Event::DataEnd(report) => {
//!             // LMTP: one reply for each accepted recipient, in their order (RFC 2033 section 4.2).
//!             let verdict = report.refusal().unwrap_or_else(|| Reply::new(250, Enhanced(0, 0), "Delivered"));
//!             (0..sequence.recipients()).for_each(|_| verdict.encode(&mut output));
//!             sequence.message_ended();
//!         }
//!         Event::ChunkEnd(_) | Event::Discarded => {}
//!     }
//! }
//!
//! assert_eq!(message, b"Subject: hello\r\n\r\n.one dot\r\n");
//! let output = String::from_utf8(output)?;
//! assert!(output.starts_with("250-mail.example.org\r\n250-PIPELINING\r\n"));
//! assert!(output.ends_with("250 2.0.0 Delivered\r\n221 2.0.0 mail.example.org closing connection\r\n"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```

pub mod client;
mod command;
mod data;
mod date;
mod framer;
mod grammar;
mod offer;
mod parameters;
mod path;
mod refusal;
mod reply;
mod sequence;
mod table;
mod trace;

pub use command::{
    Auth, AuthResponse, Bdat, Body, Command, Hello, HelloVerb, Hold, Mail, MailAuth, Notify, OriginalRecipient, Rcpt,
    ReturnContent,
};
pub use data::DataReport;
pub use date::date_time;
pub use framer::{AUTH_LINE_BYTES, BadLine, Chunk, Event, Framer, LINE_BYTES};
pub use offer::{Extension, FutureRelease, Offer, Protocol};
pub use path::{AddressLiteral, ForwardPath, Host, Mailbox, PATH_BYTES, ReversePath};
pub use refusal::Refusal;
pub use reply::{Enhanced, Reply};
pub use sequence::Sequence;
pub use table::{COMMANDS, CommandSpec, help_reply};
pub use trace::{Trace, Transport, return_path};
