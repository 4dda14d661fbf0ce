//! The commands we send, one line each (RFC 5321 section 4.1.1).
//!
//! Addresses, envelope ids and original recipients were chosen by people whom nobody vouches
//! for. They were checked when they came in, and are checked again here with the same grammar,
//! so that no road into the queue can put a second command, or a parameter, into our mouth.
//! Narrower than the grammar: `<` and `>` are refused even inside quotes, where RFC 5321 section
//! 4.1.2 allows them, because there are servers that cut a path at the first `>`.

use crate::command::{Body, HelloVerb, Notify, ReturnContent};
use crate::path::{AddressLiteral, ForwardPath, ReversePath};

/// STARTTLS (RFC 3207 section 4).
pub const STARTTLS: &[u8] = b"STARTTLS\r\n";
/// DATA (RFC 5321 section 4.1.1.4).
pub const DATA: &[u8] = b"DATA\r\n";
/// RSET (RFC 5321 section 4.1.1.5).
pub const RSET: &[u8] = b"RSET\r\n";
/// QUIT (RFC 5321 section 4.1.1.10).
pub const QUIT: &[u8] = b"QUIT\r\n";

/// Octets of an ENVID (RFC 3461 section 4.4) and of an ORCPT (section 4.2), encoded.
const ENVELOPE_ID_BYTES: usize = 100;
const ORIGINAL_BYTES: usize = 500;

/// Why something is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsayable {
    /// It is no host name or address literal.
    #[error("the host name can not stand in a command")]
    HostName,
    /// It is no path, or one that somebody might read in another way.
    #[error("the address can not stand in a command")]
    Path,
    /// It is not ASCII (RFC 6531 section 3.2).
    #[error("the address needs SMTPUTF8")]
    NeedsSmtpUtf8,
    /// A parameter's value.
    #[error("{0} has a value that can not stand in a command")]
    Parameter(&'static str),
    /// A name or password with a NUL in it, or none (RFC 4616 section 2).
    #[error("the name or the password of the sign-in can not be sent")]
    SignIn,
}

/// EHLO, HELO or LHLO with our name (RFC 5321 section 4.1.1.1).
pub fn hello(verb: HelloVerb, name: &str) -> Result<Vec<u8>, Unsayable> {
    let host_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ok = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => AddressLiteral::parse(literal).is_some(),
        None => !name.is_empty() && name.chars().all(host_name),
    };
    if !ok || name.len() > 255 {
        return Err(Unsayable::HostName);
    }
    let verb = match verb {
        HelloVerb::Ehlo => "EHLO",
        HelloVerb::Helo => "HELO",
        HelloVerb::Lhlo => "LHLO",
    };
    Ok(format!("{verb} {name}\r\n").into_bytes())
}

/// BDAT; so many octets follow it (RFC 3030 section 2).
pub fn bdat(octets: u64, last: bool) -> Vec<u8> {
    format!("BDAT {octets}{}\r\n", if last { " LAST" } else { "" }).into_bytes()
}

/// MAIL FROM. Say only what is offered: an unknown parameter is refused with 555.
#[derive(Debug, Clone, Copy, Default)]
pub struct MailLine<'a> {
    /// The reverse path without its brackets; empty for the null path.
    pub reverse_path: &'a str,
    /// SIZE, in octets (RFC 1870 section 6.1).
    pub size: Option<u64>,
    /// BODY (RFC 6152, RFC 3030 section 3).
    pub body: Option<Body>,
    /// SMTPUTF8 (RFC 6531 section 3.4).
    pub smtputf8: bool,
    /// RET (RFC 3461 section 4.3).
    pub return_content: Option<ReturnContent>,
    /// ENVID, not encoded (RFC 3461 section 4.4).
    pub envelope_id: Option<&'a str>,
}

impl MailLine<'_> {
    /// The line, with its CRLF.
    pub fn encode(&self) -> Result<Vec<u8>, Unsayable> {
        check_path(self.reverse_path, self.smtputf8, |path| {
            let (path, rest) = ReversePath::parse(path).ok()?;
            Some(path.as_str() == self.reverse_path && rest.is_empty())
        })?;
        let mut line = format!("MAIL FROM:<{}>", self.reverse_path);
        if let Some(size) = self.size {
            line.push_str(&format!(" SIZE={size}"));
        }
        if let Some(body) = self.body {
            line.push_str(match body {
                Body::SevenBit => " BODY=7BIT",
                Body::EightBitMime => " BODY=8BITMIME",
                Body::BinaryMime => " BODY=BINARYMIME",
            });
        }
        if self.smtputf8 {
            line.push_str(" SMTPUTF8");
        }
        if let Some(content) = self.return_content {
            line.push_str(match content {
                ReturnContent::Full => " RET=FULL",
                ReturnContent::Headers => " RET=HDRS",
            });
        }
        if let Some(id) = self.envelope_id {
            let id = xtext(id).filter(|id| (1..=ENVELOPE_ID_BYTES).contains(&id.len()));
            line.push_str(&format!(" ENVID={}", id.ok_or(Unsayable::Parameter("ENVID"))?));
        }
        Ok(ended(line))
    }
}

/// RCPT TO.
#[derive(Debug, Clone, Copy, Default)]
pub struct RcptLine<'a> {
    /// The forward path without its brackets.
    pub recipient: &'a str,
    /// MAIL said SMTPUTF8.
    pub smtputf8: bool,
    /// NOTIFY (RFC 3461 section 4.1).
    pub notify: Option<Notify>,
    /// ORCPT: kind and address, not encoded, but for the kind `utf-8`, which has an encoding of its
    /// own that is kept (RFC 3461 section 4.2, RFC 6533 section 3).
    pub original: Option<(&'a str, &'a str)>,
}

impl RcptLine<'_> {
    /// The line, with its CRLF.
    pub fn encode(&self) -> Result<Vec<u8>, Unsayable> {
        check_path(self.recipient, self.smtputf8, |path| {
            let (path, rest) = ForwardPath::parse(path).ok()?;
            // `Postmaster` is one in any case, and is given in lower case.
            Some(path.as_str().eq_ignore_ascii_case(self.recipient) && rest.is_empty())
        })?;
        let mut line = format!("RCPT TO:<{}>", self.recipient);
        if let Some(notify) = self.notify {
            line.push_str(&format!(" NOTIFY={}", notify_words(notify)?));
        }
        if let Some((kind, address)) = self.original {
            let original = original(kind, address).ok_or(Unsayable::Parameter("ORCPT"))?;
            // Longer than it may be once it is encoded: it goes without, rather than not at all.
            if original.len() <= ORIGINAL_BYTES {
                line.push_str(&format!(" ORCPT={original}"));
            }
        }
        Ok(ended(line))
    }
}

fn ended(mut line: String) -> Vec<u8> {
    line.push_str("\r\n");
    line.into_bytes()
}

/// `is_same` reads `<text>` and says whether it is a path, all of it, and nothing else.
fn check_path(text: &str, smtputf8: bool, is_same: impl Fn(&str) -> Option<bool>) -> Result<(), Unsayable> {
    let odd = |c: char| c.is_control() || matches!(c, '<' | '>') || (c.is_whitespace() && c != ' ');
    if text.chars().any(odd) || is_same(&format!("<{text}>")) != Some(true) {
        return Err(Unsayable::Path);
    }
    if !smtputf8 && !text.is_ascii() {
        return Err(Unsayable::NeedsSmtpUtf8);
    }
    Ok(())
}

fn notify_words(notify: Notify) -> Result<String, Unsayable> {
    let Notify::On { success, failure, delay } = notify else { return Ok("NEVER".to_owned()) };
    let all = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
    let words: Vec<&str> = all.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
    if words.is_empty() { Err(Unsayable::Parameter("NOTIFY")) } else { Ok(words.join(",")) }
}

fn original(kind: &str, address: &str) -> Option<String> {
    let kind_ok = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let address = if kind.eq_ignore_ascii_case("utf-8") { utf8_xtext(address)? } else { xtext(address)? };
    let value = format!("{kind};{address}");
    (kind_ok && !address.is_empty()).then_some(value)
}

/// xtext (RFC 3461 section 4): `+`, `=` and the space as `+` and two hexadecimal digits. What is
/// not printable ASCII has no place in it.
fn xtext(text: &str) -> Option<String> {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '+' | '=' | ' ' => encoded.push_str(&format!("+{:02X}", u32::from(c))),
            _ if c.is_ascii_graphic() => encoded.push(c),
            _ => return None,
        }
    }
    Some(encoded)
}

/// `utf-8-addr-xtext` (RFC 6533 section 3), which needs no SMTPUTF8: what is not in it yet is put
/// as `\x{…}`, and a backslash is taken to be of it already.
fn utf8_xtext(text: &str) -> Option<String> {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_control() => return None,
            '+' | '=' => encoded.push_str(&format!("\\x{{{:02X}}}", u32::from(c))),
            _ if c.is_ascii_graphic() => encoded.push(c),
            _ => encoded.push_str(&format!("\\x{{{:02X}}}", u32::from(c))),
        }
    }
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(reverse_path: &str) -> Result<String, Unsayable> {
        MailLine { reverse_path, ..MailLine::default() }.encode().map(|line| String::from_utf8(line).unwrap())
    }

    fn rcpt(line: RcptLine<'_>) -> Result<String, Unsayable> {
        line.encode().map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn mail_says_all_that_it_is_given() {
        assert_eq!(mail("").unwrap(), "MAIL FROM:<>\r\n");
        let line = MailLine {
            reverse_path: "Bob@example.org",
            size: Some(1000),
            body: Some(Body::EightBitMime),
            smtputf8: true,
            return_content: Some(ReturnContent::Headers),
            envelope_id: Some("a+b =c"),
        };
        let expected = "MAIL FROM:<Bob@example.org> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+20+3Dc\r\n";
        assert_eq!(line.encode().unwrap(), expected.as_bytes());
    }

    #[test]
    fn rcpt_says_all_that_it_is_given() {
        let notify = Some(Notify::On { success: true, failure: false, delay: true });
        let original = Some(("rfc822", "a+b@example.org"));
        let line = RcptLine { recipient: "\"a b\"@example.com", notify, original, ..RcptLine::default() };
        let expected = "RCPT TO:<\"a b\"@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org\r\n";
        assert_eq!(rcpt(line).unwrap(), expected);
        let never = RcptLine { recipient: "Postmaster", notify: Some(Notify::Never), ..RcptLine::default() };
        assert_eq!(rcpt(never).unwrap(), "RCPT TO:<Postmaster> NOTIFY=NEVER\r\n");
        let none = Some(Notify::On { success: false, failure: false, delay: false });
        let none = RcptLine { recipient: "a@example.org", notify: none, ..RcptLine::default() };
        assert_eq!(rcpt(none), Err(Unsayable::Parameter("NOTIFY")));
    }

    #[test]
    fn no_address_breaks_out_of_its_line() {
        for wrong in [
            "a@example.org> SIZE=1",
            "a@example.org>\r\nRCPT TO:<b@example.org",
            "a\r\nb@example.org",
            "\"a\r\nQUIT\r\n\"@example.org",
            "\"a\0\"@example.org",
            "\"a>b\"@example.org",
            "a b@example.org",
            "a\u{a0}b@example.org",
            "a\u{85}b@example.org",
            "a\u{2028}b@example.org",
            "<a@example.org",
            "@relay.example:a@example.org",
            "a@example.org ",
            " a@example.org",
            "a",
            "a@b c",
        ] {
            assert_eq!(mail(wrong), Err(Unsayable::Path), "{wrong:?}");
            let line = RcptLine { recipient: wrong, smtputf8: true, ..RcptLine::default() };
            assert_eq!(rcpt(line), Err(Unsayable::Path), "{wrong:?}");
        }
        assert_eq!(rcpt(RcptLine::default()), Err(Unsayable::Path), "nobody is no recipient");
        assert_eq!(mail("ünï@example.org"), Err(Unsayable::NeedsSmtpUtf8)); // RFC 6531 section 3.2
    }

    #[test]
    fn no_parameter_breaks_out_of_its_line() {
        for wrong in ["a\r\nQUIT", "é", "\0", "", &"a".repeat(101)] {
            let line = MailLine { envelope_id: Some(wrong), ..MailLine::default() };
            assert_eq!(line.encode(), Err(Unsayable::Parameter("ENVID")), "{wrong:?}");
        }
        for (kind, address) in [("rfc822", "a\r\nb"), ("rf c", "a"), ("", "a"), ("rfc822", ""), ("utf-8", "\n")] {
            let line = RcptLine { recipient: "a@example.org", original: Some((kind, address)), ..RcptLine::default() };
            assert_eq!(rcpt(line), Err(Unsayable::Parameter("ORCPT")), "{kind:?} {address:?}");
        }
    }

    /// RFC 6533 section 3.
    #[test]
    fn an_original_recipient_in_utf8_is_ascii() {
        let original = Some(("utf-8", "ü \\x{E9}+@example.org"));
        let line = RcptLine { recipient: "a@example.org", original, ..RcptLine::default() };
        let expected = "RCPT TO:<a@example.org> ORCPT=utf-8;\\x{FC}\\x{20}\\x{E9}\\x{2B}@example.org\r\n";
        assert_eq!(rcpt(line).unwrap(), expected);
        let long = "\u{fc}".repeat(90);
        let line = RcptLine { recipient: "a@example.org", original: Some(("utf-8", &long)), ..RcptLine::default() };
        assert_eq!(rcpt(line).unwrap(), "RCPT TO:<a@example.org>\r\n");
    }

    #[test]
    fn our_own_name_is_checked_too() {
        assert_eq!(hello(HelloVerb::Ehlo, "mail.example.org").unwrap(), b"EHLO mail.example.org\r\n");
        assert_eq!(hello(HelloVerb::Helo, "[192.0.2.1]").unwrap(), b"HELO [192.0.2.1]\r\n");
        for wrong in ["", "a b", "a\r\nQUIT", "[a]", "é"] {
            assert_eq!(hello(HelloVerb::Ehlo, wrong), Err(Unsayable::HostName), "{wrong:?}");
        }
        assert_eq!(bdat(10, true), b"BDAT 10 LAST\r\n");
        assert_eq!(bdat(0, false), b"BDAT 0\r\n");
    }
}
