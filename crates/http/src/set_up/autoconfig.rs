//! Mozilla's autoconfig, version 1.1: what Thunderbird, K-9, Evolution and others ask for first.
//!
//! One document for a domain, with a place for the address in it, so it can tell nothing of anybody.
//! It has no word for further mailboxes: a delegate sees theirs under `Shared/` once signed in.

use super::places::{Place, Places};
use super::xml::Xml;

/// The document of a domain.
pub(super) fn document(domain: &str, places: &Places) -> String {
    let mut xml = Xml::new("");
    xml.element("clientConfig", &[("version", "1.1")], |xml| {
        xml.element("emailProvider", &[("id", domain)], |xml| {
            xml.text("domain", domain);
            xml.text("displayName", domain);
            xml.text("displayShortName", domain);
            places.imap.iter().for_each(|place| server(xml, "incomingServer", "imap", place));
            places.submission.iter().for_each(|place| server(xml, "outgoingServer", "smtp", place));
        });
    });
    xml.finish()
}

fn server(xml: &mut Xml, element: &str, kind: &str, place: &Place) {
    xml.element(element, &[("type", kind)], |xml| {
        xml.text("hostname", &place.host);
        xml.text("port", &place.port.to_string());
        xml.text("socketType", if place.is_implicit { "SSL" } else { "STARTTLS" });
        xml.text("username", "%EMAILADDRESS%");
        // In clear within TLS.
        xml.text("authentication", "password-cleartext");
    });
}

#[cfg(test)]
mod tests {
    use super::super::places::installed;
    use super::super::tree::Element;
    use super::*;

    #[test]
    fn tls_from_the_first_byte_comes_first() {
        let root = Element::parse(&document("example.org", &installed()));
        assert_eq!((root.name.as_str(), root.attribute("version")), ("clientConfig", Some("1.1")));
        let provider = root.child("emailProvider");
        assert_eq!(
            (provider.attribute("id"), provider.child("domain").text.as_str()),
            (Some("example.org"), "example.org")
        );
        let of = |kind: &str| -> Vec<String> {
            let servers = provider.children.iter().filter(|child| child.name == kind);
            let texts = |server: &Element| {
                server
                    .children
                    .iter()
                    .map(|child| format!("{}={}", child.name, child.text))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            servers.map(|server| format!("{} {}", server.attribute("type").unwrap(), texts(server))).collect()
        };
        let rest = "username=%EMAILADDRESS% authentication=password-cleartext";
        assert_eq!(of("incomingServer"), [format!("imap hostname=mail.example.org port=993 socketType=SSL {rest}")]);
        assert_eq!(
            of("outgoingServer"),
            [
                format!("smtp hostname=mail.example.org port=465 socketType=SSL {rest}"),
                format!("smtp hostname=mail.example.org port=587 socketType=STARTTLS {rest}"),
            ]
        );
    }
}
