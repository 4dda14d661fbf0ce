//! Tests only: a document as a reader of XML that is not ours sees it.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().expect("well-formed XML") {
                Event::Start(start) => open.push(Element::begin(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Element::begin(&start)),
                Event::End(_) => {
                    let mut done = open.pop().unwrap();
                    if !done.children.is_empty() {
                        done.text = done.text.trim().to_owned();
                    }
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
                Event::GeneralRef(name) => {
                    open.last_mut().unwrap().text.push_str(resolve_predefined_entity(&name).expect("a known entity"));
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(open.len(), 1, "an element is not closed");
        let mut roots = open.pop().unwrap().children;
        assert_eq!(roots.len(), 1, "one root");
        roots.remove(0)
    }

    fn begin(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let value = quick_xml::escape::unescape(&attribute.value).expect("a value").into_owned();
            (attribute.key.as_ref().to_owned(), value)
        });
        Self { name: start.name().as_ref().to_owned(), attributes: attributes.collect(), ..Self::default() }
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The only child of this name.
    pub fn child(&self, name: &str) -> &Element {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let (first, second) = (found.next(), found.next());
        assert!(second.is_none(), "two of {name}");
        first.unwrap_or_else(|| panic!("no {name} in {}", self.name))
    }
}
