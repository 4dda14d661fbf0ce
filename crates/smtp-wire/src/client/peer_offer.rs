//! What the next server offers: its answer to EHLO (RFC 5321 section 4.1.1.1).
//!
//! Words that are not known, or make no sense, offer nothing; so the worst that a strange server
//! gets is SMTP without extensions.

use super::answer::Answer;

/// Most mechanisms that are kept. Servers offer a handful; what is compared with each other must have an end.
const MECHANISMS_MAX: usize = 50;

/// The offer; nothing at all by default, as after HELO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerOffer {
    /// Commands may be sent without waiting (RFC 2920).
    pub pipelining: bool,
    /// MAIL may say SIZE (RFC 1870).
    pub size: bool,
    /// The largest message it ever takes, where it says so.
    pub size_limit: Option<u64>,
    /// Bytes over 127 may come (RFC 6152).
    pub eight_bit_mime: bool,
    /// Addresses and headers may be UTF-8 (RFC 6531).
    pub smtputf8: bool,
    /// BDAT (RFC 3030 section 2).
    pub chunking: bool,
    /// RET, ENVID, NOTIFY, ORCPT; and it reports deliveries itself (RFC 3461).
    pub dsn: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// SASL mechanisms, upper case (RFC 4954); the first 50.
    pub mechanisms: Vec<String>,
    /// How many recipients one message may have (RFC 9422 section 4.2, RCPTMAX).
    pub recipients_limit: Option<usize>,
    /// How many messages one connection may have (RFC 9422 section 4.1, MAILMAX).
    pub messages_limit: Option<usize>,
}

impl PeerOffer {
    /// Reads an answer of success to EHLO; its first line is the server's name.
    pub fn read(answer: &Answer) -> Self {
        let mut offer = Self::default();
        for line in answer.lines().iter().skip(1) {
            offer.add(line);
        }
        offer
    }

    /// It offers this mechanism; the name in upper case.
    pub fn has_mechanism(&self, name: &str) -> bool {
        self.mechanisms.iter().any(|mechanism| mechanism == name)
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "PIPELINING" => self.pipelining = true,
            "SIZE" => {
                self.size = true;
                // Zero is no limit that is known (RFC 1870 section 4).
                self.size_limit = words.next().and_then(digits).filter(|limit| *limit > 0);
            }
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "CHUNKING" => self.chunking = true,
            "DSN" => self.dsn = true,
            "STARTTLS" => self.starttls = true,
            "AUTH" => self.add_mechanisms(words),
            "LIMITS" => words.for_each(|word| self.add_limit(word)),
            // As servers wrote it before there was an RFC, for clients that still read it so.
            _ => {
                if let Some(first) = keyword.strip_prefix("AUTH=") {
                    self.add_mechanisms(std::iter::once(first).chain(words));
                }
            }
        }
    }

    fn add_mechanisms<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for word in words.map(str::to_ascii_uppercase) {
            if self.mechanisms.len() == MECHANISMS_MAX {
                return;
            }
            if !self.has_mechanism(&word) {
                self.mechanisms.push(word);
            }
        }
    }

    /// RFC 9422 sections 4.1 and 4.2: at most six digits, and never zero.
    fn add_limit(&mut self, word: &str) {
        let Some((name, value)) = word.split_once('=') else { return };
        let value = digits(value).and_then(|value| usize::try_from(value).ok());
        let value = value.filter(|value| (1..=999_999).contains(value));
        match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => self.recipients_limit = value,
            "MAILMAX" => self.messages_limit = value,
            _ => {}
        }
    }
}

fn digits(text: &str) -> Option<u64> {
    let ok = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if ok { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AnswerReader;

    fn offer(lines: &[&str]) -> PeerOffer {
        let mut reader = AnswerReader::default();
        reader.input().extend_from_slice(b"250-mail.example.com PIPELINING\r\n");
        for line in lines {
            reader.input().extend_from_slice(format!("250-{line}\r\n").as_bytes());
        }
        reader.input().extend_from_slice(b"250 HELP\r\n");
        PeerOffer::read(&reader.next().unwrap().unwrap())
    }

    #[test]
    fn every_word_is_read_in_any_case() {
        let offer = offer(&[
            "pipelining",
            "SIZE 35882577",
            "8BITMIME",
            "SmtpUtf8",
            "CHUNKING",
            "DSN",
            "STARTTLS",
            "AUTH plain LOGIN XOAUTH2",
            "LIMITS RCPTMAX=20 MAILMAX=5 OTHER=1",
        ]);
        assert!(offer.pipelining && offer.size && offer.eight_bit_mime && offer.smtputf8);
        assert!(offer.chunking && offer.dsn && offer.starttls);
        assert_eq!(offer.size_limit, Some(35_882_577));
        assert_eq!(offer.mechanisms, ["PLAIN", "LOGIN", "XOAUTH2"]);
        assert_eq!((offer.recipients_limit, offer.messages_limit), (Some(20), Some(5)));
    }

    #[test]
    fn the_first_line_and_nonsense_offer_nothing() {
        let offer = offer(&["", "SIZ", "LIMITS RCPTMAX=0 RCPTMAX", "LIMITS MAILMAX=-1", "X-STARTTLS"]);
        assert_eq!(offer, PeerOffer::default());
    }

    /// RFC 1870 section 4: SIZE alone, and SIZE 0, tell no limit.
    #[test]
    fn a_size_may_have_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE many", "SIZE +5"] {
            let offer = offer(&[line]);
            assert_eq!((offer.size, offer.size_limit), (true, None), "{line}");
        }
    }

    #[test]
    fn mechanisms_of_old_are_read() {
        assert_eq!(offer(&["AUTH PLAIN", "AUTH=LOGIN PLAIN"]).mechanisms, ["PLAIN", "LOGIN"]);
    }

    /// An answer has room for thousands of names, and each is compared with those before it.
    #[test]
    fn mechanisms_have_an_end() {
        let lines: Vec<String> =
            (0..40).map(|line| (0..50).fold("AUTH".to_owned(), |all, one| format!("{all} {line}-{one}"))).collect();
        let offer = offer(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(offer.mechanisms.len(), MECHANISMS_MAX);
        assert!(offer.has_mechanism("0-0") && !offer.has_mechanism("39-49"));
    }
}
