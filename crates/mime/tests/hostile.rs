//! No bytes make the parser fail: random bytes, real mail cut short and changed, stored indexes changed.

mod common;

use common::{Random, check, corpus, mail};
use postern_mime::{PartIndex, parse};
use postern_types::Limits;

/// Pieces that mail is made of, put together at random: far more of the grammar is reached than by bytes alone.
const PIECES: [&str; 44] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    "\0",
    "--A",
    "--A--",
    "--B",
    "\r\n--A\r\n",
    "\r\n--B\r\n",
    "\r\n--A--\r\n",
    "Content-Type: ",
    "multipart/mixed; boundary=A",
    "multipart/digest; boundary=\"B\"",
    "message/rfc822",
    "message/global",
    "text/html; charset=",
    "text/plain",
    "Content-Transfer-Encoding: base64\r\n",
    "quoted-printable",
    "Subject: ",
    "Re: [",
    "[fwd: ",
    "From: ",
    "To: ",
    "Date: ",
    "<a@example.org>",
    "=?utf-8?Q?=C3?=",
    "=?iso-2022-jp?B?GyRC?=",
    "=?",
    "?=",
    "(",
    ")",
    "\"",
    "\\",
    ";",
    ",",
    ":",
    "name*0*=utf-8''%",
    "References: <",
    "Content-Disposition: attachment; filename=",
    "=C3=\r\n",
];

#[test]
fn random_bytes_and_pieces() {
    let mut random = Random::seeded();
    let usual = Limits::default();
    let small = Limits { mime_parts: 5, mime_depth: 3, header_fields: 4, ..Limits::default() };
    for round in 0..3000 {
        let mut message = Vec::new();
        for _ in 0..random.below(60) {
            match random.below(6) {
                0 => message.push(random.next() as u8),
                1 => message.extend(std::iter::repeat_n(random.next() as u8, random.below(20))),
                _ => message.extend_from_slice(PIECES[random.below(PIECES.len())].as_bytes()),
            }
        }
        check(&message, if round % 3 == 0 { &small } else { &usual });
    }
}

/// Every charset the tables know, on random bytes: none may panic or give NUL to the store.
#[test]
fn random_bytes_in_every_charset() {
    let mut random = Random::seeded();
    let charsets = [
        "utf-8",
        "utf-7",
        "utf-16",
        "utf-16le",
        "utf-16be",
        "iso-8859-1",
        "iso-8859-8",
        "windows-1251",
        "koi8-u",
        "shift_jis",
        "big5",
        "euc-jp",
        "euc-kr",
        "gbk",
        "gb18030",
        "iso-2022-jp",
        "iso-2022-kr",
        "hz-gb-2312",
        "x-user-defined",
        "ibm850",
        "macintosh",
        "us-ascii",
        "tis-620",
        "unknown-8bit",
    ];
    for round in 0..charsets.len() * 40 {
        let charset = charsets[round % charsets.len()];
        let mut message = mail(&format!("Content-Type: text/plain; charset={charset}\n\n"));
        for _ in 0..random.below(40) {
            let byte = random.next();
            message.push(if byte & 0x300 == 0 { 0x1b } else { byte as u8 });
        }
        check(&message, &Limits::default());
    }
}

/// Real mail with bytes changed, pieces put in, stretches taken out or said twice.
#[test]
fn mutated_corpus() {
    let mut random = Random::seeded();
    let files: Vec<Vec<u8>> =
        corpus().into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() < 20_000).collect();
    for _ in 0..if files.is_empty() { 0 } else { 600 } {
        let mut message = files[random.below(files.len())].clone();
        for _ in 0..=random.below(6) {
            let start = random.below(message.len());
            let end = (start + random.below(200)).min(message.len());
            match random.below(5) {
                0 if start < message.len() => message[start] = random.next() as u8,
                1 => drop(message.drain(start..end)),
                2 => message.extend_from_within(start..end),
                3 => {
                    let other = &files[random.below(files.len())];
                    let from = random.below(other.len());
                    message.splice(start..end, other[from..(from + 300).min(other.len())].iter().copied());
                }
                _ => {
                    let piece = PIECES[random.below(PIECES.len())].as_bytes();
                    message.splice(start..start, piece.iter().copied());
                }
            }
        }
        check(&message, &Limits::default());
    }
}

/// A message that was cut anywhere is a message.
#[test]
fn truncated_messages() {
    let message = mail(
        "From: \"A\" <alice@example.org>\nTo: Team: bob@example.org;\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\
         Content-Type: multipart/mixed;\n boundary=\"A\"\n\n--A\nContent-Type: text/html; charset=utf-8\n\n<p>Hi &amp; bye</p>\n\
         --A\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/digest; boundary=B\n\n--B\n\nTo: x\n\nz\n--B--\n\
         --A\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--A--\n",
    );
    for end in 0..=message.len() {
        check(&message[..end], &Limits::default());
    }
    let mut random = Random::seeded();
    for (_, bytes) in corpus().into_iter().filter(|(_, bytes)| bytes.len() < 100_000) {
        for _ in 0..3 {
            check(&bytes[..random.below(bytes.len())], &Limits::default());
        }
    }
}

/// A damaged index is refused or gives ranges inside the message; never more.
#[test]
fn damaged_indexes() {
    let mut random = Random::seeded();
    let message = mail(
        "Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: message/rfc822\n\nSubject: x\n\ny\n--A\n\nz\n--A--\n",
    );
    let index = parse(&message, &Limits::default()).parts;
    let stored = index.encode();
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut damaged = stored.clone();
        for _ in 0..=random.below(3) {
            let position = random.below(damaged.len());
            damaged[position] = random.next() as u8;
        }
        damaged.truncate(damaged.len() - random.below(2));
        let Some(read) = PartIndex::decode(&damaged) else {
            refused += 1;
            continue;
        };
        for path in read.paths() {
            let part = read.part(&path).expect("a listed part is there");
            assert!(part.header.start <= part.header.end && part.body.end <= read.size(), "{path:?}");
        }
    }
    assert!(refused > 10_000, "damage is noticed: {refused} of 20000");
    for bad in
        [&b""[..], b"\0", b"\x01", &[1, 0, 0], &[2; 40], &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
    {
        assert_eq!(PartIndex::decode(bad), None);
    }
    assert_eq!(PartIndex::decode(&[stored.as_slice(), b"\0"].concat()), None, "nothing may follow");
}
