//! Commands as types: what a client asked for, checked for form and nothing else.

use base64::Engine as _;
use postern_types::{Secret, Timestamp};

use crate::path::{ForwardPath, ReversePath};
use crate::{Offer, Refusal, table};

/// One command of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// LHLO, EHLO or HELO.
    Hello(Hello),
    /// MAIL FROM: begins a transaction.
    Mail(Mail),
    /// RCPT TO: adds a recipient.
    Rcpt(Rcpt),
    /// DATA: the message comes next.
    Data,
    /// BDAT: that many octets of message come next, granted or not.
    Bdat(Bdat),
    /// RSET: forget the transaction.
    Rset,
    /// NOOP; its argument means nothing.
    Noop,
    /// VRFY, with what it asks about.
    Vrfy(String),
    /// EXPN, with what it asks about.
    Expn(String),
    /// HELP, with its topic.
    Help(Option<String>),
    /// QUIT.
    Quit,
    /// STARTTLS: afterwards nothing that came before counts (RFC 3207 section 4.2).
    StartTls,
    /// AUTH.
    Auth(Auth),
}

/// How a client greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloVerb {
    /// LMTP (RFC 2033 section 4.1).
    Lhlo,
    /// SMTP with extensions.
    Ehlo,
    /// SMTP as it was in 1982.
    Helo,
}

/// A greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Which word was used.
    pub verb: HelloVerb,
    /// What the client calls itself: a host name or an address literal; nothing vouches for it.
    pub name: String,
}

/// MAIL FROM with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Where failures go.
    pub path: ReversePath,
    /// SIZE: how large the client thinks the message is, in octets (RFC 1870 section 6.1).
    pub size: Option<u64>,
    /// BODY; 7BIT unless said.
    pub body: Body,
    /// SMTPUTF8: addresses and header may be UTF-8 (RFC 6531 section 3.4).
    pub smtputf8: bool,
    /// RET: how much of the message a failure report returns (RFC 3461 section 4.3).
    pub ret: Option<ReturnContent>,
    /// ENVID, decoded (RFC 3461 section 4.4).
    pub envelope_id: Option<String>,
    /// AUTH: who first submitted the message (RFC 4954 section 5).
    pub auth: Option<MailAuth>,
    /// HOLDFOR or HOLDUNTIL: when the message may leave (RFC 4865 section 3).
    pub hold: Option<Hold>,
}

/// Until when a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// HOLDFOR: so many seconds after it was taken.
    For {
        /// From 1 to what is offered.
        seconds: u32,
    },
    /// HOLDUNTIL: until this moment; it may have passed.
    Until(Timestamp),
}

impl Hold {
    /// When a message that is taken now may leave.
    pub fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::For { seconds } => now.plus_ms(i64::from(seconds) * 1000),
            Self::Until(end) => end,
        }
    }
}

/// What BODY says of the message's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// ASCII.
    #[default]
    SevenBit,
    /// Lines of any bytes (RFC 6152).
    EightBitMime,
    /// Any bytes at all (RFC 3030 section 3).
    BinaryMime,
}

/// What RET asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnContent {
    /// The whole message.
    Full,
    /// Its header.
    Headers,
}

/// What MAIL's AUTH parameter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailAuth {
    /// `<>`: not known, or not to be told.
    Unknown,
    /// An address, decoded.
    Mailbox(String),
}

/// RCPT TO with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// Who is to have the message.
    pub path: ForwardPath,
    /// NOTIFY: when to report (RFC 3461 section 4.1).
    pub notify: Option<Notify>,
    /// ORCPT: whom the sender meant (RFC 3461 section 4.2).
    pub original_recipient: Option<OriginalRecipient>,
}

/// When the sender wants a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Never.
    Never,
    /// On at least one of these.
    On {
        /// When it was delivered.
        success: bool,
        /// When it could not be.
        failure: bool,
        /// When it takes long.
        delay: bool,
    },
}

/// The recipient as the sender named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// The kind of address, lower case: `rfc822`, `utf-8` (RFC 6533).
    pub kind: String,
    /// The address, decoded from xtext; as it came where the kind is `utf-8`.
    pub address: String,
}

/// BDAT (RFC 3030 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bdat {
    /// How many octets follow the command.
    pub octets: u64,
    /// They are the last of the message.
    pub last: bool,
}

/// AUTH (RFC 4954 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The SASL mechanism, upper case; one of those offered.
    pub mechanism: String,
    /// The initial response, decoded.
    pub initial: Option<Secret>,
}

/// What a client answers to a 334.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthResponse {
    /// `*`: it gives up. The answer is 501.
    Cancel,
    /// The response, decoded.
    Response(Secret),
}

impl Command {
    /// Reads one line, without its CRLF. Only what is offered is understood.
    ///
    /// A line of AUTH holds a secret: it belongs in no log.
    pub fn parse(line: &[u8], offer: &Offer) -> Result<Self, Refusal> {
        table::dispatch(line, offer)
    }

    /// The command's name, as in [`crate::COMMANDS`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(Hello { verb: HelloVerb::Lhlo, .. }) => "LHLO",
            Self::Hello(Hello { verb: HelloVerb::Ehlo, .. }) => "EHLO",
            Self::Hello(Hello { verb: HelloVerb::Helo, .. }) => "HELO",
            Self::Mail(_) => "MAIL",
            Self::Rcpt(_) => "RCPT",
            Self::Data => "DATA",
            Self::Bdat(_) => "BDAT",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Vrfy(_) => "VRFY",
            Self::Expn(_) => "EXPN",
            Self::Help(_) => "HELP",
            Self::Quit => "QUIT",
            Self::StartTls => "STARTTLS",
            Self::Auth(_) => "AUTH",
        }
    }
}

impl AuthResponse {
    /// Reads the line that answers a 334, without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        if line == b"*" {
            return Ok(Self::Cancel);
        }
        decode_base64(line).map(Self::Response)
    }
}

/// Base64 as RFC 4954 section 4 has it; the refusal does not repeat what came.
pub(crate) fn decode_base64(text: &[u8]) -> Result<Secret, Refusal> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    decoded.map(Secret::new).map_err(|_| Refusal::encoding("The response is not base64"))
}
