//! Real mail comes back as it came, and other readers understand what we say of it.
//!
//! Every mail file of the corpus goes in by LMTP and by APPEND. Its bytes come back by FETCH
//! (docs/design.md section 6: identical after our trace lines). ENVELOPE and BODYSTRUCTURE are read
//! by two decoders that are not ours, the crate `imap-codec` and Python's `imapclient`, and
//! both must read the same.

use crate::foreign;
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::body::{BodyStructure, Disposition, SpecificFields};
use imap_codec::imap_types::core::{IString, NString};
use imap_codec::imap_types::envelope::{Address, Envelope};
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::response::{Data, Response};
use postern_testkit::{House, ImapClient, PASSWORD, corpus, scenario, with_crlf};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A message and where it is from.
struct Mail {
    file: PathBuf,
    bytes: Vec<u8>,
}

fn mails() -> Vec<Mail> {
    corpus().into_iter().map(|(file, bytes)| Mail { file, bytes: with_crlf(&bytes) }).collect()
}

/// Alice, and support@ that she works in.
async fn desk(house: &House) {
    house.person("alice@example.org").await;
    house.shared("support@example.org").await;
    house.grant("support@example.org", "alice@example.org", "lrswipkxte").await;
}

/// What one FETCH showed of a message.
struct Shown {
    size: usize,
    whole: Vec<u8>,
    header: Vec<u8>,
    text: Vec<u8>,
}

/// Reads the items of a FETCH reply in the order in which they were asked for.
struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// Passes over `expected`, which must stand there.
    fn pass(&mut self, expected: &str) {
        let rest = self.0.strip_prefix(expected.as_bytes());
        self.0 = rest.unwrap_or_else(|| {
            panic!("no {expected:?} at {}", String::from_utf8_lossy(&self.0[..self.0.len().min(80)]))
        });
    }
    fn number(&mut self) -> usize {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        std::str::from_utf8(number).unwrap().parse().unwrap()
    }
    fn literal(&mut self) -> &'a [u8] {
        self.pass("{");
        let size = self.number();
        self.pass("}\r\n");
        let (literal, rest) = self.0.split_at(size);
        self.0 = rest;
        literal
    }
}

async fn show(client: &mut ImapClient, number: usize) -> Shown {
    let command = format!("FETCH {number} (RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])");
    let answer = client.ok(&command, "").await;
    let reply = answer.untagged.iter().find(|line| line.starts_with(format!("* {number} FETCH (").as_bytes()));
    let mut items = Items(reply.expect("the message"));
    items.pass(&format!("* {number} FETCH (RFC822.SIZE "));
    let size = items.number();
    items.pass(" BODY[] ");
    let whole = items.literal().to_vec();
    items.pass(" BODY[HEADER] ");
    let header = items.literal().to_vec();
    items.pass(" BODY[TEXT] ");
    let text = items.literal().to_vec();
    items.pass(")");
    Shown { size, whole, header, text }
}

impl Shown {
    /// RFC822.SIZE is the size of BODY[], which is its header and its text (RFC 9051 section
    /// 6.4.5.1).
    fn is_coherent(&self, file: &std::path::Path) {
        assert_eq!(self.size, self.whole.len(), "RFC822.SIZE of {}", file.display());
        let joined = [self.header.as_slice(), self.text.as_slice()].concat();
        assert!(joined == self.whole, "header and text of {} are not the whole", file.display());
    }
}

/// Return-Path and Received, with its continuation lines (RFC 5321 section 4.4).
fn without_trace<'a>(whole: &'a [u8], file: &std::path::Path) -> &'a [u8] {
    let rest = whole.strip_prefix(b"Return-Path: <sender@example.net>\r\nReceived: from client.example.org ");
    let mut rest = rest.unwrap_or_else(|| panic!("no trace lines before {}", file.display()));
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("the end of a trace line");
        rest = &rest[end + 2..];
        if !rest.starts_with(b"\t") && !rest.starts_with(b" ") {
            return rest;
        }
    }
}

/// Where our trace lines end. A message that begins with a blank has that line taken for a
/// continuation of ours, as any reader would; its bytes are there all the same.
fn is_after_trace(whole: &[u8], sent: &[u8], file: &std::path::Path) -> bool {
    if sent.starts_with(b" ") || sent.starts_with(b"\t") {
        whole.ends_with(sent)
    } else {
        without_trace(whole, file) == sent
    }
}

scenario! {
    /// docs/design.md section 6: the bytes that came are the bytes that are fetched.
    async fn every_mail_comes_back_byte_for_byte(house: House) {
        let mails = mails();
        if mails.is_empty() {
            return;
        }
        desk(&house).await;
        let mut lmtp = house.lmtp().await;
        let mut alice = house.imap_as("alice@example.org").await;
        for mail in &mails {
            let replies = lmtp.deliver("sender@example.net", &["support@example.org"], &mail.bytes).await;
            assert!(replies[0].starts_with("250"), "{}: {replies:?}", mail.file.display());
            let added = alice.append("Archive", "", &mail.bytes).await;
            assert!(added.status.starts_with("OK"), "{}: {}", mail.file.display(), added.status);
        }
        alice.ok("SELECT Shared/support@example.org/INBOX", &format!("* {} EXISTS", mails.len())).await;
        for (place, mail) in mails.iter().enumerate() {
            let shown = show(&mut alice, place + 1).await;
            shown.is_coherent(&mail.file);
            assert!(is_after_trace(&shown.whole, &mail.bytes, &mail.file), "LMTP changed {}", mail.file.display());
        }
        alice.ok("SELECT Archive", &format!("* {} EXISTS", mails.len())).await;
        for (place, mail) in mails.iter().enumerate() {
            let shown = show(&mut alice, place + 1).await;
            shown.is_coherent(&mail.file);
            assert!(shown.whole == mail.bytes, "APPEND changed {}", mail.file.display());
        }
    }

    /// RFC 9051 section 7.5.2: ENVELOPE and BODYSTRUCTURE as two foreign readers see them.
    async fn foreign_readers_agree_on_every_mail(house: House) {
        let Some(python) = foreign::python_with_packages() else { return };
        let mails = mails();
        if mails.is_empty() {
            return;
        }
        desk(&house).await;
        let mut alice = house.imap_as("alice@example.org").await;
        for mail in &mails {
            alice.append("Archive", "", &mail.bytes).await;
        }
        let port = house.listener("imap").port().to_string();
        let script = foreign::script("envelopes.py");
        let printed = foreign::run(&house, &python, &[&script, &port, "alice@example.org", PASSWORD, "Archive"]).await;
        let theirs: Vec<Value> = serde_json::from_str(&printed.must_succeed()).expect("JSON");
        assert_eq!(theirs.len(), mails.len(), "imapclient did not see every message");
        alice.ok("SELECT Archive", "").await;
        for (place, mail) in mails.iter().enumerate() {
            let answer = alice.ok(&format!("FETCH {} (ENVELOPE BODYSTRUCTURE)", place + 1), "ENVELOPE").await;
            let line = [answer.untagged[0].as_slice(), b"\r\n"].concat();
            // There are no exceptions: whatever the corpus holds, imap-codec reads the reply.
            let ours = decoded(&line);
            let ours = ours.unwrap_or_else(|| panic!("imap-codec can not read {}: {}", mail.file.display(), String::from_utf8_lossy(&line)));
            assert_eq!(ours, theirs[place], "{} is read in two ways", mail.file.display());
        }
    }
}

/// ENVELOPE and BODYSTRUCTURE by imap-codec, in the form that `envelopes.py` prints.
fn decoded(line: &[u8]) -> Option<Value> {
    let (rest, response) = ResponseCodec::new().decode(line).ok()?;
    assert!(rest.is_empty(), "imap-codec left {} bytes", rest.len());
    let Response::Data(Data::Fetch { items, .. }) = response else { panic!("not a FETCH reply") };
    let mut value = json!({});
    for item in items.as_ref() {
        match item {
            MessageDataItem::Envelope(shown) => value["envelope"] = envelope(shown),
            MessageDataItem::BodyStructure(shown) => value["structure"] = structure(shown),
            other => panic!("nobody asked for {other:?}"),
        }
    }
    Some(value)
}

/// Bytes as text that JSON can hold: each byte is the character of its number.
fn text(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn string(string: &IString<'_>) -> Value {
    text(string.as_ref())
}

fn nstring(string: &NString<'_>) -> Value {
    string.0.as_ref().map_or(Value::Null, |string| text(string.as_ref()))
}

/// Type names have no case (RFC 2045 section 5.1).
fn lower(string: &IString<'_>) -> Value {
    text(&string.as_ref().to_ascii_lowercase())
}

fn envelope(envelope: &Envelope<'_>) -> Value {
    let addresses = |list: &[Address<'_>]| {
        let one = |one: &Address<'_>| {
            json!([nstring(&one.name), nstring(&one.adl), nstring(&one.mailbox), nstring(&one.host)])
        };
        Value::Array(list.iter().map(one).collect())
    };
    json!({
        // imapclient makes no difference between no date and an empty one.
        "date": envelope.date.0.as_ref().filter(|date| !date.as_ref().is_empty()).map_or(Value::Null, string),
        "subject": nstring(&envelope.subject),
        "from": addresses(&envelope.from),
        "sender": addresses(&envelope.sender),
        "reply_to": addresses(&envelope.reply_to),
        "to": addresses(&envelope.to),
        "cc": addresses(&envelope.cc),
        "bcc": addresses(&envelope.bcc),
        "in_reply_to": nstring(&envelope.in_reply_to),
        "message_id": nstring(&envelope.message_id),
    })
}

fn parameters(list: &[(IString<'_>, IString<'_>)]) -> Value {
    Value::Array(list.iter().map(|(name, value)| json!([string(name), string(value)])).collect())
}

fn disposition(tail: Option<&Disposition<'_>>) -> Value {
    let Some((kind, list)) = tail.and_then(|tail| tail.disposition.as_ref()) else { return Value::Null };
    json!([string(kind), parameters(list)])
}

fn structure(structure: &BodyStructure<'_>) -> Value {
    match structure {
        BodyStructure::Multi { bodies, subtype, extension_data } => json!({
            "parts": bodies.as_ref().iter().map(self::structure).collect::<Vec<_>>(),
            "subtype": lower(subtype),
            "parameters": parameters(extension_data.as_ref().map_or(&[], |data| &data.parameter_list)),
            "disposition": disposition(extension_data.as_ref().and_then(|data| data.tail.as_ref())),
        }),
        BodyStructure::Single { body, extension_data } => {
            let basic = &body.basic;
            let mut value = json!({
                "parameters": parameters(&basic.parameter_list),
                "id": nstring(&basic.id),
                "description": nstring(&basic.description),
                "encoding": lower(&basic.content_transfer_encoding),
                "size": basic.size,
                "disposition": disposition(extension_data.as_ref().and_then(|data| data.tail.as_ref())),
            });
            match &body.specific {
                SpecificFields::Basic { r#type, subtype } => {
                    value["type"] = lower(r#type);
                    value["subtype"] = lower(subtype);
                }
                SpecificFields::Text { subtype, number_of_lines } => {
                    value["type"] = "text".into();
                    value["subtype"] = lower(subtype);
                    value["lines"] = (*number_of_lines).into();
                }
                SpecificFields::Message { envelope, body_structure, number_of_lines } => {
                    value["type"] = "message".into();
                    value["subtype"] = "rfc822".into();
                    value["envelope"] = self::envelope(envelope);
                    value["body"] = self::structure(body_structure);
                    value["lines"] = (*number_of_lines).into();
                }
            }
            value
        }
    }
}

/// The control of the comparison above: a difference of one byte is seen.
#[test]
fn a_difference_between_two_readers_is_seen() {
    let reply = |subject: &str, lines: u32| {
        let envelope = format!("(NIL \"{subject}\" NIL NIL NIL NIL NIL NIL NIL NIL)");
        let structure = format!("(\"TEXT\" \"plain\" NIL NIL NIL \"7BIT\" 10 {lines} NIL NIL NIL NIL)");
        decoded(format!("* 1 FETCH (ENVELOPE {envelope} BODYSTRUCTURE {structure})\r\n").as_bytes()).unwrap()
    };
    assert_eq!(reply("Hello", 2)["structure"]["lines"], 2);
    assert_eq!(reply("Hello", 2)["envelope"]["subject"], "Hello");
    assert_ne!(reply("Hello", 2), reply("Hello", 3));
    assert_ne!(reply("Hello", 2), reply("Hallo", 2));
}
