//! Every command once: its name, where it is served, what it needs, the text that rules
//! it, and the function that reads its arguments. Dispatch, HELP and the documentation
//! come from this table.

use crate::command::Command;
use crate::grammar;
use crate::reply::{Enhanced, Reply};
use crate::{Extension, Offer, Protocol, Refusal};

/// One row of [`COMMANDS`].
#[derive(Debug, Clone, Copy)]
pub struct CommandSpec {
    /// The verb, upper case.
    pub name: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// Where it is served.
    pub protocols: &'static [Protocol],
    /// The extension without which it does not exist.
    pub extension: Option<Extension>,
    /// The text that rules it.
    pub reference: &'static str,
    /// What it does, for people.
    pub summary: &'static str,
    /// A line that is right, for documentation and probes.
    pub example: &'static str,
    read: fn(&str, &Offer) -> Result<Command, Refusal>,
}

const LMTP: &[Protocol] = &[Protocol::Lmtp];
const SMTP: &[Protocol] = &[Protocol::Submission, Protocol::Smtp];
const SUBMISSION: &[Protocol] = &[Protocol::Submission];
const ALL: &[Protocol] = &[Protocol::Lmtp, Protocol::Submission, Protocol::Smtp];

/// Every command that is understood.
pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "LHLO",
        syntax: "LHLO host",
        protocols: LMTP,
        extension: None,
        reference: "RFC 2033 section 4.1",
        summary: "greets and asks what is offered",
        example: "LHLO client.example.org",
        read: grammar::lhlo,
    },
    CommandSpec {
        name: "EHLO",
        syntax: "EHLO host",
        protocols: SMTP,
        extension: None,
        reference: "RFC 5321 section 4.1.1.1",
        summary: "greets and asks what is offered",
        example: "EHLO client.example.org",
        read: grammar::ehlo,
    },
    CommandSpec {
        name: "HELO",
        syntax: "HELO host",
        protocols: SMTP,
        extension: None,
        reference: "RFC 5321 section 4.1.1.1",
        summary: "greets, the old way",
        example: "HELO client.example.org",
        read: grammar::helo,
    },
    CommandSpec {
        name: "MAIL",
        syntax: "MAIL FROM:<sender> [parameters]",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.2, RFC 4865 section 3",
        summary: "begins a message",
        example: "MAIL FROM:<bob@example.org> SIZE=1000",
        read: grammar::mail,
    },
    CommandSpec {
        name: "RCPT",
        syntax: "RCPT TO:<recipient> [parameters]",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.3",
        summary: "adds a recipient",
        example: "RCPT TO:<support@example.org>",
        read: grammar::rcpt,
    },
    CommandSpec {
        name: "DATA",
        syntax: "DATA",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.4, RFC 2033 section 4.2",
        summary: "sends the message, up to a dot on a line of its own",
        example: "DATA",
        read: grammar::data,
    },
    CommandSpec {
        name: "BDAT",
        syntax: "BDAT octets [LAST]",
        protocols: ALL,
        extension: Some(Extension::Chunking),
        reference: "RFC 3030 section 2, RFC 2033 section 4.3",
        summary: "sends a part of the message, counted",
        example: "BDAT 0 LAST",
        read: grammar::bdat,
    },
    CommandSpec {
        name: "RSET",
        syntax: "RSET",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.5",
        summary: "forgets the message",
        example: "RSET",
        read: grammar::rset,
    },
    CommandSpec {
        name: "VRFY",
        syntax: "VRFY address",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.6",
        summary: "asks whether an address exists; the answer says nothing",
        example: "VRFY support@example.org",
        read: grammar::vrfy,
    },
    CommandSpec {
        name: "EXPN",
        syntax: "EXPN list",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.7",
        summary: "asks who is on a list; the answer says nothing",
        example: "EXPN support@example.org",
        read: grammar::expn,
    },
    CommandSpec {
        name: "HELP",
        syntax: "HELP [topic]",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.8",
        summary: "lists the commands",
        example: "HELP",
        read: grammar::help,
    },
    CommandSpec {
        name: "NOOP",
        syntax: "NOOP [text]",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.9",
        summary: "does nothing",
        example: "NOOP",
        read: grammar::noop,
    },
    CommandSpec {
        name: "QUIT",
        syntax: "QUIT",
        protocols: ALL,
        extension: None,
        reference: "RFC 5321 section 4.1.1.10",
        summary: "ends the connection",
        example: "QUIT",
        read: grammar::quit,
    },
    CommandSpec {
        name: "STARTTLS",
        syntax: "STARTTLS",
        protocols: ALL,
        extension: Some(Extension::StartTls),
        reference: "RFC 3207 section 4",
        summary: "goes on under TLS",
        example: "STARTTLS",
        read: grammar::starttls,
    },
    CommandSpec {
        name: "AUTH",
        syntax: "AUTH mechanism [response]",
        protocols: SUBMISSION,
        extension: Some(Extension::Auth),
        reference: "RFC 4954 section 4",
        summary: "signs in",
        example: "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==",
        read: grammar::auth,
    },
];

impl CommandSpec {
    /// The command exists on a connection with this offer.
    pub fn is_served(&self, offer: &Offer) -> bool {
        self.protocols.contains(&offer.protocol()) && self.extension.is_none_or(|extension| offer.has(extension))
    }
}

/// The answer to HELP: what can be said on this connection.
pub fn help_reply(offer: &Offer) -> Reply {
    let reply = Reply::new(214, Enhanced(0, 0), format!("{} commands:", offer.protocol().name()));
    let served = COMMANDS.iter().filter(|spec| spec.is_served(offer));
    served.fold(reply, |reply, spec| reply.line(format!("{} - {}", spec.syntax, spec.summary)))
}

/// Finds the row and lets it read its arguments.
pub(crate) fn dispatch(line: &[u8], offer: &Offer) -> Result<Command, Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::syntax("A command line is ASCII or UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(Refusal::syntax("A command line has no control characters"));
    }
    // Space before the CRLF is tolerated (RFC 5321 section 4.1.1).
    let text = text.trim_end_matches(' ');
    let (verb, arguments) = text.split_once(' ').unwrap_or((text, ""));
    let Some(spec) = COMMANDS.iter().find(|spec| spec.name.eq_ignore_ascii_case(verb)) else {
        return Err(unknown(verb));
    };
    if !spec.protocols.contains(&offer.protocol()) {
        return Err(elsewhere(spec, offer.protocol()));
    }
    if !spec.is_served(offer) {
        return Err(not_offered(spec));
    }
    (spec.read)(arguments.trim_start_matches(' '), offer)
}

fn unknown(verb: &str) -> Refusal {
    let refusal = Refusal::syntax("No such command; HELP lists them");
    // A browser made to talk to us: the body of its request would be read as commands.
    let web = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"];
    if web.iter().any(|name| name.eq_ignore_ascii_case(verb)) { refusal.closing() } else { refusal }
}

fn not_offered(spec: &CommandSpec) -> Refusal {
    let refusal = Refusal::not_offered(format!("{} is not offered here", spec.name));
    match spec.name {
        // The octets of an unasked BDAT are on their way and would be read as commands.
        "BDAT" => refusal.closing(),
        // Submission always offers it, except where others could read along.
        "AUTH" => Refusal::needs_tls(),
        _ => refusal,
    }
}

/// RFC 2033 section 4.1: EHLO and HELO are refused in LMTP with 500.
fn elsewhere(spec: &CommandSpec, protocol: Protocol) -> Refusal {
    match (spec.name, protocol) {
        ("LHLO", _) => Refusal::wrong_protocol("This is SMTP: begin with EHLO"),
        ("EHLO" | "HELO", _) => Refusal::wrong_protocol("This is LMTP: begin with LHLO"),
        (name, _) => Refusal::not_offered(format!("{name} is not served in {}", protocol.name())),
    }
}
