//! Reverse and forward paths (RFC 5321 section 4.1.2), with UTF-8 (RFC 6531 section 3.3).
//!
//! Two things are wider than the grammar, because mail that came this far should not
//! bounce for form: dots may stand anywhere in a local part (`a..b@`, `a.@`), and
//! a local part may be longer than 64 octets, as rewritten and variable return paths are.
//! Source routes are read and dropped (section 4.1.2 and appendix C).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use postern_types::{Address, Domain};

/// The longest path, in octets. RFC 5321 section 4.5.3.1.3 asks for 256; twice that still fits
/// into a header line of 998 octets (RFC 5322 section 2.1.1).
pub const PATH_BYTES: usize = 512;

/// Where failures go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversePath {
    /// `<>`: nowhere. The message is itself a report (RFC 5321 section 4.5.5).
    Null,
    /// To this mailbox.
    Mailbox(Mailbox),
}

/// Who is to have the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain, which every server must take (RFC 5321 section 4.5.1).
    Postmaster,
    /// This mailbox.
    Mailbox(Mailbox),
}

/// A mailbox as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    text: String,
    local: String,
    host: Host,
    address: Option<Address>,
}

/// What stands behind the `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A domain.
    Domain(Domain),
    /// An address literal (RFC 5321 section 4.1.3).
    Literal(AddressLiteral),
}

/// An address literal, without its brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressLiteral {
    /// `[192.0.2.1]`
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`
    V6(Ipv6Addr),
    /// `[tag:content]` of some later standard.
    Other {
        /// The tag before the colon.
        tag: String,
        /// What follows it.
        content: String,
    },
}

/// Why a text is no path: a sentence for people.
type Wrong = &'static str;

impl ReversePath {
    /// The text between the angle brackets, without a source route; empty for the null path.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }

    /// The address as the house keys it, where it is one.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => mailbox.address(),
        }
    }

    /// Reads `<...>`; also gives what follows it.
    pub(crate) fn parse(text: &str) -> Result<(Self, &str), Wrong> {
        let (inside, rest) = brackets(text)?;
        if inside.is_empty() {
            return Ok((Self::Null, rest));
        }
        Ok((Self::Mailbox(Mailbox::parse(inside)?), rest))
    }
}

impl ForwardPath {
    /// The text between the angle brackets, without a source route.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Postmaster => "postmaster",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }

    /// The address as the house keys it, where it is one.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => mailbox.address(),
        }
    }

    /// Reads `<...>`; also gives what follows it.
    pub(crate) fn parse(text: &str) -> Result<(Self, &str), Wrong> {
        let (inside, rest) = brackets(text)?;
        if inside.is_empty() {
            return Err("A recipient can not be empty");
        }
        if inside.eq_ignore_ascii_case("postmaster") {
            return Ok((Self::Postmaster, rest));
        }
        Ok((Self::Mailbox(Mailbox::parse(inside)?), rest))
    }
}

impl Mailbox {
    /// Reads `local@host`.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let (local, host) = if text.starts_with('"') { quoted_local(text)? } else { plain_local(text)? };
        let host = Host::parse(host)?;
        Ok(Self { address: Address::parse(text).ok(), text: text.to_owned(), local, host })
    }

    /// As it came, quotes and case kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`, unquoted, its case kept (RFC 5321 section 2.4).
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands after the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The address as the house keys it. Some mailboxes of the wider world have none:
    /// those at address literals, and those with characters that no address of ours has.
    pub fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    /// It is not ASCII, so only a transaction with SMTPUTF8 may have it.
    pub fn needs_smtputf8(&self) -> bool {
        !self.text.is_ascii()
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, Wrong> {
        if let Some(inside) = text.strip_prefix('[') {
            let literal = inside.strip_suffix(']').and_then(AddressLiteral::parse);
            return literal
                .map(Self::Literal)
                .ok_or("The address literal looks like no [192.0.2.1] or [IPv6:2001:db8::1]");
        }
        Domain::parse(text).map(Self::Domain).map_err(|_| "The part after the @ is not a domain")
    }
}

impl AddressLiteral {
    /// Reads what stands between the square brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((tag, content)) = text.split_once(':') else {
            return text.parse().ok().map(Self::V4);
        };
        if tag.eq_ignore_ascii_case("IPv6") {
            return content.parse().ok().map(Self::V6);
        }
        let tag_ok =
            tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !tag.is_empty() && !tag.ends_with('-');
        let content_ok = !content.is_empty() && content.bytes().all(|b| matches!(b, 33..=90 | 94..=126));
        (tag_ok && content_ok).then(|| Self::Other { tag: tag.to_owned(), content: content.to_owned() })
    }
}

/// Cuts `<inside>rest`, a `>` inside quotes not counted; drops a source route.
fn brackets(text: &str) -> Result<(&str, &str), Wrong> {
    let inner = text.strip_prefix('<').ok_or("The address stands in angle brackets, as in <name@example.org>")?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inner.bytes().position(|byte| {
        let closes = byte == b'>' && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
        closes
    });
    let end = end.ok_or("The closing angle bracket is missing")?;
    if end + 2 > PATH_BYTES {
        return Err("The address is too long");
    }
    Ok((without_route(&inner[..end])?, &inner[end + 1..]))
}

/// `@one.example,@two.example:name@example.org` is `name@example.org`.
fn without_route(path: &str) -> Result<&str, Wrong> {
    if !path.starts_with('@') {
        return Ok(path);
    }
    let wrong = "The source route is wrong; leave it out";
    let (route, mailbox) = path.split_once(':').ok_or(wrong)?;
    let hop_ok = |hop: &str| hop.strip_prefix('@').is_some_and(|domain| Domain::parse(domain).is_ok());
    // A route to nowhere is no null path: `<>` is written in one way only.
    if mailbox.is_empty() || !route.split(',').all(hop_ok) {
        return Err(wrong);
    }
    Ok(mailbox)
}

fn plain_local(text: &str) -> Result<(String, &str), Wrong> {
    let (local, host) = text.split_once('@').ok_or("The address has no domain, as in <name@example.org>")?;
    let atext = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
    if local.is_empty() || !local.chars().all(atext) {
        return Err("The part before the @ has a character that needs quotes");
    }
    Ok((local.to_owned(), host))
}

/// `"a b"@example.org`: the value is what the quotes and backslashes stand for.
fn quoted_local(text: &str) -> Result<(String, &str), Wrong> {
    let wrong = "The quoted part before the @ is wrong";
    let mut local = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, c)) = characters.next() {
        match c {
            '"' => return text[index + 1..].strip_prefix('@').map(|host| (local, host)).ok_or(wrong),
            '\\' => local.push(characters.next().ok_or(wrong)?.1),
            _ => local.push(c),
        }
    }
    Err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(text: &str) -> Result<ForwardPath, Wrong> {
        ForwardPath::parse(text).map(|(path, _)| path)
    }

    #[test]
    fn a_path_keeps_its_text_and_knows_its_address() {
        let path = forward("<Support@Example.ORG>").unwrap();
        assert_eq!(path.as_str(), "Support@Example.ORG");
        assert_eq!(path.address().unwrap().as_str(), "support@example.org");
        assert_eq!(forward("<POSTmaster>"), Ok(ForwardPath::Postmaster)); // RFC 5321 section 4.5.1
        assert!(matches!(forward("<postmaster@example.org>"), Ok(ForwardPath::Mailbox(_))));
    }

    /// RFC 5321 section 4.1.2: all quoted forms are equivalent; `>` and `@` may be quoted.
    #[test]
    fn quotes_are_read_and_kept() {
        let path = forward("<\"a > \\\"b\\\" @c\"@example.org>").unwrap();
        assert_eq!(path.as_str(), "\"a > \\\"b\\\" @c\"@example.org");
        let ForwardPath::Mailbox(mailbox) = path else { panic!("a mailbox") };
        assert_eq!(mailbox.local(), "a > \"b\" @c");
        assert_eq!(forward("<\"sup\\port\"@example.org>").unwrap().address().unwrap().as_str(), "support@example.org");
        for wrong in ["<\"a@example.org>", "<\"a\"b@example.org>", "<\"a\\\"@example.org>", "<\"a\">", "<\"\\>"] {
            assert!(forward(wrong).is_err(), "{wrong}");
        }
    }

    /// RFC 5321 section 4.1.3.
    #[test]
    fn address_literals_are_hosts_but_no_addresses_of_ours() {
        let host = |text: &str| match forward(text) {
            Ok(ForwardPath::Mailbox(mailbox)) => mailbox.host().clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(host("<a@[192.0.2.1]>"), Host::Literal(AddressLiteral::V4([192, 0, 2, 1].into())));
        assert_eq!(host("<a@[ipv6:2001:db8::1]>"), Host::Literal(AddressLiteral::V6("2001:db8::1".parse().unwrap())));
        let other = AddressLiteral::Other { tag: "x-new".into(), content: "abc".into() };
        assert_eq!(host("<a@[x-new:abc]>"), Host::Literal(other));
        assert_eq!(forward("<a@[192.0.2.1]>").unwrap().address(), None);
        for wrong in ["<a@[192.0.2.256]>", "<a@[IPv6:1::2::3]>", "<a@[192.0.2.1>", "<a@[x:]>", "<a@[x:[]>", "<a@[]>"] {
            assert!(forward(wrong).is_err(), "{wrong}");
        }
    }

    /// RFC 5321 section 4.1.2 and appendix C.
    #[test]
    fn a_source_route_is_dropped() {
        assert_eq!(forward("<@one.example,@two.example:a@example.org>").unwrap().as_str(), "a@example.org");
        for wrong in
            ["<@one.example:>", "<@one.example>", "<@:a@example.org>", "<@one.example,two.example:a@example.org>"]
        {
            assert!(forward(wrong).is_err(), "{wrong}");
        }
        assert!(ReversePath::parse("<@one.example:>").is_err());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in [
            "",
            "a@example.org",
            "<a@example.org",
            "<>",
            "<a>",
            "<@>",
            "<a@>",
            "<@example.org>",
            "< a@example.org>",
            "<a b@example.org>",
            "<a@b@example.org>",
            "<a@exa mple.org>",
            "<a@-example.org>",
            "<a@.org>",
            "<a,b@example.org>",
            "<<a@example.org>>",
            "<a\\b@example.org>",
        ] {
            assert!(forward(wrong).is_err(), "{wrong}");
        }
        assert!(forward(&format!("<{}@example.org>", "a".repeat(PATH_BYTES))).is_err());
        // Wider than the grammar on purpose.
        for taken in ["<a..b@example.org>", "<.a@example.org>", "<a.@example.org>", "<ünï@exämple.org>"] {
            assert!(forward(taken).is_ok(), "{taken}");
        }
        assert!(forward(&format!("<{}@example.org>", "a".repeat(100))).is_ok());
    }
}
