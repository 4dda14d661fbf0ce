//! One mail of a wanted size: header, text, HTML, attachments.
//!
//! Small ones are a single text; middle ones carry the same in HTML; large ones are large by
//! their attachments, half of them of a kind that does not compress. Headers are as long as a
//! few hops and a signature make them.

use super::encode::{base64, base64_lines, header_text, quoted_printable};
use super::words::{Tongue, Vocabulary};
use crate::random::Random;

/// Under this many bytes of body a mail is one text.
const TEXT_ALONE: usize = 2_500;
/// Over this many the rest is attachments.
const ATTACHMENTS_FROM: usize = 30_000;
/// Letters of a line of prose.
const COLUMNS: usize = 72;

/// Writes mails, one after another.
pub struct Composer {
    random: Random,
    vocabulary: Vocabulary,
    written: u64,
}

impl Composer {
    /// Starts the stream of mails that `random` decides.
    pub fn new(mut random: Random) -> Self {
        let vocabulary = Vocabulary::new(&mut random);
        Self { random, vocabulary, written: 0 }
    }

    /// The next mail, of about `size` bytes.
    pub fn mail(&mut self, size: usize) -> Vec<u8> {
        self.written += 1;
        let tongue = match self.random.below(100) {
            0..62 => Tongue::Plain,
            62..90 => Tongue::Accents,
            _ => Tongue::Cjk,
        };
        let mut mail = self.header(tongue, size);
        let body = size.saturating_sub(mail.len()).max(160);
        if body < TEXT_ALONE {
            self.text(tongue, body, &mut mail);
        } else if body < ATTACHMENTS_FROM {
            self.alternative(tongue, body, &mut mail);
        } else {
            self.mixed(tongue, body, &mut mail);
        }
        mail.into_bytes()
    }

    /// Fields of mail that goes out for the first time.
    pub(super) fn first_header(&mut self, from: &str, to: &str) -> String {
        self.written += 1;
        let random = &mut self.random;
        let subject = header_text(&self.vocabulary.phrase(Tongue::Plain, 5, random));
        format!(
            "From: <{from}>\r\nTo: {to}\r\nSubject: {subject}\r\n\
             Date: Tue, {} Oct 2026 {:02}:{:02}:{:02} +0200\r\n\
             Message-ID: <{}.{:016x}@example.org>\r\nMIME-Version: 1.0\r\n",
            1 + random.below(28),
            random.below(24),
            random.below(60),
            random.below(60),
            self.written,
            random.number(),
        )
    }

    fn header(&mut self, tongue: Tongue, size: usize) -> String {
        let number = self.written;
        let random = &mut self.random;
        let mut header = String::new();
        let hops = if size < 4_000 { 1 } else { 2 + random.below(3) };
        for hop in 0..hops {
            header.push_str(&format!(
                "Received: from relay{}.example.net (relay{}.example.net [192.0.2.{}])\r\n\
                 \tby mx{hop}.example.com (Postfix) with ESMTPS id {:016x}\r\n\
                 \tfor <support@example.org>; Tue, {} Oct 2026 {:02}:{:02}:{:02} +0000 (UTC)\r\n",
                hop,
                hop,
                1 + random.below(250),
                random.number(),
                1 + random.below(28),
                random.below(24),
                random.below(60),
                random.below(60),
            ));
        }
        if size >= 1_500 && random.percent(70) {
            let signature = base64(&random.bytes(if size < 4_000 { 64 } else { 256 }));
            header.push_str(&format!(
                "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s2026;\r\n\
                 \th=from:to:subject:date:message-id:mime-version; bh={};\r\n\tb={}\r\n",
                base64(&random.bytes(32)),
                folded(&signature),
            ));
        }
        let people = ["orders", "events", "billing", "newsletter", "alice", "bob", "carol"];
        let from = *random.one_of(&people);
        let name = header_text(&self.vocabulary.phrase(tongue, 2, random));
        let words = 3 + random.below(8);
        let subject = header_text(&self.vocabulary.phrase(tongue, words, random));
        header.push_str(&format!(
            "From: {name} <{from}@example.com>\r\nTo: support@example.org\r\nSubject: {subject}\r\n\
             Date: Tue, {} Oct 2026 {:02}:{:02}:{:02} +0200\r\nMessage-ID: <{number}.{:016x}@example.com>\r\n",
            1 + random.below(28),
            random.below(24),
            random.below(60),
            random.below(60),
            random.number(),
        ));
        if random.percent(40) {
            let (first, second) = (random.number(), random.number());
            header.push_str(&format!(
                "In-Reply-To: <{first:016x}@example.org>\r\n\
                 References: <{second:016x}@example.com>\r\n <{first:016x}@example.org>\r\n"
            ));
        }
        header.push_str("MIME-Version: 1.0\r\n");
        header
    }

    /// Content fields and the text itself, encoded as its letters need.
    pub(super) fn text(&mut self, tongue: Tongue, size: usize, mail: &mut String) {
        let (encoding, growth) = match tongue {
            Tongue::Plain => ("7bit", 1.0),
            Tongue::Accents if self.random.percent(30) => ("8bit", 1.0),
            Tongue::Accents => ("quoted-printable", 1.18),
            Tongue::Cjk => ("base64", 1.37),
        };
        let prose = self.prose(tongue, (size.saturating_sub(90) as f64 / growth) as usize);
        let encoded = match encoding {
            "quoted-printable" => quoted_printable(&prose),
            "base64" => base64_lines(prose.as_bytes()),
            _ => prose,
        };
        mail.push_str(&format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{encoded}"
        ));
    }

    fn html(&mut self, tongue: Tongue, size: usize, mail: &mut String) {
        let growth = if tongue == Tongue::Cjk { 1.7 } else { 1.22 };
        let wanted = (size.saturating_sub(90) as f64 / growth) as usize;
        let mut page = String::from(
            "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"><style>\r\n\
             td { font-family: sans-serif; font-size: 14px; color: #222222 }\r\n</style></head><body>\r\n",
        );
        while page.len() < wanted {
            let words = 6 + self.random.below(20);
            let cell = self.vocabulary.phrase(tongue, words, &mut self.random);
            let (width, link) = (100 + self.random.below(500), self.random.number());
            let row = format!(
                "<table width=\"{width}\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>\r\n\
                 <td style=\"padding: 4px 8px\" align=\"left\">{cell}</td>\r\n\
                 <td><a href=\"https://www.example.com/view?id={link:016x}\">{width}</a></td></tr></table>\r\n"
            );
            page.push_str(&row);
        }
        page.push_str("</body></html>\r\n");
        mail.push_str("Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
        mail.push_str(&quoted_printable(&page));
    }

    pub(super) fn alternative(&mut self, tongue: Tongue, size: usize, mail: &mut String) {
        let boundary = self.boundary();
        mail.push_str(&format!("Content-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n\r\n"));
        let inner = size.saturating_sub(330);
        mail.push_str(&format!("--{boundary}\r\n"));
        self.text(tongue, inner / 4, mail);
        mail.push_str(&format!("\r\n--{boundary}\r\n"));
        self.html(tongue, inner - inner / 4, mail);
        mail.push_str(&format!("\r\n--{boundary}--\r\n"));
    }

    fn mixed(&mut self, tongue: Tongue, size: usize, mail: &mut String) {
        let boundary = self.boundary();
        mail.push_str(&format!(
            "Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\r\n\
             This is a message of several parts.\r\n\r\n--{boundary}\r\n"
        ));
        let start = mail.len();
        let letter = 3_000 + self.random.below(9_000);
        self.alternative(tongue, letter, mail);
        let count = 1 + self.random.below(3);
        let left = size.saturating_sub(mail.len() - start + 260 * count + 100);
        for number in 0..count {
            mail.push_str(&format!("\r\n--{boundary}\r\n"));
            self.attachment(number, left / count, mail);
        }
        mail.push_str(&format!("\r\n--{boundary}--\r\n"));
    }

    /// A picture, which no one can compress further, or a sheet of text, in base64.
    fn attachment(&mut self, number: usize, size: usize, mail: &mut String) {
        if self.random.percent(50) {
            return self.picture(number, size, mail);
        }
        let sheet = self.sheet(decoded(size));
        attach("text/csv", &format!("sheet{number}.csv"), &sheet, mail);
    }

    /// A picture alone.
    pub(super) fn picture(&mut self, number: usize, size: usize, mail: &mut String) {
        let picture = self.random.bytes(decoded(size));
        attach("image/jpeg", &format!("picture{number}.jpg"), &picture, mail);
    }

    fn sheet(&mut self, size: usize) -> Vec<u8> {
        let mut sheet = String::with_capacity(size + 80);
        while sheet.len() < size {
            let (row, price) = (self.random.below(100_000), self.random.below(1_000_000));
            let words = self.vocabulary.phrase(Tongue::Plain, 3, &mut self.random);
            sheet.push_str(&format!("{row};{words};{}.{:02};EUR\r\n", price / 100, price % 100));
        }
        sheet.truncate(size);
        sheet.into_bytes()
    }

    /// Lines and paragraphs of at least `size` bytes.
    fn prose(&mut self, tongue: Tongue, size: usize) -> String {
        let mut prose = String::with_capacity(size + 100);
        let mut column = 0;
        while prose.len() + 2 < size {
            if column > 0 && tongue != Tongue::Cjk {
                prose.push(' ');
            }
            let word = self.vocabulary.word(tongue, &mut self.random);
            prose.push_str(word);
            column += word.len() + 1;
            if column > COLUMNS {
                prose.push_str(if self.random.percent(15) { ".\r\n\r\n" } else { "\r\n" });
                column = 0;
            }
        }
        prose.push_str("\r\n");
        prose
    }

    pub(super) fn boundary(&mut self) -> String {
        format!("=_part_{:016x}", self.random.number())
    }
}

/// Bytes whose base64 takes `size` bytes of lines.
fn decoded(size: usize) -> usize {
    size * 57 / 78
}

fn attach(kind: &str, name: &str, bytes: &[u8], mail: &mut String) {
    mail.push_str(&format!(
        "Content-Type: {kind}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n"
    ));
    mail.push_str(&base64_lines(bytes));
}

/// A long word on folded lines.
fn folded(word: &str) -> String {
    let mut lines = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(68));
        lines.push(line);
        rest = after;
    }
    lines.join("\r\n\t ")
}
