//! As much of the tar format as an export of keys needs: small plain files, no folders.
//!
//! POSIX.1-1988 ustar, which every tar reads (IEEE Std 1003.1, pax, "ustar Interchange Format"):
//! a header of 512 bytes for each file, its bytes filled up to whole blocks, two empty blocks at
//! the end. An archive and not a form of our own, so that keys come back on a machine on which
//! Postern does not run yet.

const BLOCK: usize = 512;
/// Octal digits of a user's or a group's number, and of the mode.
const SHORT: usize = 7;
/// Octal digits of a length and a time.
const LONG: usize = 11;
/// Longest name of a member.
pub(super) const NAME_BYTES: usize = 100;

/// A file in the archive.
pub(super) struct Member<'a> {
    /// Its name, at most [`NAME_BYTES`] long.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Permission bits.
    pub mode: u32,
    /// The user and the group that it belongs to.
    pub owner: (u32, u32),
    /// When it was last changed, in seconds since 1970 UTC.
    pub changed_seconds: u64,
}

/// The archive of these files.
pub(super) fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let blocks = |bytes: usize| bytes.div_ceil(BLOCK) * BLOCK;
    let length = members.iter().map(|member| BLOCK + blocks(member.bytes.len())).sum::<usize>() + 2 * BLOCK;
    // Of its whole length at once: growing would leave copies of keys in memory.
    let mut archive = Vec::with_capacity(length);
    for member in members {
        archive.extend_from_slice(&header(member));
        archive.extend_from_slice(member.bytes);
        archive.resize(blocks(archive.len()), 0);
    }
    archive.resize(length, 0);
    archive
}

fn header(member: &Member<'_>) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    put(&mut header, 0, &member.name.as_bytes()[..member.name.len().min(NAME_BYTES)]);
    put(&mut header, 100, &octal::<SHORT>(member.mode.into()));
    put(&mut header, 108, &octal::<SHORT>(member.owner.0.into()));
    put(&mut header, 116, &octal::<SHORT>(member.owner.1.into()));
    put(&mut header, 124, &octal::<LONG>(member.bytes.len() as u64));
    put(&mut header, 136, &octal::<LONG>(member.changed_seconds));
    // The sum is made with blanks in its own place, and is written with six digits.
    put(&mut header, 148, b"        ");
    header[156] = b'0';
    put(&mut header, 257, b"ustar\x0000");
    let sum = header.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut header, 148, &octal::<6>(sum));
    header[154] = 0;
    header
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A number that does not fit is written as 0: that of root, or the first second of 1970.
fn octal<const DIGITS: usize>(number: u64) -> [u8; DIGITS] {
    let number = if number >> (3 * DIGITS) == 0 { number } else { 0 };
    let mut digits = [b'0'; DIGITS];
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        *digit += (number >> (3 * place) & 7) as u8;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_nothing() {
        assert_eq!(&octal::<SHORT>(0o600), b"0000600");
        assert_eq!(&octal::<SHORT>(0o7_777_777), b"7777777");
        assert_eq!(&octal::<SHORT>(0o10_000_000), b"0000000");
        assert_eq!(&octal::<LONG>(32), b"00000000040");
    }

    #[test]
    fn an_archive_is_whole_blocks_with_a_sum_for_each_header() {
        let member = Member { name: "a.key", bytes: &[7; 32], mode: 0o600, owner: (1000, 100), changed_seconds: 1 };
        let archive = archive(&[member]);
        assert_eq!((archive.len(), &archive[BLOCK..BLOCK + 32]), (4 * BLOCK, &[7; 32][..]));
        assert!(archive[BLOCK + 32..].iter().all(|byte| *byte == 0));
        let mut header = archive[..BLOCK].to_vec();
        let written = u64::from_str_radix(std::str::from_utf8(&header[148..154]).unwrap(), 8).unwrap();
        header[148..156].fill(b' ');
        assert_eq!(header.iter().map(|byte| u64::from(*byte)).sum::<u64>(), written);
        assert_eq!((&header[..6], &header[257..265]), (&b"a.key\0"[..], &b"ustar\x0000"[..]));
    }
}
