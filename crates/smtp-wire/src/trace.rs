//! The lines that we put before a message: Return-Path and Received (RFC 5321 section 4.4).
//!
//! What a client says of itself ends up in them, so every part is cut down to characters
//! that can not end a line, open a comment or close a clause.

use std::fmt;
use std::net::IpAddr;

use postern_types::Timestamp;

use crate::path::{ForwardPath, ReversePath};
use crate::{HelloVerb, Protocol, date};

/// The longest line before a fold, CRLF not counted (RFC 5322 section 2.1.1).
const LINE_BYTES: usize = 78;

/// How the message came, for `with` (RFC 3848, RFC 6531 section 4.3). Displayed, it is
/// `LMTP`, `ESMTPSA`, `UTF8LMTP` ...
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// The protocol.
    pub protocol: Protocol,
    /// The greeting; HELO makes it plain SMTP.
    pub greeting: HelloVerb,
    /// The transaction has SMTPUTF8.
    pub smtputf8: bool,
    /// The connection is under TLS.
    pub tls: bool,
    /// The client has signed in.
    pub signed_in: bool,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (self.protocol, self.smtputf8, self.greeting) {
            (Protocol::Lmtp, false, _) => "LMTP",
            (Protocol::Lmtp, true, _) => "UTF8LMTP",
            (_, true, _) => "UTF8SMTP",
            (_, false, HelloVerb::Helo) => return f.write_str("SMTP"),
            (_, false, _) => "ESMTP",
        };
        let (tls, signed_in) = (if self.tls { "S" } else { "" }, if self.signed_in { "A" } else { "" });
        write!(f, "{name}{tls}{signed_in}")
    }
}

/// What a Received line says.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    /// What the peer called itself.
    pub helo: &'a str,
    /// Where it really is; none on a local socket.
    pub peer: Option<IpAddr>,
    /// Our own name.
    pub hostname: &'a str,
    /// How the message came.
    pub transport: Transport,
    /// Our id of the transaction, to be found in the log.
    pub id: &'a str,
    /// The recipient; only when there is one, or those of Bcc would be told (RFC 5321 section 7.2).
    pub recipient: Option<&'a ForwardPath>,
    /// When it came.
    pub at: Timestamp,
}

impl Trace<'_> {
    /// The Received line, folded, with its CRLF.
    pub fn received(&self) -> String {
        let mut words = vec!["from".to_owned(), word(self.helo)];
        if let Some(peer) = self.peer {
            words.push(match peer.to_canonical() {
                IpAddr::V4(peer) => format!("([{peer}])"),
                IpAddr::V6(peer) => format!("([IPv6:{peer}])"),
            });
        }
        words.extend(["by".to_owned(), word(self.hostname)]);
        words.extend(["with".to_owned(), self.transport.to_string()]);
        words.extend(["id".to_owned(), word(self.id)]);
        if let Some(recipient) = self.recipient {
            words.extend(["for".to_owned(), format!("<{}>", printable(recipient.as_str()))]);
        }
        if let Some(last) = words.last_mut() {
            last.push(';');
        }
        words.push(date::rfc5322(self.at));
        fold("Received:", &words)
    }
}

/// The Return-Path line of final delivery, with its CRLF; `<>` for the null path.
pub fn return_path(path: &ReversePath) -> String {
    fold("Return-Path:", &[format!("<{}>", printable(path.as_str()))])
}

/// The words after the name, on lines of at most 78 octets where a word is no longer than that.
fn fold(name: &str, words: &[String]) -> String {
    let mut text = name.to_owned();
    let mut column = name.len();
    for (index, word) in words.iter().enumerate() {
        if index > 0 && column + 1 + word.len() > LINE_BYTES {
            text.push_str("\r\n\t");
            column = 8;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push_str("\r\n");
    text
}

/// A host name, an address literal or an id: one word, never empty, at most 255 characters.
fn word(text: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    let word: String = text.chars().take(255).map(|c| if kept(c) { c } else { '?' }).collect();
    if word.is_empty() { "unknown".to_owned() } else { word }
}

/// A path is checked by its grammar; this keeps the promise even for one built elsewhere.
fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LMTP: Transport = Transport {
        protocol: Protocol::Lmtp,
        greeting: HelloVerb::Lhlo,
        smtputf8: false,
        tls: false,
        signed_in: false,
    };

    fn trace() -> Trace<'static> {
        Trace {
            helo: "client.example.org",
            peer: Some([192, 0, 2, 1].into()),
            hostname: "mail.example.org",
            transport: LMTP,
            id: "7f3a",
            recipient: None,
            at: Timestamp(1_795_384_200_000),
        }
    }

    /// RFC 5321 section 4.4.
    #[test]
    fn a_received_line_says_who_where_how_and_when() {
        assert_eq!(
            trace().received(),
            "Received: from client.example.org ([192.0.2.1]) by mail.example.org with LMTP\r\n\
             \tid 7f3a; Sun, 22 Nov 2026 21:50:00 +0000\r\n"
        );
        let (recipient, _) = ForwardPath::parse("<support@example.org>").unwrap();
        let peer = Some("2001:db8::1".parse().unwrap());
        let trace = Trace { peer, recipient: Some(&recipient), helo: "[IPv6:2001:db8::1]", ..trace() };
        assert_eq!(
            trace.received(),
            "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1]) by mail.example.org\r\n\
             \twith LMTP id 7f3a for <support@example.org>;\r\n\tSun, 22 Nov 2026 21:50:00 +0000\r\n"
        );
        let local = Trace { peer: None, ..trace };
        assert!(local.received().starts_with("Received: from [IPv6:2001:db8::1] by mail.example.org with LMTP"));
        let mapped = Trace { peer: Some("::ffff:192.0.2.1".parse().unwrap()), ..trace };
        assert!(mapped.received().contains("([192.0.2.1])"));
    }

    #[test]
    fn nothing_a_client_says_makes_a_line_of_its_own() {
        let evil = "a\r\nX-Spam: no\r\n\r\n(;<>";
        let received = Trace { helo: evil, hostname: evil, id: evil, ..trace() }.received();
        assert_eq!(received.matches("\r\n").count(), received.matches("\r\n\t").count() + 1, "{received}");
        let clean = "a??X-Spam:?no????????";
        let plain = received.replace("\r\n\t", " ");
        let start = format!("Received: from {clean} ([192.0.2.1]) by {clean} ");
        assert!(plain.starts_with(&start), "{plain}");
        assert!(Trace { helo: "", ..trace() }.received().contains("from unknown ("));
        let long = "x".repeat(5000);
        let received = Trace { helo: &long, hostname: &long, id: &long, ..trace() }.received();
        assert!(received.lines().all(|line| line.len() <= 998)); // RFC 5322 section 2.1.1
    }

    #[test]
    fn the_return_path_is_the_reverse_path() {
        let line = |text| return_path(&ReversePath::parse(text).unwrap().0);
        assert_eq!(line("<>"), "Return-Path: <>\r\n");
        assert_eq!(line("<@a.example:Bob@Example.org>"), "Return-Path: <Bob@Example.org>\r\n");
        let long = format!("<{}@example.org>", "b".repeat(498));
        assert_eq!(line(&long), format!("Return-Path: {long}\r\n")); // never folded inside the path
    }

    /// RFC 3848 and RFC 6531 section 4.3.
    #[test]
    fn the_transport_has_its_registered_name() {
        assert_eq!(LMTP.to_string(), "LMTP");
        assert_eq!(Transport { smtputf8: true, tls: true, ..LMTP }.to_string(), "UTF8LMTPS");
        let smtp = Transport { protocol: Protocol::Submission, greeting: HelloVerb::Ehlo, ..LMTP };
        assert_eq!(Transport { tls: true, signed_in: true, ..smtp }.to_string(), "ESMTPSA");
        assert_eq!(Transport { smtputf8: true, signed_in: true, ..smtp }.to_string(), "UTF8SMTPA");
        assert_eq!(Transport { greeting: HelloVerb::Helo, ..smtp }.to_string(), "SMTP");
    }
}
