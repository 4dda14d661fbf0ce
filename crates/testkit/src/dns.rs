//! A server of DNS on loopback that knows one small zone.
//!
//! Messages are written here octet by octet (RFC 1035 section 4), so that the product's resolver is held
//! against the standard and not against itself.

use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A record: name, kind and value, as a zone file writes them: `("garden.net", "MX", "10 mail.garden.net")`.
pub type ZoneLine = (&'static str, &'static str, &'static str);

/// A running server. It ends when it is dropped.
pub struct FakeDns {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for FakeDns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeDns {
    /// One that knows this, and of everything else that it is not there.
    pub async fn start(zone: Vec<ZoneLine>) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let task = tokio::spawn(async move {
            let mut asked = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut asked).await {
                if let Some(answer) = answer(&asked[..length], &zone) {
                    // Who asked may be gone.
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Ok(Self { address, task })
    }

    /// Where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

const HEADER: usize = 12;

/// The answer to the first question of a message.
fn answer(asked: &[u8], zone: &[ZoneLine]) -> Option<Vec<u8>> {
    let (name, end) = read_name(asked)?;
    let question = asked.get(HEADER..end + 4)?;
    let kind = u16::from_be_bytes([*asked.get(end)?, *asked.get(end + 1)?]);
    let of_name: Vec<&ZoneLine> = zone.iter().filter(|line| line.0.eq_ignore_ascii_case(&name)).collect();
    let values: Vec<Vec<u8>> = of_name.iter().filter_map(|line| value_of(line, kind)).collect();
    let mut answer = asked.get(..2)?.to_vec();
    // An answer with recursion; code 3 where the name is not there (section 4.1.1).
    answer.extend([0x81, if of_name.is_empty() { 0x83 } else { 0x80 }]);
    for count in [1, values.len(), 0, 0] {
        answer.extend(u16::try_from(count).ok()?.to_be_bytes());
    }
    answer.extend(question);
    for value in values {
        // The name is that of the question (section 4.1.4), the class IN, and it lives a minute.
        answer.extend([0xc0, 0x0c]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend(u16::try_from(value.len()).ok()?.to_be_bytes());
        answer.extend(value);
    }
    Some(answer)
}

/// The name of the question, without its last dot, and where it ends.
fn read_name(asked: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*asked.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(asked.get(at..at + length)?).into_owned());
        at += length;
    }
}

fn write_name(name: &str) -> Vec<u8> {
    let labels = name.trim_end_matches('.').split('.');
    let written = labels.flat_map(|label| [vec![u8::try_from(label.len()).unwrap_or(63)], label.into()].concat());
    written.chain([0]).collect()
}

/// The value of a line, if it is of this kind.
fn value_of((_, name, value): &ZoneLine, kind: u16) -> Option<Vec<u8>> {
    let mut words = value.split_whitespace();
    let number = |word: Option<&str>| word?.parse::<u16>().ok().map(u16::to_be_bytes);
    match (*name, kind) {
        ("A", 1) => value.parse::<std::net::Ipv4Addr>().ok().map(|ip| ip.octets().to_vec()),
        ("PTR", 12) => Some(write_name(value)),
        ("MX", 15) => Some([number(words.next())?.to_vec(), write_name(words.next()?)].concat()),
        ("TXT", 16) => {
            // In pieces, which belong together (RFC 7208 section 3.3).
            let pieces = value.as_bytes().chunks(9);
            Some(pieces.flat_map(|piece| [&[piece.len() as u8], piece].concat()).collect())
        }
        ("AAAA", 28) => value.parse::<std::net::Ipv6Addr>().ok().map(|ip| ip.octets().to_vec()),
        ("SRV", 33) => {
            let numbers = [number(words.next())?, number(words.next())?, number(words.next())?].concat();
            Some([numbers, write_name(words.next()?)].concat())
        }
        _ => None,
    }
}
