//! One end of DATA and no other; the same events however the bytes were split.
//!
//! RFC 5321 sections 2.3.8 and 4.1.1.4. Each sequence below ended a message on some server
//! while the server before it passed it on as text; between the two, a second message
//! was smuggled past the first one's checks (CVE-2023-51764 and its siblings).

mod common;

use common::{Dice, House, Seen};
use postern_smtp_wire::{Chunk, DataReport};

/// Everything that is not `CRLF.CRLF` but that some server takes, or took, for it.
const FALSE_ENDS: &[&str] = &[
    "\n.\n",
    "\r.\r",
    "\r\n.\n",
    "\n.\r\n",
    "\r\n.\r",
    "\r.\r\n",
    "\r\n.\n\r",
    "\n\r.\n\r",
    "\r\r\n.\n",
    "\n\n.\r\n",
    "\r\n.\r\r\n",
    "\r\n.\0\r\n.\n",
    "\r\n\0.\n",
    "\n.\r\n\n",
    "\r\r.\r\r",
    "\r.\n",
    "\n.\r",
    "\r\n.\r\r",
    "\r\n.\n\n",
    "\r\r\n.\r\r\n",
    "\r\n.\r\0\n",
    "\n.\0\r\n",
    "\r\n.\u{2028}\n",
];

/// The second message of the attack.
const SMUGGLED: &str = "MAIL FROM:<admin@example.org>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nevil\r\n";

#[test]
fn no_false_end_ends_a_message_and_each_refuses_it() {
    for false_end in FALSE_ENDS {
        let mut house = House::ready_for_data();
        let text = format!("Subject: one\r\n\r\nfirst{false_end}{SMUGGLED}\r\n.\r\nNOOP\r\n");
        let replies = house.say(text.as_bytes());
        let lines: Vec<&str> = replies.lines().collect();
        assert_eq!(lines.len(), 2, "{false_end:?}: {replies}");
        assert!(lines[0].starts_with("554 5.6.0 "), "{false_end:?}: {replies}");
        assert_eq!(lines[1], "250 2.0.0 Ok", "{false_end:?}: the stream is still in step");
        assert!(house.messages.is_empty(), "{false_end:?}");
    }
}

/// The same at the very start of the data, where the CRLF of the DATA command counts.
#[test]
fn no_false_end_at_the_start_of_the_data() {
    for false_end in [".\n", ".\r", ".\r\r\n", "\n.\r\n", "\r.\r\n", ".\0\n"] {
        let mut house = House::ready_for_data();
        let replies = house.say(format!("{false_end}{SMUGGLED}\r\n.\r\n").as_bytes());
        assert!(replies.starts_with("554 5.6.0 ") && replies.lines().count() == 1, "{false_end:?}: {replies}");
    }
}

/// What looks odd and is right: dots and empty lines in every place where they are allowed.
#[test]
fn honest_messages_are_delivered() {
    for (sent, kept) in [
        ("a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n"),
        ("\r\n\r\n", "\r\n\r\n"),
        ("a.\r\n", "a.\r\n"),
        (".. \r\n", ". \r\n"),
        (". \r\n", " \r\n"),
        (".a\r\n", "a\r\n"),
        ("a\0b\r\n", "a\0b\r\n"),
        ("é\r\n", "é\r\n"),
    ] {
        let mut house = House::ready_for_data();
        assert_eq!(house.say(format!("{sent}.\r\n").as_bytes()), "250 2.0.0 Delivered\r\n", "{sent:?}");
        assert_eq!(house.messages, [kept.as_bytes()]);
    }
}

#[test]
fn a_nul_is_reported_for_the_session_to_judge() {
    let mut house = House::ready_for_data();
    house.say(b"a\0b\r\n.\r\n");
    let report = house.seen.iter().find_map(|seen| if let Seen::DataEnd(report) = seen { Some(*report) } else { None });
    let report = report.unwrap();
    assert!(report.nul && !report.is_doomed());
    assert_eq!(report.octets, 5);
}

/// What the house saw, with the data of a refused message left out: how much of it was handed
/// out before it was known to be refused depends on the pieces, and nobody may use it.
fn comparable(house: &House) -> (Vec<Seen>, String, Vec<Vec<u8>>) {
    let events = house.seen.iter().filter(|seen| !matches!(seen, Seen::Data(_))).cloned().collect();
    (events, house.replies.clone(), house.messages.clone())
}

fn split_at_random(bytes: &[u8], dice: &mut Dice, longest: usize) -> House {
    let mut house = fresh();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = (1 + dice.below(longest)).min(rest.len());
        house.say(&rest[..length]);
        rest = &rest[length..];
    }
    house
}

fn fresh() -> House {
    use postern_smtp_wire::{Extension, Offer, Protocol};
    let offer = Offer::new(Protocol::Lmtp, "mail.example.org", 60);
    House::new(offer.with(Extension::Chunking).with(Extension::BinaryMime))
}

/// Every split of the input gives the same events: all single cuts, byte by byte, and at random.
#[test]
fn any_split_gives_the_same_events() {
    let mut dice = Dice::from_environment();
    let pieces: &[&str] = &[
        "LHLO a\r\n",
        "MAIL FROM:<bob@example.org>\r\n",
        "RCPT TO:<support@example.org>\r\n",
        "DATA\r\n",
        "\r\n.\r\n",
        "\r\n",
        "\r",
        "\n",
        ".",
        "..",
        "text",
        "BDAT 5\r\n",
        "BDAT 9 LAST\r\n",
        "BDAT 0 LAST\r\n",
        "RSET\r\n",
        "\0",
        "\r\n.",
        "MAIL FROM:<> BODY=BINARYMIME\r\n",
        "a line of some length that fills the message",
        "NOOP\r\n",
        ".\r\n",
        "QUIX\n",
    ];
    let start = "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<support@example.org>\r\n";
    for round in 0..400 {
        let count = 1 + dice.below(30);
        let mut text = if round % 2 == 0 { start.to_owned() } else { String::new() };
        text.extend((0..count).map(|_| dice.pick(pieces)));
        let mut whole = fresh();
        whole.say(text.as_bytes());
        let expected = comparable(&whole);
        for longest in [1, 2, 5, 40] {
            let split = split_at_random(text.as_bytes(), &mut dice, longest);
            assert_eq!(comparable(&split), expected, "pieces up to {longest} of {text:?}");
            assert!(split.framer.buffered() <= 2048, "no more than one line is held");
        }
    }
}

#[test]
fn any_single_cut_gives_the_same_events() {
    let text = format!(
        "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n..a\r\n.b\r\n\r\n.\r\nNO\nOP\r\nNO\rOP\r\n{}\r\n\
         MAIL FROM:<>\r\nRCPT TO:<support@example.org>\r\nBDAT 4\r\n\r\n.\rBDAT 3 LAST\r\n\n\r\nNOOP\r\nQUIT\r\n",
        "x".repeat(2100)
    );
    let mut whole = fresh();
    whole.say(text.as_bytes());
    assert!(whole.ended && whole.messages.len() == 2, "{}", whole.replies);
    for cut in 1..text.len() {
        let mut house = fresh();
        house.say(&text.as_bytes()[..cut]);
        house.say(&text.as_bytes()[cut..]);
        assert_eq!(house.seen, whole.seen, "cut at {cut}");
        assert_eq!(house.replies, whole.replies, "cut at {cut}");
    }
}

/// The scanner against a model that is slow and plain: lines cut at CRLF, one by one.
#[test]
fn random_data_means_what_the_plain_model_says() {
    let mut dice = Dice::from_environment();
    for _ in 0..3000 {
        let length = dice.below(25);
        let body: String = (0..length).map(|_| dice.pick(&["\r\n", "\r\n", "\r", "\n", ".", ".", "a"])).collect();
        let sent = format!("{body}\r\n.\r\n");
        let mut house = House::ready_for_data();
        house.say(sent.as_bytes());
        let (message, bare) = plain_model(&sent);
        let Some(Seen::DataEnd(report)) = house.seen.iter().find(|seen| matches!(seen, Seen::DataEnd(_))) else {
            panic!("no end in {sent:?}")
        };
        assert_eq!(report.bare_newline, bare, "{sent:?}");
        if !bare {
            assert_eq!(house.messages.first(), Some(&message.clone().into_bytes()), "{sent:?}");
            assert_eq!(report.octets, message.len() as u64);
        }
    }
}

fn plain_model(sent: &str) -> (String, bool) {
    let (mut message, mut bare) = (String::new(), false);
    for line in sent.split("\r\n") {
        if line == "." {
            break;
        }
        bare |= line.contains(['\r', '\n']);
        message.push_str(line.strip_prefix('.').unwrap_or(line));
        message.push_str("\r\n");
    }
    (message, bare)
}

/// A chunk may be cut anywhere and may say it has more octets than will ever come.
#[test]
fn a_chunk_waits_for_its_octets() {
    let mut framer = postern_smtp_wire::Framer::new();
    framer.begin_chunk(Chunk { octets: u64::MAX, last: true, binary: true, limit: 3, before: DataReport::default() });
    framer.feed(b"abcdef");
    assert_eq!(framer.next(), Some(postern_smtp_wire::Event::Data(b"abc")));
    assert_eq!(framer.next(), None);
    assert_eq!(framer.buffered(), 0);
}
