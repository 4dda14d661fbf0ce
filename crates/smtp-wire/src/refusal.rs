//! A command that is not obeyed, with the reply that says why and what would be right.
//!
//! Codes by RFC 5321 section 4.2.4 (which of 500, 501, 502, 503, 555) and RFC 3463.

use crate::reply::{Enhanced, Reply};

/// Why a command is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", reply.lines().join(" "))]
pub struct Refusal {
    /// What to answer.
    pub reply: Reply,
    /// The connection must end after the reply: nobody can know what the client's next bytes mean.
    pub close: bool,
}

impl From<Reply> for Refusal {
    fn from(reply: Reply) -> Self {
        Self { reply, close: false }
    }
}

impl Refusal {
    fn new(code: u16, enhanced: Enhanced, text: impl AsRef<str>) -> Self {
        Reply::new(code, enhanced, text).into()
    }

    /// 500 5.5.2: no command, or one nobody knows.
    pub(crate) fn syntax(text: impl AsRef<str>) -> Self {
        Self::new(500, Enhanced(5, 2), text)
    }

    /// 500 5.5.1: a command of another protocol. RFC 2033 section 4.1 asks for this code.
    pub(crate) fn wrong_protocol(text: impl AsRef<str>) -> Self {
        Self::new(500, Enhanced(5, 1), text)
    }

    /// 501 5.5.4: the command is known, its arguments are wrong.
    pub(crate) fn arguments(text: impl AsRef<str>) -> Self {
        Self::new(501, Enhanced(5, 4), text)
    }

    /// 501 5.5.2: the encoding of an argument is broken (RFC 4954 section 6).
    pub(crate) fn encoding(text: impl AsRef<str>) -> Self {
        Self::new(501, Enhanced(5, 2), text)
    }

    /// 501 5.1.7: the sender's address is none (MAIL).
    pub(crate) fn sender(text: impl AsRef<str>) -> Self {
        Self::new(501, Enhanced(1, 7), text)
    }

    /// 501 5.1.3: the recipient's address is none (RCPT).
    pub(crate) fn recipient(text: impl AsRef<str>) -> Self {
        Self::new(501, Enhanced(1, 3), text)
    }

    /// 502 5.5.1: known, but not here.
    pub(crate) fn not_offered(text: impl AsRef<str>) -> Self {
        Self::new(502, Enhanced(5, 1), text)
    }

    /// 503 5.5.1: not now.
    pub(crate) fn order(text: impl AsRef<str>) -> Self {
        Self::new(503, Enhanced(5, 1), text)
    }

    /// 504 5.5.4: a value of a parameter that this server does not have.
    pub(crate) fn value(text: impl AsRef<str>) -> Self {
        Self::new(504, Enhanced(5, 4), text)
    }

    /// 555 5.5.4: a parameter that this server does not have (RFC 5321 section 4.1.1.11).
    pub(crate) fn parameter(text: impl AsRef<str>) -> Self {
        Self::new(555, Enhanced(5, 4), text)
    }

    /// 538 5.7.11: AUTH where the connection would show the secret to others (RFC 4954 section 6).
    pub(crate) fn needs_tls() -> Self {
        Self::new(538, Enhanced(7, 11), "Nobody signs in here without TLS: say STARTTLS first")
    }

    /// 550 or 553 5.6.7: a UTF-8 address in a transaction without SMTPUTF8 (RFC 6531 section 3.5).
    pub(crate) fn needs_smtputf8(code: u16) -> Self {
        Self::new(code, Enhanced(6, 7), "An address that is not ASCII needs MAIL with SMTPUTF8")
    }

    /// 552 5.3.4: SIZE says more than is taken (RFC 1870 section 6.1).
    pub(crate) fn too_large(limit: u64) -> Self {
        Self::new(552, Enhanced(3, 4), format!("The message may have {limit} octets"))
    }

    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}
