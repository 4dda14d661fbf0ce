//! The client's side of SMTP, without I/O: what we say to the next server, and its answers.
//!
//! RFC 5321, with the extensions of [`crate`] and LIMITS (RFC 9422). The next server is no friend:
//! its answers are bounded and read strictly ([`AnswerReader`]), what it offers is believed only
//! word by word ([`PeerOffer`]), and nothing that a sender chose can leave its command line
//! ([`MailLine`], [`RcptLine`]) or its message ([`DotStuffer`]).
//!
//! ```
//! use postern_smtp_wire::client::{AnswerReader, PeerOffer};
//!
//! let mut reader = AnswerReader::default();
//! reader.input().extend_from_slice(b"250-mail.example.com\r\n250-SIZE 1000\r\n250 PIPELINING\r\n");
//! let answer = reader.next()?.ok_or("one answer is whole")?;
//! let offer = PeerOffer::read(&answer);
//! assert_eq!((offer.pipelining, offer.size_limit), (true, Some(1000)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod line;
mod peer_offer;
mod secrets;
mod stuffing;

pub use answer::{Answer, AnswerReader, BadAnswer, TEXT_CHARACTERS, printable};
pub use line::{DATA, MailLine, QUIT, RSET, RcptLine, STARTTLS, Unsayable, bdat, hello};
pub use peer_offer::PeerOffer;
pub use secrets::{AUTH_CANCEL, Mechanism, sign_in_lines};
pub use stuffing::DotStuffer;
