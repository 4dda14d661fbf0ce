//! Files that hang on the letters of the demonstration. They are made here: small, and what they say
//! they are.

use std::fmt::Write as _;

/// What hangs on a letter.
#[derive(Clone, Copy)]
pub(super) enum Attachment {
    /// A page with these lines.
    Pdf(&'static str, &'static [&'static str]),
    /// A picture of one colour and a darker frame.
    Png(&'static str, [u8; 3]),
    /// Rows of a table.
    Csv(&'static str, &'static str),
    /// An invitation (RFC 5545), for a day from now on.
    Calendar(&'static str, &'static str, i64),
}

impl Attachment {
    /// Its media type, its name and its bytes; `today` is `20261127`, days later where asked for.
    pub fn made(self, day_in: impl Fn(i64) -> String) -> (&'static str, &'static str, Vec<u8>) {
        match self {
            Attachment::Pdf(name, lines) => ("application/pdf", name, pdf(lines)),
            Attachment::Png(name, colour) => ("image/png", name, png(colour)),
            Attachment::Csv(name, rows) => ("text/csv; charset=utf-8", name, rows.replace('\n', "\r\n").into_bytes()),
            Attachment::Calendar(name, summary, days) => {
                ("text/calendar; charset=utf-8; method=PUBLISH", name, calendar(summary, &day_in(days)).into_bytes())
            }
        }
    }
}

fn calendar(summary: &str, day: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.org//demo//EN\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\n\
         UID:{day}@example.com\r\nDTSTAMP:{day}T080000Z\r\nDTSTART;VALUE=DATE:{day}\r\nSUMMARY:{summary}\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// One page of A5 with a line of Helvetica for each text (ISO 32000-1).
fn pdf(lines: &[&str]) -> Vec<u8> {
    let mut page = String::from("BT /F1 14 Tf 40 540 Td 20 TL ");
    for line in lines {
        let _ = write!(page, "({}) Tj T* ", line.replace(['(', ')', '\\'], " "));
    }
    page.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents 5 0 R \
         /Resources << /Font << /F1 4 0 R >> >> >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut index = String::new();
    for (number, object) in (1..).zip(&objects) {
        let _ = writeln!(index, "{:010} 00000 n ", file.len());
        let _ = writeln!(file, "{number} 0 obj\n{object}\nendobj");
    }
    let size = objects.len() + 1;
    let _ = write!(
        file,
        "xref\n0 {size}\n0000000000 65535 f \n{index}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n",
        file.len()
    );
    file.into_bytes()
}

const SIDE: usize = 48;

/// A square picture, its rows stored as they are (RFC 1950, RFC 1951 section 3.2.4).
fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(SIDE * (3 * SIDE + 1));
    for y in 0..SIDE {
        rows.push(0);
        for x in 0..SIDE {
            let is_frame = x < 4 || y < 4 || x >= SIDE - 4 || y >= SIDE - 4;
            rows.extend(colour.map(|part| if is_frame { part / 2 } else { part }));
        }
    }
    let length = rows.len() as u16;
    let mut packed = vec![0x78, 0x01, 0x01];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(&rows);
    packed.extend(adler32(&rows).to_be_bytes());
    let mut header = Vec::from((SIDE as u32).to_be_bytes());
    header.extend((SIDE as u32).to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
        let body = [kind.as_slice(), data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&body);
        file.extend(crc32(&body).to_be_bytes());
    }
    file
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_their_specifications() {
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn the_index_of_a_pdf_points_at_its_objects() {
        let file = String::from_utf8(pdf(&["One (1)", "Two"])).unwrap();
        let start: usize = file.lines().rev().nth(1).unwrap().parse().unwrap();
        assert!(file[start..].starts_with("xref\n"), "{file}");
        for (number, line) in (1..).zip(file[start..].lines().filter(|line| line.ends_with(" n "))) {
            let at: usize = line[..10].parse().unwrap();
            assert!(file[at..].starts_with(&format!("{number} 0 obj\n")), "{line}");
        }
        assert!(file.contains("(One  1 ) Tj"), "{file}");
    }
}
