//! The index of specifications, `docs/rfc.md`: which RFC is named in the code, with which sections, and
//! in which crates. It is written by `cargo xtask rfc` and compared by tidy, so it says what the code says.

use super::Finding;
use super::tree::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The page, from the root of the repository.
pub const PAGE: &str = "docs/rfc.md";

/// What is said of each; one that the code names and is not here is an error.
const TITLES: &[(u16, &str)] = &[
    (822, "Text messages, the first form"),
    (1035, "DNS"),
    (1047, "Duplicate messages and SMTP"),
    (1864, "Content-MD5"),
    (1870, "SMTP SIZE"),
    (1939, "POP3"),
    (1950, "zlib"),
    (1951, "DEFLATE"),
    (2033, "LMTP"),
    (2034, "SMTP ENHANCEDSTATUSCODES"),
    (2045, "MIME: bodies"),
    (2046, "MIME: media types"),
    (2047, "MIME: encoded words"),
    (2086, "IMAP ACL, the first form"),
    (2104, "HMAC"),
    (2142, "Mailboxes for roles"),
    (2180, "IMAP mailboxes of many"),
    (2183, "Content-Disposition"),
    (2231, "MIME parameters: continuations and character sets"),
    (2369, "List-* header fields"),
    (2557, "Content-Location"),
    (2606, "Reserved names of domains"),
    (2683, "IMAP implementation"),
    (2782, "SRV records"),
    (2920, "SMTP PIPELINING"),
    (2971, "IMAP ID"),
    (3030, "SMTP CHUNKING and BINARYMIME"),
    (3207, "SMTP STARTTLS"),
    (3282, "Content-Language"),
    (3339, "Dates on the Internet"),
    (3348, "IMAP CHILDREN"),
    (3461, "SMTP DSN"),
    (3463, "Enhanced status codes"),
    (3464, "Delivery status notifications"),
    (3501, "IMAP4rev1"),
    (3516, "IMAP BINARY"),
    (3596, "AAAA records"),
    (3834, "Automatic answers"),
    (3848, "SMTP: with which protocol"),
    (3986, "URIs"),
    (4231, "Test vectors of HMAC-SHA-2"),
    (4314, "IMAP ACL"),
    (4315, "IMAP UIDPLUS"),
    (4466, "IMAP: grammar of extensions"),
    (4616, "SASL PLAIN"),
    (4648, "Base16, Base32, Base64"),
    (4731, "IMAP ESEARCH"),
    (4865, "SMTP FUTURERELEASE"),
    (4954, "SMTP AUTH"),
    (4959, "IMAP SASL-IR"),
    (4978, "IMAP COMPRESS"),
    (5032, "IMAP WITHIN"),
    (5182, "IMAP SEARCHRES"),
    (5233, "Sieve subaddress"),
    (5256, "IMAP SORT and THREAD"),
    (5258, "IMAP LIST-EXTENDED"),
    (5280, "X.509 certificates"),
    (5321, "SMTP"),
    (5322, "Internet message format"),
    (5465, "IMAP NOTIFY"),
    (5480, "Elliptic curve keys in certificates"),
    (5530, "IMAP response codes"),
    (5545, "iCalendar"),
    (5788, "Keywords of IMAP"),
    (5789, "PATCH for HTTP"),
    (5819, "IMAP LIST-STATUS"),
    (6152, "SMTP 8BITMIME"),
    (6154, "IMAP SPECIAL-USE"),
    (6186, "SRV records for mail programs"),
    (6376, "DKIM"),
    (6409, "Submission"),
    (6454, "Origins of the web"),
    (6522, "multipart/report"),
    (6531, "SMTPUTF8"),
    (6532, "Internationalised headers"),
    (6533, "Internationalised notifications"),
    (6598, "Addresses of carriers"),
    (6724, "Choosing addresses"),
    (6750, "Bearer tokens"),
    (6761, "Special-use domain names"),
    (6851, "IMAP MOVE"),
    (6855, "IMAP UTF8"),
    (7162, "IMAP CONDSTORE and QRESYNC"),
    (7208, "SPF"),
    (7301, "ALPN"),
    (7396, "JSON Merge Patch"),
    (7435, "Opportunistic security"),
    (7489, "DMARC"),
    (7617, "Basic authentication of HTTP"),
    (7672, "DANE for SMTP"),
    (7888, "IMAP LITERAL+"),
    (7889, "IMAP APPENDLIMIT"),
    (8259, "JSON"),
    (8314, "TLS for mail programs"),
    (8410, "Ed25519 in certificates"),
    (8440, "IMAP LIST-MYRIGHTS"),
    (8446, "TLS 1.3"),
    (8474, "IMAP OBJECTID"),
    (8514, "IMAP SAVEDATE"),
    (8555, "ACME"),
    (8620, "JMAP"),
    (8621, "JMAP for mail"),
    (8737, "ACME by TLS ALPN"),
    (8949, "CBOR"),
    (8970, "IMAP PREVIEW"),
    (9051, "IMAP4rev2"),
    (9106, "Argon2"),
    (9110, "HTTP"),
    (9112, "HTTP/1.1"),
    (9208, "IMAP QUOTA"),
    (9325, "Use of TLS"),
    (9422, "SMTP LIMITS"),
    (9457, "Problem details for HTTP"),
    (9525, "Names in certificates"),
    (9562, "UUIDs"),
];

const HEAD: &str = "\
# RFC index

Every RFC that the code names, with the sections and the crates that name them. Written by `cargo xtask rfc` and compared by
`cargo xtask tidy`. That an RFC is named does not mean that all of it is served: [IMAP](imap.md) and [mail in and out](relay.md)
say what is.

| RFC | About | Sections | Named in |
| --- | --- | --- | --- |
";

#[derive(Default)]
struct Named {
    sections: BTreeSet<Vec<u16>>,
    crates: BTreeSet<String>,
}

/// The page as the code has it, with every number that has no title here.
pub fn page(sources: &[Source]) -> (String, Vec<(u16, String)>) {
    let (mut named, mut unknown) = (BTreeMap::<u16, Named>::new(), Vec::new());
    for source in sources {
        let Some(name) = source.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()) else { continue };
        for (number, section) in mentions(&source.text) {
            if title(number).is_none() {
                unknown.push((number, source.path.clone()));
            }
            let entry = named.entry(number).or_default();
            entry.crates.insert(name.to_owned());
            entry.sections.extend(section);
        }
    }
    let rows: String = named.iter().map(|(number, named)| row(*number, named)).collect();
    (format!("{HEAD}{rows}"), unknown)
}

fn row(number: u16, named: &Named) -> String {
    let dotted = |section: &Vec<u16>| section.iter().map(u16::to_string).collect::<Vec<_>>().join(".");
    let sections = named.sections.iter().map(dotted).collect::<Vec<_>>().join(", ");
    let crates = named.crates.iter().cloned().collect::<Vec<_>>().join(", ");
    let title = title(number).unwrap_or_default();
    format!("| [{number}](https://www.rfc-editor.org/rfc/rfc{number}) | {title} | {sections} | {crates} |\n")
}

fn title(number: u16) -> Option<&'static str> {
    TITLES.iter().find(|(known, _)| *known == number).map(|(_, title)| *title)
}

/// `RFC 9051 section 6.4.5`, also where a comment goes on in the next line.
fn mentions(text: &str) -> Vec<(u16, Option<Vec<u16>>)> {
    let mut words = text.split_whitespace().filter(|word| !matches!(*word, "//" | "///" | "//!")).peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        if !word.trim_start_matches(['(', '"', '[', '`']).eq("RFC") {
            continue;
        }
        let Some(number) = words.peek().and_then(|next| leading(next)) else { continue };
        let ends = words.next().is_some_and(|next| next.ends_with([',', ')', ';', '.', ':']));
        let has_section = !ends && words.peek().is_some_and(|next| matches!(*next, "section" | "sections"));
        if has_section {
            words.next();
        }
        let section = words.peek().filter(|_| has_section).and_then(|next| dotted(next));
        found.push((number, section));
    }
    found
}

fn leading(word: &str) -> Option<u16> {
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|_| digits.len() >= 3)
}

fn dotted(word: &str) -> Option<Vec<u16>> {
    let text: String = word.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    text.trim_end_matches('.').split('.').map(|part| part.parse().ok()).collect()
}

/// The page says what the code says.
pub fn check(sources: &[Source], kept: Option<&str>) -> Vec<Finding> {
    let (page, unknown) = page(sources);
    let cure = "give it a title in xtask/src/tidy/rfcs.rs";
    let mut findings: Vec<Finding> = unknown
        .iter()
        .map(|(number, path)| Finding::error(path, 1, format!("RFC {number} has no title"), cure))
        .collect();
    if kept != Some(page.as_str()) {
        findings.push(Finding::error(
            PAGE,
            1,
            "it is not what the code names",
            "look at the difference: cargo xtask rfc",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_over_the_end_of_a_line() {
        let text = "/// As RFC 9051\n    /// section 6.4.5 says (RFC 3501, section 2), and RFC 5321 section 4.1.1.3.\n// no RFC here";
        let expected = [(9051, Some(vec![6, 4, 5])), (3501, None), (5321, Some(vec![4, 1, 1, 3]))];
        assert_eq!(mentions(text), expected);
    }

    #[test]
    fn titles_are_in_order_and_once() {
        assert!(TITLES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
