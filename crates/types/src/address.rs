//! Mail addresses (RFC 5321 section 4.1.2) as the house keys them.

use std::fmt;

/// A domain, lower case. Internationalised domains are kept as the UTF-8 that came
/// (RFC 6531); A-labels and U-labels are different names here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// An address. Local parts of our own domains are compared without regard to case, so
/// the whole address is kept lower case; RFC 5321 section 2.4 leaves that to the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `@`, or nothing on one of its sides.
    #[error("an address looks like name@example.org")]
    Incomplete,
    /// Longer than RFC 5321 section 4.5.3.1 allows (64 and 255 octets).
    #[error("the address is too long")]
    TooLong,
    /// A character that has no place in an address.
    #[error("{0:?} can not stand in an address")]
    BadCharacter(char),
    /// The domain is no host name.
    #[error("{0:?} is not a domain name")]
    BadDomain(String),
}

impl Domain {
    /// Parses a domain name of letters, digits and hyphens, or UTF-8 labels.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.to_lowercase();
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| {
                    c.is_ascii_alphanumeric()
                        || c == '-'
                        || c == '_'
                        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
                })
        };
        if text.len() > 255 || !text.split('.').all(label_ok) {
            return Err(AddressError::BadDomain(text));
        }
        Ok(Self(text))
    }
    /// The name, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// Parses `local@domain`. A quoted local part (`"a b"@example.org`) is unquoted
    /// first, as RFC 5321 section 4.1.2 says its value is what counts.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = text.rfind('@').ok_or(AddressError::Incomplete)?;
        let (local, domain) = (unquote(&text[..at]), &text[at + 1..]);
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Incomplete);
        }
        // Small letters may take more bytes, and what is kept is read again.
        let local = local.to_lowercase();
        if local.len() > 64 || domain.len() > 255 {
            return Err(AddressError::TooLong);
        }
        if let Some(bad) = local
            .chars()
            .find(|c| c.is_control() || matches!(c, '<' | '>' | '/' | '\\' | '%' | '*' | '@') || c.is_whitespace())
        {
            return Err(AddressError::BadCharacter(bad));
        }
        // Quotes that are quoted: kept without the outer ones, it would be read as somebody else's.
        if unquote(&local) != local {
            return Err(AddressError::BadCharacter('"'));
        }
        let domain = Domain::parse(domain)?;
        Ok(Self { at: local.len(), text: format!("{local}@{domain}") })
    }
    /// The whole address, lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }
    /// The same without what stands after a `+` (RFC 5233 section 4), where something does.
    pub fn without_tag(&self) -> Option<Address> {
        let plus = self.local().find('+').filter(|plus| *plus > 0)?;
        // Its quotes were within others, and would be read as around it now.
        if unquote(&self.text[..plus]) != self.text[..plus] {
            return None;
        }
        Some(Address { text: format!("{}@{}", &self.text[..plus], &self.text[self.at + 1..]), at: plus })
    }
    /// What stands after the `@`.
    pub fn domain(&self) -> Domain {
        Domain(self.text[self.at + 1..].to_owned())
    }
}

fn unquote(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.push(if c == '\\' { characters.next().unwrap_or('\\') } else { c });
    }
    text
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_quotes_do_not_make_another_address() {
        let plain = Address::parse("support@example.org").unwrap();
        assert_eq!(Address::parse("Support@EXAMPLE.org").unwrap(), plain);
        assert_eq!(Address::parse("\"sup\\port\"@example.org").unwrap(), plain);
        assert_eq!((plain.local(), plain.domain().as_str()), ("support", "example.org"));
    }

    /// What is kept of an address is that address when it is read again: never another, never none.
    #[test]
    fn what_is_taken_reads_back_as_itself() {
        for text in ["\"\\\"alice\\\"\"@example.org", "\"\\\"\\\"\"@example.org"] {
            assert_eq!(Address::parse(text), Err(AddressError::BadCharacter('"')), "{text}");
        }
        let grows = format!("{}@example.org", "\u{130}".repeat(32));
        assert_eq!(Address::parse(&grows), Err(AddressError::TooLong));
        for text in ["\"a\\\"b\"@example.org", "\"@example.org", "\u{130}@\u{130}.example"] {
            let address = Address::parse(text).unwrap();
            assert_eq!(Address::parse(address.as_str()), Ok(address), "{text}");
        }
    }

    #[test]
    fn a_tag_is_no_part_of_who_it_is() {
        let tagged = Address::parse("Support+Case-17@example.org").unwrap();
        assert_eq!(tagged.without_tag(), Some(Address::parse("support@example.org").unwrap()));
        assert_eq!(tagged.without_tag().unwrap().local(), "support");
        for plain in ["support@example.org", "+x@example.org"] {
            assert_eq!(Address::parse(plain).unwrap().without_tag(), None);
        }
        for quoted in ["\"x\"+y@example.org", "\"\\\"bob\\\"+x\"@example.org"] {
            assert_eq!(Address::parse(quoted).unwrap().without_tag(), None, "bob is somebody else");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        assert_eq!(Address::parse("support"), Err(AddressError::Incomplete));
        assert_eq!(Address::parse("@example.org"), Err(AddressError::Incomplete));
        assert_eq!(Address::parse("a/b@example.org"), Err(AddressError::BadCharacter('/')));
        assert!(matches!(Address::parse("a@-x.org"), Err(AddressError::BadDomain(_))));
        assert_eq!(Address::parse(&format!("{}@example.org", "a".repeat(65))), Err(AddressError::TooLong));
    }
}
