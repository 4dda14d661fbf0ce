//! Autodiscover, the plain old XML of it (MS-OXDSCLI sections 2.2.3 and 2.2.4): what Outlook and others ask.
//!
//! A stranger is told the servers. A person who asks about themselves and has sent their password is
//! told the shared mailboxes they work in, too, as `AlternativeMailbox` (section 2.2.4.1.1.2.2).

use super::places::{Place, Places};
use super::xml::Xml;
use crate::problem::{Kind, Problem};
use postern_app::MappedMailbox;
use postern_types::Address;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

const ENVELOPE: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const SCHEMA: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// Whose mail is to be set up. Nothing of the document is expanded, and one that declares a type is refused: its
/// entities could be a bomb, and no program sends any.
pub(super) fn read(body: &[u8]) -> Result<Address, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| unfit("it is not UTF-8"))?;
    let found = Asked::read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    if found.schema.as_deref().is_some_and(|schema| schema.trim() != SCHEMA) {
        let text = format!("Only the AcceptableResponseSchema {SCHEMA} is answered here");
        return Err(Problem::unusable(text));
    }
    let address = found.address.ok_or_else(|| unfit("it names no EMailAddress"))?;
    let address = address.trim();
    Address::parse(address).map_err(|error| Problem::unusable(format!("EMailAddress is {address:?}: {error}")))
}

fn unfit(why: &str) -> Problem {
    Problem::new(Kind::BadDocument, format!("The body is no Autodiscover request: {why}"))
}

/// What a request says that matters here.
#[derive(Debug, Default)]
struct Asked {
    address: Option<String>,
    schema: Option<String>,
}

/// `Autodiscover`, `Request` and one in it.
const DEPTH: usize = 3;

impl Asked {
    fn read(text: &str) -> Result<Self, Problem> {
        let (mut reader, mut asked, mut open) = (Reader::from_str(text), Self::default(), Vec::new());
        let malformed = |error: quick_xml::Error| unfit(&error.to_string());
        loop {
            match reader.read_event().map_err(malformed)? {
                Event::Start(start) if open.len() < DEPTH => open.push(start.local_name().as_ref().to_owned()),
                Event::Start(_) => return Err(unfit("its elements lie too deep")),
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(text) => asked.add(&open, &text)?,
                Event::CData(text) => asked.add(&open, &text)?,
                Event::GeneralRef(name) => asked.add(&open, &letter(&name)?)?,
                Event::DocType(_) => return Err(unfit("a document type is not taken")),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof if open.is_empty() => return Ok(asked),
                Event::Eof => return Err(unfit("it is not complete")),
            }
        }
    }

    fn add(&mut self, open: &[String], text: &str) -> Result<(), Problem> {
        let [root, request, name] = open else { return Ok(()) };
        if root != "Autodiscover" || request != "Request" {
            return Err(unfit("it is no Autodiscover with a Request"));
        }
        match name.as_str() {
            "EMailAddress" => self.address.get_or_insert_default().push_str(text),
            "AcceptableResponseSchema" => self.schema.get_or_insert_default().push_str(text),
            _ => {}
        }
        Ok(())
    }
}

/// What `&…;` stands for: a letter by its number, or one of the five names that XML has by itself.
fn letter(name: &BytesRef<'_>) -> Result<String, Problem> {
    let unknown = || unfit("it has an entity of its own");
    match name.resolve_char_ref().map_err(|_| unknown())? {
        Some(letter) => Ok(letter.to_string()),
        None => resolve_predefined_entity(name).map(str::to_owned).ok_or_else(unknown),
    }
}

/// What `address` is set up with; `mapped` is empty for strangers.
pub(super) fn document(address: &Address, mapped: &[MappedMailbox], places: &Places) -> String {
    let mut xml = Xml::new("");
    xml.element("Autodiscover", &[("xmlns", ENVELOPE)], |xml| {
        xml.element("Response", &[("xmlns", SCHEMA)], |xml| {
            xml.element("Account", &[], |xml| {
                xml.text("AccountType", "email");
                xml.text("Action", "settings");
                let first = |xml: &mut Xml, kind, places: &[Place]| {
                    places.first().into_iter().for_each(|place| protocol(xml, kind, place, address));
                };
                // The best of each kind: Outlook tries no other.
                first(xml, "IMAP", &places.imap);
                first(xml, "SMTP", &places.submission);
                mapped.iter().for_each(|one| alternative(xml, one));
            });
        });
    });
    xml.finish()
}

fn protocol(xml: &mut Xml, kind: &str, place: &Place, address: &Address) {
    xml.element("Protocol", &[], |xml| {
        xml.text("Type", kind);
        xml.text("Server", &place.host);
        xml.text("Port", &place.port.to_string());
        xml.text("DomainRequired", "off");
        xml.text("LoginName", address.as_str());
        // NTLM, which there is none of.
        xml.text("SPA", "off");
        xml.text("SSL", "on");
        xml.text("Encryption", if place.is_implicit { "SSL" } else { "TLS" });
        xml.text("AuthRequired", "on");
        if kind == "SMTP" {
            xml.text("UsePOPAuth", "off");
            xml.text("SMTPLast", "off");
        }
    });
}

fn alternative(xml: &mut Xml, mailbox: &MappedMailbox) {
    let name = if mailbox.name.is_empty() { &mailbox.address } else { &mailbox.name };
    xml.element("AlternativeMailbox", &[], |xml| {
        xml.text("Type", "Delegate");
        xml.text("DisplayName", name);
        xml.text("SmtpAddress", &mailbox.address);
        xml.text("OwnerSmtpAddress", &mailbox.address);
    });
}

#[cfg(test)]
mod tests {
    use super::super::places::installed;
    use super::super::tree::Element;
    use super::*;

    fn request(inner: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/\
             autodiscover/outlook/requestschema/2006\"><Request>{inner}</Request></Autodiscover>"
        )
    }

    fn asked(body: &str) -> Result<String, String> {
        read(body.as_bytes()).map(|address| address.to_string()).map_err(|problem| problem.detail)
    }

    #[test]
    fn the_address_is_read_however_it_is_written() {
        let schema = format!("<AcceptableResponseSchema>{SCHEMA}</AcceptableResponseSchema>");
        for address in [
            "<EMailAddress>alice@example.org</EMailAddress>",
            "<EMailAddress>\n  alice&#64;example.org\n</EMailAddress><Other/>",
            "<LegacyDN>/o=x</LegacyDN><EMailAddress><![CDATA[alice@example.org]]></EMailAddress>",
        ] {
            assert_eq!(asked(&request(&format!("{address}{schema}"))).unwrap(), "alice@example.org", "{address}");
            assert_eq!(asked(&format!("\u{feff}{}", request(address))).unwrap(), "alice@example.org", "{address}");
        }
        let prefixed = "<a:Autodiscover xmlns:a=\"x\"><a:Request><a:EMailAddress>a@b.org</a:EMailAddress></a:Request></a:Autodiscover>";
        assert_eq!(asked(prefixed).unwrap(), "a@b.org");
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_reason() {
        let whole = request("<EMailAddress>alice@example.org</EMailAddress>");
        let bomb = format!("<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]>{whole}");
        let deep = request(&format!("{}x{}", "<a>".repeat(2000), "</a>".repeat(2000)));
        for (body, reason) in [
            ("", "names no EMailAddress"),
            ("{\"email\":\"alice@example.org\"}", "names no EMailAddress"),
            (&whole[..whole.len() - 20], "no Autodiscover request"),
            (&whole.replace("</EMailAddress>", "</Else>"), "no Autodiscover request"),
            (&bomb, "a document type is not taken"),
            (&request("<EMailAddress>&b;</EMailAddress>"), "an entity of its own"),
            (&request("<EMailAddress>&#0;</EMailAddress>"), "an entity of its own"),
            (&deep, "too deep"),
            (&whole.replace("Request>", "Demand>"), "no Autodiscover with a Request"),
            (&request("<EMailAddress>alice</EMailAddress>"), "EMailAddress is \"alice\""),
            (&request("<EMailAddress>&lt;b&gt;@example.org</EMailAddress>"), "EMailAddress is \"<b>@example.org\""),
            (
                &request(
                    "<EMailAddress>a@b.org</EMailAddress><AcceptableResponseSchema>mobilesync</AcceptableResponseSchema>",
                ),
                "outlook/responseschema/2006a is answered",
            ),
        ] {
            let refused = asked(body).unwrap_err();
            assert!(refused.contains(reason), "{body}: {refused}");
        }
        assert!(read(b"\xff\xfe<\x00").unwrap_err().detail.contains("not UTF-8"));
    }

    #[test]
    fn the_answer_names_the_best_of_each_kind() {
        let alice = Address::parse("alice@example.org").unwrap();
        let root = Element::parse(&document(&alice, &[], &installed()));
        assert_eq!(root.attribute("xmlns"), Some(ENVELOPE));
        let response = root.child("Response");
        assert_eq!(response.attribute("xmlns"), Some(SCHEMA));
        let account = response.child("Account");
        assert_eq!(
            (account.child("AccountType").text.as_str(), account.child("Action").text.as_str()),
            ("email", "settings")
        );
        let shown: Vec<String> = account.children[2..]
            .iter()
            .map(|protocol| {
                assert_eq!(protocol.name, "Protocol");
                protocol.children.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "IMAP mail.example.org 993 off alice@example.org off on SSL on",
                "SMTP mail.example.org 465 off alice@example.org off on SSL on off off",
            ]
        );
    }

    #[test]
    fn a_delegate_is_told_of_their_mailboxes() {
        let alice = Address::parse("alice@example.org").unwrap();
        let mapped = [("support@example.org", "R&D <help>"), ("billing@example.org", "")]
            .map(|(address, name)| MappedMailbox { address: address.into(), name: name.into() });
        let root = Element::parse(&document(&alice, &mapped, &installed()));
        let account = root.child("Response").child("Account");
        let shown: Vec<Vec<&str>> = account.children[4..]
            .iter()
            .map(|mailbox| {
                assert_eq!(mailbox.name, "AlternativeMailbox");
                mailbox.children.iter().map(|field| field.text.as_str()).collect()
            })
            .collect();
        assert_eq!(
            shown,
            [
                ["Delegate", "R&D <help>", "support@example.org", "support@example.org"],
                ["Delegate", "billing@example.org", "billing@example.org", "billing@example.org"],
            ]
        );
    }
}
