//! The parameters of MAIL and RCPT (RFC 5321 section 4.1.2, `esmtp-param`), and xtext.
//!
//! Every parameter at most once, only those of offered extensions (555 else), and what
//! xtext decodes to is printable: no address or envelope id can carry a line end.

use crate::command::{Body, Hold, Mail, MailAuth, Notify, OriginalRecipient, Rcpt, ReturnContent};
use crate::{Extension, FutureRelease, Offer, Refusal, date};

/// One `KEYWORD` or `KEYWORD=value`.
struct Parameter<'a> {
    keyword: String,
    value: Option<&'a str>,
}

/// Reads what follows the path of MAIL into `mail`.
pub(crate) fn read_mail(mail: &mut Mail, text: &str, offer: &Offer) -> Result<(), Refusal> {
    let mut body = None;
    let mut smtputf8 = None;
    for parameter in parameters(text) {
        let parameter = parameter?;
        match parameter.keyword.as_str() {
            "SIZE" if offer.has(Extension::Size) => parameter.once(&mut mail.size, size)?,
            "BODY" if offer.has(Extension::EightBitMime) => {
                parameter.once(&mut body, |value| read_body(value, offer))?
            }
            "SMTPUTF8" if offer.has(Extension::SmtpUtf8) => parameter.flag(&mut smtputf8)?,
            "RET" if offer.has(Extension::Dsn) => parameter.once(&mut mail.ret, return_content)?,
            "ENVID" if offer.has(Extension::Dsn) => parameter.once(&mut mail.envelope_id, envelope_id)?,
            "AUTH" if offer.has(Extension::Auth) => parameter.once(&mut mail.auth, mail_auth)?,
            "HOLDFOR" | "HOLDUNTIL" if offer.has(Extension::FutureRelease) => {
                parameter.once(&mut mail.hold, |value| hold(&parameter.keyword, value, offer))?
            }
            unknown => return Err(Refusal::parameter(format!("MAIL has no parameter {unknown} here"))),
        }
    }
    mail.body = body.unwrap_or_default();
    mail.smtputf8 = smtputf8.is_some();
    Ok(())
}

/// Reads what follows the path of RCPT into `rcpt`.
pub(crate) fn read_rcpt(rcpt: &mut Rcpt, text: &str, offer: &Offer) -> Result<(), Refusal> {
    for parameter in parameters(text) {
        let parameter = parameter?;
        match parameter.keyword.as_str() {
            "NOTIFY" if offer.has(Extension::Dsn) => parameter.once(&mut rcpt.notify, notify)?,
            "ORCPT" if offer.has(Extension::Dsn) => parameter.once(&mut rcpt.original_recipient, original_recipient)?,
            unknown => return Err(Refusal::parameter(format!("RCPT has no parameter {unknown} here"))),
        }
    }
    Ok(())
}

impl Parameter<'_> {
    /// Reads the value into `slot`, which must be empty.
    fn once<T>(&self, slot: &mut Option<T>, read: impl FnOnce(&str) -> Result<T, Refusal>) -> Result<(), Refusal> {
        let value = self.value.ok_or_else(|| Refusal::arguments(format!("{} needs a value", self.keyword)))?;
        self.fill(slot, read(value)?)
    }

    /// A parameter that has no value.
    fn flag(&self, slot: &mut Option<()>) -> Result<(), Refusal> {
        if self.value.is_some() {
            return Err(Refusal::arguments(format!("{} has no value", self.keyword)));
        }
        self.fill(slot, ())
    }

    fn fill<T>(&self, slot: &mut Option<T>, value: T) -> Result<(), Refusal> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(Refusal::arguments(format!("{} may be said once", self.keyword))),
        }
    }
}

fn parameters(text: &str) -> impl Iterator<Item = Result<Parameter<'_>, Refusal>> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| {
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let keyword_ok = keyword.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !keyword.starts_with('-');
        let value_ok = value.is_none_or(|value| !value.is_empty() && !value.contains('='));
        if keyword.is_empty() || !keyword_ok || !value_ok {
            return Err(Refusal::arguments("Parameters look like KEYWORD or KEYWORD=value"));
        }
        Ok(Parameter { keyword: keyword.to_ascii_uppercase(), value })
    })
}

/// RFC 1870 section 3: up to 20 digits, so some do not fit into 64 bits; they are just very large.
fn size(value: &str) -> Result<u64, Refusal> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(Refusal::arguments("SIZE is a number of octets"));
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

fn read_body(value: &str, offer: &Offer) -> Result<Body, Refusal> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(Body::SevenBit),
        "8BITMIME" => Ok(Body::EightBitMime),
        "BINARYMIME" if offer.has(Extension::BinaryMime) => Ok(Body::BinaryMime),
        "BINARYMIME" => Err(Refusal::value("BODY=BINARYMIME is not offered here")),
        _ => Err(Refusal::arguments("BODY is 7BIT or 8BITMIME")),
    }
}

fn return_content(value: &str) -> Result<ReturnContent, Refusal> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Ok(ReturnContent::Full),
        "HDRS" => Ok(ReturnContent::Headers),
        _ => Err(Refusal::arguments("RET is FULL or HDRS")),
    }
}

/// RFC 3461 section 4.4: at most 100 characters, encoded.
fn envelope_id(value: &str) -> Result<String, Refusal> {
    let decoded = if value.len() <= 100 { decode_xtext(value) } else { None };
    decoded.ok_or_else(|| Refusal::arguments("ENVID is xtext of at most 100 characters"))
}

/// RFC 4954 section 5.
fn mail_auth(value: &str) -> Result<MailAuth, Refusal> {
    match decode_xtext(value) {
        Some(text) if text == "<>" => Ok(MailAuth::Unknown),
        Some(text) => Ok(MailAuth::Mailbox(text)),
        None => Err(Refusal::arguments("AUTH is <> or a mailbox in xtext")),
    }
}

/// RFC 4865 sections 3 and 4.2: one of both, at most what is offered. A moment that has passed is no mistake:
/// the message was on its way for too long, and leaves at once.
fn hold(keyword: &str, value: &str, offer: &Offer) -> Result<Hold, Refusal> {
    let Some(FutureRelease { longest_seconds, latest }) = offer.future_release() else {
        return Err(Refusal::parameter(format!("MAIL has no parameter {keyword} here")));
    };
    if keyword == "HOLDFOR" {
        let digits = (1..=9).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
        let seconds = value.parse().ok().filter(|seconds| digits && (1..=longest_seconds).contains(seconds));
        let refusal = || Refusal::arguments(format!("HOLDFOR is a number of seconds, from 1 to {longest_seconds}"));
        return seconds.map(|seconds| Hold::For { seconds }).ok_or_else(refusal);
    }
    let until = date::parse_rfc3339(value).filter(|until| *until <= latest);
    let shape = || format!("HOLDUNTIL looks like 2026-11-22T21:50:00Z, and is at most {}", date::date_time(latest));
    until.map(Hold::Until).ok_or_else(|| Refusal::arguments(shape()))
}

/// RFC 3461 section 4.1: NEVER alone, or a list of the others.
fn notify(value: &str) -> Result<Notify, Refusal> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in value.split(',') {
        let wanted = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut success,
            "FAILURE" => &mut failure,
            "DELAY" => &mut delay,
            _ => return Err(Refusal::arguments("NOTIFY is NEVER, or a list of SUCCESS, FAILURE, DELAY")),
        };
        *wanted = true;
    }
    Ok(Notify::On { success, failure, delay })
}

/// RFC 3461 section 4.2; the kind `utf-8` has an encoding of its own (RFC 6533 section 3), kept as it is.
fn original_recipient(value: &str) -> Result<OriginalRecipient, Refusal> {
    let read = || {
        let (kind, address) = value.split_once(';')?;
        let kind_ok = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !kind_ok || address.is_empty() || value.len() > 500 {
            return None;
        }
        let kind = kind.to_ascii_lowercase();
        let address = if kind == "utf-8" { address.to_owned() } else { decode_xtext(address)? };
        Some(OriginalRecipient { kind, address })
    };
    read().ok_or_else(|| Refusal::arguments("ORCPT looks like rfc822;name@example.org, in xtext"))
}

/// xtext (RFC 3461 section 4): `+` and two hexadecimal digits are one character. What it
/// stands for must be printable ASCII.
fn decode_xtext(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let value = match byte {
            b'+' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                char::from_u32(digit()? * 16 + digit()?)?
            }
            _ => char::from(byte),
        };
        if value != ' ' && !value.is_ascii_graphic() {
            return None;
        }
        decoded.push(value);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3461 section 4: what is decoded goes into reports, so no line end may come out of it.
    #[test]
    fn xtext_decodes_to_printable_text_or_not_at_all() {
        assert_eq!(decode_xtext("a+2Bb+3dc+20d"), Some("a+b=c d".into()));
        for wrong in ["+0D+0A", "a+", "a+2", "+zz", "é", "+E9", "+7F", "++1"] {
            assert_eq!(decode_xtext(wrong), None, "{wrong}");
        }
    }
}
