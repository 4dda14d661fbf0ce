//! What holds for every command line: asked by `commands.rs` of lines that it makes up, and by
//! `fuzz/fuzz_targets/smtp_command.rs` of any bytes.

use postern_smtp_wire::client::{MailLine, RcptLine, bdat, hello};
use postern_smtp_wire::{
    Command, Extension, FutureRelease, Hold, Mail, MailAuth, Offer, Protocol, Rcpt, Refusal, date_time,
};
use postern_types::Timestamp;

/// How long a message may be held where all is offered, in seconds.
const LONGEST_SECONDS: u32 = 3_888_000;
/// Until when.
const LATEST: Timestamp = Timestamp(1_795_384_200_000);

/// Everything that can be offered with this protocol.
pub fn everything(protocol: Protocol) -> Offer {
    let terms = FutureRelease { longest_seconds: LONGEST_SECONDS, latest: LATEST };
    let offer = Offer::new(protocol, "mail.example.org", u64::MAX).with_mechanisms(&["PLAIN"]);
    Extension::ALL.into_iter().fold(offer, Offer::with).with_recipients(1000).with_future_release(terms)
}

/// A line is refused in a reply that can be sent, or is a command: what it holds can be stored and shown, and, written
/// again, it is the same command.
pub fn check_command(line: &[u8], offer: &Offer) -> Result<Command, Refusal> {
    let parsed = Command::parse(line, offer);
    match &parsed {
        Ok(Command::Mail(mail)) => check_mail(mail, offer),
        Ok(Command::Rcpt(rcpt)) => check_rcpt(rcpt, offer),
        Ok(Command::Bdat(one)) => {
            assert_eq!(again(&bdat(one.octets, one.last), offer), Command::Bdat(*one));
        }
        Ok(Command::Hello(one)) => {
            let wire = hello(one.verb, &one.name).expect("a greeting that was taken can be said");
            assert_eq!(again(&wire, offer), Command::Hello(one.clone()));
        }
        Ok(_) => {}
        Err(refusal) => {
            let text = refusal.reply.to_text();
            assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 510), "{text:?}");
            assert_eq!(text.bytes().filter(|byte| *byte < b' ').count(), 2 * refusal.reply.lines().len());
            assert!(matches!(refusal.reply.class(), 4 | 5));
        }
    }
    parsed
}

fn again(wire: &[u8], offer: &Offer) -> Command {
    let text = wire.strip_suffix(b"\r\n").expect("a line ends with CRLF");
    Command::parse(text, offer).unwrap_or_else(|refusal| panic!("{refusal} of {:?}", String::from_utf8_lossy(wire)))
}

/// Printable ASCII: no end of a line comes out of xtext (RFC 3461 section 4).
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn check_mail(mail: &Mail, offer: &Offer) {
    assert!(mail.size.is_none_or(|size| size <= offer.message_bytes()));
    assert!(mail.envelope_id.as_deref().is_none_or(|id| id.len() <= 100 && is_printable(id)));
    assert!(!matches!(&mail.auth, Some(MailAuth::Mailbox(text)) if !is_printable(text)));
    assert!(mail.hold.is_none() || offer.has(Extension::FutureRelease));
    let line = MailLine {
        reverse_path: mail.path.as_str(),
        size: mail.size,
        body: offer.has(Extension::EightBitMime).then_some(mail.body),
        smtputf8: mail.smtputf8,
        return_content: mail.ret,
        envelope_id: mail.envelope_id.as_deref(),
    };
    // What a client of ours does not say: brackets in quotes, which are taken.
    if let Ok(wire) = line.encode() {
        let plain = Mail { auth: None, hold: None, ..mail.clone() };
        assert_eq!(again(&wire, offer), Command::Mail(plain.clone()));
        if let Some(hold) = mail.hold {
            let wire = [wire.trim_ascii_end(), b" ", written(hold).as_bytes(), b"\r\n"].concat();
            assert_eq!(again(&wire, offer), Command::Mail(Mail { hold: Some(in_seconds(hold)), ..plain }));
        }
    }
}

/// A hold as a parameter; it is within what is offered.
fn written(hold: Hold) -> String {
    match hold {
        Hold::For { seconds } => {
            assert!((1..=LONGEST_SECONDS).contains(&seconds));
            format!("HOLDFOR={seconds}")
        }
        Hold::Until(until) => {
            assert!(until <= LATEST);
            format!("HOLDUNTIL={}", date_time(until))
        }
    }
}

/// The same without the part of a second, which is not written. Before 1970 nothing is.
fn in_seconds(hold: Hold) -> Hold {
    match hold {
        Hold::Until(Timestamp(until)) => Hold::Until(Timestamp(until.max(0) / 1000 * 1000)),
        other => other,
    }
}

fn check_rcpt(rcpt: &Rcpt, offer: &Offer) {
    let original = rcpt.original_recipient.as_ref();
    if let Some(one) = original {
        assert!(one.kind.len() + one.address.len() < 500 && is_printable(&one.kind) && !one.address.is_empty());
        assert!(is_printable(&one.address) || (one.kind == "utf-8" && !one.address.chars().any(char::is_control)));
    }
    let line = RcptLine {
        recipient: rcpt.path.as_str(),
        smtputf8: true,
        notify: rcpt.notify,
        original: original.map(|one| (one.kind.as_str(), one.address.as_str())),
    };
    if let Ok(wire) = line.encode() {
        let Command::Rcpt(read) = again(&wire, offer) else { panic!("another command") };
        assert_eq!((&read.path, read.notify), (&rcpt.path, rcpt.notify));
        // The kind `utf-8` leaves in ASCII (RFC 6533 section 3).
        match (original, read.original_recipient) {
            (Some(given), Some(read)) if given.kind == "utf-8" => assert!(is_printable(&read.address)),
            (given, read) => assert_eq!(read.as_ref(), given),
        }
    }
}
