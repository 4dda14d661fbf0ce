//! The lines of a header that somebody submits, looked at with no indulgence.
//!
//! RFC 5322 sections 2.1 (CR and LF stand together and nowhere else) and 2.2 (field names). Readers differ in what
//! they make of a bare CR, of a line that is no field and of a NUL: each is a way to show one reader a From that
//! another, and our check of it, does not see. So such a header is refused, not mended.

use super::OutgoingError;

/// Looks at every line of the header; gives its length, the blank line included.
pub(super) fn check_lines(raw: &[u8]) -> Result<usize, OutgoingError> {
    let mut position = 0;
    let mut line = 0;
    while position < raw.len() {
        line += 1;
        let length = crate::header::line_length(&raw[position..]);
        let content = without_line_end(&raw[position..position + length], line)?;
        position += length;
        if content.is_empty() {
            break;
        }
        check_line(content, line)?;
    }
    // Nothing, or nothing before the first blank line.
    if line == 0 || position <= 2 {
        return Err(OutgoingError::NoHeader);
    }
    Ok(position)
}

/// A line without its CRLF. The last line of all may lack it.
fn without_line_end(raw_line: &[u8], line: usize) -> Result<&[u8], OutgoingError> {
    let content = match raw_line.strip_suffix(b"\n") {
        Some(content) => content.strip_suffix(b"\r").ok_or(OutgoingError::BareLineEnd { line })?,
        None => raw_line,
    };
    if memchr::memchr(b'\r', content).is_some() {
        return Err(OutgoingError::BareLineEnd { line });
    }
    Ok(content)
}

fn check_line(content: &[u8], line: usize) -> Result<(), OutgoingError> {
    // ESC begins a shift of ISO-2022-JP, which old mailers write bare; form feed and its like end lines for some.
    if content.iter().any(|&byte| byte.is_ascii_control() && !matches!(byte, b'\t' | 0x1b)) {
        return Err(OutgoingError::ControlCharacter { line });
    }
    if matches!(content[0], b' ' | b'\t') {
        return if line == 1 { Err(OutgoingError::StrayLine { line }) } else { Ok(()) };
    }
    let Some(colon) = memchr::memchr(b':', content) else { return Err(OutgoingError::StrayLine { line }) };
    // White space before the colon is an old form (section 4.5) that many readers still follow.
    let name = content[..colon].trim_ascii_end();
    if name.contains(&b' ') || name.contains(&b'\t') {
        return Err(OutgoingError::StrayLine { line });
    }
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err(OutgoingError::FieldName { line });
    }
    Ok(())
}
