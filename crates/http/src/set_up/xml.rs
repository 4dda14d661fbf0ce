//! XML as it is written here: elements and texts, every text escaped.

/// A document that grows. An element closes itself, so what is written is well-formed.
pub(super) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    /// Begins, with what stands between the declaration and the root.
    pub fn new(doctype: &str) -> Self {
        Self { text: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{doctype}"), depth: 0 }
    }

    /// An element with others in it.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], inner: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.text.push('\n');
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        self.indent();
        self.close(name);
    }

    /// An element with a text in it.
    pub fn text(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        escape(text, &mut self.text);
        self.close(name);
    }

    /// An element with nothing in it.
    pub fn empty(&mut self, name: &str) {
        self.indent();
        self.text.push_str(&format!("<{name}/>\n"));
    }

    /// The whole.
    pub fn finish(self) -> String {
        self.text
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text.push_str(&format!("<{name}"));
        for (attribute, value) in attributes {
            self.text.push_str(&format!(" {attribute}=\""));
            escape(value, &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
    }

    fn close(&mut self, name: &str) {
        self.text.push_str(&format!("</{name}>\n"));
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }
}

/// As XML 1.0 section 2.4 asks, in attributes too; what section 2.2 has no place for is shown as lost.
pub(super) fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&apos;"),
            '\t' | '\n' | '\r' => into.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => into.push('\u{fffd}'),
            letter => into.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_text() {
        let mut xml = Xml::new("");
        xml.element("a", &[("b", "\"><c/>")], |xml| {
            xml.text("d", "R&D <b>\u{0}]]>\n'x'");
            xml.empty("e");
        });
        let body =
            "<a b=\"&quot;&gt;&lt;c/&gt;\">\n  <d>R&amp;D &lt;b&gt;\u{fffd}]]&gt; &apos;x&apos;</d>\n  <e/>\n</a>\n";
        assert_eq!(xml.finish(), format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"));
    }
}
