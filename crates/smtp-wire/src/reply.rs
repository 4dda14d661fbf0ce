//! Replies as bytes (RFC 5321 section 4.2, RFC 2034 section 4).
//!
//! A reply may quote what a client sent; so nothing but printable ASCII leaves, and
//! no text of anyone's can end a line or forge a second reply.

/// An enhanced status code (RFC 3463) without its class: the class is the first digit of
/// the reply code, so that the two can not disagree (RFC 2034 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced(pub u16, pub u16);

/// The most text on one reply line, so that code and CRLF fit into 512 (RFC 5321 section 4.5.3.1.5).
const TEXT_BYTES: usize = 480;

/// One reply, of one line or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<String>,
}

impl Reply {
    /// A reply with an enhanced code. Classes 2, 4 and 5 only: the others have none.
    pub fn new(code: u16, enhanced: Enhanced, text: impl AsRef<str>) -> Self {
        Self::plain(code, text).with_enhanced(enhanced)
    }

    /// A reply without an enhanced code: greeting, EHLO, 3xx (RFC 2034 section 4).
    pub fn plain(code: u16, text: impl AsRef<str>) -> Self {
        Self { code: code.clamp(200, 599), enhanced: None, lines: wrap(text.as_ref()) }
    }

    fn with_enhanced(mut self, enhanced: Enhanced) -> Self {
        self.enhanced = matches!(self.class(), 2 | 4 | 5).then_some(enhanced);
        self
    }

    /// One more line (RFC 5321 section 4.2.1).
    #[must_use]
    pub fn line(mut self, text: impl AsRef<str>) -> Self {
        self.lines.append(&mut wrap(text.as_ref()));
        self
    }

    /// The same reply said of one recipient, as LMTP answers (RFC 2033 section 4.2).
    #[must_use]
    pub fn for_recipient(&self, recipient: &str) -> Self {
        let mut reply = self.clone();
        let text = format!("<{recipient}> {}", reply.lines.remove(0));
        reply.lines.splice(0..0, wrap(&text));
        reply
    }

    /// The greeting that opens a connection (RFC 5321 section 4.2, RFC 2033 section 4).
    pub fn greeting(hostname: &str, protocol: crate::Protocol) -> Self {
        Self::plain(220, format!("{hostname} {}", protocol.greeting()))
    }

    /// 354: the data may come.
    pub fn go_ahead() -> Self {
        Self::plain(354, "Send the message; end it with CRLF.CRLF")
    }

    /// 221: the answer to QUIT.
    pub fn closing(hostname: &str) -> Self {
        Self::new(221, Enhanced(0, 0), format!("{hostname} closing connection"))
    }

    /// 421: the server ends the connection of its own accord; `why` is for people.
    pub fn going_away(hostname: &str, why: &str) -> Self {
        Self::new(421, Enhanced(3, 2), format!("{hostname} {why}"))
    }

    /// 252: VRFY and EXPN confirm nothing (RFC 5321 section 7.3), so nobody learns who exists.
    pub fn cannot_verify() -> Self {
        Self::new(252, Enhanced(0, 0), "Send the message to see whether it can be delivered")
    }

    /// 334: the next step of an AUTH exchange, the challenge in base64 (RFC 4954 section 4).
    pub fn challenge(bytes: &[u8]) -> Self {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        Self { code: 334, enhanced: None, lines: vec![text] }
    }

    /// 421: too many commands in a row were none, and the server ends the connection.
    pub fn too_many_bad_commands(hostname: &str) -> Self {
        Self::new(421, Enhanced(7, 0), format!("{hostname} too many bad commands; closing connection"))
    }

    /// The reply code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The first digit of the code: 2 done, 3 go on, 4 try later, 5 no.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// The enhanced code, where there is one.
    pub fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The texts, one a line, as they leave.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Appends the reply as it goes over the wire.
    pub fn encode(&self, output: &mut Vec<u8>) {
        let last = self.lines.len() - 1;
        for (index, text) in self.lines.iter().enumerate() {
            let mark = if index == last { ' ' } else { '-' };
            output.extend_from_slice(format!("{}{mark}", self.code).as_bytes());
            if let Some(Enhanced(subject, detail)) = self.enhanced {
                output.extend_from_slice(format!("{}.{subject}.{detail} ", self.class()).as_bytes());
            }
            output.extend_from_slice(text.as_bytes());
            output.extend_from_slice(b"\r\n");
        }
    }

    /// The reply as text, for logs and tests.
    pub fn to_text(&self) -> String {
        let mut output = Vec::new();
        self.encode(&mut output);
        String::from_utf8_lossy(&output).into_owned()
    }
}

/// Cuts a text into lines that fit, at spaces where there are some. Never empty; every
/// character that is not printable ASCII becomes `?` (RFC 6531 section 3.7.4.2 would allow
/// UTF-8 in some replies; no client needs it).
fn wrap(text: &str) -> Vec<String> {
    let clean: String = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    let mut lines = Vec::new();
    let mut rest = clean.as_str();
    while rest.len() > TEXT_BYTES {
        let cut = rest[..TEXT_BYTES].rfind(' ').filter(|cut| *cut > 0).unwrap_or(TEXT_BYTES);
        lines.push(rest[..cut].to_owned());
        rest = rest[cut..].trim_start();
    }
    lines.push(rest.to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_codes_and_only_the_last_a_space() {
        let reply = Reply::new(250, Enhanced(1, 5), "One").line("Two");
        assert_eq!(reply.to_text(), "250-2.1.5 One\r\n250 2.1.5 Two\r\n"); // RFC 2034 section 4
        assert_eq!(Reply::go_ahead().to_text(), "354 Send the message; end it with CRLF.CRLF\r\n");
        assert_eq!(Reply::new(354, Enhanced(0, 0), "Go").to_text(), "354 Go\r\n"); // no class 3 in RFC 3463
    }

    #[test]
    fn no_text_breaks_out_of_its_line() {
        let reply = Reply::new(550, Enhanced(1, 1), "No <a\r\n250 2.0.0 yes>").line("\u{85}\u{2028}é\0");
        assert_eq!(reply.to_text(), "550-5.1.1 No <a??250 2.0.0 yes>\r\n550 5.1.1 ????\r\n");
        let per_recipient = Reply::new(250, Enhanced(1, 5), "Delivered").for_recipient("a\nb@example.org");
        assert_eq!(per_recipient.to_text(), "250 2.1.5 <a?b@example.org> Delivered\r\n");
    }

    #[test]
    fn no_line_is_longer_than_512_octets() {
        let reply = Reply::new(550, Enhanced(1, 1), "long ".repeat(500)).line("x".repeat(2000));
        assert!(reply.to_text().lines().all(|line| line.len() <= 510)); // RFC 5321 section 4.5.3.1.5
        assert_eq!(reply.to_text().matches('x').count(), 2000);
        assert_eq!(reply.to_text().matches("long").count(), 500);
    }
}
