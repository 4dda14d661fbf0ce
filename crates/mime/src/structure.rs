//! BODY and BODYSTRUCTURE, encoded from the parts.
//!
//! RFC 9051 section 7.5.2 and its grammar in section 9 (`body`), RFC 3501 section 7.4.2. message/global
//! is shown as message/rfc822 is, with what it holds (RFC 9051 section 9, media-message). A part shown as
//! a single part is a single part for `BODY[…]` too: both are made from the same tree.

use crate::content::Content;
use crate::encode::Encoder;
use crate::envelope::write_envelope;
use crate::parameters::{ParameterValue, Parameters};
use crate::tree::{Entity, PartKind, Tree};

/// BODYSTRUCTURE, or BODY when not `extended`.
pub(crate) fn encode_structure(bytes: &[u8], tree: &Tree, extended: bool) -> Vec<u8> {
    let mut writer = Writer { out: Encoder::default(), bytes, tree, extended };
    writer.part(0);
    writer.out.finish()
}

struct Writer<'a> {
    out: Encoder,
    bytes: &'a [u8],
    tree: &'a Tree,
    extended: bool,
}

impl<'a> Writer<'a> {
    /// One part; recursion is bounded by the depth of the tree.
    fn part(&mut self, index: usize) {
        let tree: &'a Tree = self.tree;
        let entity = &tree.entities[index];
        self.out.raw(b"(");
        if entity.kind == PartKind::Multipart {
            for child in tree.children(index) {
                self.part(child);
            }
            self.out.raw(b" ");
            self.out.string(&entity.content.subtype);
            if self.extended {
                self.out.raw(b" ");
                self.parameters(&entity.content.parameters, false);
                self.disposition_language_location(&entity.content);
            }
        } else {
            self.single(index, entity);
        }
        self.out.raw(b")");
    }

    fn single(&mut self, index: usize, entity: &Entity) {
        let content = &entity.content;
        let is_text = content.is("TEXT");
        self.out.string(&content.media_type);
        self.out.raw(b" ");
        self.out.string(&content.subtype);
        self.out.raw(b" ");
        self.parameters(&content.parameters, is_text);
        self.out.raw(b" ");
        self.out.nstring(content.id.as_deref());
        self.out.raw(b" ");
        self.out.nstring(content.description.as_deref());
        self.out.raw(b" ");
        self.out.upper(if content.encoding_name.is_empty() { b"7BIT" } else { &content.encoding_name });
        self.out.raw(b" ");
        self.out.number(entity.body().len() as u64);
        if entity.kind == PartKind::Message {
            // The message inside is the next entity.
            self.out.raw(b" ");
            write_envelope(&mut self.out, self.tree.fields(self.bytes, index + 1));
            self.out.raw(b" ");
            self.part(index + 1);
        }
        if is_text || entity.kind == PartKind::Message {
            self.out.raw(b" ");
            self.out.number(entity.lines);
        }
        if self.extended {
            self.out.raw(b" ");
            self.out.nstring(content.md5.as_deref());
            self.disposition_language_location(content);
        }
    }

    /// Parameters, or NIL for none. Text without a charset is US-ASCII (RFC 2046 section 4.1.2).
    fn parameters(&mut self, parameters: &Parameters, is_text: bool) {
        let start = self.out.position();
        for parameter in &parameters.0 {
            if self.out.is_full() {
                break;
            }
            match &parameter.value {
                ParameterValue::Raw(value) => self.parameter(start, &parameter.name, value),
                ParameterValue::Extended { language, text } => {
                    let name = [parameter.name.as_slice(), b"*"].concat();
                    self.parameter(start, &name, &ParameterValue::canonical_extended(language, text));
                }
            }
        }
        let has_charset = parameters.0.iter().any(|parameter| parameter.name == b"CHARSET");
        if is_text && !has_charset {
            self.parameter(start, b"CHARSET", b"US-ASCII");
        }
        if self.out.position() == start {
            self.out.nil();
        } else {
            self.out.raw(b")");
        }
    }

    fn parameter(&mut self, list_start: usize, name: &[u8], value: &[u8]) {
        self.out.raw(if self.out.position() == list_start { b"(" } else { b" " });
        self.out.string(name);
        self.out.raw(b" ");
        self.out.string(value);
    }

    fn disposition_language_location(&mut self, content: &Content) {
        self.out.raw(b" ");
        match &content.disposition {
            Some(disposition) => {
                self.out.raw(b"(");
                self.out.upper(&disposition.name);
                self.out.raw(b" ");
                self.parameters(&disposition.parameters, false);
                self.out.raw(b")");
            }
            None => self.out.nil(),
        }
        self.out.raw(b" ");
        match content.languages.as_slice() {
            [] => self.out.nil(),
            [language] => self.out.string(language),
            languages => {
                for (index, language) in languages.iter().enumerate() {
                    self.out.raw(if index == 0 { b"(" } else { b" " });
                    self.out.string(language);
                }
                self.out.raw(b")");
            }
        }
        self.out.raw(b" ");
        self.out.nstring(content.location.as_deref());
    }
}
