//! As much of IMAP as those here need who write and keep copies, on connections that may break at any moment.

use super::Person;
use super::ledger::Message;
use crate::foreign::{with_lf, without_sync_header};
use postern_testkit::{Answer, ImapClient, PASSWORD};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Somebody who has signed in and hears of UIDs that vanish; nothing when the server is gone.
pub async fn connect(address: SocketAddr, person: &Person) -> Option<ImapClient> {
    let stream = TcpStream::connect(address).await.ok()?;
    let mut client = ImapClient::try_start(stream, person.email).await?;
    for command in [format!("LOGIN {} \"{PASSWORD}\"", person.email), "ENABLE QRESYNC".to_owned()] {
        let answer = client.try_command(&command).await?;
        assert!(answer.status.starts_with("OK"), "{}: {}", person.email, answer.status);
    }
    Some(client)
}

/// The number after a word.
pub fn number(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What stands in a response code after its name.
pub fn code_numbers(line: &str, name: &str) -> Option<Vec<String>> {
    let (_, rest) = line.split_once(&format!("[{name} "))?;
    Some(rest.split_once(']')?.0.split(' ').map(str::to_owned).collect())
}

/// The members of a set as it names them.
pub fn in_order(set: &str) -> Vec<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap_or_else(|_| panic!("{set} is no set"));
    let range = |part: &str| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        number(from)..=number(to)
    };
    set.split(',').flat_map(range).collect()
}

/// What has vanished, earlier or now, by a response (RFC 7162 section 3.2.10).
pub fn vanished(response: &[u8]) -> Vec<u32> {
    let Some(set) = response.strip_prefix(b"* VANISHED ") else { return Vec::new() };
    in_order(String::from_utf8_lossy(set).trim_start_matches("(EARLIER) "))
}

/// A FETCH response that names its UID.
pub struct Fetched {
    pub uid: u32,
    pub modseq: Option<u64>,
    pub flags: Option<BTreeSet<String>>,
    pub body: Option<Vec<u8>>,
}

impl Fetched {
    /// All of an answer.
    pub fn all(answer: &Answer) -> Vec<Self> {
        answer.untagged.iter().filter_map(|line| Self::read(line)).collect()
    }

    /// One response, where it is that.
    pub fn read(response: &[u8]) -> Option<Self> {
        let end = response.windows(3).position(|window| window == b"}\r\n");
        let head = String::from_utf8_lossy(&response[..end.unwrap_or(response.len())]).into_owned();
        let (_, items) = head.strip_prefix("* ")?.split_once(" FETCH (")?;
        let flags = items.split_once("FLAGS (").and_then(|(_, rest)| rest.split_once(')'));
        let flags = flags.map(|(flags, _)| {
            flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent").map(str::to_owned).collect()
        });
        let size = items.rsplit_once('{').and_then(|(_, size)| size.parse::<usize>().ok());
        let body = end.zip(size).and_then(|(end, size)| response.get(end + 3..end + 3 + size));
        Some(Self {
            uid: u32::try_from(number(items, "UID ")?).ok()?,
            modseq: number(items, "MODSEQ ("),
            flags,
            body: body.map(<[u8]>::to_vec),
        })
    }
}

/// A message by its bytes, wherever they are kept.
pub fn message(bytes: &[u8], flags: BTreeSet<String>) -> Message {
    let text = with_lf(&without_sync_header(bytes));
    let head = String::from_utf8_lossy(&text[..text.len().min(500)]).into_owned();
    let mark = head.lines().find_map(|line| line.strip_prefix("Subject: "));
    let mark = mark.unwrap_or_else(|| panic!("nobody sent this:\n{head}")).to_owned();
    Message { mark, flags, text }
}
