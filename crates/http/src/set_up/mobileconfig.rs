//! A configuration profile for Apple's Mail, on telephones and Macs: the person's own account, and one for
//! each shared mailbox that is shown to them, by the sign-in `alice@example.org/support@example.org`.
//!
//! Ids are made from whose profile it is and what it holds, so that a newer profile takes the place of
//! an older one, and an account that is in both is not asked for its password again. No password is
//! in it. It is not signed, and the device says so.

use super::places::{Place, Places};
use super::xml::Xml;
use crate::problem::{Kind, Problem};
use postern_app::OwnMail;
use postern_types::Address;
use ring::digest::{SHA256, digest};

const DOCTYPE: &str = "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                       \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n";

/// The profile of a person.
pub(super) fn document(hostname: &str, person: &Address, mail: &OwnMail, places: &Places) -> Result<String, Problem> {
    let (Some(imap), Some(submission)) = (places.imap.first(), places.submission.first()) else {
        // A profile without both is refused by the device.
        return Err(Problem::new(Kind::Absent, "This server takes no mail to send from mail programs"));
    };
    let own = Account { address: person.as_str(), name: &mail.name, username: person.to_string() };
    let shared = mail.mapped.iter().map(|one| Account {
        address: &one.address,
        name: &one.name,
        username: format!("{person}/{}", one.address),
    });
    let ids = Ids { hostname, person };
    let mut xml = Xml::new(DOCTYPE);
    xml.element("plist", &[("version", "1.0")], |xml| {
        xml.element("dict", &[], |xml| {
            ids.payload(xml, "Configuration", "profile", &format!("Mail of {person}"));
            string(
                xml,
                "PayloadDescription",
                &format!("Sets Mail up for {person} at {hostname}. It holds no password."),
            );
            string(xml, "PayloadOrganization", person.domain().as_str());
            key(xml, "PayloadRemovalDisallowed", |xml| xml.empty("false"));
            key(xml, "PayloadContent", |xml| {
                xml.element("array", &[], |xml| {
                    std::iter::once(own).chain(shared).for_each(|one| one.write(xml, &ids, imap, submission));
                });
            });
        });
    });
    Ok(xml.finish())
}

/// One account of the profile.
struct Account<'a> {
    address: &'a str,
    /// Its name, which may be empty.
    name: &'a str,
    username: String,
}

impl Account<'_> {
    fn write(&self, xml: &mut Xml, ids: &Ids<'_>, imap: &Place, submission: &Place) {
        let name = if self.name.is_empty() { self.address } else { self.name };
        xml.element("dict", &[], |xml| {
            ids.payload(xml, "com.apple.mail.managed", self.address, name);
            string(xml, "EmailAccountType", "EmailTypeIMAP");
            string(xml, "EmailAccountDescription", name);
            string(xml, "EmailAccountName", name);
            string(xml, "EmailAddress", self.address);
            self.server(xml, "IncomingMailServer", imap);
            self.server(xml, "OutgoingMailServer", submission);
            key(xml, "OutgoingPasswordSameAsIncomingPassword", |xml| xml.empty("true"));
        });
    }

    fn server(&self, xml: &mut Xml, side: &str, place: &Place) {
        string(xml, &format!("{side}Authentication"), "EmailAuthPassword");
        string(xml, &format!("{side}HostName"), &place.host);
        key(xml, &format!("{side}PortNumber"), |xml| xml.text("integer", &place.port.to_string()));
        // STARTTLS too: the device finds out which.
        key(xml, &format!("{side}UseSSL"), |xml| xml.empty("true"));
        string(xml, &format!("{side}Username"), &self.username);
    }
}

/// Whose profile it is, from which its ids are made.
struct Ids<'a> {
    hostname: &'a str,
    person: &'a Address,
}

impl Ids<'_> {
    /// What each payload says of itself.
    fn payload(&self, xml: &mut Xml, kind: &str, part: &str, name: &str) {
        let id = self.uuid(part);
        string(xml, "PayloadType", kind);
        key(xml, "PayloadVersion", |xml| xml.text("integer", "1"));
        let reversed: Vec<&str> = self.hostname.rsplit('.').collect();
        string(xml, "PayloadIdentifier", &format!("{}.postern.{id}", reversed.join(".")));
        string(xml, "PayloadUUID", &id);
        string(xml, "PayloadDisplayName", name);
    }

    /// Of version 8 (RFC 9562 section 5.8): the first bits of a hash.
    fn uuid(&self, part: &str) -> String {
        let name = format!("postern set-up profile\n{}\n{}\n{part}", self.hostname, self.person);
        let hash = digest(&SHA256, name.as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, from)| *byte = *from);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

fn key(xml: &mut Xml, name: &str, value: impl FnOnce(&mut Xml)) {
    xml.text("key", name);
    value(xml);
}

fn string(xml: &mut Xml, name: &str, value: &str) {
    key(xml, name, |xml| xml.text("string", value));
}

#[cfg(test)]
mod tests {
    use super::super::places::installed;
    use super::super::tree::Element;
    use super::*;
    use postern_app::MappedMailbox;
    use std::collections::BTreeMap;

    fn profile(person: &str, mapped: &[(&str, &str)]) -> String {
        let mapped =
            mapped.iter().map(|(address, name)| MappedMailbox { address: (*address).into(), name: (*name).into() });
        let mail = OwnMail { name: "Alice <A&A>".into(), mapped: mapped.collect() };
        document("mail.example.org", &Address::parse(person).unwrap(), &mail, &installed()).unwrap()
    }

    /// A dict by its keys; values that are no texts by the name of their element.
    fn dict(element: &Element) -> BTreeMap<&str, String> {
        assert_eq!(element.name, "dict");
        let pairs = element.children.chunks(2).map(|pair| {
            assert_eq!(pair[0].name, "key");
            let value = if pair[1].text.is_empty() { &pair[1].name } else { &pair[1].text };
            (pair[0].text.as_str(), value.clone())
        });
        let found: BTreeMap<_, _> = pairs.collect();
        assert_eq!(found.len() * 2, element.children.len(), "no key twice");
        found
    }

    fn accounts(profile: &Element) -> Vec<BTreeMap<&str, String>> {
        profile.child("dict").child("array").children.iter().map(dict).collect()
    }

    #[test]
    fn own_mail_comes_first_and_then_what_one_works_in() {
        let root = Element::parse(&profile("alice@example.org", &[("support@example.org", "Support")]));
        assert_eq!((root.name.as_str(), root.attribute("version")), ("plist", Some("1.0")));
        let whole = dict(root.child("dict"));
        assert_eq!((whole["PayloadType"].as_str(), whole["PayloadVersion"].as_str()), ("Configuration", "1"));
        assert_eq!(whole["PayloadOrganization"], "example.org");
        let accounts = accounts(&root);
        let facts = |at: usize| {
            ["EmailAddress", "EmailAccountName", "IncomingMailServerUsername"].map(|key| accounts[at][key].as_str())
        };
        assert_eq!(facts(0), ["alice@example.org", "Alice <A&A>", "alice@example.org"]);
        assert_eq!(facts(1), ["support@example.org", "Support", "alice@example.org/support@example.org"]);
        for account in &accounts {
            assert_eq!(account["PayloadType"], "com.apple.mail.managed");
            assert_eq!(
                (account["EmailAccountType"].as_str(), account["IncomingMailServerUseSSL"].as_str()),
                ("EmailTypeIMAP", "true")
            );
            assert_eq!(
                (account["IncomingMailServerPortNumber"].as_str(), account["OutgoingMailServerPortNumber"].as_str()),
                ("993", "465")
            );
            assert_eq!(account["OutgoingMailServerUsername"], account["IncomingMailServerUsername"]);
            assert!(!account.keys().any(|key| *key == "IncomingPassword" || *key == "OutgoingPassword"));
        }
    }

    #[test]
    fn ids_stay_and_differ() {
        let before = profile("alice@example.org", &[("support@example.org", ""), ("billing@example.org", "")]);
        let after = profile("alice@example.org", &[("support@example.org", "Support")]);
        let (before, after) = (Element::parse(&before), Element::parse(&after));
        let id = |account: &BTreeMap<&str, String>| account["PayloadUUID"].clone();
        let (of_before, of_after) = (accounts(&before), accounts(&after));
        assert_eq!(of_before[..2].iter().map(id).collect::<Vec<_>>(), of_after.iter().map(id).collect::<Vec<_>>());
        assert_eq!(id(&dict(before.child("dict"))), id(&dict(after.child("dict"))));
        let bob = Element::parse(&profile("bob@example.org", &[("support@example.org", "")]));
        let mut all: Vec<String> = of_before.iter().chain(&accounts(&bob)).map(id).collect();
        all.extend([id(&dict(bob.child("dict"))), id(&dict(before.child("dict")))]);
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
        for id in &all {
            let shape: String = id.chars().map(|letter| if letter == '-' { '-' } else { 'x' }).collect();
            assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
            assert!(id.as_bytes()[14] == b'8' && b"89AB".contains(&id.as_bytes()[19]), "{id}");
        }
    }
}
