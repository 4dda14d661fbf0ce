//! What the `Content-` fields of a part say about it.
//!
//! RFC 2045 (type, encoding, id, description), RFC 2183 (disposition), RFC 1864 (MD5), RFC 3282
//! (language), RFC 2557 (location). The first field of a name counts. A type that cannot be read is
//! text/plain (RFC 2045 section 5.2); one without a subtype is text/plain or application/octet-stream,
//! by whether it claims to be text.

use crate::header::{Field, unfold};
use crate::parameters::{Parameters, is_token, parse_parameters, split_head};
use crate::transfer::TransferEncoding;

/// The described nature of one part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// Type and subtype, in upper case.
    pub(crate) media_type: Vec<u8>,
    pub(crate) subtype: Vec<u8>,
    pub(crate) parameters: Parameters,
    pub(crate) encoding: TransferEncoding,
    /// The encoding's name as written; empty for none.
    pub(crate) encoding_name: Vec<u8>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) md5: Option<Vec<u8>>,
    pub(crate) disposition: Option<Disposition>,
    pub(crate) languages: Vec<Vec<u8>>,
    pub(crate) location: Option<Vec<u8>>,
}

/// Content-Disposition (RFC 2183).
#[derive(Debug, Clone)]
pub(crate) struct Disposition {
    pub(crate) name: Vec<u8>,
    pub(crate) parameters: Parameters,
}

impl Content {
    /// Reads the fields of one header block. In a multipart/digest the type that is assumed is
    /// message/rfc822 (RFC 2046 section 5.1.5).
    pub(crate) fn of<'a>(fields: impl Iterator<Item = Field<'a>>, in_digest: bool) -> Self {
        let mut content = Self::default();
        let mut seen = [false; 8];
        for field in fields {
            let Some(suffix) = strip_content_prefix(field.name) else { continue };
            let Some(index) = FIELD_SUFFIXES.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(suffix))
            else {
                continue;
            };
            if !std::mem::replace(&mut seen[index], true) {
                content.take_field(FIELD_SUFFIXES[index], field.value);
            }
        }
        if content.media_type.is_empty() {
            if in_digest {
                content.set_type(b"MESSAGE", b"RFC822");
            } else {
                content.set_type(b"TEXT", b"PLAIN");
            }
        }
        content
    }

    fn take_field(&mut self, name: &str, value: &[u8]) {
        let value = unfold(value);
        match name {
            "type" => self.take_type(&value),
            "transfer-encoding" => {
                self.encoding_name = split_head(&value).0.to_vec();
                self.encoding = TransferEncoding::from_name(&self.encoding_name);
            }
            "id" => self.id = Some(value.into_owned()),
            "description" => self.description = Some(value.into_owned()),
            "md5" => self.md5 = Some(value.into_owned()),
            "disposition" => {
                let (name, rest) = split_head(&value);
                if is_token(name) {
                    self.disposition = Some(Disposition { name: name.to_vec(), parameters: parse_parameters(rest) });
                }
            }
            "language" => {
                let tags = value.split(|&byte| byte == b',').map(|tag| split_head(tag).0).filter(|tag| is_token(tag));
                self.languages = tags.take(LANGUAGES_MAX).map(<[u8]>::to_vec).collect();
            }
            // RFC 2557 section 4.4.2: a long URI is folded, and its white space means nothing.
            _ => self.location = Some(value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()),
        }
    }

    fn take_type(&mut self, value: &[u8]) {
        let (head, rest) = split_head(value);
        let mut names = head.splitn(2, |&byte| byte == b'/').map(<[u8]>::trim_ascii);
        let media_type = names.next().unwrap_or_default();
        // What follows the subtype after a space is not part of it, whatever it was meant for.
        let subtype = names.next().unwrap_or_default().split(u8::is_ascii_whitespace).next().unwrap_or_default();
        match (is_token(media_type), is_token(subtype)) {
            (true, true) => self.set_type(media_type, subtype),
            (true, false) if !media_type.eq_ignore_ascii_case(b"text") => {
                self.set_type(b"APPLICATION", b"OCTET-STREAM")
            }
            _ => self.set_type(b"TEXT", b"PLAIN"),
        }
        self.parameters = parse_parameters(rest);
    }

    fn set_type(&mut self, media_type: &[u8], subtype: &[u8]) {
        self.media_type = media_type.to_ascii_uppercase();
        self.subtype = subtype.to_ascii_uppercase();
    }

    /// Whether this is of that (upper-case) type.
    pub(crate) fn is(&self, media_type: &str) -> bool {
        self.media_type == media_type.as_bytes()
    }

    /// Whether the body is a message that can be read in place: message/rfc822, or message/global (RFC 6532), not
    /// encoded. RFC 2046 section 5.2.1 forbids encoding the former; one that is encoded all the same stays closed.
    pub(crate) fn is_open_message(&self) -> bool {
        self.is_message() && !self.encoding.transforms()
    }

    /// Whether this says that it is a whole message.
    pub(crate) fn is_message(&self) -> bool {
        self.is("MESSAGE") && (self.subtype == b"RFC822" || self.subtype == b"GLOBAL")
    }

    /// The delimiter of a multipart, unless it names none.
    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        let boundary = self.parameters.raw("BOUNDARY")?.trim_ascii_end();
        (self.is("MULTIPART") && !boundary.is_empty()).then(|| boundary.to_vec())
    }

    /// Describes a part that is not opened as plain octets: a client that reads `MULTIPART` or `MESSAGE`
    /// expects parts inside (RFC 9051 section 9, body-type-mpart and body-type-msg).
    pub(crate) fn become_octets(&mut self) {
        self.set_type(b"APPLICATION", b"OCTET-STREAM");
        self.parameters.keep_only("NAME");
    }

    /// Describes a multipart without parts as the text that it is (RFC 2045 section 5.2).
    pub(crate) fn become_text(&mut self) {
        self.set_type(b"TEXT", b"PLAIN");
        self.parameters.keep_only("CHARSET");
    }

    /// The name of the (upper-case) disposition, if it has this one.
    pub(crate) fn is_disposed(&self, name: &str) -> bool {
        self.disposition.as_ref().is_some_and(|disposition| disposition.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The file name as people read it (RFC 2183 section 2.3; `name` of the type is the older way).
    pub(crate) fn file_name(&self) -> Option<String> {
        let disposed = self.disposition.as_ref().and_then(|disposition| disposition.parameters.text("FILENAME"));
        disposed.or_else(|| self.parameters.text("NAME"))
    }
}

/// Language tags of one part that are read.
const LANGUAGES_MAX: usize = 64;

const FIELD_SUFFIXES: [&str; 8] =
    ["type", "transfer-encoding", "id", "description", "md5", "disposition", "language", "location"];

fn strip_content_prefix(name: &[u8]) -> Option<&[u8]> {
    let (prefix, suffix) = name.split_at_checked("content-".len())?;
    prefix.eq_ignore_ascii_case(b"content-").then_some(suffix)
}
