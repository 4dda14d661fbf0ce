//! The arguments of each command (RFC 5321 section 4.1.1 and the extensions).
//!
//! Spaces after the colon of MAIL FROM and RCPT TO are taken, although section 3.3
//! forbids them: nothing is ambiguous about them and much software sends them.

use crate::command::{Auth, Bdat, Body, Command, Hello, HelloVerb, Mail, Rcpt, decode_base64};
use crate::parameters::{read_mail, read_rcpt};
use crate::path::{AddressLiteral, ForwardPath, ReversePath};
use crate::{Offer, Refusal};

type Parsed = Result<Command, Refusal>;

pub(crate) fn lhlo(arguments: &str, _: &Offer) -> Parsed {
    hello(HelloVerb::Lhlo, arguments)
}

pub(crate) fn ehlo(arguments: &str, _: &Offer) -> Parsed {
    hello(HelloVerb::Ehlo, arguments)
}

pub(crate) fn helo(arguments: &str, _: &Offer) -> Parsed {
    hello(HelloVerb::Helo, arguments)
}

/// A host name or an address literal. Underscores and single labels are taken: a
/// greeting vouches for nothing (RFC 5321 section 4.1.4). ASCII only, since SMTPUTF8 is not
/// yet known to be offered (RFC 6531 section 3.7.1).
fn hello(verb: HelloVerb, name: &str) -> Parsed {
    let host_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ok = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => AddressLiteral::parse(literal).is_some(),
        None => !name.is_empty() && name.chars().all(host_name),
    };
    if !ok || name.len() > 255 {
        return Err(Refusal::arguments("Say your host name, or your address as [192.0.2.1]"));
    }
    Ok(Command::Hello(Hello { verb, name: name.to_owned() }))
}

pub(crate) fn mail(arguments: &str, offer: &Offer) -> Parsed {
    let text = after_keyword(arguments, "FROM:")?;
    let (path, rest) = ReversePath::parse(text).map_err(Refusal::sender)?;
    let parameters = after_path(rest)?;
    let (size, body, smtputf8) = (None, Body::default(), false);
    let mut mail = Mail { path, size, body, smtputf8, ret: None, envelope_id: None, auth: None, hold: None };
    read_mail(&mut mail, parameters, offer)?;
    match &mail.path {
        ReversePath::Mailbox(mailbox) if mailbox.needs_smtputf8() && !mail.smtputf8 => {
            return Err(Refusal::needs_smtputf8(550));
        }
        _ => {}
    }
    match mail.size {
        Some(size) if size > offer.message_bytes() => Err(Refusal::too_large(offer.message_bytes())),
        _ => Ok(Command::Mail(mail)),
    }
}

/// Whether its address may be UTF-8 depends on MAIL, so [`crate::Sequence::check`] decides that.
pub(crate) fn rcpt(arguments: &str, offer: &Offer) -> Parsed {
    let text = after_keyword(arguments, "TO:")?;
    let (path, rest) = ForwardPath::parse(text).map_err(Refusal::recipient)?;
    let parameters = after_path(rest)?;
    let mut rcpt = Rcpt { path, notify: None, original_recipient: None };
    read_rcpt(&mut rcpt, parameters, offer)?;
    Ok(Command::Rcpt(rcpt))
}

/// `FROM:` and `TO:`, in any case.
fn after_keyword<'a>(arguments: &'a str, keyword: &str) -> Result<&'a str, Refusal> {
    let matches = arguments.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword));
    if !matches {
        return Err(Refusal::arguments(format!("{keyword}<name@example.org> is expected here")));
    }
    Ok(arguments[keyword.len()..].trim_start_matches(' '))
}

fn after_path(rest: &str) -> Result<&str, Refusal> {
    if rest.is_empty() || rest.starts_with(' ') {
        return Ok(rest);
    }
    Err(Refusal::arguments("A space is expected after the address"))
}

/// `BDAT octets [LAST]`. If that can not be read, nobody knows where the next command
/// begins: the connection must end.
pub(crate) fn bdat(arguments: &str, _: &Offer) -> Parsed {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let digits = words.next().filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
    let octets = digits.and_then(|word| word.parse().ok());
    let last = match words.next() {
        None => Some(false),
        Some(word) => word.eq_ignore_ascii_case("LAST").then_some(true),
    };
    match (octets, last, words.next()) {
        (Some(octets), Some(last), None) => Ok(Command::Bdat(Bdat { octets, last })),
        _ => Err(Refusal::arguments("BDAT has a number of octets, and LAST for the last ones").closing()),
    }
}

pub(crate) fn data(arguments: &str, _: &Offer) -> Parsed {
    alone("DATA", arguments, Command::Data)
}

pub(crate) fn rset(arguments: &str, _: &Offer) -> Parsed {
    alone("RSET", arguments, Command::Rset)
}

pub(crate) fn quit(arguments: &str, _: &Offer) -> Parsed {
    alone("QUIT", arguments, Command::Quit)
}

pub(crate) fn starttls(arguments: &str, _: &Offer) -> Parsed {
    alone("STARTTLS", arguments, Command::StartTls)
}

fn alone(name: &str, arguments: &str, command: Command) -> Parsed {
    if arguments.is_empty() { Ok(command) } else { Err(Refusal::arguments(format!("{name} stands alone"))) }
}

/// RFC 5321 section 4.1.1.9: the argument is ignored.
pub(crate) fn noop(_: &str, _: &Offer) -> Parsed {
    Ok(Command::Noop)
}

pub(crate) fn help(arguments: &str, _: &Offer) -> Parsed {
    Ok(Command::Help((!arguments.is_empty()).then(|| arguments.to_owned())))
}

pub(crate) fn vrfy(arguments: &str, _: &Offer) -> Parsed {
    asked("VRFY", arguments).map(Command::Vrfy)
}

pub(crate) fn expn(arguments: &str, _: &Offer) -> Parsed {
    asked("EXPN", arguments).map(Command::Expn)
}

/// What is asked about, without the SMTPUTF8 that may follow (RFC 6531 section 3.7.4.2).
fn asked(name: &str, arguments: &str) -> Result<String, Refusal> {
    let text = match arguments.rsplit_once(' ') {
        Some((text, last)) if last.eq_ignore_ascii_case("SMTPUTF8") => text.trim_end_matches(' '),
        _ => arguments,
    };
    if text.is_empty() {
        return Err(Refusal::arguments(format!("{name} needs a name or an address")));
    }
    Ok(text.to_owned())
}

/// `AUTH mechanism [initial-response]`, where `=` is an empty response (RFC 4954 section 4).
pub(crate) fn auth(arguments: &str, offer: &Offer) -> Parsed {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().map(str::to_ascii_uppercase).unwrap_or_default();
    let initial = words.next();
    if mechanism.is_empty() || words.next().is_some() {
        return Err(Refusal::arguments("AUTH has a mechanism and at most one response"));
    }
    if !offer.mechanisms().contains(&mechanism) {
        return Err(Refusal::value(format!("Mechanisms here are {}", offer.mechanisms().join(" "))));
    }
    let initial = match initial {
        None => None,
        Some("=") => Some(postern_types::Secret::new("")),
        Some(text) => Some(decode_base64(text.as_bytes())?),
    };
    Ok(Command::Auth(Auth { mechanism, initial }))
}
