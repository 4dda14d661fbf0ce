//! What this server offers on one connection: advertised by EHLO and LHLO, and the
//! only thing the grammar understands. One value for both, so they can not disagree.

use postern_types::Timestamp;

use crate::date;
use crate::reply::Reply;

/// Which of its three faces the server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Delivery from a queue next door, one answer per recipient (RFC 2033).
    Lmtp,
    /// Mail from our own people and tools (RFC 6409).
    Submission,
    /// Mail from other servers (RFC 5321).
    Smtp,
}

impl Protocol {
    pub(crate) fn greeting(self) -> &'static str {
        match self {
            Self::Lmtp => "LMTP ready",
            Self::Submission | Self::Smtp => "ESMTP ready",
        }
    }
    /// The name people know.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lmtp => "LMTP",
            Self::Submission => "submission",
            Self::Smtp => "SMTP",
        }
    }
}

/// A service extension (RFC 5321 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Extension {
    /// Commands may be sent without waiting (RFC 2920).
    Pipelining,
    /// MAIL may say SIZE (RFC 1870).
    Size,
    /// MAIL may say BODY=8BITMIME (RFC 6152).
    EightBitMime,
    /// MAIL may say SMTPUTF8, and then addresses may be UTF-8 (RFC 6531).
    SmtpUtf8,
    /// Replies have RFC 3463 codes (RFC 2034).
    EnhancedStatusCodes,
    /// RET, ENVID, NOTIFY, ORCPT (RFC 3461).
    Dsn,
    /// BDAT (RFC 3030 section 2).
    Chunking,
    /// BODY=BINARYMIME; needs CHUNKING (RFC 3030 section 3).
    BinaryMime,
    /// How much one session may ask for (RFC 9422); here, recipients of a message.
    Limits,
    /// MAIL may say HOLDFOR or HOLDUNTIL (RFC 4865).
    FutureRelease,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH, with its mechanisms (RFC 4954).
    Auth,
}

impl Extension {
    /// In the order in which they are advertised.
    pub const ALL: [Self; 12] = [
        Self::Pipelining,
        Self::Size,
        Self::EightBitMime,
        Self::SmtpUtf8,
        Self::EnhancedStatusCodes,
        Self::Dsn,
        Self::Chunking,
        Self::BinaryMime,
        Self::Limits,
        Self::FutureRelease,
        Self::StartTls,
        Self::Auth,
    ];

    /// The EHLO keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Pipelining => "PIPELINING",
            Self::Size => "SIZE",
            Self::EightBitMime => "8BITMIME",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::Dsn => "DSN",
            Self::Chunking => "CHUNKING",
            Self::BinaryMime => "BINARYMIME",
            Self::Limits => "LIMITS",
            Self::FutureRelease => "FUTURERELEASE",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// How long a message may be held (RFC 4865 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FutureRelease {
    /// The most that HOLDFOR may say.
    pub longest_seconds: u32,
    /// The latest that HOLDUNTIL may say.
    pub latest: Timestamp,
}

/// What one connection offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    protocol: Protocol,
    hostname: String,
    message_bytes: u64,
    extensions: u16,
    mechanisms: Vec<String>,
    recipients: Option<usize>,
    future_release: Option<FutureRelease>,
}

impl Offer {
    /// What every face offers: PIPELINING, SIZE, 8BITMIME, SMTPUTF8 and
    /// ENHANCEDSTATUSCODES (RFC 2033 section 5 asks LMTP for three of them).
    pub fn new(protocol: Protocol, hostname: impl Into<String>, message_bytes: u64) -> Self {
        let always = [
            Extension::Pipelining,
            Extension::Size,
            Extension::EightBitMime,
            Extension::SmtpUtf8,
            Extension::EnhancedStatusCodes,
        ];
        let extensions = always.iter().fold(0, |bits, extension| bits | extension.bit());
        let hostname = hostname.into();
        let (mechanisms, recipients, future_release) = (Vec::new(), None, None);
        Self { protocol, hostname, message_bytes, extensions, mechanisms, recipients, future_release }
    }

    /// Also offers this. What has a value is shown only once it has it: AUTH by
    /// [`Self::with_mechanisms`], LIMITS by [`Self::with_recipients`], FUTURERELEASE by
    /// [`Self::with_future_release`].
    #[must_use]
    pub fn with(mut self, extension: Extension) -> Self {
        self.extensions |= extension.bit();
        self
    }

    /// No longer offers this: STARTTLS once TLS is on (RFC 3207 section 4.2), CHUNKING when not served.
    #[must_use]
    pub fn without(mut self, extension: Extension) -> Self {
        self.extensions &= !extension.bit();
        self
    }

    /// Offers AUTH with these SASL mechanisms; none takes the offer back.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: &[&str]) -> Self {
        self.mechanisms = mechanisms.iter().map(|name| name.to_ascii_uppercase()).collect();
        self.with(Extension::Auth)
    }

    /// Says how many recipients a message may have: LIMITS RCPTMAX (RFC 9422 section 4.2).
    #[must_use]
    pub fn with_recipients(mut self, most: usize) -> Self {
        self.recipients = Some(most);
        self.with(Extension::Limits)
    }

    /// Offers to hold messages, so long and no longer.
    #[must_use]
    pub fn with_future_release(mut self, terms: FutureRelease) -> Self {
        self.future_release = Some(terms);
        self.with(Extension::FutureRelease)
    }

    /// Whether this is offered.
    pub fn has(&self, extension: Extension) -> bool {
        let set = self.extensions & extension.bit() != 0;
        match extension {
            Extension::Auth => set && !self.mechanisms.is_empty(),
            Extension::BinaryMime => set && self.has(Extension::Chunking),
            Extension::Limits => set && self.recipients.is_some(),
            Extension::FutureRelease => set && self.future_release.is_some(),
            _ => set,
        }
    }

    /// Which face.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Our own name.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The largest message, in octets (RFC 1870 section 3).
    pub fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// The mechanisms of AUTH, upper case.
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// How long a message may be held, where that is offered.
    pub fn future_release(&self) -> Option<FutureRelease> {
        self.future_release.filter(|_| self.has(Extension::FutureRelease))
    }

    /// The lines below our name in the answer to EHLO or LHLO.
    pub fn keywords(&self) -> Vec<String> {
        Extension::ALL.into_iter().filter(|extension| self.has(*extension)).map(|one| self.keyword(one)).collect()
    }

    fn keyword(&self, extension: Extension) -> String {
        let keyword = extension.keyword();
        match (extension, self.recipients, self.future_release) {
            (Extension::Size, ..) => format!("{keyword} {}", self.message_bytes),
            (Extension::Auth, ..) => format!("{keyword} {}", self.mechanisms.join(" ")),
            (Extension::Limits, Some(most), _) => format!("{keyword} RCPTMAX={most}"),
            (Extension::FutureRelease, _, Some(FutureRelease { longest_seconds, latest })) => {
                format!("{keyword} {longest_seconds} {}", date::date_time(latest))
            }
            _ => keyword.to_owned(),
        }
    }

    /// The answer to EHLO and LHLO (RFC 5321 section 4.1.1.1).
    pub fn hello_reply(&self) -> Reply {
        self.keywords().into_iter().fold(Reply::plain(250, &self.hostname), Reply::line)
    }

    /// The answer to HELO: our name only.
    pub fn helo_reply(&self) -> Reply {
        Reply::plain(250, &self.hostname)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_listed_and_nothing_else() {
        let offer = Offer::new(Protocol::Lmtp, "mail.example.org", 1000);
        assert_eq!(
            offer.hello_reply().to_text(),
            "250-mail.example.org\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250 ENHANCEDSTATUSCODES\r\n"
        );
        let offer = offer.with(Extension::BinaryMime).with(Extension::Auth).with(Extension::StartTls);
        assert!(!offer.has(Extension::BinaryMime)); // needs CHUNKING, RFC 3030 section 3
        assert!(!offer.has(Extension::Auth)); // without a mechanism there is nothing to say
        let offer = offer.with(Extension::Chunking).with_mechanisms(&["plain"]).without(Extension::StartTls);
        let text = offer.hello_reply().to_text();
        assert!(text.ends_with("250-CHUNKING\r\n250-BINARYMIME\r\n250 AUTH PLAIN\r\n"), "{text}");
    }
    /// RFC 9422 section 3 and RFC 4865 section 3: both have their values on the line.
    #[test]
    fn limits_and_future_release_say_how_much() {
        let offer = Offer::new(Protocol::Submission, "mail.example.org", 1000);
        let bare = offer.clone().with(Extension::Limits).with(Extension::FutureRelease);
        assert!(!bare.has(Extension::Limits) && !bare.has(Extension::FutureRelease)); // nothing to say
        let terms = FutureRelease { longest_seconds: 3_888_000, latest: Timestamp(1_795_384_200_000) };
        let offer = offer.with_recipients(1000).with_future_release(terms);
        let text = offer.hello_reply().to_text();
        assert!(
            text.ends_with("250-LIMITS RCPTMAX=1000\r\n250 FUTURERELEASE 3888000 2026-11-22T21:50:00Z\r\n"),
            "{text}"
        );
        assert_eq!(offer.without(Extension::FutureRelease).future_release(), None);
    }
}
