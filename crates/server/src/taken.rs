//! Who holds an address that we wanted: the kernel's tables in /proc, read once when a start
//! fails, so that the refusal can name the process instead of an error number; and by whoever looks
//! at a machine without starting anything.

use crate::config::ListenAddress;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A process, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its program.
    pub name: String,
}

/// Whether somebody listens at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// Nobody does.
    Free,
    /// This process.
    Held(Holder),
    /// A process whose files we may not see.
    HeldByUnknown,
}

/// Looks at an address without touching it.
pub fn seat(address: &ListenAddress) -> Seat {
    let inodes = inodes(address);
    match process_with(&inodes) {
        _ if inodes.is_empty() => Seat::Free,
        Some(holder) => Seat::Held(holder),
        None => Seat::HeldByUnknown,
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.name)
    }
}

/// The process that listens there, where we may see it: processes of other users hide their
/// files from us.
pub(crate) fn holder(address: &ListenAddress) -> Option<Holder> {
    process_with(&inodes(address))
}

fn inodes(address: &ListenAddress) -> Vec<u64> {
    match address {
        ListenAddress::Tcp(address) => tcp_inodes(*address),
        ListenAddress::Unix(path) => unix_inodes(path),
    }
}

fn tcp_inodes(wanted: SocketAddr) -> Vec<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    lines.filter_map(tcp_line).filter(|(held, _)| is_in_the_way(*held, wanted)).map(|(_, inode)| inode).collect()
}

/// Address and inode of a line whose socket listens (state 0A).
fn tcp_line(line: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != "0A" {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    let address = SocketAddr::new(hex_address(address)?, u16::from_str_radix(port, 16).ok()?);
    Some((address, fields.get(9)?.parse().ok()?))
}

/// The kernel prints 32-bit words in the order of the machine.
fn hex_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
        }
        _ => None,
    }
}

fn is_in_the_way(held: SocketAddr, wanted: SocketAddr) -> bool {
    let same = held.ip() == wanted.ip() || held.ip().is_unspecified() || wanted.ip().is_unspecified();
    held.port() == wanted.port() && same
}

fn unix_inodes(wanted: &Path) -> Vec<u64> {
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let inode = fields.nth(6)?.parse().ok()?;
        (Path::new(fields.next()?) == wanted).then_some(inode)
    };
    table.lines().skip(1).filter_map(line).collect()
}

fn process_with(inodes: &[u64]) -> Option<Holder> {
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.into_iter().find(|pid| has_open(*pid, &links))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder { pid, name: name.trim().to_owned() })
}

fn has_open(pid: u32, links: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| links.iter().any(|link| link == target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_kernel_are_read() {
        let line =
            "   1: 0100007F:2AF1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0";
        assert_eq!(tcp_line(line), Some(("127.0.0.1:10993".parse().unwrap(), 31337)));
        let line = "   0: 00000000000000000000000001000000:2AF1 00000000000000000000000000000000:0000 0A \
                    00000000:00000000 00:00000000 00000000     0        0 31338 1 0";
        assert_eq!(tcp_line(line), Some(("[::1]:10993".parse().unwrap(), 31338)));
        assert_eq!(tcp_line(&line.replace(" 0A ", " 01 ")), None, "a connection holds no port");
    }

    #[test]
    fn a_seat_is_looked_at_without_touching_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ListenAddress::Tcp(listener.local_addr().unwrap());
        assert!(matches!(seat(&address), Seat::Held(holder) if holder.pid == std::process::id()));
        drop(listener);
        assert_eq!(seat(&address), Seat::Free);
    }

    #[test]
    fn a_wildcard_is_in_the_way_of_every_address() {
        let in_the_way = |held: &str, wanted: &str| is_in_the_way(held.parse().unwrap(), wanted.parse().unwrap());
        assert!(in_the_way("0.0.0.0:993", "127.0.0.1:993"));
        assert!(in_the_way("192.0.2.1:993", "0.0.0.0:993"));
        assert!(!in_the_way("192.0.2.1:993", "192.0.2.2:993"));
        assert!(!in_the_way("0.0.0.0:993", "127.0.0.1:143"));
    }
}
